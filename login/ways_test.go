package login_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/connectors"
)

// reference is the one that a page shows.
func reference(t *testing.T, p page) string {
	t.Helper()
	match := regexp.MustCompile(`Reference <code>([^<]+)</code>`).FindStringSubmatch(p.text)
	if match == nil {
		t.Fatalf("the page shows no reference: %s", visible(p))
	}
	return match[1]
}

// eventOf is the log's line of a request.
func (h *house) eventOf(id string) string {
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, "request_id="+id+" ") {
			return line
		}
	}
	return ""
}

// TestReferences: under the reference of a page about a failed sign-in the log has the cause, wherever it failed.
func TestReferences(t *testing.T) {
	h := newHouse(t)
	for name, c := range map[string]struct {
		begin, finish error
		identity      connectors.Identity
		cause         string
	}{
		"on the way there": {begin: &connectors.Error{Reason: connectors.ReasonSetup, Err: http.ErrBodyNotAllowed}, cause: "reason=setup"},
		"on the way back":  {finish: &connectors.Error{Reason: connectors.ReasonSetup, Err: http.ErrBodyNotAllowed}, cause: "reason=setup"},
		"by the rules":     {identity: connectors.Identity{Subject: "x", Emails: []connectors.Email{{Address: "ada@x.example"}}}, cause: "reason=refused"},
	} {
		t.Run(name, func(t *testing.T) {
			h.upstream.begin, h.upstream.finish, h.upstream.identity = c.begin, c.finish, c.identity
			b := h.browser()
			p := b.post("/signin/connector", url.Values{"flow": {b.begin("harbour")}, "connector": {"up"}})
			if p.location != nil {
				p = b.get(callback("up", p.location.Query().Get("state")))
			}
			if event := h.eventOf(reference(t, p)); !strings.Contains(event, c.cause) || !strings.Contains(event, "connector=up") {
				t.Errorf("the event of the reference is %q, want %s", event, c.cause)
			}
		})
	}
}

// anotherAccount presses the page's button for somebody else.
func (b *browser) anotherAccount(p page) page {
	b.h.t.Helper()
	match := regexp.MustCompile(`action="(/signin/another[^"]*)"`).FindStringSubmatch(p.text)
	if match == nil {
		b.h.t.Fatalf("there is no way to another account: %s", visible(p))
	}
	return b.post(html.UnescapeString(match[1]), url.Values{})
}

// TestAnotherAccount: whoever is signed in with the wrong account gets on with another one, for the same client.
func TestAnotherAccount(t *testing.T) {
	h := newHouse(t)
	h.person("stranger", h.castle)
	b := h.browser()
	tokens := h.exchange("castle", h.code(b.confirm(b.password(b.begin("castle"), "stranger", goodPassword))))
	refused := b.get(h.authorizeURL("harbour"))
	wantStatus(t, refused, http.StatusForbidden, "No access for this account")
	p := b.anotherAccount(refused)
	wantStatus(t, p, http.StatusOK, "Harbour Client")
	h.code(b.password(flowOf(p), "ada", goodPassword))
	wantStatus(t, h.userinfo(tokens), http.StatusUnauthorized, "invalid_token") // the first session has ended
	wantStatus(t, b.anotherAccount(refused), http.StatusBadRequest, "no longer valid")
}

// TestAnotherAccountThanExpected: a hint at one user while another is signing in.
func TestAnotherAccountThanExpected(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.harbour)
	ada := h.browser()
	hint := field(t, h.exchange("harbour", h.code(ada.password(ada.begin("harbour"), "ada", goodPassword))), "id_token")
	b := h.browser()
	refused := b.password(b.begin("harbour", "id_token_hint", hint), "kim", goodPassword)
	wantStatus(t, refused, http.StatusForbidden, "Somebody else was expected")
	h.code(b.password(flowOf(b.anotherAccount(refused)), "ada", goodPassword))
}

// TestAnotherAccountAtTheCode: the code page names the account as the app does, and has a way out that leaves another's session alone.
func TestAnotherAccountAtTheCode(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.castle, h.harbour)
	enrolling := h.browser()
	p := enrolling.password(enrolling.begin("castle"), "kim", goodPassword)
	wantStatus(t, p, http.StatusOK, "Not kim@x.example?")
	h.code(enrolling.confirm(p))

	b := h.browser()
	h.code(b.password(b.begin("harbour"), "ada", goodPassword))
	prompt := b.password(b.begin("harbour", "prompt", "login"), "kim", goodPassword)
	wantStatus(t, prompt, http.StatusOK, "<strong>Test</strong> (kim@x.example)")
	b.anotherAccount(prompt)
	wantStatus(t, b.get("/"), http.StatusOK, "signed in as <strong>ada</strong>")
}

// TestFormAddresses: the address that a form leaves in the address bar leads back to where the flow is.
func TestFormAddresses(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour")
	form := regexp.MustCompile(`action="(/signin/password[^"]*)"`).FindStringSubmatch(b.get("/signin?flow=" + flow).text)
	wrong := b.post(html.UnescapeString(form[1]), url.Values{"identifier": {"ada"}, "password": {"wrong"}})
	wantStatus(t, wrong, http.StatusUnauthorized, "did not match")
	again := b.get(wrong.address.RequestURI())
	wantStatus(t, again, http.StatusOK, "Harbour Client")
	if flowOf(again) != flow {
		t.Errorf("at %s, want the flow %s", again.address, flow)
	}
	for _, path := range []string{"password", "connector", "factor", "enrol", "new-password", "organization", "another", "secure"} {
		wantStatus(t, b.get("/signin/"+path), http.StatusOK, "Sign in")
	}
	if p := b.get("/signout"); p.address.Path != "/signin" {
		t.Errorf("/signout leads to %s", p.address)
	}
}

// TestWaitIsTold: a page that refuses says for how long, and leads back.
func TestWaitIsTold(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour")
	for range 10 {
		b.password(flow, "ada", "wrong")
	}
	h.clock.Advance(90 * time.Second)
	wantStatus(t, b.password(flow, "ada", goodPassword), http.StatusTooManyRequests, "about 14 minutes. /signin?flow="+flow)
}

// TestSecure: anybody may set up a second factor; a session that is not fresh signs in again first.
func TestSecure(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.password(flowOf(b.get("/signin")), "ada", goodPassword)
	wantStatus(t, b.get("/"), http.StatusOK, `action="/signin/secure"`)
	h.clock.Advance(11 * time.Minute)
	p := b.post("/signin/secure", url.Values{})
	wantStatus(t, p, http.StatusOK, "Sign in again first")
	p = b.password(flowOf(p), "ada", goodPassword)
	wantStatus(t, p, http.StatusOK, "Not now")
	wantStatus(t, b.confirm(p), http.StatusOK, "On: an authenticator app")

	h.clock.Advance(time.Minute)
	other := h.browser()
	wantStatus(t, other.password(other.begin("harbour"), "ada", goodPassword), http.StatusOK, "Enter your code")
	fresh := h.browser()
	h.person("kim", h.harbour)
	fresh.password(flowOf(fresh.get("/signin")), "kim", goodPassword)
	wantStatus(t, fresh.confirm(fresh.post("/signin/secure", url.Values{})), http.StatusOK, "On: an authenticator app")
}

// TestSecureThroughUpstream: the upstream must ask anew, or its older session would stand in for the owner.
func TestSecureThroughUpstream(t *testing.T) {
	h := newHouse(t)
	h.upstream.identity = connectors.Identity{Subject: "s-1", Username: "nadia", Emails: []connectors.Email{{Address: "nadia@x.example", Verified: true}}}
	b := h.browser()
	b.get(callback("up", b.toUpstream(b.begin("harbour"), "up")))
	h.clock.Advance(time.Hour)
	p := b.get(callback("up", b.toUpstream(flowOf(b.post("/signin/secure", url.Values{})), "up")))
	wantStatus(t, p, http.StatusOK, "Set up two‑step sign-in")
	if first, second := h.upstream.finished[0].ForceLogin, h.upstream.finished[1].ForceLogin; first || !second {
		t.Errorf("forced: %v at the first sign-in, %v at the second", first, second)
	}
}

// TestSetupSaysSo: after the set-up the sign-in page tells what was done, and a superuser's home does not ask him to find a manager.
func TestSetupSaysSo(t *testing.T) {
	h := newHouse(t)
	link := must[string](t)(h.handler.NewSetupLink(t.Context()))
	token := must[*url.URL](t)(url.Parse(link)).Query().Get("token")
	b := h.browser()
	p := b.post("/setup", url.Values{"token": {token}, "username": {"root"}, "password": {goodPassword}})
	wantStatus(t, p, http.StatusOK, "Administrator created")
	wantStatus(t, b.password(flowOf(p), "root", goodPassword), http.StatusOK, "You administer the whole installation")
}
