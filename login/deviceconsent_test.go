package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/provider"
	"gatehouse/tenancy"
)

// TestDeviceAsTheOneShown: whoever approves does so as the person and for the organization that his page showed, whatever another
// tab of the browser or the client's registration has made of it.
func TestDeviceAsTheOneShown(t *testing.T) {
	h := newHouse(t)
	h.devices()
	pier := must[tenancy.Organization](t)(h.directory.CreateOrganization(t.Context(), tenancy.System("test"), tenancy.Organization{Name: "Pier", Slug: "pier"}))
	h.person("bo", h.harbour, pier)
	h.person("kim", h.harbour, pier)
	for name, meanwhile := range map[string]func(b *browser){
		"another person": func(b *browser) { h.code(b.password(b.begin("harbour", "prompt", "login"), "bo", goodPassword)) },
		"a client that moved": func(*browser) {
			h.clients(func(c *provider.Client) { c.Organization = h.harbour.ID })
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.clients(func(c *provider.Client) { c.Organization = "" })
			tv, b := h.device("tv"), h.browser()
			h.code(b.password(b.begin("harbour"), "kim", goodPassword))
			p := b.enter(tv.UserCode)
			wantStatus(t, p, http.StatusOK, "Choose an organization")
			p = b.post("/signin/organization", url.Values{"flow": {flowOf(p)}, "organization": {string(pier.ID)}})
			wantStatus(t, p, http.StatusOK, "Pier")
			meanwhile(b)
			answered := b.decide(p, "approve")
			if strings.Contains(answered.text, "Your device is signed in") {
				t.Error("approved")
			}
			if got := h.poll("tv", tv); got.status == http.StatusOK {
				t.Error("the device has tokens")
			}
		})
	}
}

// clients changes the device's client, and waits until that is known.
func (h *house) clients(change func(*provider.Client)) {
	h.t.Helper()
	found := must[provider.Client](h.t)(h.db.Client(h.t.Context(), "tv"))
	change(&found)
	if err := h.db.SaveClient(h.t.Context(), found); err != nil {
		h.t.Fatal(err)
	}
	h.clock.Advance(5e9)
}

// TestDeviceIsAConsent: what somebody lets a device see is among his consents, is asked for each time, and ends when he takes it back.
func TestDeviceIsAConsent(t *testing.T) {
	h := newHouse(t)
	h.devices()
	tv, b := h.device("tv"), h.browser()
	p := b.password(flowOf(b.enter(tv.UserCode)), "ada", goodPassword)
	if scopes := h.consentOf(h.ada.ID, "tv"); len(scopes) > 0 {
		t.Errorf("before the answer: %q", scopes)
	}
	b.decide(p, "approve")
	if scopes := h.consentOf(h.ada.ID, "tv"); strings.Join(scopes, " ") != "openid offline_access siblings.read" {
		t.Errorf("remembered: %q", scopes)
	}
	waiting := h.device("tv")
	p = b.enter(waiting.UserCode)
	wantStatus(t, p, http.StatusOK, "Is this your device?")
	b.decide(p, "approve")
	wantStatus(t, h.poll("tv", tv), http.StatusOK, "refresh_token")
	h.takeBack("tv")
	wantStatus(t, h.poll("tv", waiting), http.StatusBadRequest, "invalid_grant")

	h.clients(func(c *provider.Client) { c.FirstParty = true })
	own := h.device("tv")
	b.decide(b.enter(own.UserCode), "approve")
	wantStatus(t, h.poll("tv", own), http.StatusOK, "refresh_token")
	if scopes := h.consentOf(h.ada.ID, "tv"); len(scopes) > 0 {
		t.Errorf("of a first-party client: %q", scopes)
	}
}
