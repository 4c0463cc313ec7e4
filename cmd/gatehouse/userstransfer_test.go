package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// installation is a configuration with an empty database below a directory.
func installation(t *testing.T, more string) (config, dir string) {
	t.Helper()
	dir = t.TempDir()
	config = filepath.Join(dir, "gatehouse.yaml")
	write(t, config, "data_dir: "+dir+"\npasswords: {memory_kib: 64, passes: 1}\nlog: {level: error}\n"+more)
	return config, dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

const moving = `id,username,email,password,is_staff,is_active,date_joined,organizations
3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0001,ada,ada@x.example,pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A=,True,True,2020-01-02 03:04:05+00:00,"(8f1d3bd5-1f51-4b4b-8d80-70dd4f22aa01,True)"
,grace,nonsense,,False,True,,
`

// wantRun runs a command and checks its exit code and what it prints.
func wantRun(t *testing.T, code int, says []string, args ...string) {
	t.Helper()
	got, out, problems := runCommand(t, args...)
	if got != code {
		t.Errorf("%v: exit code %d, want %d", args, got, code)
	}
	for _, text := range says {
		if !strings.Contains(out+problems, text) {
			t.Errorf("%v does not say %q:\n%s%s", args, text, out, problems)
		}
	}
}

func TestMovingOver(t *testing.T) {
	config, dir := installation(t, "users: {export: [username, {name: organizations, fields: [slug, role], header: where}]}\n")
	file, report, state := filepath.Join(dir, "in.csv"), filepath.Join(dir, "report"), filepath.Join(dir, "state")
	write(t, file, moving)
	args := []string{"users", "import", "-c", config, file, "--report", report, "--resume", state}
	wantRun(t, 1, []string{"--map-organization", "line 2: refused ada", "0 created", "2 refused"}, append(args, "--dry-run")...)
	wantRun(t, 1, []string{"line 3: refused grace (email: This is not an e-mail address.)", "2 rows: 1 created, 0 updated, 0 skipped, 1 refused."}, append(args, "--create-organizations")...)
	if got := read(t, report); strings.Count(got, "\n") != 2 || !strings.Contains(got, `"line":3,"outcome":"refused"`) {
		t.Errorf("report %s", got)
	}
	wantRun(t, 1, []string{"already"}, args...)
	out := filepath.Join(dir, "out.csv")
	wantRun(t, 1, []string{"users have no field \"nots\""}, "users", "export", "-c", config, "-o", out, "--exclude-fields", "nots")
	wantRun(t, 0, []string{"Exported 1 user to"}, "users", "export", "-c", config, "-o", out)
	if got, want := read(t, out), "username,where\nada,\"(org-8f1d3bd5-1f51-4b4b-8d80-70dd4f22aa01,owner)\"\n"; got != want {
		t.Errorf("exported %q, want %q", got, want)
	}
	wantRun(t, 0, []string{`"username":"ada"`}, "users", "export", "-c", config, "-o", "-", "--format", "jsonl", "--fields", "username")
	wantRun(t, 1, []string{"no organization with the slug"}, "users", "export", "-c", config, "-o", "-", "--organization", "nowhere")
	wantRun(t, 1, []string{`users have no field "nothing"`}, "users", "export", "-c", config, "-o", out, "--fields", "nothing")
	if _, err := os.Stat(out); err != nil {
		t.Error("a failed export removed the file that was there")
	}
}

// TestExportedFields: a declared field is a column if it says so, and what a file says of it comes back.
func TestExportedFields(t *testing.T) {
	const fields = "users: {fields: [{name: badge, schema: {type: string}, exported: true}, {name: secret, schema: {type: string}}]}\n"
	config, dir := installation(t, fields)
	file := filepath.Join(dir, "in.csv")
	write(t, file, "username,custom.badge,custom.secret\nada,B1,mum\n")
	wantRun(t, 0, []string{"1 created"}, "users", "import", "-c", config, file)
	out := filepath.Join(dir, "out.csv")
	wantRun(t, 0, nil, "users", "export", "-c", config, "-o", out)
	if got := read(t, out); !strings.Contains(got, ",custom.badge\n") || !strings.Contains(got, ",B1\n") || strings.Contains(got, "mum") {
		t.Errorf("exported %q", got)
	}
	wantRun(t, 0, []string{`"custom":{"badge":"B1","secret":"mum"}`}, "users", "export", "-c", config, "-o", "-", "--format", "jsonl")
	wantRun(t, 0, nil, "users", "export", "-c", config, "-o", out, "--exclude-fields", "custom.badge")
	if got := read(t, out); strings.Contains(got, "badge") {
		t.Errorf("exported %q", got)
	}
}

func TestConfigCheckKnowsColumns(t *testing.T) {
	config, _ := installation(t, "users:\n  export:\n    - username\n    - name: organizations\n      fields: [nothing]\n")
	wantRun(t, 1, []string{`7:7: users.export[1]: organizations has no field "nothing"`}, "config", "check", config)
}
