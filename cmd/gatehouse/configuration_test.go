package main

import (
	"bytes"
	"os"
	"path/filepath"
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
		"  - id: other",
		"    kind: odic",
		"log: {levels: info}",
		"listen: nowhere",
	}, "\n")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, problems := runCommand(t, "config", "check", path)
	if code != 1 {
		t.Errorf("exit code = %d", code)
	}
	for _, want := range []string{
		`5:7: connectors[0].settings.isuer: unknown key; did you mean "issuer"?`,
		`8:11: connectors[1].kind: there is no kind of connector "odic"`,
		`9:7: log.levels: unknown key; did you mean "level"?`,
		`10:9: listen: must be host:port`,
	} {
		if !strings.Contains(problems, want) {
			t.Errorf("missing %q in\n%s", want, problems)
		}
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
	if code, _, _ := runCommand(t, "serve", "--config", "/does/not/exist.yaml"); code != 1 {
		t.Errorf("exit code = %d, want 1", code)
	}
}

// TestExampleConnectorsOpen: the settings of the example's connectors are those that their kinds know.
func TestExampleConnectorsOpen(t *testing.T) {
	for _, name := range []string{"GATEHOUSE_DATABASE_URL", "GATEHOUSE_REDIS_URL"} {
		t.Setenv(name, map[string]string{"GATEHOUSE_DATABASE_URL": "postgres://db/x", "GATEHOUSE_REDIS_URL": "redis://cache"}[name])
	}
	t.Setenv("SWITCHBOARD_SECRET", strings.Repeat("s", 43))
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
