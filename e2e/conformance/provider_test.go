// Package conformance checks a running Gatehouse from outside, over HTTP, as the certification suite of the OpenID Foundation does: one
// subtest for each module of a plan, under the module's name, with the conditions that the module asserts. What the suite does without PKCE
// is done with it here: Gatehouse demands it of everybody (RFC 9700 section 2.1.1).
package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const (
	clientSecret   = "a-secret-of-the-conformance-tests-only"
	personPassword = "granite otter umbrella 7"
	person         = "ada"
	resource       = "https://api.example.com"
)

// The addresses of the clients; nothing is there.
const (
	redirectURI   = "https://client.example/callback"
	postLogoutURI = "https://client.example/signed-out"
)

const configuration = `
issuer: http://127.0.0.1:{{.Port}}
listen: 127.0.0.1:{{.Port}}
data_dir: {{printf "%q" .Dir}}
outgoing: {allow_private: [127.0.0.0/8]}
{{.Stores}}
organizations:
  - {slug: harbour, name: Harbour Networks}
clients:
{{range .Clients}}  - id: {{.}}
    name: The {{.}} client
    organization: harbour
    secret: a-secret-of-the-conformance-tests-only
    redirect_uris: ["https://client.example/callback", "https://client.example/with?a=b"]
    post_logout_redirect_uris: ["https://client.example/signed-out"]
    scopes: [openid, profile, email, phone, groups, permissions, offline_access]
    audience: [https://api.example.com]
{{end}}  - id: told
    name: A client that wants to be told
    organization: harbour
    secret: a-secret-of-the-conformance-tests-only
    redirect_uris: ["https://client.example/callback"]
    post_logout_redirect_uris: ["https://client.example/signed-out"]
    backchannel_logout_uri: {{.Told}}/logout
    backchannel_logout_session_required: true
  - id: robot
    organization: harbour
    secret: a-secret-of-the-conformance-tests-only
    grant_types: [client_credentials]
    scopes: [read, write]
    audience: [https://api.example.com]
  - id: public
    organization: harbour
    public: true
    redirect_uris: ["https://client.example/callback", "http://127.0.0.1/callback"]
`

// op is the provider under test.
type op struct {
	url       string
	directory string
	program   string
	metadata  map[string]any
	told      chan *http.Request // what the client "told" is told
}

// build makes the binary as releases are built.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gatehouse")
	command := exec.Command("go", "build", "-o", path, "gatehouse/cmd/gatehouse")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v: %s", err, output)
	}
	return path
}

// start runs a provider on the stores of a piece of configuration ("": SQLite), with its clients and one person.
func start(t *testing.T, stores string) *op {
	t.Helper()
	return startWith(t, stores, "")
}

// startWith is start with further clients, as they stand in the file.
func startWith(t *testing.T, stores, clients string) *op {
	t.Helper()
	port := testenv.FreePort(t)
	o := &op{url: fmt.Sprintf("http://127.0.0.1:%d", port), directory: t.TempDir(), program: build(t), told: make(chan *http.Request, 8)}
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		o.told <- r
	}))
	t.Cleanup(listener.Close)
	var text bytes.Buffer
	err := template.Must(template.New("").Parse(configuration)).Execute(&text, map[string]any{
		"Port": port, "Dir": filepath.Join(o.directory, "data"), "Clients": []string{"first", "second"}, "Told": listener.URL, "Stores": stores,
	})
	if err != nil {
		t.Fatal(err)
	}
	text.WriteString(clients)
	if err := os.WriteFile(o.config(), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Start(t, "Gatehouse serves", exec.Command(o.program, "serve", "--config", o.config()))
	o.command(t, personPassword+"\n", "users", "create", person, "--email", "ada@x.example", "--email-verified", "--first-name", "Ada", "--last-name", "Lovelace")
	o.command(t, "", "members", "add", "harbour", person)
	o.metadata = o.document(t, "/.well-known/openid-configuration")
	return o
}

func (o *op) config() string { return filepath.Join(o.directory, "gatehouse.yaml") }

func (o *op) command(t *testing.T, input string, arguments ...string) string {
	t.Helper()
	command := exec.Command(o.program, append(arguments, "--config", o.config())...)
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("gatehouse %s: %v: %s", strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

// endpoint finds an address in the metadata, as clients do.
func (o *op) endpoint(t *testing.T, name string) string {
	t.Helper()
	address, _ := o.metadata[name].(string)
	if address == "" {
		t.Fatalf("the metadata has no %s", name)
	}
	return address
}

func (o *op) document(t *testing.T, path string) map[string]any {
	t.Helper()
	response, err := http.Get(o.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var document map[string]any
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, response.Status, err)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s is %q", path, kind)
	}
	return document
}

// keys are the published ones, checked as the suite's ValidateJwksSequence does.
func (o *op) keys(t *testing.T) jose.JSONWebKeySet {
	t.Helper()
	response, err := http.Get(o.endpoint(t, "jwks_uri"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, key := range set.Keys {
		if !key.IsPublic() || !key.Valid() || key.KeyID == "" || seen[key.KeyID] {
			t.Errorf("key %q is private, bad, nameless or there twice", key.KeyID)
		}
		seen[key.KeyID] = true
	}
	return set
}
