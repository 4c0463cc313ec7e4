package login_test

import (
	"net/http"
	"testing"

	"gatehouse/tenancy"
)

// TestANewPasswordEndsOldGrants: refresh tokens outlive the browser session that they came from, but not the password.
func TestANewPasswordEndsOldGrants(t *testing.T) {
	h := newHouse(t)
	h.handler.Sessions.Idle, h.handler.Sessions.Absolute = day, day
	b := h.browser()
	tokens := h.exchange("shared", h.code(b.password(b.begin("shared"), "ada", goodPassword)))
	h.clock.Advance(2 * day)
	tokens = h.refresh("shared", tokens)
	wantStatus(t, tokens, http.StatusOK, "refresh_token")
	if err := h.directory.SetPassword(t.Context(), tenancy.System("test"), h.ada.ID, otherPassword); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, h.refresh("shared", tokens), http.StatusBadRequest, "invalid_grant")
}
