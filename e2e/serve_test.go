package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"gatehouse/internal/testenv"
)

// installation is a running "gatehouse serve" with a foreign provider upstream and a foreign relying party downstream.
type installation struct {
	url     string
	party   string // address of the relying party
	config  string // path
	process *testenv.Process
	foreign *testenv.Process // the provider
	setup   string           // the one-time link that it printed
	apache  int              // the port that the client "apache" is registered for
}

const configTemplate = `
issuer: http://127.0.0.1:{{.Port}}
listen: 127.0.0.1:{{.Port}}
data_dir: {{printf "%q" .Dir}}
outgoing: {allow_private: [127.0.0.0/8]}
{{.Stores}}
organizations:
  - {slug: harbour, name: Harbour Networks, factors: {{.Factors}}}
clients:
  - id: party
    name: Foreign Party
    organization: harbour
    secret: a-secret-of-the-end-to-end-tests-only
    redirect_uris: [http://127.0.0.1:{{.PartyPort}}/callback]
  - id: apache
    name: Apache
    organization: harbour
    secret: a-secret-of-the-end-to-end-tests-only
    redirect_uris: [http://127.0.0.1:{{.ApachePort}}/protected/callback]
  - id: robot
    organization: harbour
    secret: a-secret-of-the-end-to-end-tests-only
    grant_types: [client_credentials]
    scopes: [metrics]
    audience: [https://api.example.com]
  - id: stranger
    organization: harbour
    secret: a-secret-of-the-end-to-end-tests-only
    grant_types: [client_credentials]
connectors:
  - id: foreign
    kind: oidc
    name: Foreign Provider
    organization: harbour
    provisioning: create
    allowed_domains: [upstream.example]
    authoritative_domains: [upstream.example]
    settings:
      issuer: http://127.0.0.1:{{.UpstreamPort}}
      client_id: gatehouse
      client_secret: a-secret-of-the-end-to-end-tests-only
`

type settings struct {
	Dir, Stores, Factors          string
	Port, PartyPort, UpstreamPort int
	ApachePort                    int
}

const sharedSecret = "a-secret-of-the-end-to-end-tests-only"

func peer(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	if _, err := os.Stat("peers/node_modules"); err != nil {
		testenv.Missing(t, "the npm packages of e2e/peers")
	}
	command := exec.Command(testenv.Program(t, "node"), append([]string{script}, args...)...)
	command.Dir = "peers"
	return command
}

// install starts everything: the foreign provider, Gatehouse, the foreign relying party.
func install(t *testing.T, stores, factors string) *installation {
	t.Helper()
	s := settings{Dir: filepath.Join(t.TempDir(), "data"), Stores: stores, Factors: factors, Port: testenv.FreePort(t), PartyPort: testenv.FreePort(t), UpstreamPort: testenv.FreePort(t), ApachePort: testenv.FreePort(t)}
	var text bytes.Buffer
	if err := template.Must(template.New("config").Parse(configTemplate)).Execute(&text, s); err != nil {
		t.Fatal(err)
	}
	i := &installation{url: local(s.Port), party: local(s.PartyPort), apache: s.ApachePort, config: filepath.Join(t.TempDir(), "gatehouse.yaml")}
	if err := os.WriteFile(i.config, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	i.foreign = testenv.Start(t, "ready", peer(t, "provider.mjs", fmt.Sprint(s.UpstreamPort), "gatehouse", sharedSecret, i.url+"/signin/callback/foreign"))
	i.start(t)
	testenv.Start(t, "ready", peer(t, "relying-party.mjs", fmt.Sprint(s.PartyPort), i.url, "party", sharedSecret))
	return i
}

var setupLink = regexp.MustCompile(`http://\S+/setup\?token=\S+`)

func (i *installation) start(t *testing.T) {
	t.Helper()
	i.process = testenv.Start(t, "Gatehouse serves", exec.Command(program(t), "serve", "--config", i.config))
	i.setup = setupLink.FindString(i.process.Output())
}

// partyAnswer is what the relying party shows after sign-in, refresh and userinfo.
type partyAnswer struct {
	Claims, Userinfo map[string]any
	Rotated          bool
	Scope            string
	RefreshToken     string `json:"refresh_token"`
	Error, Cause     string
}

func readParty(t *testing.T, browser *testenv.Browser) partyAnswer {
	t.Helper()
	var answer partyAnswer
	text := browser.Text("pre")
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatalf("the relying party shows %q: %v", text, err)
	}
	if answer.Error != "" {
		t.Fatalf("the relying party fails: %s: %s", answer.Error, answer.Cause)
	}
	return answer
}

// signInForeign goes through oidc-provider's own pages: sign-in, then consent.
func signInForeign(browser *testenv.Browser, name string) {
	browser.Click("button[value=foreign]")
	browser.Type("input[name=login]", name)
	browser.Type("input[name=password]", "anything")
	browser.Click("button[type=submit]")
	browser.Gone("input[name=login]")
	browser.Click("button[type=submit]")
}

// TestForeignPeers: a foreign provider above, a foreign relying party below, on both kinds of stores.
func TestForeignPeers(t *testing.T) {
	for name, stores := range map[string]func(t *testing.T) string{
		"Embedded": func(*testing.T) string { return "" },
		"PostgreSQLAndRedis": func(t *testing.T) string {
			return fmt.Sprintf("database: {url: %q}\nsessions: {store: redis, redis: {url: %q}}", testenv.Postgres(t), testenv.Redis(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := install(t, stores(t), "required")
			browser := testenv.NewBrowser(t)
			browser.Open(i.party)
			browser.Wait("button[value=foreign]")
			signInForeign(browser, "nadia")
			app := newAuthenticator(browser.Text("#secret"))
			browser.Type("#code", app.code(t))
			browser.Click("button.main")
			browser.Wait("pre")
			answer := readParty(t, browser)
			if !answer.Rotated {
				t.Error("the refresh token did not rotate")
			}
			for claim, want := range map[string]any{"org_slug": "harbour", "org_role": "member", "acr": "urn:gatehouse:acr:mfa"} {
				if answer.Claims[claim] != want {
					t.Errorf("%s = %v, want %v", claim, answer.Claims[claim], want)
				}
			}
			for claim, want := range map[string]any{"email": "nadia@upstream.example", "email_verified": true, "preferred_username": "nadia", "family_name": "Person"} {
				if answer.Userinfo[claim] != want {
					t.Errorf("userinfo %s = %v, want %v", claim, answer.Userinfo[claim], want)
				}
			}
			clientCredentials(t, i)
		})
	}
}

// tokens is an answer of the token endpoint.
type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Scope, Error string
}

// token asks the token endpoint. An error means that there was no answer.
func (i *installation) token(client string, form url.Values) (tokens, error) {
	var answer tokens
	request, err := http.NewRequest(http.MethodPost, i.url+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return answer, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(client, sharedSecret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer, err
	}
	defer response.Body.Close()
	return answer, json.NewDecoder(response.Body).Decode(&answer)
}

func clientCredentials(t *testing.T, i *installation) {
	t.Helper()
	answer, err := i.token("robot", url.Values{"grant_type": {"client_credentials"}, "scope": {"metrics"}})
	if err != nil || answer.AccessToken == "" || answer.Scope != "metrics" {
		t.Errorf("client credentials: %+v, %v", answer, err)
	}
}

// TestUnverifiedAddress: the connector lets in verified addresses of its domains only.
func TestUnverifiedAddress(t *testing.T) {
	i := install(t, "", "optional")
	browser := testenv.NewBrowser(t)
	browser.Open(i.party)
	browser.Wait("button[value=foreign]")
	signInForeign(browser, "unverified-nadia")
	browser.Wait("[role=alert]")
	if page := browser.Page(); !strings.Contains(page, "not of a domain that may sign in") {
		t.Errorf("page says %q", page)
	}
}

// TestKill: power cuts in the middle of refreshes lose and double nothing: the newest token that a client got, or the one it had
// sent when the power went, goes on; the browser is still signed in.
func TestKill(t *testing.T) {
	i := install(t, "", "optional")
	browser := testenv.NewBrowser(t)
	browser.Open(i.party)
	browser.Wait("button[value=foreign]")
	signInForeign(browser, "nadia")
	browser.Wait("pre")
	first := readParty(t, browser)
	chains := []string{first.RefreshToken}
	for len(chains) < 6 {
		browser.Open(i.party)
		browser.Wait("pre")
		chains = append(chains, readParty(t, browser).RefreshToken)
	}
	for range 3 {
		refreshed := i.refreshUntilKilled(t, chains)
		if refreshed < len(chains) {
			t.Errorf("only %d refreshes before the kill", refreshed)
		}
		i.start(t)
		for n, newest := range chains {
			answer, err := i.token("party", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {newest}})
			if err != nil || answer.RefreshToken == "" {
				t.Fatalf("chain %d ended: %+v, %v", n, answer, err)
			}
			chains[n] = answer.RefreshToken
		}
	}
	browser.Open(i.party)
	browser.Wait("pre")
	if after := readParty(t, browser); first.Claims["sid"] != after.Claims["sid"] || first.Claims["sub"] != after.Claims["sub"] {
		t.Errorf("session %v became %v", first.Claims["sid"], after.Claims["sid"])
	}
}

// refreshUntilKilled refreshes every chain as fast as it can, kills the program meanwhile, and leaves the newest token that was
// answered in chains. It returns how many refreshes were answered.
func (i *installation) refreshUntilKilled(t *testing.T, chains []string) int {
	t.Helper()
	var (
		group    sync.WaitGroup
		answered atomic.Int64
	)
	for n := range chains {
		group.Go(func() {
			for {
				answer, err := i.token("party", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {chains[n]}})
				if err != nil {
					return // no power
				}
				if answer.RefreshToken == "" {
					t.Errorf("chain %d: %s", n, answer.Error)
					return
				}
				chains[n] = answer.RefreshToken
				answered.Add(1)
			}
		})
	}
	time.Sleep(700 * time.Millisecond)
	i.process.Kill()
	group.Wait()
	return int(answered.Load())
}

// TestUpstreamAway: a broken upstream makes that one way unavailable; the other goes on.
func TestUpstreamAway(t *testing.T) {
	i := install(t, "", "optional")
	i.foreign.Kill()
	browser := testenv.NewBrowser(t)
	browser.Open(i.party)
	browser.Click("button[value=foreign]")
	browser.Wait("[role=alert]")
	browser.Screenshot("signin-upstream-away")
	if page := browser.Page(); !strings.Contains(page, "Foreign Provider cannot be reached") {
		t.Errorf("page says %q", page)
	}
	if answer, err := http.Get(i.url + "/readyz"); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("readyz: %v, %v", answer, err)
	}
	clientCredentials(t, i)
}

// TestSetup: the printed link makes the first superuser, once; he signs in with his password.
func TestSetup(t *testing.T) {
	i := install(t, "", "optional")
	browser := testenv.NewBrowser(t)
	browser.Open(i.setup)
	browser.Screenshot("setup")
	browser.Type("#username", "root")
	browser.Type("#email", "root@x.example")
	browser.Type("#password", "password")
	browser.Click("button.main")
	browser.Wait(".problem")
	browser.Screenshot("setup-problem")
	browser.Type("#password", "granite otter umbrella 7")
	browser.Click("button.main")
	browser.Wait("#identifier")
	browser.Screenshot("setup-done")
	if page := browser.Page(); !strings.Contains(page, "Administrator created") {
		t.Errorf("page says %q", page)
	}
	for range 11 {
		browser.Open(i.url + "/signin")
		browser.Type("#identifier", "nobody")
		browser.Type("#password", "wrong")
		browser.Click("button.main")
		browser.Wait(".alert.error, .reference")
	}
	browser.Screenshot("too-many-attempts")
	if page := browser.Page(); !strings.Contains(page, "Try again in about") {
		t.Errorf("page says %q", page)
	}

	browser.Open(i.setup)
	browser.Wait(".reference")
	if page := browser.Page(); !strings.Contains(page, "does not work") {
		t.Errorf("the spent link says %q", page)
	}
	browser.Open(i.url + "/signin")
	browser.Type("#identifier", "ROOT@x.example")
	browser.Type("#password", "granite otter umbrella 7")
	browser.Click("button.main")
	browser.Wait("h2")
	if page := browser.Page(); !strings.Contains(page, "signed in as root") {
		t.Errorf("page says %q", page)
	}
	i.process.Stop(t)
	i.start(t)
	if i.setup != "" {
		t.Errorf("a set-up link was printed for an installation with a superuser: %s", i.setup)
	}
}
