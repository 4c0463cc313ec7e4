package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestClientCommands(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, []byte(`{"keys":[{"kty":"oct","k":"aGk"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	follow(t, newDaily(t), []step{
		{"organizations create harbour", 0, ""},
		{"clients create --name Radio", 1, "redirect_uris: Are missing."},
		{"clients create --id radio --name Radio --organization harbour --redirect-uri https://radio.example/cb --redirect-uri https://radio.example/b?a,b", 0, "client_secret "},
		{"clients create --id radio --name Radio --redirect-uri https://radio.example/cb", 1, "There is a client with this id already."},
		{"clients create --id app --name App --auth-method none --redirect-uri http://127.0.0.1/cb --json", 0, `"auth_method":"none"`},
		{"clients create --name X --auth-method private_key_jwt --jwks-file " + keys + " --redirect-uri https://x.example/", 1, "symmetric"},
		{"clients list", 0, "radio  Radio  harbour       client_secret_basic  yes      no"},
		{"clients list --kind public --json", 0, `"id":"app"`},
		{"clients list --organization harbour --search rad --json", 0, `"id":"radio"`},
		{"clients list --shared --disabled --json", 0, "[]"},
		{"clients show radio", 0, "https://radio.example/b?a,b"},
		{"clients show nothing", 1, `no client "nothing"`},
		{"clients update radio --scope openid --scope email --first-party", 0, "first_party                            yes"},
		{"clients update radio --no-first-party --audience api", 1, "audience: Entry 1 must be an absolute URI"},
		{"clients update radio --redirect-uri javascript:alert(1)", 1, "redirect_uris"},
		{"clients show radio", 0, "id_token_signed_response_alg           RS256"},
		{"clients update radio --backchannel-logout-uri https://radio.example/out --backchannel-logout-session-required", 0, "backchannel_logout_session_required    yes"},
		{"clients secret add radio --name 2027 --expires 90d --json => second", 0, `"client_secret":"`},
		{"clients secret add radio --name spare", 0, "client_secret "},
		{"clients secret remove radio spare", 0, "good for nothing"},
		{"clients secret add radio --name twin", 0, "client_secret "},
		{"clients secret add radio --name twin --json => twin", 0, `"client_secret":"`},
		{"clients secret remove radio twin", 1, "say the id of one: "},
		{"clients secret remove radio {twin}", 0, "good for nothing"},
		{"clients secret remove radio spare", 1, "no such secret"},
		{"clients show radio", 0, "(2027) until"},
		{"clients secret add radio --name old --expires=-1h", 2, "a positive time span such as"},
		{"clients secret remove radio {second}", 0, "good for nothing"},
		{"clients secret remove radio {second}", 1, "no such secret"},
		{"clients secret add app --name x", 1, "without a secret"},
		{"clients disable radio", 0, "radio is enabled: no."},
		{"clients list --disabled --json", 0, `"id":"radio"`},
		{"clients enable radio", 0, "radio is enabled: yes."},
		{"clients delete radio", 1, "deletes the client radio (Radio)"},
		{"clients delete radio --yes", 0, "Deleted radio."},
		{"clients delete radio --yes", 1, "no client"},
		{"users create ada --no-password", 0, ""},
		{"consents list ada --json", 0, "[]"},
		{"consents revoke ada app", 0, "app has to ask ada again."},
		{"consents revoke ada nothing", 1, "no client"},
	})
}

// TestDeclaredClients: the file decides, and only the file; what it names no more stops.
func TestDeclaredClients(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gatehouse.yaml")
	start := func(clients string) string {
		t.Helper()
		text := "data_dir: " + dir + "\npasswords: {memory_kib: 64, passes: 1}\nclients:\n" + clients
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := configFlag{Config: path}.load()
		if err != nil {
			t.Fatal(err)
		}
		a, err := openApp(t.Context(), c, newLogger(c.Log, os.Stderr))
		if err != nil {
			return err.Error()
		}
		a.close()
		return ""
	}
	says := func(want string, args ...string) {
		t.Helper()
		_, out, problems := runCommand(t, append(args, "--config", path)...)
		if !strings.Contains(out+problems, want) {
			t.Errorf("%v: %q is not in %s%s", args, want, out, problems)
		}
	}
	const one, two = "  - {id: one, name: One, public: true, redirect_uris: [https://x.example/]}\n", "  - {id: two, public: true, redirect_uris: [https://x.example/]}\n"
	if failed := start(one + two); failed != "" {
		t.Fatal(failed)
	}
	says("first_party                            yes", "clients", "show", "one")
	for _, args := range [][]string{{"update", "one", "--name", "x"}, {"disable", "one"}, {"delete", "one", "--yes"}, {"secret", "add", "one", "--name", "x"}} {
		says("declared in the configuration file", append([]string{"clients"}, args...)...)
	}
	if failed := start(one); failed != "" {
		t.Fatal(failed)
	}
	says("enabled                                no", "clients", "show", "two")
	says("enabled                                yes", "clients", "show", "one")
	if failed := start(one + two); failed != "" {
		t.Fatal(failed)
	}
	says("enabled                                yes", "clients", "show", "two")
	says("three", "clients", "create", "--id", "three", "--name", "Three", "--auth-method", "none", "--redirect-uri", "https://x.example/")
	if failed := start(one + "  - {id: three, public: true, redirect_uris: [https://evil.example/]}\n"); !strings.Contains(failed, `clients[1].id: there is a client "three" that was registered over the REST API`) {
		t.Errorf("a declared client takes another's id: %q", failed)
	}
	says("https://x.example/", "clients", "show", "three")
	says("enabled                                yes", "clients", "show", "two") // nothing of the file that failed has happened
	if failed := start(one); failed != "" {
		t.Fatal(failed)
	}
	says("Deleted two.", "clients", "delete", "two", "--yes")
}
