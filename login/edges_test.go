package login_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/connectors"
	"gatehouse/login"
	"gatehouse/session"
	"gatehouse/store"
)

// TestEnrolBeforeTheOffer: a code for a factor that no page has offered yet is at the wrong step.
func TestEnrolBeforeTheOffer(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	b.password(flowOf(b.get("/signin")), "ada", goodPassword)
	stay := *b.client
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	begun := (&browser{h: h, client: &stay}).post("/signin/secure", url.Values{}) // without the page that it leads to
	if begun.location == nil {
		t.Fatalf("%d %s", begun.status, begun.text)
	}
	p := b.post("/signin/enrol", url.Values{"flow": {begun.location.Query().Get("flow")}, "code": {"000000"}})
	if p.status >= http.StatusInternalServerError {
		t.Errorf("%d %s", p.status, visible(p))
	}
}

// TestEnrolWithoutOrganization: who secures his account while no organization and no client is in question is offered a factor, too.
func TestEnrolWithoutOrganization(t *testing.T) {
	h := newHouse(t)
	h.person("lone")
	b := h.browser()
	b.password(flowOf(b.get("/signin")), "lone", goodPassword)
	wantStatus(t, b.post("/signin/secure", url.Values{}), http.StatusOK, "Not now")
}

// TestLogoutOfNobodyByClient: whom nobody can ask is told that he is signed out, and by a link of whom.
func TestLogoutOfNobodyByClient(t *testing.T) {
	h := leaving(t)
	if p := h.browser().get(logoutURL("client_id", "harbour")); p.address.Path != "/signed-out" || p.address.Query().Get("client_id") != "harbour" {
		t.Errorf("at %s: %s", p.address, visible(p))
	}
}

// TestLogoutConfirmedByNobody: the session has ended between the question and the answer.
func TestLogoutConfirmedByNobody(t *testing.T) {
	h := leaving(t)
	b := h.browser()
	b.idToken("harbour", "ada")
	asked := b.get(logoutURL())
	b.post("/signout", url.Values{})
	wantStatus(t, b.confirmLogout(asked), http.StatusOK, "You are signed out")
}

// TestSignedOutOfAClientWithoutPage: there is no way back to a client that has no page.
func TestSignedOutOfAClientWithoutPage(t *testing.T) {
	h := newHouse(t)
	if p := h.browser().get("/signed-out?client_id=harbour"); p.status != http.StatusOK || strings.Contains(p.text, "Back to") {
		t.Errorf("%d %s", p.status, visible(p))
	}
}

// silent is a connector that can do nothing but sign people in.
type silent struct{ connectors.Connector }

// TestUpstreamThatCannotSignOut: with such a connector people leave as after a local sign-in.
func TestUpstreamThatCannotSignOut(t *testing.T) {
	h := leaving(t)
	b := h.throughUpstream()
	h.handler.Connectors = connectors.NewSet([]connectors.Configured{{ID: "up", Name: "Upstream", Enabled: true, Connector: silent{h.upstream}}})
	wantStatus(t, b.post("/signout", url.Values{}), http.StatusOK, "You are signed out")
}

// TestEndOneOfUser: a session is ended as one of its user, not of whom the request names.
func TestEndOneOfUser(t *testing.T) {
	h := leaving(t)
	b := h.browser()
	b.idToken("harbour", "ada")
	signOut := login.SignOut{Sessions: h.handler.Sessions, Provider: h.provider}
	held := must[[]session.Header](t)(h.handler.Sessions.OfUser(t.Context(), h.ada.ID))
	kim := h.person("kim", h.harbour)
	if err := signOut.EndOneOfUser(t.Context(), kim.ID, held[0].ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ada's session as kim's: %v", err)
	}
	b.wantSignedIn(true)
	if err := signOut.EndOneOfUser(t.Context(), h.ada.ID, held[0].ID); err != nil {
		t.Error(err)
	}
	b.wantSignedIn(false)
	if err := signOut.EndOneOfUser(t.Context(), h.ada.ID, held[0].ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("once more: %v", err)
	}
}
