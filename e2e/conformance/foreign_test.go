package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/internal/testenv"
)

// foreignClients are added to the configuration: one that does everything, one that signs its assertions.
const foreignClients = `
  - id: foreign
    name: A foreign client
    organization: harbour
    secret: a-secret-of-the-conformance-tests-only
    grant_types: [authorization_code, refresh_token, "urn:ietf:params:oauth:grant-type:device_code"]
    redirect_uris: ["http://127.0.0.1:%d/callback"]
    require_pushed_authorization_requests: true
  - id: keyed
    organization: harbour
    auth_method: private_key_jwt
    grant_types: [client_credentials]
    jwks: {keys: [%s]}
`

// TestForeignClient: oauth4webapi, a strict client library, does with its default settings everything that it can.
func TestForeignClient(t *testing.T) {
	if _, err := os.Stat("../peers/node_modules"); err != nil {
		testenv.Missing(t, "the npm packages of e2e/peers")
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKey{Key: private.Public(), KeyID: "one", Algorithm: "ES256", Use: "sig"})
	if err != nil {
		t.Fatal(err)
	}
	port := testenv.FreePort(t)
	r := run{op: startWith(t, "", fmt.Sprintf(foreignClients, port, public))}
	command := exec.Command(testenv.Program(t, "node"), "oauth4webapi-party.mjs", fmt.Sprint(port), r.url, "foreign", clientSecret, keyFile(t, private))
	command.Dir = "../peers"
	testenv.Start(t, "ready", command)
	party := fmt.Sprintf("http://127.0.0.1:%d", port)
	t.Run("sign-in", func(t *testing.T) { r.foreignSignIn(t, party) })
	t.Run("private_key_jwt", func(t *testing.T) {
		var got struct {
			Token string `json:"access_token"`
		}
		ask(t, party+"/keyed", &got)
		if claims := r.verified(t, got.Token, "ES256"); claims["sub"] != "keyed" {
			t.Errorf("%v", claims)
		}
	})
	t.Run("device", func(t *testing.T) { r.foreignDevice(t, party) })
}

func keyFile(t *testing.T, private *ecdsa.PrivateKey) string {
	t.Helper()
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ask reads JSON from the foreign client, and what it says where it fails.
func ask(t *testing.T, address string, answer any) {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var raw json.RawMessage
	if err := json.NewDecoder(response.Body).Decode(&raw); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", address, response.StatusCode, raw, err)
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		t.Fatal(err)
	}
}

func (r run) foreignSignIn(t *testing.T, party string) {
	b := newBrowser(t)
	start := b.open(http.MethodGet, party+"/", nil) // leaves for the provider
	p := b.signIn(b.open(http.MethodGet, start.address.String(), nil))
	var answer struct {
		Claims, Userinfo, Before, After map[string]any
		Rotated                         bool
	}
	ask(t, p.address.String(), &answer)
	switch {
	case answer.Claims["org_slug"] != "harbour", answer.Userinfo["email"] != "ada@x.example", !answer.Rotated:
		t.Errorf("%+v", answer)
	case answer.Before["active"] != true || answer.Before["client_id"] != "foreign", answer.After["active"] != false:
		t.Errorf("introspection says %v, after the revocation %v", answer.Before, answer.After)
	}
}

// foreignDevice: the device shows a code, the person approves it in a browser, the device gets its tokens.
func (r run) foreignDevice(t *testing.T, party string) {
	var device struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		Complete   string `json:"verification_uri_complete"`
		Interval   int    `json:"interval"`
	}
	ask(t, party+"/device", &device)
	var pending struct{ Error string }
	ask(t, party+"/poll?device_code="+url.QueryEscape(device.DeviceCode), &pending)
	if pending.Error != "authorization_pending" {
		t.Errorf("before anybody has seen the code: %q", pending.Error)
	}
	b := newBrowser(t)
	p := b.open(http.MethodGet, device.Complete, nil)
	for range 6 {
		switch {
		case p.isSignIn():
			p = b.signIn(p)
		case len(p.forms) > 0 && len(p.forms[0].buttons) > 0:
			p = b.submit(p.forms[0], nil, p.forms[0].buttons[0])
		}
	}
	time.Sleep(time.Duration(device.Interval) * time.Second)
	var tokens struct {
		Error   string
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	ask(t, party+"/poll?device_code="+url.QueryEscape(device.DeviceCode), &tokens)
	if tokens.Error != "" || tokens.Refresh == "" {
		t.Fatalf("%+v; the person saw %s", tokens, p.text)
	}
	if claims := r.verified(t, tokens.Access, "ES256"); claims["client_id"] != "foreign" || claims["sid"] == nil {
		t.Errorf("%v", claims)
	}
}
