package login_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"gatehouse/connectors"
	"gatehouse/login"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

func wantStatus(t *testing.T, p page, status int, text string) {
	t.Helper()
	if p.status != status || !strings.Contains(p.text, text) {
		t.Errorf("status %d, want %d with %q: %s", p.status, status, text, visible(p))
	}
}

func TestPassword(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour")
	wantStatus(t, b.password(flow, "ada", "wrong"), http.StatusUnauthorized, "That did not match")
	wantStatus(t, b.password(flow, "nobody", goodPassword), http.StatusUnauthorized, "That did not match")
	code := h.code(b.password(flow, "ADA@x.example", goodPassword))
	wantStatus(t, h.exchange("harbour", code), http.StatusOK, "access_token")

	// The session answers the next request without a page, and prompt=none too.
	h.code(b.get(h.authorizeURL("harbour")))
	h.code(b.get(h.authorizeURL("harbour", "prompt", "none")))
	wantStatus(t, b.get("/"), http.StatusOK, "signed in as")

	// prompt=login and an old session want the password again.
	if flow := b.begin("harbour", "prompt", "login"); flow == "" {
		t.Error("prompt=login shows no page")
	}
	h.clock.Advance(time.Minute)
	b.begin("harbour", "max_age", "30")
}

// TestFlowIsForOneBrowser: the address of a sign-in page opens nothing in another browser.
func TestFlowIsForOneBrowser(t *testing.T) {
	h := newHouse(t)
	victim, attacker := h.browser(), h.browser()
	flow := attacker.begin("harbour")
	victim.begin("harbour")
	wantStatus(t, victim.get("/signin?flow="+flow), http.StatusBadRequest, "no longer valid")
	wantStatus(t, victim.password(flow, "ada", goodPassword), http.StatusBadRequest, "no longer valid")
}

func TestFlowEnds(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour")
	h.code(b.password(flow, "ada", goodPassword))
	wantStatus(t, b.get("/signin?flow="+flow), http.StatusBadRequest, "no longer valid")
	wantStatus(t, b.password(flow, "ada", goodPassword), http.StatusBadRequest, "no longer valid")
	other := h.browser()
	late := other.begin("harbour")
	h.clock.Advance(31 * time.Minute)
	wantStatus(t, other.password(late, "ada", goodPassword), http.StatusBadRequest, "no longer valid")
}

func (b *browser) toUpstream(flow, connector string) string {
	b.h.t.Helper()
	p := b.post("/signin/connector", url.Values{"flow": {flow}, "connector": {connector}})
	if p.location == nil {
		b.h.t.Fatalf("not sent to the upstream: %d %s", p.status, visible(p))
	}
	return p.location.Query().Get("state")
}

func callback(connector, state string) string {
	return "/signin/callback/" + connector + "?code=x&state=" + url.QueryEscape(state)
}

func TestUpstream(t *testing.T) {
	h := newHouse(t)
	h.upstream.identity = connectors.Identity{Subject: "s-1", Username: "nadia", Emails: []connectors.Email{{Address: "nadia@x.example", Verified: true}}}
	b := h.browser()
	state := b.toUpstream(b.begin("harbour"), "up")

	other := h.browser()
	other.begin("harbour")
	wantStatus(t, other.get(callback("up", state)), http.StatusBadRequest, "no longer valid")
	wantStatus(t, b.get(callback("up", "another")), http.StatusBadRequest, "no longer valid")
	if len(h.upstream.finished) != 0 {
		t.Fatal("the connector saw an answer that belongs to nobody")
	}
	code := h.code(b.get(callback("up", state)))
	wantStatus(t, h.exchange("harbour", code), http.StatusOK, "access_token")
	wantStatus(t, b.get(callback("up", state)), http.StatusBadRequest, "no longer valid")
	if got := string(h.upstream.finished[0].Private); got != "private" {
		t.Errorf("private = %q", got)
	}

	// The second time it is the same user.
	first, err := h.directory.UserByIdentity(t.Context(), tenancy.System("test"), "up", "s-1")
	if err != nil || first.Username != "nadia" || !first.EmailVerified {
		t.Fatalf("user = %+v, %v", first, err)
	}
	again := h.browser()
	h.code(again.get(callback("up", again.toUpstream(again.begin("harbour"), "up"))))
}

// TestCallbackOfAnotherConnector: an answer for one connector is not taken as another's (mix-up).
func TestCallbackOfAnotherConnector(t *testing.T) {
	h := newHouse(t)
	h.upstream.identity = connectors.Identity{Subject: "s-1"}
	b := h.browser()
	state := b.toUpstream(b.begin("castle"), "castles")
	wantStatus(t, b.get(callback("up", state)), http.StatusBadRequest, "no longer valid")
	if len(h.upstream.finished) != 0 {
		t.Error("another connector finished the flow")
	}
}

func TestDisabledConnector(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour")
	wantStatus(t, b.post("/signin/connector", url.Values{"flow": {flow}, "connector": {"off"}}), http.StatusBadRequest, "did not")
	wantStatus(t, b.get(callback("off", flow)), http.StatusBadRequest, "no longer valid")
	if strings.Contains(b.get("/signin?flow="+flow).text, "Disabled") {
		t.Error("a disabled connector is offered")
	}
}

func TestUpstreamFails(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	for reason, text := range map[connectors.Reason]string{
		connectors.ReasonUnavailable: "cannot be reached", connectors.ReasonDenied: "did not confirm", connectors.ReasonInvalid: "could not be verified", connectors.ReasonSetup: "not set up correctly",
	} {
		h.upstream.finish = &connectors.Error{Reason: reason, Err: http.ErrBodyNotAllowed}
		wantStatus(t, b.get(callback("up", b.toUpstream(b.begin("harbour"), "up"))), http.StatusOK, text)
	}
	h.upstream.begin = &connectors.Error{Reason: connectors.ReasonUnavailable, Err: http.ErrBodyNotAllowed}
	wantStatus(t, b.post("/signin/connector", url.Values{"flow": {b.begin("harbour")}, "connector": {"up"}}), http.StatusServiceUnavailable, "cannot be reached")
}

// TestLinking: an existing account is taken over by a trusted address only, and never one with privileges.
func TestLinking(t *testing.T) {
	h := newHouse(t)
	if _, err := h.directory.CreateFirstSuperuser(t.Context(), tenancy.NewUser{Username: "root", Email: "root@x.example", EmailVerified: true, Password: goodPassword}); err != nil {
		t.Fatal(err)
	}
	// Somebody made an account with another's address, hoping that its owner will be joined to it.
	if _, err := h.directory.CreateUser(t.Context(), tenancy.System("test"), tenancy.NewUser{Username: "trap", Email: "ceo@x.example"}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		email connectors.Email
		text  string // on the page; empty: signed in
	}{
		"trap":       {connectors.Email{Address: "ceo@x.example", Verified: true}, "exists already"},
		"trusted":    {connectors.Email{Address: "ada@x.example", Verified: true}, ""},
		"unverified": {connectors.Email{Address: "ada@x.example"}, "exists already"},
		"superuser":  {connectors.Email{Address: "root@x.example", Verified: true}, "exists already"},
	} {
		t.Run(name, func(t *testing.T) {
			h.upstream.identity = connectors.Identity{Subject: "linking " + name, Emails: []connectors.Email{c.email}}
			b := h.browser()
			p := b.get(callback("up", b.toUpstream(b.begin("harbour"), "up")))
			if c.text == "" {
				h.code(p)
				return
			}
			wantStatus(t, p, http.StatusOK, c.text)
			if user, err := h.directory.UserByIdentity(t.Context(), tenancy.System("test"), "up", "linking "+name); err == nil {
				t.Errorf("linked to %s", user.Username)
			}
		})
	}
}

// TestOwnConnectorIsForItsOrganization: a sign-in through an organization's own connector opens nothing else.
func TestOwnConnectorIsForItsOrganization(t *testing.T) {
	h := newHouse(t)
	both := h.person("both", h.harbour, h.castle)
	if err := h.directory.LinkIdentity(t.Context(), tenancy.System("test"), tenancy.Identity{Connector: "castles", Subject: "s", User: both.ID}); err != nil {
		t.Fatal(err)
	}
	h.upstream.identity = connectors.Identity{Subject: "s"}
	b := h.browser()
	p := b.get(callback("castles", b.toUpstream(b.begin("castle"), "castles")))
	wantStatus(t, p, http.StatusOK, "Set up two‑step sign-in")
	h.code(b.confirm(p))
	wantStatus(t, b.get(h.authorizeURL("harbour")), http.StatusForbidden, "not a member")
	wantStatus(t, b.get("/"), http.StatusOK, "Castle")
	if strings.Contains(b.get("/").text, "Harbour") {
		t.Error("the other organization is shown")
	}
}

// confirm enters the first code of the secret on an enrolment page.
func (b *browser) confirm(p page) page {
	b.h.t.Helper()
	return b.post("/signin/enrol", url.Values{"flow": {flowOf(p)}, "code": {b.h.totp(secretOn(b.h.t, p))}})
}

func secretOn(t *testing.T, p page) string {
	t.Helper()
	_, after, found := strings.Cut(p.text, `id="secret">`)
	if !found {
		t.Fatalf("no secret on the page: %s", visible(p))
	}
	text, _, _ := strings.Cut(after, "<")
	return strings.ReplaceAll(text, " ", "")
}

func (h *house) totp(secretText string) string {
	h.t.Helper()
	return must[string](h.t)(totp.GenerateCode(secretText, h.clock.Now()))
}

func TestFactor(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.castle)
	b := h.browser()
	p := b.password(b.begin("castle"), "kim", goodPassword)
	wantStatus(t, p, http.StatusOK, "Set up two‑step sign-in")
	secretText := secretOn(t, p)
	if again := b.get("/signin?flow=" + flowOf(p)); secretOn(t, again) != secretText {
		t.Error("a reload changes the secret")
	}
	wantStatus(t, b.post("/signin/enrol", url.Values{"flow": {flowOf(p)}, "code": {"000000"}}), http.StatusUnauthorized, "not right")
	code := h.code(b.confirm(p))
	tokens := h.exchange("castle", code)
	if amr := claim(t, tokens, "amr"); amr != "[pwd otp mfa]" {
		t.Errorf("amr = %s", amr)
	}
	if acr := claim(t, tokens, "acr"); acr != login.ACRMulti {
		t.Errorf("acr = %s", acr)
	}

	// Another browser: the code of the enrolment is spent, the next one works, once.
	other := h.browser()
	prompt := other.password(other.begin("castle"), "kim", goodPassword)
	wantStatus(t, prompt, http.StatusOK, "Enter your code")
	submit := func(b *browser, flow, code string) page {
		return b.post("/signin/factor", url.Values{"flow": {flow}, "code": {code}})
	}
	wantStatus(t, submit(other, flowOf(prompt), h.totp(secretText)), http.StatusUnauthorized, "not right")
	h.clock.Advance(30 * time.Second)
	fresh := h.totp(secretText)
	h.code(submit(other, flowOf(prompt), fresh))
	third := h.browser()
	wantStatus(t, submit(third, flowOf(third.password(third.begin("castle"), "kim", goodPassword)), fresh), http.StatusUnauthorized, "not right")
}

// TestFactorCannotBePassed: with the password alone nobody enrols another factor, or goes on without.
func TestFactorCannotBePassed(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.castle, h.harbour)
	b := h.browser()
	h.code(b.confirm(b.password(b.begin("castle"), "kim", goodPassword)))

	thief := h.browser()
	flow := flowOf(thief.password(thief.begin("castle"), "kim", goodPassword))
	for _, path := range []string{"/signin/enrol", "/signin/organization", "/signin/password", "/signin/connector"} {
		p := thief.post(path, url.Values{
			"flow": {flow}, "code": {"123456"}, "organization": {string(h.harbour.ID)}, "identifier": {"kim"}, "password": {"wrong"}, "connector": {"up"},
		})
		wantStatus(t, p, http.StatusOK, "Enter your code")
	}
	// Nor does a code come before the password.
	wantStatus(t, thief.post("/signin/factor", url.Values{"flow": {thief.begin("castle")}, "code": {"123456"}}), http.StatusOK, "Password")
	// A factor protects its account where no organization demands it, too.
	wantStatus(t, thief.password(thief.begin("harbour"), "kim", goodPassword), http.StatusOK, "Enter your code")
	wantStatus(t, thief.get(h.authorizeURL("harbour", "prompt", "none")), http.StatusSeeOther, "")
	if p := thief.get(h.authorizeURL("harbour", "prompt", "none")); p.location.Query().Get("error") != "login_required" {
		t.Errorf("prompt=none answers %s", p.location)
	}
}

func claim(t *testing.T, p page, name string) string {
	t.Helper()
	claims := accessClaims(t, p)
	raw, _ := json.Marshal(claims[name])
	return strings.NewReplacer(`"`, "", ",", " ").Replace(string(raw))
}

func TestFactorAttempts(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.castle)
	b := h.browser()
	p := b.password(b.begin("castle"), "kim", goodPassword)
	secretText := secretOn(t, p)
	h.code(b.confirm(p))
	h.clock.Advance(time.Hour)
	thief := h.browser()
	flow := flowOf(thief.password(thief.begin("castle"), "kim", goodPassword))
	limited := 0
	for range 15 {
		if p := thief.post("/signin/factor", url.Values{"flow": {flow}, "code": {"000000"}}); p.status == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited < 5 {
		t.Errorf("%d of 15 guesses were refused", limited)
	}
	if p := thief.post("/signin/factor", url.Values{"flow": {flow}, "code": {h.totp(secretText)}}); p.status != http.StatusTooManyRequests {
		t.Errorf("a right code beyond the limit: %d", p.status)
	}
	// Later the account's codes work again, but not in the flow of all these guesses.
	h.clock.Advance(6 * time.Minute)
	if p := thief.post("/signin/factor", url.Values{"flow": {flow}, "code": {h.totp(secretText)}}); p.status != http.StatusTooManyRequests {
		t.Errorf("a right code beyond the limit of the flow: %d", p.status)
	}
	h.code(thief.post("/signin/factor", url.Values{"flow": {flowOf(thief.password(thief.begin("castle"), "kim", goodPassword))}, "code": {h.totp(secretText)}}))
}

func TestOrganizations(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.castle, h.harbour)
	b := h.browser()
	p := b.password(b.begin("shared"), "kim", goodPassword)
	wantStatus(t, p, http.StatusOK, "Choose an organization")
	pick := func(organization string) page {
		return b.post("/signin/organization", url.Values{"flow": {flowOf(p)}, "organization": {organization}})
	}
	wantStatus(t, pick("not mine"), http.StatusOK, "Choose an organization")
	tokens := h.exchange("shared", h.code(pick(string(h.harbour.ID))))
	if slug := claim(t, tokens, "org_slug"); slug != "harbour" {
		t.Errorf("org_slug = %s", slug)
	}
	// Asked for by name, there is no page; a foreign one is refused.
	tokens = h.exchange("shared", h.code(b.get(h.authorizeURL("shared", "organization", "harbour"))))
	if slug := claim(t, tokens, "org_slug"); slug != "harbour" {
		t.Errorf("org_slug = %s", slug)
	}
	ada := h.browser()
	wantStatus(t, ada.password(ada.begin("shared", "organization", "castle"), "ada", goodPassword), http.StatusForbidden, "not a member")
}

func TestSignOut(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	tokens := h.exchange("harbour", h.code(b.password(b.begin("harbour"), "ada", goodPassword)))
	wantStatus(t, h.userinfo(tokens), http.StatusOK, h.ada.Email[:0])
	wantStatus(t, b.post("/signout", url.Values{}), http.StatusOK, "signed out")
	wantStatus(t, h.userinfo(tokens), http.StatusUnauthorized, "invalid_token")
	if p := h.refresh("harbour", tokens); p.status != http.StatusBadRequest {
		t.Errorf("refresh after sign-out: %d %s", p.status, p.text)
	}
	b.begin("harbour")
}

// TestDisabledUser: an account that was disabled is out at the next request of any kind.
func TestDisabledUser(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	tokens := h.exchange("harbour", h.code(b.password(b.begin("harbour"), "ada", goodPassword)))
	ada := h.ada
	ada.Active = false
	if err := h.db.UpdateUser(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, h.userinfo(tokens), http.StatusUnauthorized, "invalid_token")
	if p := h.refresh("harbour", tokens); p.status != http.StatusBadRequest {
		t.Errorf("refresh: %d", p.status)
	}
	flow := b.begin("harbour")
	wantStatus(t, b.password(flow, "ada", goodPassword), http.StatusUnauthorized, "did not match")
}

func (h *house) userinfo(tokens page) page {
	return h.browser().send(http.MethodGet, provider.UserinfoPath, nil, "Authorization", "Bearer "+field(h.t, tokens, "access_token"))
}

func (h *house) refresh(client string, tokens page) page {
	return h.browser().send(http.MethodPost, provider.TokenPath, url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {field(h.t, tokens, "refresh_token")}, "client_id": {client}, "client_secret": {clientSecret},
	})
}

// TestFactorIsOfOneUser: a factor shown for one account does not count for another whose session the browser gets meanwhile.
func TestFactorIsOfOneUser(t *testing.T) {
	h := newHouse(t)
	h.person("mallory", h.harbour, h.castle)
	h.person("kim", h.harbour, h.castle)
	for _, name := range []string{"mallory", "kim"} {
		b := h.browser()
		h.code(b.confirm(b.password(b.begin("castle"), name, goodPassword)))
	}
	b := h.browser()
	first := b.password(b.begin("castle"), "mallory", goodPassword)
	wantStatus(t, first, http.StatusOK, "Enter your code")
	wantStatus(t, b.password(b.begin("castle"), "kim", goodPassword), http.StatusOK, "Enter your code")
	wantStatus(t, b.get("/signin?flow="+flowOf(first)), http.StatusOK, "Enter your code")
}
