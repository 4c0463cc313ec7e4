package login_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/connectors"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

type begun struct {
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	Complete   string `json:"verification_uri_complete"`
}

// devices registers a client for devices for each client of the house.
func (h *house) devices() {
	for _, c := range []provider.Client{{ID: "tv", Name: "Television"}, {ID: "castle-tv", Name: "Castle's television", Organization: h.castle.ID}} {
		c.AuthMethod, c.GrantTypes, c.Scopes, c.Enabled = provider.AuthNone, []string{deviceGrant, "refresh_token"}, []string{"openid", "siblings.read"}, true
		if err := h.db.SaveClient(h.t.Context(), c); err != nil {
			h.t.Fatal(err)
		}
	}
	h.clock.Advance(4 * time.Second)
}

func (h *house) device(client string) begun {
	h.t.Helper()
	p := h.browser().post(provider.DevicePath, url.Values{"client_id": {client}, "scope": {"openid offline_access siblings.read"}})
	var b begun
	if err := json.Unmarshal([]byte(p.text), &b); err != nil || p.status != http.StatusOK {
		h.t.Fatalf("device authorization: %d %s", p.status, p.text)
	}
	return b
}

func (h *house) poll(client string, b begun) page {
	return h.browser().post(provider.TokenPath, url.Values{"grant_type": {deviceGrant}, "device_code": {b.DeviceCode}, "client_id": {client}})
}

// enter types the code into the page.
func (b *browser) enter(code string) page {
	return b.post("/device", url.Values{"user_code": {code}})
}

func (b *browser) decide(p page, decision string) page {
	return b.post("/signin/device", url.Values{"flow": {flowOf(p)}, "agreement": agreementOf(p), "decision": {decision}})
}

// agreementOf is what the page of a question would have its button agree to; nothing for other pages.
func agreementOf(p page) []string {
	found := regexp.MustCompile(`name="agreement" value="([^"]+)"`).FindStringSubmatch(p.text)
	return found[min(1, len(found)):]
}

// TestDevice is the whole way: code, sign-in, question, answer.
func TestDevice(t *testing.T) {
	h := newHouse(t)
	h.devices()
	tv, b := h.device("tv"), h.browser()
	wantStatus(t, b.get(strings.TrimPrefix(tv.Complete, h.url)), http.StatusOK, `value="`+tv.UserCode+`"`)
	wantStatus(t, b.get("/device?user_code=%3Cscript%3E"), http.StatusOK, "Enter the code")
	p := b.enter(strings.ToLower(strings.ReplaceAll(tv.UserCode, "-", " ")))
	wantStatus(t, p, http.StatusOK, "Television")
	flow := flowOf(p)
	p = b.password(flow, "ada", goodPassword)
	for _, want := range []string{"Is this your device?", "Television", tv.UserCode, "ada@x.example", "Harbour", "127.0.0.1, your network", "Know that it is you", "Keep this access", "siblings.read"} {
		if !strings.Contains(p.text, want) {
			t.Errorf("the question does not say %q: %s", want, visible(p))
		}
	}
	wantStatus(t, h.poll("tv", tv), http.StatusBadRequest, "authorization_pending")
	wantStatus(t, b.get("/signin?flow="+flow), http.StatusOK, "Is this your device?") // looking at it decides nothing
	wantStatus(t, b.decide(p, ""), http.StatusOK, "Is this your device?")
	wantStatus(t, h.poll("tv", tv), http.StatusBadRequest, "slow_down")
	wantStatus(t, b.decide(p, "approve"), http.StatusOK, "Your device is signed in")
	wantStatus(t, h.poll("tv", tv), http.StatusOK, "id_token")
	wantStatus(t, b.get("/"), http.StatusOK, "signed in as")
	wantStatus(t, b.decide(p, "approve"), http.StatusBadRequest, "no longer valid")
	wantStatus(t, b.enter(tv.UserCode), http.StatusNotFound, "No device waits")

	// Who is signed in is asked at once, and nothing happens without a press.
	second := h.device("tv")
	p = b.enter(second.UserCode)
	wantStatus(t, p, http.StatusOK, "Is this your device?")
	wantStatus(t, b.decide(p, "deny"), http.StatusOK, "The device was refused")
	wantStatus(t, h.poll("tv", second), http.StatusBadRequest, "access_denied")
}

// TestDeviceIsNotForOthers: another browser cannot answer the question, nor a form of another site, nor an address.
func TestDeviceIsNotForOthers(t *testing.T) {
	h := newHouse(t)
	h.devices()
	tv, b, other := h.device("tv"), h.browser(), h.browser()
	p := b.password(flowOf(b.enter(tv.UserCode)), "ada", goodPassword)
	wantStatus(t, other.decide(p, "approve"), http.StatusBadRequest, "no longer valid")
	form := url.Values{"flow": {flowOf(p)}, "agreement": agreementOf(p), "decision": {"approve"}}
	wantStatus(t, b.send(http.MethodPost, "/signin/device", form, "Sec-Fetch-Site", "cross-site"), http.StatusForbidden, "another site")
	wantStatus(t, b.send(http.MethodPost, "/device", url.Values{"user_code": {tv.UserCode}}, "Sec-Fetch-Site", "cross-site"), http.StatusForbidden, "another site")
	wantStatus(t, b.get("/signin/device?"+form.Encode()), http.StatusOK, "Is this your device?")
	wantStatus(t, h.poll("tv", tv), http.StatusBadRequest, "authorization_pending")
}

// TestDeviceBeforeSignIn: the answer is taken at its step only.
func TestDeviceBeforeSignIn(t *testing.T) {
	h := newHouse(t)
	h.devices()
	tv, b := h.device("tv"), h.browser()
	p := b.enter(tv.UserCode)
	wantStatus(t, b.decide(p, "approve"), http.StatusOK, "Password")
	wantStatus(t, b.decide(p, "deny"), http.StatusOK, "Password")
	wantStatus(t, h.poll("tv", tv), http.StatusBadRequest, "authorization_pending")
}

// TestDeviceOfOrganization: the rules of organizations and factors are those of every sign-in.
func TestDeviceOfOrganization(t *testing.T) {
	h := newHouse(t)
	h.devices()
	kim := h.person("kim", h.castle)
	tv, b := h.device("castle-tv"), h.browser()
	p := b.enter(tv.UserCode)
	wantStatus(t, p, http.StatusOK, "own") // its own connector is offered
	wantStatus(t, b.password(flowOf(p), "ada", goodPassword), http.StatusForbidden, "not a member")
	p = b.post("/signin/another", url.Values{"flow": {flowOf(p)}})
	wantStatus(t, p, http.StatusOK, "tele") // the same device still
	p = b.password(flowOf(p), "kim", goodPassword)
	wantStatus(t, p, http.StatusOK, "Set up two")
	wantStatus(t, b.decide(p, "approve"), http.StatusOK, "Set up two")
	p = b.confirm(p)
	wantStatus(t, p, http.StatusOK, "Is this your device?")
	wantStatus(t, b.decide(p, "approve"), http.StatusOK, "signed in")
	answer := h.poll("castle-tv", tv)
	wantStatus(t, answer, http.StatusOK, "access_token")
	var tokens struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(answer.text), &tokens); err != nil {
		t.Fatal(err)
	}
	token, err := h.provider.VerifyAccessToken(t.Context(), tokens.Access)
	if err != nil || token.Subject != string(kim.ID) || token.Organization != h.castle.ID {
		t.Errorf("token: %+v, %v", token, err)
	}
}

// TestDevicePicksOrganization: who belongs to several is asked for which.
func TestDevicePicksOrganization(t *testing.T) {
	h := newHouse(t)
	h.devices()
	pier := must[tenancy.Organization](t)(h.directory.CreateOrganization(t.Context(), tenancy.System("test"), tenancy.Organization{Name: "Pier", Slug: "pier"}))
	h.person("kim", h.harbour, pier)
	tv, b := h.device("tv"), h.browser()
	p := b.password(flowOf(b.enter(tv.UserCode)), "kim", goodPassword)
	wantStatus(t, p, http.StatusOK, "Choose an organization")
	p = b.post("/signin/organization", url.Values{"flow": {flowOf(p)}, "organization": {string(pier.ID)}})
	wantStatus(t, p, http.StatusOK, "Pier")
	b.decide(p, "approve")
	wantStatus(t, h.poll("tv", tv), http.StatusOK, "access_token")
}

// TestDeviceThroughConnector: the flow survives the way to an upstream.
func TestDeviceThroughConnector(t *testing.T) {
	h := newHouse(t)
	h.devices()
	h.upstream.identity = connectors.Identity{Subject: "s1", Emails: []connectors.Email{{Address: "new@x.example", Verified: true}}}
	tv, b := h.device("tv"), h.browser()
	p := b.post("/signin/connector", url.Values{"flow": {flowOf(b.enter(tv.UserCode))}, "connector": {"up"}})
	if p.location == nil {
		t.Fatalf("no way to the upstream: %s", visible(p))
	}
	p = b.get("/signin/callback/up?state=" + p.location.Query().Get("state"))
	wantStatus(t, p, http.StatusOK, "Is this your device?")
	wantStatus(t, b.decide(p, "approve"), http.StatusOK, "signed in")
	wantStatus(t, h.poll("tv", tv), http.StatusOK, "access_token")
}

// TestDeviceGoneMeanwhile: a device that expired, was decided elsewhere, or whose client went, ends the sign-in with a page.
func TestDeviceGoneMeanwhile(t *testing.T) {
	h := newHouse(t)
	h.devices()
	tv, b, elsewhere := h.device("tv"), h.browser(), h.browser()
	p := b.password(flowOf(b.enter(tv.UserCode)), "ada", goodPassword)
	other := elsewhere.password(flowOf(elsewhere.enter(tv.UserCode)), "ada", goodPassword)
	elsewhere.decide(other, "deny")
	wantStatus(t, b.decide(p, "approve"), http.StatusNotFound, "does not wait any more")
	wantStatus(t, h.poll("tv", tv), http.StatusBadRequest, "access_denied")
	tv = h.device("tv")
	p = b.enter(tv.UserCode)
	h.clock.Advance(10 * time.Minute)
	wantStatus(t, b.decide(p, "approve"), http.StatusNotFound, "does not wait any more")
}

// TestDeviceCodeGuessing: by address without a session, by account with one; and a right code in between resets nothing.
func TestDeviceCodeGuessing(t *testing.T) {
	h := newHouse(t)
	h.devices()
	guess := func(b *browser, address string) page {
		return b.send(http.MethodPost, "/device", url.Values{"user_code": {"BBBB-BBBB"}}, "X-Forwarded-For", address)
	}
	stranger := h.browser()
	for range 30 {
		wantStatus(t, guess(stranger, "198.51.100.1"), http.StatusNotFound, "No device waits")
	}
	wantStatus(t, guess(h.browser(), "198.51.100.1"), http.StatusTooManyRequests, "Too many attempts")
	wantStatus(t, guess(stranger, "198.51.100.2"), http.StatusNotFound, "No device waits")

	ada := h.browser()
	h.code(ada.password(ada.begin("harbour"), "ada", goodPassword))
	wantStatus(t, guess(ada, "198.51.100.1"), http.StatusNotFound, "No device waits") // strangers there lock nobody out who is signed in
	for i := range 9 {
		if i == 5 {
			wantStatus(t, ada.send(http.MethodPost, "/device", url.Values{"user_code": {h.device("tv").UserCode}}, "X-Forwarded-For", "198.51.100.1"), http.StatusOK, "your device?")
			continue
		}
		wantStatus(t, guess(ada, "198.51.100.1"), http.StatusNotFound, "No device waits")
	}
	wantStatus(t, guess(ada, "198.51.100.1"), http.StatusTooManyRequests, "Too many attempts")
	h.clock.Advance(5 * time.Minute)
	for i := range 50 { // one account from many addresses
		guess(ada, "203.0.113."+string(rune('0'+i%10)))
	}
	wantStatus(t, guess(ada, "203.0.113.77"), http.StatusTooManyRequests, "Too many attempts")
	wantStatus(t, guess(h.browser(), "203.0.113.77"), http.StatusNotFound, "No device waits")
}

func TestDeviceCodeForms(t *testing.T) {
	h := newHouse(t)
	for _, typed := range []string{"", "BBBB", "1234-5678", "AEIO-UAEI", strings.Repeat("B", 5000), "BBBB-BBBB-BBBB"} {
		wantStatus(t, h.browser().enter(typed), http.StatusUnprocessableEntity, "That is not a code")
	}
	wantStatus(t, h.browser().get("/device/screen?user_code=bbbbbbbb"), http.StatusOK, "BBBB-BBBB")
	wantStatus(t, h.browser().get("/device/screen?user_code=%3Cb%3E"), http.StatusNotFound, "no such code")
}
