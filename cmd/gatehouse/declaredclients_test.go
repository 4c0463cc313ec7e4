package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checked is what "config check" says of a file.
func checked(t *testing.T, lines ...string) (code int, problems string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gatehouse.yaml")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, problems = runCommand(t, "config", "check", path)
	return code, problems
}

// TestConfigCheckOfClients: what is wrong with declared clients has its place in the file.
func TestConfigCheckOfClients(t *testing.T) {
	code, problems := checked(t,
		"clients:",
		"  - id: a b",
		"    public: true",
		"    redirect_uris: [http://x.example/cb, \"https://x.example/#f\", https://*.x.example/, https://u:p@x.example/]",
		"    post_logout_redirect_uris: [http://x.example/, relative]",
		"    grant_types: [authorization_code, password]",
		"    scopes: [a b, '\"', openid, openid]",
		"    audience: [api]",
		"    id_token_signed_response_alg: HS256",
		"  - id: 01a20df0-3918-731b-8e80-95e4f39d9281",
		"    secret: hunter2",
		"    redirect_uris: [https://x.example/]",
		"    access_token_format: saml",
		"    backchannel_logout_uri: http://x.example/",
		"    tos_uri: javascript:alert(1)",
		"  - id: keys",
		"    auth_method: private_key_jwt",
		"    redirect_uris: [https://x.example/]",
		"    jwks: {keys: [{kty: oct, k: aHVudGVyMg}]}",
		"  - id: many",
		"    secrets: [{secret: hunter2, expires: soon}]",
		"    redirect_uris: [https://x.example/]",
		"  - {id: keys, auth_method: none, public: true, secret: hunter2, redirect_uris: [https://x.example/]}",
		"  - {id: odd, auth_method: private_key_jwt, public: true, jwks_uri: https://x.example/, redirect_uris: [https://x.example/]}",
	)
	if code != 1 || strings.Contains(problems, "hunter2") || strings.Contains(problems, "aHVudGVyMg") {
		t.Errorf("code %d: %s", code, problems)
	}
	for _, want := range []string{
		`2:9: clients[0].id: must have 1 to 128 letters, digits and . _ ~ - only`,
		`4:21: clients[0].redirect_uris[0]: must be https, http to a loopback address`,
		`4:42: clients[0].redirect_uris[1]: must be an absolute URL without user, fragment or wildcard`,
		`4:66: clients[0].redirect_uris[2]: must be an absolute URL`,
		`4:88: clients[0].redirect_uris[3]: must be an absolute URL`,
		`5:33: clients[0].post_logout_redirect_uris[0]: must be https`,
		`5:52: clients[0].post_logout_redirect_uris[1]: must be an absolute URL`,
		`6:39: clients[0].grant_types[1]: must be one of: authorization_code, refresh_token, client_credentials, urn:ietf`,
		`7:14: clients[0].scopes[0]: must be a single scope`,
		`7:19: clients[0].scopes[1]: must be a single scope`,
		`7:32: clients[0].scopes[3]: is given twice`,
		`8:16: clients[0].audience[0]: must be an absolute URI`,
		`9:35: clients[0].id_token_signed_response_alg: must be one of: RS256, ES256, EdDSA`,
		`10:9: clients[1].id: must not look like a user's id`,
		`11:13: clients[1].secret: needs at least 32 characters`,
		`13:26: clients[1].access_token_format: must be one of: jwt, opaque`,
		`14:29: clients[1].backchannel_logout_uri: must be an https address`,
		`15:14: clients[1].tos_uri: must be a web address`,
		`19:11: clients[2].jwks: key 1 is symmetric: register a public key`,
		`21:24: clients[3].secrets[0].secret: needs at least 32 characters`,
		`21:42: clients[3].secrets[0].expires: must be a day`,
		`23:10: clients[4].id: is given twice`,
		`23:57: clients[4].secret: a public client has none`,
		`24:53: clients[5].public: contradicts auth_method`,
	} {
		if !strings.Contains(problems, want) {
			t.Errorf("missing %q in\n%s", want, problems)
		}
	}
}
