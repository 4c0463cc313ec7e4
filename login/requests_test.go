package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/provider"
	"gatehouse/session"
)

// push pushes a request for "harbour" and returns the address for the browser.
func (h *house) push(changes ...string) string {
	h.t.Helper()
	address := must[*url.URL](h.t)(url.Parse(h.authorizeURL("harbour", changes...)))
	form := address.Query()
	form.Set("client_secret", clientSecret)
	p := h.browser().post(provider.PushPath, form)
	var answer struct {
		URI string `json:"request_uri"`
	}
	if err := json.Unmarshal([]byte(p.text), &answer); err != nil || p.status != http.StatusCreated {
		h.t.Fatalf("push: %d %s", p.status, p.text)
	}
	return provider.AuthorizePath + "?" + url.Values{"client_id": {"harbour"}, "request_uri": {answer.URI}}.Encode()
}

// TestPushedSignIn: a pushed request is spent at the first visit, and the sign-in page may be loaded again all the same.
func TestPushedSignIn(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	address := h.push("login_hint", "ada")
	first := b.get(address + "&prompt=none&state=evil")
	wantStatus(t, first, http.StatusOK, "Sign in")
	again := b.get("/signin?flow=" + flowOf(first))
	wantStatus(t, again, http.StatusOK, "Sign in")
	if !strings.Contains(again.text, `value="ada"`) {
		t.Error("the hint is lost")
	}
	stranger := h.browser().get(address)
	if stranger.status != http.StatusBadRequest || stranger.location != nil {
		t.Errorf("used again: %d %s", stranger.status, stranger.text)
	}
	h.code(b.password(flowOf(first), "ada", goodPassword))
}

// TestSelectAccount: whoever is signed in chooses whether to go on or to be somebody else, and comes back to the client either way.
func TestSelectAccount(t *testing.T) {
	h := newHouse(t)
	kim := h.person("kim", h.harbour)
	b := h.browser()
	tokens := h.exchange("harbour", h.code(b.password(b.begin("harbour"), "ada", goodPassword)))
	choose := func(flow, account string) page {
		return b.post("/signin/account", url.Values{"flow": {flow}, "account": {account}})
	}

	flow := b.begin("harbour", "prompt", "select_account")
	p := b.get("/signin?flow=" + flow)
	wantStatus(t, p, http.StatusOK, "Choose an account")
	if !strings.Contains(visible(p), "ada@x.example") {
		t.Errorf("the page does not say who is signed in: %s", visible(p))
	}
	wantStatus(t, choose(flow, string(kim.ID)), http.StatusOK, "Choose an account") // not hers to choose
	h.code(choose(flow, string(h.ada.ID)))

	flow = b.begin("harbour", "prompt", "select_account")
	wantStatus(t, choose(flow, ""), http.StatusOK, "Password")
	wantStatus(t, h.userinfo(tokens), http.StatusOK, string(h.ada.ID)) // nobody is signed out by asking
	got := h.exchange("harbour", h.code(b.password(flow, "kim", goodPassword)))
	wantStatus(t, h.userinfo(got), http.StatusOK, string(kim.ID))
	wantStatus(t, h.userinfo(tokens), http.StatusUnauthorized, "invalid_token")

	wantStatus(t, h.browser().get(h.authorizeURL("harbour", "prompt", "select_account")), http.StatusOK, "Password")
}

// TestChosenAccountIsTheSession: a choice made on a page of one person does not sign in the one who came meanwhile.
func TestChosenAccountIsTheSession(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.harbour)
	b := h.browser()
	h.code(b.password(b.begin("harbour"), "ada", goodPassword))
	flow := b.begin("harbour", "prompt", "select_account")
	h.code(b.password(b.begin("harbour", "prompt", "login"), "kim", goodPassword))
	p := b.post("/signin/account", url.Values{"flow": {flow}, "account": {string(h.ada.ID)}})
	wantStatus(t, p, http.StatusOK, "Choose an account")
	if !strings.Contains(visible(p), "kim@x.example") {
		t.Errorf("page: %s", visible(p))
	}
	h.code(b.password(b.begin("harbour", "prompt", "login"), "ada", goodPassword))
	wantStatus(t, b.get("/signin?flow="+flow), http.StatusOK, "Choose an account") // what did not count then does not count now
}

var inputs = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// posted is what the form on a page would send.
func posted(p page) url.Values {
	form := url.Values{}
	for _, found := range inputs.FindAllStringSubmatch(p.text, -1) {
		form.Add(html.UnescapeString(found[1]), html.UnescapeString(found[2]))
	}
	return form
}

// TestFormPost: the answer is a form for the client, which sends itself by our own script or by its button; nothing of it is in an address.
func TestFormPost(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	state := `"><script>alert(1)</script>`
	p := b.password(b.begin("harbour", "response_mode", "form_post", "state", state), "ada", goodPassword)
	form := posted(p)
	if p.status != http.StatusOK || form.Get("state") != state || form.Get("iss") != h.url || len(form.Get("code")) != 43 || strings.Contains(p.text, "<script>alert") {
		t.Fatalf("%d %s", p.status, p.text)
	}
	if !strings.Contains(p.text, `action="`+redirectURI+`"`) || !strings.Contains(p.text, "<button") || p.location != nil || p.address.Query().Has("code") {
		t.Errorf("page: %s", p.text)
	}
	policy := p.header.Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "form-action") || !strings.Contains(policy, "script-src 'self'") {
		t.Errorf("policy: %s", policy)
	}
	if answer := h.exchange("harbour", form.Get("code")); answer.status != http.StatusOK {
		t.Errorf("exchange: %s", answer.text)
	}

	silent := h.browser().get(h.authorizeURL("harbour", "response_mode", "form_post", "prompt", "none"))
	if form := posted(silent); form.Get("error") != "login_required" || form.Get("iss") != h.url || form.Get("state") != "the-state" {
		t.Errorf("silent: %d %s", silent.status, silent.text)
	}
	wrong := h.browser().get(h.authorizeURL("harbour", "response_mode", "form_post", "scope", "openid admin"))
	if form := posted(wrong); form.Get("error") != "invalid_scope" {
		t.Errorf("wrong: %d %s", wrong.status, wrong.text)
	}
}

// TestRefusalPageLeadsBackByForm: the way back from a page of ours keeps the mode, too.
func TestRefusalPageLeadsBackByForm(t *testing.T) {
	h := newHouse(t)
	h.person("lone")
	b := h.browser()
	p := b.password(b.begin("shared", "response_mode", "form_post"), "lone", goodPassword)
	wantStatus(t, p, http.StatusForbidden, "No organization yet")
	if form := posted(p); form.Get("error") != "access_denied" || !strings.Contains(p.text, `action="`+redirectURI+`"`) {
		t.Errorf("page: %s", p.text)
	}
}

// TestEssentialACR: a client that insists on two factors makes the person enrol one; prompt=none then fails, and a mere wish does neither.
func TestEssentialACR(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	const essential = `{"id_token":{"acr":{"essential":true,"value":"urn:gatehouse:acr:mfa"}}}`
	h.code(b.password(b.begin("harbour"), "ada", goodPassword))
	h.code(b.get(h.authorizeURL("harbour", "acr_values", "urn:gatehouse:acr:mfa", "prompt", "none")))
	p := b.get(h.authorizeURL("harbour", "claims", essential, "prompt", "none"))
	if p.location == nil || p.location.Query().Get("error") != "interaction_required" {
		t.Errorf("silent: %d %v", p.status, p.location)
	}
	wantStatus(t, b.get(h.authorizeURL("harbour", "claims", essential)), http.StatusOK, "Set up")
	p = b.get(h.authorizeURL("harbour", "claims", `{"id_token":{"acr":{"essential":true,"value":"x"}}}`))
	if p.location == nil || p.location.Query().Get("error") != "unmet_authentication_requirements" {
		t.Errorf("unknown acr: %d %v", p.status, p.location)
	}
}

// crowded counts as if many had been there before.
type crowded struct {
	session.Store
	more int
}

func (c crowded) Hit(ctx context.Context, key session.Key, window time.Duration) (int, time.Time, error) {
	count, ends, err := c.Store.Hit(ctx, key, window)
	return count + c.more, ends, err
}

// TestTooManyFlows: one network does not get any number of sign-ins in progress; whoever is in the middle of one, or signed in, goes on.
func TestTooManyFlows(t *testing.T) {
	h := newHouse(t)
	b, signedIn := h.browser(), h.browser()
	flow := b.begin("harbour")
	h.code(signedIn.password(signedIn.begin("harbour"), "ada", goodPassword))
	attempts := h.handler.Attempts
	h.handler.Attempts = crowded{attempts, 10_000 - 3} // two have begun
	b.begin("harbour")
	written := h.counted(func() {
		for _, path := range []string{h.authorizeURL("harbour"), "/signin"} {
			wantStatus(t, h.browser().get(path), http.StatusTooManyRequests, "Too many sign-ins from your network")
		}
		wantStatus(t, b.post("/signin/connector", url.Values{"flow": {flow}, "connector": {"up"}}), http.StatusTooManyRequests, "Too many sign-ins")
	})
	for _, text := range written {
		if strings.HasPrefix(text, "INSERT INTO ephemeral ") {
			t.Errorf("written: %s", text)
		}
	}
	h.code(signedIn.get(h.authorizeURL("harbour")))
	h.code(b.password(flow, "ada", goodPassword))
	elsewhere := h.browser().send(http.MethodGet, h.authorizeURL("harbour"), nil, "X-Forwarded-For", "192.0.2.1")
	wantStatus(t, elsewhere, http.StatusOK, "Sign in")
}

var (
	update     = flag.Bool("update", false, "write the golden files anew")
	hashedName = regexp.MustCompile(`/static/(\w+)\.[0-9a-f]{12}\.(\w+)`)
)

// TestAuthorizeErrorsOnTheWire: an error of the authorization endpoint as browsers get it, by page and in each mode, in one golden file.
func TestAuthorizeErrorsOnTheWire(t *testing.T) {
	h := newHouse(t)
	var all strings.Builder
	for _, c := range []struct {
		name    string
		changes []string
	}{
		{"page: unknown client", []string{"client_id", "nobody"}},
		{"page: foreign redirect_uri", []string{"redirect_uri", "https://evil.example/"}},
		{"page: request_uri that was not pushed", []string{"request_uri", "urn:ietf:params:oauth:request_uri:x"}},
		{"page: NUL", []string{"state", "\x00"}},
		{"query", []string{"prompt", "none"}},
		{"fragment", []string{"prompt", "none", "response_mode", "fragment"}},
		{"form_post", []string{"prompt", "none", "response_mode", "form_post"}},
		{"query: unregistered scope", []string{"scope", "openid admin"}},
		{"query: request object", []string{"request", "x.y.z"}},
		{"query: unknown mode", []string{"response_mode", "jwt"}},
		{"query: unregistered resource", []string{"resource", "https://api.example"}},
		{"query: essential acr", []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"x"}}}`}},
	} {
		p := h.browser().get(h.authorizeURL("harbour", c.changes...))
		fmt.Fprintf(&all, "# %s\n%d %s\n", c.name, p.status, http.StatusText(p.status))
		for _, name := range slices.Sorted(maps.Keys(p.header)) {
			if !slices.Contains([]string{"Date", "Content-Length", "X-Request-Id"}, name) {
				fmt.Fprintf(&all, "%s: %s\n", name, strings.Join(p.header[name], "; "))
			}
		}
		fmt.Fprintf(&all, "\n%s\n\n", p.text)
		if p.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: scripts of other pages may read it", c.name)
		}
	}
	got := hashedName.ReplaceAllString(strings.ReplaceAll(all.String(), h.url, "https://id.example"), "/static/$1.HASH.$2")
	got = strings.ReplaceAll(got, url.QueryEscape(h.url), url.QueryEscape("https://id.example"))
	const path = "testdata/authorize_errors.txt"
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(got), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	want := must[[]byte](t)(os.ReadFile(path))
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}
