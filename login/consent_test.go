package login_test

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// answering is the form of a consent page.
func answering(t *testing.T, p page, answer string) url.Values {
	t.Helper()
	found := regexp.MustCompile(`name="agreement" value="([^"]+)"`).FindStringSubmatch(p.text)
	if found == nil {
		t.Fatalf("no consent page: %d at %s: %s", p.status, p.address, visible(p))
	}
	return url.Values{"flow": {flowOf(p)}, "agreement": {found[1]}, "answer": {answer}}
}

func (b *browser) agree(p page) page {
	b.h.t.Helper()
	return b.post("/signin/consent", answering(b.h.t, p, "agree"))
}

func (h *house) consentOf(user id.User, client id.Client) []string {
	h.t.Helper()
	consent, err := h.db.Consent(h.t.Context(), user, client, h.harbour.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		h.t.Fatal(err)
	}
	return consent.Scopes
}

func TestConsent(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	asked := b.password(b.begin("stranger"), "ada", goodPassword)
	for _, text := range []string{"Stranger", "Harbour", "client.example", "Know that it is you", "Keep this access while you are away", "Privacy policy", "Terms of use", "Not ada?"} {
		if !strings.Contains(visible(asked), text) {
			t.Errorf("the page does not say %q: %s", text, visible(asked))
		}
	}
	if strings.Contains(visible(asked), "openid") {
		t.Errorf("the page asks for what people know nothing of: %s", visible(asked))
	}
	if len(h.consentOf(h.ada.ID, "stranger")) > 0 {
		t.Error("a consent before the answer")
	}
	wantStatus(t, h.exchange("stranger", h.code(b.agree(asked))), http.StatusOK, "refresh_token")
	if scopes := h.consentOf(h.ada.ID, "stranger"); strings.Join(scopes, " ") != "openid offline_access" {
		t.Errorf("remembered: %q", scopes)
	}
	h.code(b.get(h.authorizeURL("stranger"))) // nobody is asked again
	h.code(b.get(h.authorizeURL("stranger", "scope", "openid", "prompt", "none")))
	more := b.get(h.authorizeURL("stranger", "scope", "openid permissions"))
	if text := strings.Join(strings.Fields(visible(more)), " "); !strings.Contains(text, "It asks for more than before See and use what you are permitted") || !strings.Contains(text, "You agreed already that it may Know that it is you") {
		t.Errorf("for a new scope: %s", text)
	}
	more = b.get(h.authorizeURL("stranger", "scope", "openid offline_access permissions"))
	if _, known, _ := strings.Cut(visible(more), "You agreed already"); !strings.Contains(known, "Keep this access while you are away") || strings.Contains(known, "permitted") {
		t.Errorf("known: %s", visible(more))
	}
	h.code(b.agree(more))
	if scopes := h.consentOf(h.ada.ID, "stranger"); strings.Join(scopes, " ") != "openid offline_access permissions" {
		t.Errorf("remembered: %q", scopes)
	}
}

// TestConsentToClaims: what a client asks for claim by claim is asked of the person, too.
func TestConsentToClaims(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	h.code(b.agree(b.password(b.begin("stranger"), "ada", goodPassword)))
	asked := b.get(h.authorizeURL("stranger", "claims", `{"userinfo":{"permissions":null}}`))
	if !strings.Contains(visible(asked), "what you are permitted to do") {
		t.Errorf("the page does not ask: %s", visible(asked))
	}
	h.code(b.agree(asked))
	h.code(b.get(h.authorizeURL("stranger", "claims", `{"id_token":{"permissions":{"essential":true}}}`)))
}

func TestConsentDenied(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	asked := b.password(b.begin("stranger"), "ada", goodPassword)
	form := answering(t, asked, "deny")
	p := b.post("/signin/consent", form)
	if p.location == nil || p.location.Query().Get("error") != "access_denied" || p.location.Query().Get("state") != "the-state" || p.location.Query().Get("iss") != h.url {
		t.Fatalf("denied: %d, %v", p.status, p.location)
	}
	if again := b.agree(asked); again.status != http.StatusBadRequest || again.location != nil {
		t.Errorf("the flow goes on: %d, %v", again.status, again.location)
	}
	if len(h.consentOf(h.ada.ID, "stranger")) > 0 {
		t.Error("a consent is remembered")
	}
}

// TestConsentWhenAsked: prompt=consent asks each time, a first-party client's users too; prompt=none asks nobody.
func TestConsentWhenAsked(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	h.code(b.password(b.begin("shared"), "ada", goodPassword))
	silent := b.get(h.authorizeURL("stranger", "prompt", "none"))
	if silent.location == nil || silent.location.Query().Get("error") != "consent_required" {
		t.Errorf("prompt=none: %d, %v", silent.status, silent.location)
	}
	for range 2 {
		h.code(b.agree(b.get(h.authorizeURL("shared", "prompt", "consent"))))
		h.code(b.agree(b.get(h.authorizeURL("stranger", "prompt", "consent"))))
	}
}

// TestConsentIsExact: nobody agrees to what he was not shown.
func TestConsentIsExact(t *testing.T) {
	h := newHouse(t)
	h.person("bo", h.harbour)
	b := h.browser()
	asked := b.password(b.begin("stranger"), "ada", goodPassword)
	form := answering(t, asked, "agree")
	form.Set("agreement", "")
	if p := b.post("/signin/consent", form); p.location != nil || len(h.consentOf(h.ada.ID, "stranger")) > 0 {
		t.Errorf("without an agreement: %v", p.location)
	}

	other := h.browser()
	page := other.password(other.begin("stranger", "scope", "openid"), "bo", goodPassword)
	form = answering(t, page, "agree")
	form.Set("agreement", answering(t, asked, "agree").Get("agreement")) // Ada's, for more
	if p := other.post("/signin/consent", form); p.location != nil {
		t.Errorf("with another's agreement: %v", p.location)
	}

	// The person in the browser changes between the page and the button.
	third := h.browser()
	h.code(third.password(third.begin("shared"), "ada", goodPassword))
	page = third.get(h.authorizeURL("stranger"))
	form = answering(t, page, "agree")
	h.code(third.password(third.begin("shared", "prompt", "login"), "bo", goodPassword))
	if p := third.post("/signin/consent", form); p.location != nil {
		t.Errorf("another person agreed: %v", p.location)
	}
}

// TestConsentIsOfOneOrganization: what somebody agreed to for the one, the client does not get of the other.
func TestConsentIsOfOneOrganization(t *testing.T) {
	h := newHouse(t)
	desk, err := h.directory.CreateOrganization(t.Context(), tenancy.System("test"), tenancy.Organization{Name: "Desk", Slug: "desk"})
	if err != nil {
		t.Fatal(err)
	}
	h.person("cy", h.harbour, desk)
	b := h.browser()
	h.code(b.agree(b.password(b.begin("stranger", "organization", "harbour"), "cy", goodPassword)))
	h.code(b.get(h.authorizeURL("stranger", "organization", "harbour")))
	answering(t, b.get(h.authorizeURL("stranger", "organization", "desk")), "agree")
}

// TestConsentTakenBack: a code on its way, refresh tokens and access tokens end with the consent, and a new consent counts at once.
func TestConsentTakenBack(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	tokens := h.exchange("stranger", h.code(b.agree(b.password(b.begin("stranger"), "ada", goodPassword))))
	short := h.exchange("stranger", h.code(b.get(h.authorizeURL("stranger", "scope", "openid")))) // writes no grant
	shared := h.exchange("shared", h.code(b.get(h.authorizeURL("shared"))))
	onItsWay := h.code(b.get(h.authorizeURL("stranger", "scope", "openid")))
	h.takeBack("stranger")
	wantStatus(t, h.exchange("stranger", onItsWay), http.StatusBadRequest, "taken back the consent")
	wantStatus(t, h.refresh("stranger", tokens), http.StatusBadRequest, "invalid_grant")
	for name, c := range map[string]struct {
		tokens page
		status int
	}{"refreshable": {tokens, http.StatusUnauthorized}, "short": {short, http.StatusUnauthorized}, "another client's": {shared, http.StatusOK}} {
		if got := h.browser().send(http.MethodGet, provider.UserinfoPath, nil, "Authorization", "Bearer "+accessToken(t, c.tokens)); got.status != c.status {
			t.Errorf("userinfo with a token that is %s: %d", name, got.status)
		}
	}
	h.clock.Advance(5e9)
	h.takeBack("stranger") // once more is no error
	h.clock.Advance(5e9)
	fresh := h.exchange("stranger", h.code(b.agree(b.get(h.authorizeURL("stranger")))))
	if got := h.browser().send(http.MethodGet, provider.UserinfoPath, nil, "Authorization", "Bearer "+accessToken(t, fresh)); got.status != http.StatusOK {
		t.Errorf("after a new consent: %d %s", got.status, got.text)
	}
}

func (h *house) takeBack(client id.Client) {
	h.t.Helper()
	err := h.provider.EndConsent(h.t.Context(), h.ada.ID, client)
	if err == nil {
		_, err = h.db.DeleteConsents(h.t.Context(), h.ada.ID, client, h.clock.Now())
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func accessToken(t *testing.T, p page) string {
	t.Helper()
	found := regexp.MustCompile(`"access_token":"([^"]+)"`).FindStringSubmatch(p.text)
	if found == nil {
		t.Fatalf("no access token: %d %s", p.status, p.text)
	}
	return found[1]
}
