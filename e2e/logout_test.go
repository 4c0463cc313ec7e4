package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"gatehouse/internal/testenv"
)

// application is a relying party with go-oidc: it signs people in, signs them out at Gatehouse, and is told when they sign out elsewhere.
type application struct {
	*httptest.Server
	t        *testing.T
	id       string
	provider *oidc.Provider

	mu    sync.Mutex
	token *oidc.IDToken // of who is signed in
	hint  string
	told  []*oidc.LogoutToken
}

const pageOf = `<!doctype html><title>%[1]s</title><p id="%[2]s">%[3]s</p><a id="out" href="/logout">Sign out</a>`

func newApplication(t *testing.T, id string) *application {
	t.Helper()
	a := &application{t: t, id: id}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.signIn)
	mux.HandleFunc("GET /callback", a.callback)
	mux.HandleFunc("GET /logout", a.signOut)
	mux.HandleFunc("POST /told", a.toldOfEnd)
	mux.HandleFunc("GET /bye", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, pageOf, a.id, "bye", r.URL.Query().Get("state"))
	})
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

const appVerifier = "a-code-verifier-of-at-least-43-characters-012345"

func (a *application) oauth() *oauth2.Config {
	return &oauth2.Config{ClientID: a.id, ClientSecret: sharedSecret, Endpoint: a.provider.Endpoint(), RedirectURL: a.URL + "/callback", Scopes: []string{"openid"}}
}

func (a *application) signIn(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, a.oauth().AuthCodeURL("s", oauth2.S256ChallengeOption(appVerifier)), http.StatusSeeOther)
}

func (a *application) callback(w http.ResponseWriter, r *http.Request) {
	tokens, err := a.oauth().Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(appVerifier))
	if err != nil {
		a.t.Errorf("exchange: %v", err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hint, _ = tokens.Extra("id_token").(string)
	if a.token, err = a.provider.Verifier(&oidc.Config{ClientID: a.id}).Verify(r.Context(), a.hint); err != nil {
		a.t.Errorf("ID token: %v", err)
		return
	}
	fmt.Fprintf(w, pageOf, a.id, "in", a.token.Subject)
}

func (a *application) signOut(w http.ResponseWriter, r *http.Request) {
	var found struct {
		End string `json:"end_session_endpoint"`
	}
	if err := a.provider.Claims(&found); err != nil {
		a.t.Error(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	query := url.Values{"id_token_hint": {a.hint}, "post_logout_redirect_uri": {a.URL + "/bye"}, "state": {"out of " + a.id}}
	http.Redirect(w, r, found.End+"?"+query.Encode(), http.StatusSeeOther)
}

func (a *application) toldOfEnd(w http.ResponseWriter, r *http.Request) {
	token, err := a.provider.Verifier(&oidc.Config{ClientID: a.id}).VerifyLogout(r.Context(), r.PostFormValue("logout_token"))
	if err != nil {
		a.t.Errorf("logout token: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, token)
}

// wantTold waits until the application was told that the session of its ID token has ended, and once only.
func (a *application) wantTold() {
	a.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		a.mu.Lock()
		told := a.told
		a.mu.Unlock()
		if len(told) == 0 {
			continue
		}
		var claims struct {
			Session string `json:"sid"`
		}
		if err := a.token.Claims(&claims); err != nil {
			a.t.Error(err)
		}
		if len(told) != 1 || told[0].Subject != a.token.Subject || told[0].SessionID != claims.Session || claims.Session == "" {
			a.t.Errorf("%s was told %+v, want %s of %s", a.id, told, claims.Session, a.token.Subject)
		}
		a.mu.Lock()
		a.told = nil
		a.mu.Unlock()
		return
	}
	a.t.Errorf("%s was not told", a.id)
}

const applicationsTemplate = `
outgoing: {allow_private: [127.0.0.0/8]}
clients:
  - id: radar
    name: Radar
    secret: %[1]s
    redirect_uris: [%[2]s/callback]
    post_logout_redirect_uris: [%[2]s/bye]
    backchannel_logout_uri: %[2]s/told
    backchannel_logout_session_required: true
  - id: tides
    name: Tide Tables
    secret: %[1]s
    id_token_signed_response_alg: ES256
    redirect_uris: [%[3]s/callback]
    backchannel_logout_uri: %[3]s/told
`

// TestSignOutOfAll: two applications, signed out at one: both are told, and the browser is back at the first. Then by a page that asks, and
// from the command line.
func TestSignOutOfAll(t *testing.T) {
	radar, tides := newApplication(t, "radar"), newApplication(t, "tides")
	d := startDirectory(t, fmt.Sprintf(applicationsTemplate, sharedSecret, radar.URL, tides.URL))
	for _, a := range []*application{radar, tides} {
		var err error
		if a.provider, err = oidc.NewProvider(t.Context(), d.url); err != nil {
			t.Fatal(err)
		}
	}
	d.command(t, "", "organizations", "create", "harbour")
	d.command(t, "granite otter umbrella 7\n", "users", "create", "ada", "--email", "ada@x.example", "--organization", "harbour")
	browser := testenv.NewBrowser(t)
	enter := func() {
		t.Helper()
		browser.Open(radar.URL)
		browser.Type("#identifier", "ada")
		browser.Type("#password", "granite otter umbrella 7")
		browser.Click("button.main")
		browser.Wait("#in")
		browser.Open(tides.URL)
		browser.Wait("#in")
	}
	enter()
	browser.Open(radar.URL)
	browser.Wait("#in")
	browser.Click("#out")
	browser.Wait("#bye")
	if got := browser.Text("#bye"); got != "out of radar" || !strings.HasPrefix(browser.Address(), radar.URL+"/bye?") {
		t.Errorf("came back to %s with %q", browser.Address(), got)
	}
	radar.wantTold()
	tides.wantTold()

	enter()
	browser.Open(d.url + "/oauth2/logout?client_id=radar")
	browser.Wait("input[name=session] + input + button, form button.main")
	browser.Screenshot("logout-confirm")
	browser.Click("form button.main")
	browser.Wait("a.button.main")
	browser.Screenshot("logout-done")
	radar.wantTold()
	tides.wantTold()
	browser.Open(d.url + "/oauth2/logout?client_id=radar&post_logout_redirect_uri=" + url.QueryEscape(radar.URL+"/bye"))
	browser.Wait("a.button.main")
	browser.Screenshot("logout-of-nobody")
	browser.Click("a.button.main")
	browser.Wait("#bye")
	browser.Open(d.url + "/oauth2/logout?post_logout_redirect_uri=https://evil.example/")
	browser.Wait(".reference")
	browser.Screenshot("logout-refused")

	enter()
	if out := d.command(t, "", "sessions", "list", "--user", "ada"); !strings.Contains(out, "127.0.0.1") {
		t.Errorf("sessions: %s", out)
	}
	d.command(t, "", "sessions", "end", "--user", "ada")
	radar.wantTold()
	tides.wantTold()
	browser.Open(d.url)
	browser.Wait("#identifier")
	if out := d.command(t, "", "outbox", "list", "--state", "sent"); strings.Count(out, "backchannel_logout") != 6 {
		t.Errorf("outbox: %s", out)
	}
}
