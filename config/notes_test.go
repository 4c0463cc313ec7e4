package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/config"
	"gatehouse/internal/password"
)

// TestNotes: what is valid and may still not be meant.
func TestNotes(t *testing.T) {
	c, err := config.Parse([]byte(strings.Join([]string{
		"organizations: [{slug: harbour}]",
		"clients:",
		"  - {id: a, public: true, redirect_uris: [https://x.example/], organization: nope, scopes: [opnid, metrics, email]}",
		"  - {id: b, public: true, redirect_uris: [https://x.example/], organization: harbour}",
		"  - {id: d, public: true, redirect_uris: [https://x.example/], backchannel_logout_uri: 'http://localhost:9000/'}",
		"  - {id: e, auth_method: private_key_jwt, redirect_uris: [https://x.example/], jwks_uri: 'https://10.20.1.1/', backchannel_logout_uri: 'https://10.21.1.1/'}",
		"  - {id: f, public: true, redirect_uris: [https://x.example/], backchannel_logout_uri: 'https://192.0.2.7/'}",
		"connectors:",
		"  - {id: c, kind: oidc, organization: default, provisioning: create, join_organization: elsewhere}",
		"outgoing: {allow_private: [10.20.0.0/16]}",
	}, "\n")), lookup())
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`3:78: clients[0].organization: "nope" is not declared under organizations; it must exist in the database`,
		`3:93: clients[0].scopes[0]: "opnid" means nothing to Gatehouse itself; did you mean "openid"?`,
		`5:88: clients[2].backchannel_logout_uri: Gatehouse asks nothing of the private address 127.0.0.1 unless outgoing.allow_private lists it`,
		`6:136: clients[3].backchannel_logout_uri: Gatehouse asks nothing of the private address 10.21.1.1 unless outgoing.allow_private lists it`,
		`9:89: connectors[0].join_organization: "elsewhere" is not declared under organizations; it must exist in the database`,
	}, "\n")
	if diff := cmp.Diff(want, c.Notes().Error()); diff != "" {
		t.Error(diff)
	}
}

// TestByteOrderMark: some editors begin a file with one.
func TestByteOrderMark(t *testing.T) {
	c, err := config.Parse([]byte("\xef\xbb\xbflisten: 127.0.0.1:81\n"), lookup())
	if err != nil || c.Listen != "127.0.0.1:81" {
		t.Errorf("%v, listen %q", err, c.Listen)
	}
}

// TestInstallationName: authenticator apps show it unless they are told another.
func TestInstallationName(t *testing.T) {
	for text, want := range map[string]string{
		"": "Gatehouse", "name: Harbour": "Harbour", "name: Harbour\nfactors: {issuer_name: App}": "App",
	} {
		c, err := config.Parse([]byte(text), lookup())
		if err != nil || c.Factors.IssuerName != want {
			t.Errorf("%q: issuer_name %q, %v, want %q", text, c.Factors.IssuerName, err, want)
		}
	}
}

// TestDatabaseURLs: what the check accepts and refuses.
func TestDatabaseURLs(t *testing.T) {
	for url, good := range map[string]bool{
		"sqlite:data/x.db": true, "sqlite:///var/x.db": true, "postgres://db/x": true, "postgres://u:p%40@[::1]:5432/x?sslmode=disable": true,
		"postgres://a:1,b:65535/x": true, "postgresql:///x?host=/run/postgresql": true,
		"sqlite:": false, "sqlite::memory:": false, "sqlite:file::memory:?cache=shared": false, "mysql://x": false, "postgres:db": false,
		"postgres://db:0/x": false, "postgres://db:99999/x": false, "postgres://a:1,b:x/y": false, "postgres://u:p/w@db/x": false,
	} {
		if _, err := config.Parse([]byte("database: {url: \""+url+"\"}"), lookup()); (err == nil) != good {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestPasswordCosts: the check accepts exactly what the program starts with.
func TestPasswordCosts(t *testing.T) {
	for _, text := range []string{
		"{memory_kib: 1}", "{memory_kib: 8}", "{memory_kib: 0}", "{memory_kib: 15, threads: 2}", "{memory_kib: 16, threads: 2}", "{passes: 65}",
		"{threads: 65, memory_kib: 600}", "{memory_kib: 1048577}",
	} {
		c, err := config.Parse([]byte("passwords: "+text), lookup())
		if c.Passwords.MemoryKiB == 0 {
			c.Passwords.MemoryKiB = 64 // the default takes its time
		}
		if _, starts := password.New(password.Config(c.Passwords)); (err == nil) != (starts == nil) {
			t.Errorf("%s: the check says %v, the start %v", text, err, starts)
		}
	}
}
