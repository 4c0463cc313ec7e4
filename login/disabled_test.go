package login_test

import (
	"net/http"
	"strings"
	"testing"

	"gatehouse/tenancy"
)

// TestDisabledOrganization: its managers still read it in the directory, but nobody, whatever he is there, gets a token for it.
func TestDisabledOrganization(t *testing.T) {
	for _, role := range []tenancy.Role{tenancy.Member, tenancy.Owner} {
		t.Run(string(role), func(t *testing.T) { disabledOrganization(t, role) })
	}
}

func disabledOrganization(t *testing.T, role tenancy.Role) {
	h, system := newHouse(t), tenancy.System("test")
	if role == tenancy.Owner {
		must[tenancy.Membership](t)(h.directory.ChangeRole(t.Context(), system, h.harbour.ID, h.ada.ID, tenancy.Manager))
	}
	b := h.browser()
	tokens := h.exchange("harbour", h.code(b.password(b.begin("harbour"), "ada", goodPassword)))
	code := h.code(b.get(h.authorizeURL("harbour")))
	must[tenancy.Organization](t)(h.directory.SetOrganizationActive(t.Context(), system, h.harbour.ID, false, 0))
	scope := must[tenancy.Scope](t)(h.directory.Scope(t.Context(), h.ada.ID))
	if covers := scope.Covers(h.harbour.ID); covers != (role == tenancy.Owner) {
		t.Errorf("the %s's scope covers it: %v", role, covers)
	}

	wantStatus(t, h.userinfo(tokens), http.StatusUnauthorized, "invalid_token")
	for what, p := range map[string]page{"refresh": h.refresh("harbour", tokens), "code": h.exchange("harbour", code)} {
		if p.status != http.StatusBadRequest || strings.Contains(p.text, "access_token") {
			t.Errorf("%s: %d %s", what, p.status, p.text)
		}
	}
	for what, address := range map[string]string{
		"its client": h.authorizeURL("harbour"), "asked for by slug": h.authorizeURL("shared", "organization", "harbour"),
		"asked for by id": h.authorizeURL("shared", "organization", string(h.harbour.ID)), "the only one": h.authorizeURL("shared"),
	} {
		if p := b.get(address); p.status != http.StatusForbidden || p.location != nil {
			t.Errorf("%s: %d, location %v", what, p.status, p.location)
		}
	}
	if home := b.get("/"); strings.Contains(home.text, "Harbour") {
		t.Error("it is offered")
	}

	must[tenancy.Organization](t)(h.directory.SetOrganizationActive(t.Context(), system, h.harbour.ID, true, 0))
	h.exchange("harbour", h.code(b.get(h.authorizeURL("harbour"))))
}
