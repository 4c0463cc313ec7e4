package login_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/provider"
)

const homeURI = "https://client.example/bye"

// notices are what clients would be told.
type notices struct {
	mu     sync.Mutex
	told   []provider.Participant
	before func() // is called first
}

func (n *notices) SessionEnded(_ context.Context, ended []provider.Participant) error {
	if n.before != nil {
		n.before()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = append(n.told, ended...)
	return nil
}

// clients are those that were told since the last call.
func (n *notices) clients() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for _, p := range n.told {
		names = append(names, string(p.Client))
	}
	n.told = nil
	slices.Sort(names)
	return names
}

// leaving is a house whose clients can be returned to after signing out, and are told of it.
func leaving(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	for _, client := range []id.Client{"shared", "harbour", "castle"} {
		stored := must[provider.Client](t)(h.db.Client(t.Context(), client))
		stored.PostLogout, stored.URI, stored.BackchannelLogoutURI = []string{homeURI}, "https://client.example/?about=us", "https://client.example/told"
		if err := h.db.SaveClient(t.Context(), stored); err != nil {
			t.Fatal(err)
		}
	}
	h.clock.Advance(5 * time.Second) // until every cache has looked again
	return h
}

// idToken signs a person in at a client and returns the ID token, and all tokens.
func (b *browser) idToken(client, person string) (string, page) {
	b.h.t.Helper()
	p := b.get(b.h.authorizeURL(client))
	if flowOf(p) != "" {
		p = b.password(flowOf(p), person, goodPassword)
	}
	tokens := b.h.exchange(client, b.h.code(p))
	var body struct {
		ID string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(tokens.text), &body); err != nil || body.ID == "" {
		b.h.t.Fatalf("no ID token: %v %s", err, tokens.text)
	}
	return body.ID, tokens
}

func logoutURL(pairs ...string) string {
	params := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		params.Set(pairs[i], pairs[i+1])
	}
	return provider.LogoutPath + "?" + params.Encode()
}

func wantAway(t *testing.T, p page, address string) {
	t.Helper()
	if p.location == nil || p.location.String() != address {
		t.Errorf("status %d, sent to %v, want %s: %s", p.status, p.location, address, visible(p))
	}
}

func (b *browser) wantSignedIn(signedIn bool) {
	b.h.t.Helper()
	if p := b.get("/"); (p.address.Path == "/") != signedIn {
		b.h.t.Errorf("signed in: %v; at %s", !signedIn, p.address)
	}
	p := b.get(b.h.authorizeURL("harbour", "prompt", "none"))
	if failed := p.location != nil && p.location.Query().Get("error") == "login_required"; failed == signedIn {
		b.h.t.Errorf("prompt=none answers %v", p.location)
	}
}

var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`)

// confirmLogout presses the button of a page that asks.
func (b *browser) confirmLogout(p page, headers ...string) page {
	b.h.t.Helper()
	wantStatus(b.h.t, p, http.StatusOK, "Sign out?")
	form := url.Values{}
	for _, match := range hiddenField.FindAllStringSubmatch(p.text, -1) {
		form.Set(match[1], strings.ReplaceAll(strings.ReplaceAll(match[2], "&#43;", "+"), "&amp;", "&"))
	}
	return b.send(http.MethodPost, "/oauth2/logout/confirm", form, headers...)
}

// TestRPInitiatedLogout mirrors oidcc-rp-initiated-logout and oidcc-rp-initiated-logout-no-state: with a hint of this very session the
// person is signed out at once, everywhere, and returned with the state and nothing else.
func TestRPInitiatedLogout(t *testing.T) {
	h := leaving(t)
	for state, want := range map[string]string{"a state & more": homeURI + "?state=a+state+%26+more", "": homeURI} {
		b := h.browser()
		hint, tokens := b.idToken("harbour", "ada")
		_, others := b.idToken("shared", "ada")
		params := []string{"id_token_hint", hint, "post_logout_redirect_uri", homeURI}
		if state != "" {
			params = append(params, "state", state)
		}
		wantAway(t, b.get(logoutURL(params...)), want)
		b.wantSignedIn(false)
		if diff := cmp.Diff([]string{"harbour", "shared"}, h.notices.clients()); diff != "" {
			t.Error(diff)
		}
		for _, got := range []page{tokens, others} {
			wantStatus(t, h.userinfo(got), http.StatusUnauthorized, "invalid_token")
			wantStatus(t, h.refresh("harbour", got), http.StatusBadRequest, "invalid")
		}
	}
}

// TestLogoutRefused mirrors oidcc-rp-initiated-logout-bad-post-logout-redirect-uri, -query-added-to-post-logout-redirect-uri,
// -modified-id-token-hint, -bad-id-token-hint and -no-id-token-hint: an error page, nobody is sent anywhere, nobody signed out.
func TestLogoutRefused(t *testing.T) {
	h := leaving(t)
	b := h.browser()
	hint, _ := b.idToken("harbour", "ada")
	parts := strings.Split(hint, ".")
	for name, params := range map[string][]string{
		"bad-post-logout-redirect-uri":            {"id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example/"},
		"query-added-to-post-logout-redirect-uri": {"id_token_hint", hint, "post_logout_redirect_uri", homeURI + "?foo=bar"},
		"modified-id-token-hint":                  {"id_token_hint", "eyJhbGciOiJub25lIn0." + parts[1] + ".", "post_logout_redirect_uri", homeURI},
		"bad-id-token-hint":                       {"id_token_hint", parts[0] + "." + parts[1] + ".AAAA", "post_logout_redirect_uri", homeURI},
		"no-id-token-hint":                        {"post_logout_redirect_uri", homeURI, "state", "x"},
		"another client":                          {"id_token_hint", hint, "client_id", "shared", "post_logout_redirect_uri", homeURI},
	} {
		p := b.get(logoutURL(params...))
		wantStatus(t, p, http.StatusBadRequest, "cannot be accepted")
		if p.location != nil || !strings.Contains(p.text, provider.LogoutPath) {
			t.Errorf("%s: sent to %v; %s", name, p.location, visible(p))
		}
		p = b.post("/oauth2/logout/confirm", must[*url.URL](t)(url.Parse(logoutURL(params...))).Query())
		if wantStatus(t, p, http.StatusBadRequest, "cannot be accepted"); p.location != nil {
			t.Errorf("%s: confirmed, sent to %v", name, p.location)
		}
	}
	b.wantSignedIn(true)
}

// TestLogoutAsks mirrors oidcc-rp-initiated-logout-no-params and -only-state, and goes on: without a hint of this session the person is
// asked, and signed out when he says so.
func TestLogoutAsks(t *testing.T) {
	h := leaving(t)
	h.person("kim", h.harbour)
	kims, _ := h.browser().idToken("harbour", "kim")
	old, _ := h.browser().idToken("harbour", "ada")
	for name, test := range map[string]struct {
		params []string
		want   string // "": the page
	}{
		"no-params":               {nil, ""},
		"only-state":              {[]string{"state", "s"}, ""},
		"client alone":            {[]string{"client_id", "harbour", "post_logout_redirect_uri", homeURI, "state", "a+b&c"}, homeURI + "?state=a%2Bb%26c"},
		"hint of somebody else":   {[]string{"id_token_hint", kims, "post_logout_redirect_uri", homeURI}, homeURI},
		"hint of another browser": {[]string{"id_token_hint", old}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := h.browser()
			b.idToken("harbour", "ada")
			asked := b.get(logoutURL(test.params...))
			wantStatus(t, asked, http.StatusOK, "Stay signed in")
			if !strings.Contains(asked.text, "<strong>ada</strong>") {
				t.Errorf("does not say who is signed in: %s", visible(asked))
			}
			if byClient := name != "no-params" && name != "only-state"; strings.Contains(visible(asked), "Harbour Client asks to sign you out") != byClient || strings.Contains(visible(asked), "asks to") != byClient {
				t.Errorf("does not say who asks: %s", visible(asked))
			}
			b.wantSignedIn(true)
			if p := b.confirmLogout(asked, "Sec-Fetch-Site", "cross-site"); p.status != http.StatusForbidden {
				t.Errorf("another site confirms: %d", p.status)
			}
			b.wantSignedIn(true)
			if p := b.confirmLogout(asked); test.want == "" {
				wantStatus(t, p, http.StatusOK, "You are signed out")
			} else {
				wantAway(t, p, test.want)
			}
			b.wantSignedIn(false)
		})
	}
}

// TestLogoutPage mirrors oidcc-rp-initiated-logout-no-post-logout-redirect-uri: who is not returned anywhere gets a page that leads back.
func TestLogoutPage(t *testing.T) {
	h := leaving(t)
	b := h.browser()
	hint, _ := b.idToken("harbour", "ada")
	p := b.get(logoutURL("id_token_hint", hint, "state", "s"))
	wantStatus(t, p, http.StatusOK, "Back to Harbour Client")
	if !strings.Contains(p.text, `href="https://client.example/?about=us"`) {
		t.Errorf("leads elsewhere: %s", p.text)
	}
	for _, client := range []string{"nobody", "", "javascript:alert(1)"} {
		if p := b.get("/signed-out?client_id=" + url.QueryEscape(client)); p.status != http.StatusOK || strings.Contains(p.text, "Back to") {
			t.Errorf("%q: %d %s", client, p.status, visible(p))
		}
	}
	b.idToken("harbour", "ada")
	if p := b.get("/signed-out"); p.address.Path != "/" {
		t.Errorf("who is signed in is told that he is not, at %s", p.address)
	}
}

// TestLogoutOfNobody: who is signed out already goes where a hint says, and where it does not, by his own hand alone.
func TestLogoutOfNobody(t *testing.T) {
	h := leaving(t)
	other := h.browser()
	hint, tokens := other.idToken("harbour", "ada")
	b := h.browser()
	wantAway(t, b.get(logoutURL("id_token_hint", hint, "post_logout_redirect_uri", homeURI)), homeURI)
	p := b.get(logoutURL("client_id", "harbour", "post_logout_redirect_uri", homeURI, "state", "s"))
	if wantStatus(t, p, http.StatusOK, "Back to Harbour Client"); p.location != nil || !strings.Contains(p.text, homeURI+"?state=s") {
		t.Errorf("sent to %v: %s", p.location, p.text)
	}
	wantStatus(t, b.get(logoutURL()), http.StatusOK, "You are signed out")
	other.wantSignedIn(true) // a hint is no key to another browser's session
	wantStatus(t, h.userinfo(tokens), http.StatusOK, "sub")
}

// TestLogoutPost: a form that another site posts is repeated as GET, which brings the cookies.
func TestLogoutPost(t *testing.T) {
	h := leaving(t)
	b := h.browser()
	hint, _ := b.idToken("harbour", "ada")
	form := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {homeURI}, "state": {"s"}}
	stay := *b.client
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p := (&browser{h: h, client: &stay}).withoutSession().send(http.MethodPost, provider.LogoutPath, form, "Sec-Fetch-Site", "cross-site", "Origin", "https://client.example")
	wantAway(t, p, homeURI+"?state=s") // without session: signed out already
	b.wantSignedIn(true)
	wantAway(t, b.send(http.MethodPost, provider.LogoutPath, form, "Sec-Fetch-Site", "cross-site"), homeURI+"?state=s")
	b.wantSignedIn(false)
}

// TestLogoutOfWhomThePageShowed: a page that asked about one person does not sign out another one, who signed in meanwhile.
func TestLogoutOfWhomThePageShowed(t *testing.T) {
	h := leaving(t)
	h.person("kim", h.harbour)
	b := h.browser()
	b.idToken("harbour", "ada")
	asked := b.get(logoutURL())
	h.code(b.password(b.begin("harbour", "prompt", "login"), "kim", goodPassword))
	again := b.confirmLogout(asked)
	if wantStatus(t, again, http.StatusOK, "Sign out?"); !strings.Contains(again.text, "<strong>kim</strong>") {
		t.Errorf("asks about %s", visible(again))
	}
	b.wantSignedIn(true)
	wantStatus(t, b.confirmLogout(again), http.StatusOK, "You are signed out")
	b.wantSignedIn(false)
}

// TestSignedOutWhileRenewed: who signs in again in another tab at the moment of signing out is signed out all the same: the session has
// another token by then.
func TestSignedOutWhileRenewed(t *testing.T) {
	h := leaving(t)
	b := h.browser()
	b.idToken("harbour", "ada")
	flow, other := b.begin("harbour", "prompt", "login"), b.another(func(*http.Cookie) bool { return true })
	h.notices.before = func() { h.code(other.password(flow, "ada", goodPassword)) }
	wantStatus(t, b.post("/signout", url.Values{}), http.StatusOK, "signed out")
	h.notices.before = nil
	other.wantSignedIn(false)
}

// TestEveryEndIsTold: however a session ends, its clients are told.
func TestEveryEndIsTold(t *testing.T) {
	h := leaving(t)
	for name, end := range endings(h) {
		t.Run(name, func(t *testing.T) {
			user := h.person("user-"+name, h.harbour)
			b := h.browser()
			b.idToken("harbour", "user-"+name)
			end(t, b, user)
			if diff := cmp.Diff([]string{"harbour"}, h.notices.clients()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
