package login_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/connectors"
	"gatehouse/login"
	"gatehouse/tenancy"
)

// endings are the ways that the session of a browser can end, but for its time.
func endings(h *house) map[string]func(*testing.T, *browser, tenancy.User) {
	scope, inactive := tenancy.System("test"), false
	check := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]func(*testing.T, *browser, tenancy.User){
		"sign-out": func(t *testing.T, b *browser, _ tenancy.User) {
			wantStatus(t, b.post("/signout", url.Values{}), http.StatusOK, "signed out")
		},
		"somebody-else": func(t *testing.T, b *browser, _ tenancy.User) {
			h.code(b.password(b.begin("harbour", "prompt", "login"), "ada", goodPassword))
		},
		"password": func(t *testing.T, _ *browser, user tenancy.User) {
			check(t, h.directory.SetPassword(t.Context(), scope, user.ID, "quartz heron lantern 9"))
		},
		"deactivation": func(t *testing.T, _ *browser, user tenancy.User) {
			_, err := h.directory.UpdateUser(t.Context(), scope, user.ID, tenancy.UserChange{Active: &inactive})
			check(t, err)
		},
		"deletion": func(t *testing.T, _ *browser, user tenancy.User) {
			check(t, h.directory.DeleteUser(t.Context(), scope, user.ID))
		},
		"one-session": func(t *testing.T, _ *browser, user tenancy.User) {
			headers, err := h.handler.Sessions.OfUser(t.Context(), user.ID)
			check(t, err)
			check(t, login.SignOut{Sessions: h.handler.Sessions, Provider: h.provider}.End(t.Context(), headers[0].ID))
		},
		"everywhere": func(t *testing.T, _ *browser, user tenancy.User) {
			check(t, h.directory.Sessions.EndOfUser(t.Context(), user.ID, ""))
		},
	}
}

// TestOrganizationSignsOut: who came through an organization's own connector is signed out with it, when it says so or is disabled; its
// members who came another way are not.
func TestOrganizationSignsOut(t *testing.T) {
	scope := tenancy.System("test")
	for name, end := range map[string]func(h *house) error{
		"says so": func(h *house) error { return h.directory.EndSessionsOf(t.Context(), scope, h.castle.ID) },
		"disabled": func(h *house) error {
			_, err := h.directory.SetOrganizationActive(t.Context(), scope, h.castle.ID, false, 0)
			return err
		},
		"deleted": func(h *house) error {
			_, err := h.directory.DeleteOrganization(t.Context(), scope, h.castle.ID)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := leaving(t)
			both := h.person("both", h.harbour, h.castle)
			if err := h.directory.LinkIdentity(t.Context(), scope, tenancy.Identity{Connector: "castles", Subject: "s", User: both.ID}); err != nil {
				t.Fatal(err)
			}
			h.upstream.identity = connectors.Identity{Subject: "s"}
			b, local := h.browser(), h.browser()
			h.code(local.password(local.begin("harbour"), "both", goodPassword))
			tokens := h.exchange("castle", h.code(b.confirm(b.get(callback("castles", b.toUpstream(b.begin("castle"), "castles"))))))
			if err := end(h); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"castle"}, h.notices.clients()); diff != "" {
				t.Error(diff)
			}
			b.wantSignedIn(false)
			local.wantSignedIn(true)
			wantStatus(t, h.userinfo(tokens), http.StatusUnauthorized, "invalid_token")
		})
	}
}
