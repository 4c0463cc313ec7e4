package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// daily runs a command on one installation, with a text on standard input.
type daily struct{ config, dir string }

func (d daily) run(t *testing.T, input string, args ...string) (code int, said string) {
	t.Helper()
	path := filepath.Join(d.dir, "stdin")
	write(t, path, input)
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var out bytes.Buffer
	code = run(append(args, "-c", d.config), terminal{in: in, out: &out, err: &out})
	return code, out.String()
}

func (d daily) want(t *testing.T, code int, says, input string, args ...string) string {
	t.Helper()
	got, said := d.run(t, input, args...)
	if got != code || !strings.Contains(said, says) {
		t.Errorf("%v: exit code %d, want %d with %q:\n%s", args, got, code, says, said)
	}
	return said
}

func newDaily(t *testing.T) daily {
	t.Helper()
	config, dir := installation(t, "")
	return daily{config, dir}
}

func TestDailyUsers(t *testing.T) {
	d := newDaily(t)
	d.want(t, 0, "harbour", "", "organizations", "create", "harbour")
	d.want(t, 1, "slug", "", "organizations", "create", "Not A Slug")
	d.want(t, 1, "taken", "", "organizations", "create", "harbour")
	d.want(t, 0, `"slug":"harbour"`, "", "organizations", "show", "harbour", "--json")
	d.want(t, 1, "no organization", "", "organizations", "show", "nowhere")
	d.want(t, 1, "easy to guess", "password\n", "users", "create", "ada", "--organization", "harbour")
	d.want(t, 0, "ada@x.example", "correct horse battery\n", "users", "create", "ada", "--email", "ada@x.example", "--email-verified", "--organization", "harbour", "--role", "manager")
	shown := d.want(t, 0, "harbour (owner)", "", "users", "show", "ADA@x.example", "--json")
	var user map[string]any
	if err := json.Unmarshal([]byte(shown), &user); err != nil || user["has_password"] != true || user["is_active"] != true {
		t.Errorf("%v, %v", user, err)
	}
	if strings.Contains(shown, "argon2") {
		t.Errorf("the hash is shown: %s", shown)
	}
	d.want(t, 0, "ada may sign in: no", "", "users", "deactivate", "ada")
	d.want(t, 0, "is_active        no", "", "users", "show", "ada")
	d.want(t, 0, "ada may sign in: yes", "", "users", "activate", user["id"].(string))
	d.want(t, 0, "new password", "another horse battery\n", "users", "set-password", "ada")
	d.want(t, 1, "no user", "", "users", "show", "nobody")
	d.want(t, 1, "--yes", "", "users", "delete", "ada")
	d.want(t, 0, "username", "", "users", "show", "ada")
	d.want(t, 0, "Deleted ada", "", "users", "delete", "ada", "--yes")
	d.want(t, 1, "no user", "", "users", "show", "ada")
}

func TestDailyTokensAndGroups(t *testing.T) {
	d := newDaily(t)
	d.want(t, 0, "robot", "", "users", "create", "robot", "--no-password")
	made := d.want(t, 0, "gha_", "", "tokens", "create", "robot", "--name", "backup", "--expires", "1d", "--json")
	var token map[string]any
	if err := json.Unmarshal([]byte(made), &token); err != nil {
		t.Fatal(err)
	}
	listed := d.want(t, 0, "backup", "", "tokens", "list", "robot")
	if text := token["token"].(string); strings.Contains(listed, text) {
		t.Errorf("the list shows the token: %s", listed)
	}
	d.want(t, 0, "good for nothing", "", "tokens", "revoke", token["id"].(string))
	d.want(t, 1, "ended already", "", "tokens", "revoke", token["id"].(string))
	d.want(t, 0, "[]", "", "tokens", "list", "robot", "--json")
	d.want(t, 0, "users.change_user", "", "groups", "show", "Administrator")
	d.want(t, 0, "robot is in Administrator", "", "groups", "add-user", "Administrator", "robot")
	d.want(t, 0, `"groups":["Administrator"]`, "", "users", "show", "robot", "--json")
	d.want(t, 1, "no shared group", "", "groups", "add-user", "Strangers", "robot")
}
