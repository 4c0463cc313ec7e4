package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func runCommand(t *testing.T, args ...string) (code int, out, problems string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(args, terminal{in: os.Stdin, out: &stdout, err: &stderr})
	return code, stdout.String(), stderr.String()
}

// TestConfigCheckReportsEverything: problems of the file and of the settings of a connector in one go, in the file's order.
func TestConfigCheckReportsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.yaml")
	text := strings.Join([]string{
		"connectors:",
		"  - id: staff",
		"    kind: oidc",
		"    settings:",
		"      isuer: https://login.example",
		"      client_secret: hunter2",
		"      scopes: [profile]",
		"      prompt: maybe",
		"      clock_skew: 60",
		"      token_auth: [hunter2]",
		"  - id: other",
		"    kind: odic",
		"log: {levels: info}",
		"listen: nowhere",
		"clients: [{id: c, organization: nope, redirect_uris: [https://x.example/], public: true}]",
		"users:",
		"  phone_prefixes: [\"0039\"]",
		"  fields:",
		"    - name: Badge",
		"      schema: {type: string, maxLength: 010}",
		"    - name: desk",
		"      claim: sub",
		"      unqiue: true",
		"      view: manager",
		"      edit: user",
	}, "\n")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, problems := runCommand(t, "config", "check", path)
	if code != 1 {
		t.Errorf("exit code = %d", code)
	}
	for _, want := range []string{
		`5:7: connectors[0].settings.isuer: unknown key; did you mean "issuer"?`,
		`5:7: connectors[0].settings.issuer: is missing`,
		`5:7: connectors[0].settings.client_id: is missing`,
		`7:15: connectors[0].settings.scopes: openid is missing`,
		`8:15: connectors[0].settings.prompt: must be login, select_account, consent`,
		`9:19: connectors[0].settings.clock_skew: must be a duration from 0s to 10m`,
		`10:19: connectors[0].settings.token_auth: must be a single text`,
		`12:11: connectors[1].kind: there is no kind of connector "odic"`,
		`13:7: log.levels: unknown key; did you mean "level"?`,
		`14:9: listen: must be host:port`,
		`17:20: users.phone_prefixes[0]: must be an international prefix`,
		`19:13: users.fields[0].name: A name has lower-case letters`,
		`20:41: users.fields[0].schema.maxLength: must be a number in plain decimal`,
		`21:7: users.fields[1].schema: The type has to be string, integer, number or boolean.`,
		`22:14: users.fields[1].claim: This is no free name of a claim.`,
		`23:7: users.fields[1].unqiue: unknown key; did you mean "unique"?`,
		`25:13: users.fields[1].edit: Whoever may change the field has to see it.`,
	} {
		if !strings.Contains(problems, want) {
			t.Errorf("missing %q in\n%s", want, problems)
		}
	}
	if want := `note: 15:33: clients[0].organization: "nope" is not declared`; !strings.Contains(out, want) {
		t.Errorf("missing %q in\n%s", want, out)
	}
	if strings.Count(problems, "connectors[0].settings.token_auth") != 1 {
		t.Errorf("one place is told twice:\n%s", problems)
	}
	if strings.Contains(problems, "hunter2") {
		t.Errorf("a secret is printed:\n%s", problems)
	}
}

func TestConfigCheckAcceptsTheDemonstration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gatehouse.yaml")
	if err := os.WriteFile(path, []byte("log: {level: debug}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, problems := runCommand(t, "config", "check", path); code != 0 || !strings.Contains(out, "is valid") {
		t.Errorf("code %d, out %q, problems %q", code, out, problems)
	}
}

func TestUsageErrors(t *testing.T) {
	if code, _, _ := runCommand(t, "nonsense"); code != 2 {
		t.Errorf("exit code = %d, want 2", code)
	}
	if code, out, _ := runCommand(t, "--help"); code != 0 || !strings.Contains(out, "serve") {
		t.Errorf("help: code %d, %q", code, out)
	}
	if code, out, _ := runCommand(t, "help", "clients", "secret"); code != 0 || !strings.Contains(out, "clients secret add") {
		t.Errorf("help clients secret: code %d, %q", code, out)
	}
	if code, out, _ := runCommand(t, "help"); code != 0 || !strings.Contains(out, "serve") {
		t.Errorf("help alone: code %d, %q", code, out)
	}
	if code, _, _ := runCommand(t, "serve", "--config", "/does/not/exist.yaml"); code != 1 {
		t.Errorf("exit code = %d, want 1", code)
	}
}

// TestForgottenConfiguration: without --config commands work on what is there, and make no second installation where they happen to run.
func TestForgottenConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"users", "list"}, {"keys", "list"}, {"admin", "create", "--username", "root"}, {"jobs", "run", "sweep"}} {
		if code, _, problems := runCommand(t, args...); code != 1 || !strings.Contains(problems, "--config") {
			t.Errorf("%v: code %d, %s", args, code, problems)
		}
		if !missing("data") {
			t.Fatalf("%v makes an installation", args)
		}
	}
	t.Setenv("GATEHOUSE_CONFIG", configured(t, ""))
	if code, out, problems := runCommand(t, "organizations", "list"); code != 0 || !strings.Contains(out, "default") || !missing("data") {
		t.Errorf("named by the environment: code %d, %s%s", code, out, problems)
	}
	t.Setenv("GATEHOUSE_CONFIG", "")
	if code, _, problems := runCommand(t, "migrate"); code != 0 || missing("data") {
		t.Errorf("migrate: code %d, %s", code, problems)
	}
	if code, _, problems := runCommand(t, "users", "list"); code != 0 {
		t.Errorf("users list after migrate: code %d, %s", code, problems)
	}
}

// TestReadmeNamesCommands: whoever reads README.md finds every command.
func TestReadmeNamesCommands(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[commands]()) {
		if _, command := field.Tag.Lookup("cmd"); command && !strings.Contains(string(readme), "`gatehouse "+strings.ToLower(field.Name)) {
			t.Errorf("README.md does not name gatehouse %s", strings.ToLower(field.Name))
		}
	}
}

// TestExampleConnectorsOpen: the settings of the example's connectors are those that their kinds know.
func TestExampleConnectorsOpen(t *testing.T) {
	for _, name := range []string{"GATEHOUSE_DATABASE_URL", "GATEHOUSE_REDIS_URL"} {
		t.Setenv(name, map[string]string{"GATEHOUSE_DATABASE_URL": "postgres://db/x", "GATEHOUSE_REDIS_URL": "redis://cache"}[name])
	}
	t.Setenv("SWITCHBOARD_SECRET", strings.Repeat("s", 43))
	t.Setenv("BILLING_SECRET", strings.Repeat("b", 43))
	t.Setenv("BILLING_SECRET_OLD", strings.Repeat("c", 43))
	t.Setenv("STAFF_CLIENT_SECRET", "staff")
	t.Setenv("GATEHOUSE_MAIL_PASSWORD", "mail")
	raw, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	path := filepath.Join(dir, "example.yaml")
	text := strings.ReplaceAll(string(raw), "/etc/gatehouse/encryption.key", key)
	for file, content := range map[string]string{key: strings.Repeat("k", 64), path: text} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, problems := runCommand(t, "config", "check", path); code != 0 {
		t.Errorf("config.example.yaml: %s", problems)
	}
}
