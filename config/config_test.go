package config_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/config"
	"gatehouse/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

func lookup() config.Lookup {
	return config.Lookup{
		Env: func(name string) (string, bool) {
			values := map[string]string{
				"GATEHOUSE_DATABASE_URL": "postgres://gatehouse@db/gatehouse", "GATEHOUSE_REDIS_URL": "redis://cache:6379/0",
				"SWITCHBOARD_SECRET": strings.Repeat("s", 43), "BILLING_SECRET": strings.Repeat("b", 43), "BILLING_SECRET_OLD": strings.Repeat("c", 43), "STAFF_CLIENT_SECRET": "staff-secret",
				"GATEHOUSE_MAIL_PASSWORD": "mail-secret",
			}
			value, found := values[name]
			return value, found
		},
		File: func(path string) ([]byte, error) {
			if path == "/etc/gatehouse/encryption.key" {
				return []byte(strings.Repeat("k", 64) + "\n"), nil
			}
			return nil, os.ErrNotExist
		},
	}
}

func readExample(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "config.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestExampleIsValid(t *testing.T) {
	c, err := config.Parse([]byte(readExample(t)), lookup())
	if err != nil {
		t.Fatalf("config.example.yaml:\n%v", err)
	}
	if c.EncryptionKeys[0].Reveal() != strings.Repeat("k", 64) {
		t.Error("the newline at the end of a secret's file was kept")
	}
	if c.Clients[0].Secret.Reveal() != strings.Repeat("s", 43) {
		t.Error("the secret from the environment is not there")
	}
}

// TestExampleShowsDefaults uncomments every commented key of the example and compares the value with the built-in one.
func TestExampleShowsDefaults(t *testing.T) {
	// A default is a commented key, or stands behind the example's value as "# … default VALUE".
	shown := regexp.MustCompile(`(?m)^( +)# ([a-z_]+): (\S+)$`).FindAllStringSubmatch(readExample(t), -1)
	shown = append(shown, regexp.MustCompile(`(?m)^( +)([a-z_]+): .*# .*default (\w+)(?:;.*)?$`).FindAllStringSubmatch(beforeLists(t), -1)...)
	if len(shown) < 15 {
		t.Fatalf("found %d defaults only", len(shown))
	}
	section := regexp.MustCompile(`(?m)^([a-z_]+):$`)
	for _, match := range shown {
		before, _, _ := strings.Cut(readExample(t), match[0])
		sections := section.FindAllStringSubmatch(before, -1)
		text := fmt.Sprintf("%s:\n  %s: %s\n", sections[len(sections)-1][1], match[2], match[3])
		c, err := config.Parse([]byte(text), lookup())
		if err != nil {
			t.Errorf("%s%v", text, err)
			continue
		}
		if diff := cmp.Diff(config.Default(), c, cmpopts.IgnoreUnexported(config.Config{}), cmp.Comparer(sameSecret)); diff != "" {
			t.Errorf("%s is not the default:\n%s", text, diff)
		}
	}
}

func sameSecret(a, b secret.Text) bool { return a.Reveal() == b.Reveal() }

// beforeLists is the part of the example about the installation itself, without the lists of what it serves.
func beforeLists(t *testing.T) string {
	t.Helper()
	settings, _, found := strings.Cut(readExample(t), "\norganizations:")
	if !found {
		t.Fatal("the example has no organizations")
	}
	return settings
}

// TestExampleIsComplete: every key that the program knows stands in the example.
func TestExampleIsComplete(t *testing.T) {
	example := readExample(t)
	for _, key := range keysOf(reflect.TypeFor[config.Config]()) {
		if !regexp.MustCompile(`(?m)^[ #-]*` + key + `:`).MatchString(example) {
			t.Errorf("the key %q is not in config.example.yaml", key)
		}
	}
}

func keysOf(of reflect.Type) []string {
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return nil
	}
	var keys []string
	for i := range of.NumField() {
		if key := of.Field(i).Tag.Get("yaml"); key != "" {
			keys = append(keys, key)
			keys = append(keys, keysOf(of.Field(i).Type)...)
		}
	}
	return keys
}

// TestProblems: every problem of a file is reported at once, with its place, and no source line or secret is shown.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Parse(raw, lookup())
			if err == nil {
				t.Fatal("no problem found")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is printed:\n%v", err)
			}
			golden := file + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, readErr := os.ReadFile(golden)
			if readErr != nil {
				t.Fatal(readErr)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProblemsAreTyped(t *testing.T) {
	_, err := config.Parse([]byte("lisen: 127.0.0.1:80\n"), lookup())
	var problems config.Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Line != 1 || problems[0].Column != 1 {
		t.Fatalf("problems = %#v", err)
	}
	if !strings.Contains(problems[0].Message, `did you mean "listen"`) {
		t.Errorf("message = %q", problems[0].Message)
	}
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "log:\n"} {
		c, err := config.Parse([]byte(text), lookup())
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(config.Default(), c, cmpopts.IgnoreUnexported(config.Config{}), cmp.Comparer(sameSecret)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "14d": 14 * 24 * time.Hour, "1d12h": 36 * time.Hour, "10m": 10 * time.Minute} {
		c, err := config.Parse([]byte("tokens: {access: "+text+"}\n"), lookup())
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if time.Duration(c.Tokens.Access) != want {
			t.Errorf("%s = %v, want %v", text, time.Duration(c.Tokens.Access), want)
		}
	}
	for _, text := range []string{"0s", "-1m", "10", "1.5d", "ten", "d", "99999999d"} {
		if _, err := config.Parse([]byte("tokens: {access: \""+text+"\"}\n"), lookup()); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// TestSettings: the settings of a connector are decoded as strictly as the rest, later, by its kind.
func TestSettings(t *testing.T) {
	text := "connectors:\n  - id: a\n    kind: oidc\n    settings:\n      isuer: https://x.example\n      client_secret: {env: STAFF_CLIENT_SECRET}\n"
	c, err := config.Parse([]byte(text), lookup())
	if err != nil {
		t.Fatal(err)
	}
	var target struct {
		Issuer string      `yaml:"issuer"`
		Secret secret.Text `yaml:"client_secret"`
	}
	err = c.Connectors[0].Settings.Decode(&target)
	if want := `5:7: connectors[0].settings.isuer: unknown key; did you mean "issuer"?`; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
	if target.Secret.Reveal() != "staff-secret" {
		t.Errorf("secret was not read")
	}
}

// TestKeyFile: the generated key is one, whoever asks first, and readable by its owner only.
func TestKeyFile(t *testing.T) {
	c := config.Default()
	c.DataDir = filepath.Join(t.TempDir(), "data")
	var wait sync.WaitGroup
	sealed := make([][]byte, 16)
	for i := range sealed {
		wait.Go(func() {
			keys, err := c.Keys()
			if err != nil {
				t.Error(err)
				return
			}
			sealed[i] = keys.Seal([]byte("x"), "p")
		})
	}
	wait.Wait()
	info, err := os.Stat(filepath.Join(c.DataDir, "encryption.key"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v", info.Mode())
	}
	first, err := c.Keys()
	if err != nil {
		t.Fatal(err)
	}
	for i, box := range sealed {
		if plain, err := first.Open(box, "p"); err != nil || string(plain) != "x" {
			t.Errorf("starter %d had another key: %v", i, err)
		}
	}
	entries, err := os.ReadDir(c.DataDir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

// TestHostileFiles: neither size nor nesting nor references make the program slow.
func TestHostileFiles(t *testing.T) {
	for name, text := range map[string]string{
		"too long": strings.Repeat("# filling\n", 1<<17),
		"brackets": "issuer: " + strings.Repeat("[", 1<<19),
		"braces":   "issuer: " + strings.Repeat("{a: ", 1<<18),
		"aliases":  "log: &a [x, x]\nissuer: &b [*a, *a]\nlisten: [*b, *b]\n",
		"anchors":  "issuer: " + strings.Repeat("&a ", 1<<12),
	} {
		started := time.Now()
		_, err := config.Parse([]byte(text), lookup())
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if len(err.Error()) > 1000 {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
		if took := time.Since(started); took > 10*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

// TestQuotedKeys: quotes around a key are YAML's, not part of it.
func TestQuotedKeys(t *testing.T) {
	c, err := config.Parse([]byte("\"listen\": 127.0.0.1:81\n'database': {\"url\": {\"env\": GATEHOUSE_DATABASE_URL}}\n"), lookup())
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:81" || !strings.HasPrefix(c.Database.URL.Reveal(), "postgres:") {
		t.Errorf("listen %q, database %q", c.Listen, c.Database.URL.Reveal())
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "issuer: x", "a: [b, {c: d}]", "clients:\n- id: 010\n", "x: &a [*a]", "? {a: b}\n: c", "log: {level: !!str info}", "\x00", "- a\n- b", "issuer: {env: {a: b}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := config.Parse([]byte(text), lookup())
		if c == nil {
			t.Fatalf("no configuration, error %v", err)
		}
		var problems config.Problems
		if err != nil && (!errors.As(err, &problems) || problems[0].Line < 1) {
			t.Fatalf("error without a place: %v", err)
		}
	})
}
