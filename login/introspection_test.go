package login_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

// introspect asks about a token of a page as the client, and returns the claims of the answer.
func (h *house) introspect(client string, tokens page, name string) map[string]any {
	h.t.Helper()
	got := h.browser().send(http.MethodPost, provider.IntrospectPath, url.Values{
		"token": {field(h.t, tokens, name)}, "client_id": {client}, "client_secret": {clientSecret},
	})
	var claims map[string]any
	if err := json.Unmarshal([]byte(got.text), &claims); err != nil || got.status != http.StatusOK {
		h.t.Fatalf("introspection: %d %s", got.status, got.text)
	}
	return claims
}

func membershipOf(t *testing.T, h *house) tenancy.Membership {
	t.Helper()
	memberships := must[[]tenancy.Membership](t)(h.db.Memberships(t.Context(), tenancy.System("test"), h.ada.ID))
	return memberships[0]
}

// TestEndsAreFeltAtOnce: what ends a person's place in an organization ends access and refresh tokens at the next question and at the
// next refresh, in each way in which it can end.
func TestEndsAreFeltAtOnce(t *testing.T) {
	system := tenancy.System("test")
	for name, end := range map[string]func(t *testing.T, h *house){
		"account disabled": func(t *testing.T, h *house) {
			for _, result := range h.directory.SetUsersActive(t.Context(), system, []id.User{h.ada.ID}, false) {
				if result.Err != nil {
					t.Fatal(result.Err)
				}
			}
		},
		"account deleted": func(t *testing.T, h *house) { wantNil(t, h.directory.DeleteUser(t.Context(), system, h.ada.ID)) },
		"membership removed": func(t *testing.T, h *house) {
			wantNil(t, h.directory.RemoveMember(t.Context(), system, membershipOf(t, h).ID))
		},
		"organization disabled": func(t *testing.T, h *house) {
			must[tenancy.Organization](t)(h.directory.SetOrganizationActive(t.Context(), system, h.harbour.ID, false, 0))
		},
		"account over": func(t *testing.T, h *house) {
			today := tenancy.DateOf(h.clock.Now())
			must[tenancy.User](t)(h.directory.UpdateUser(t.Context(), system, h.ada.ID, tenancy.UserChange{Expires: &today}))
			h.clock.Advance(6 * time.Minute) // past midnight
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			midnight := h.clock.Now().Truncate(24 * time.Hour).Add(24 * time.Hour)
			h.clock.Advance(midnight.Sub(h.clock.Now()) - 5*time.Minute)
			b := h.browser()
			tokens := h.exchange("shared", h.code(b.password(b.begin("shared"), "ada", goodPassword)))
			for _, token := range []string{"access_token", "refresh_token"} {
				if got := h.introspect("shared", tokens, token); got["active"] != true || got["org_slug"] != "harbour" {
					t.Fatalf("%s from the beginning: %v", token, got)
				}
			}
			end(t, h)
			for _, token := range []string{"access_token", "refresh_token"} {
				if got := h.introspect("shared", tokens, token); len(got) != 1 || got["active"] != false {
					t.Errorf("%s: %v", token, got)
				}
			}
			wantStatus(t, h.refresh("shared", tokens), http.StatusBadRequest, "invalid_grant")
			wantStatus(t, h.userinfo(tokens), http.StatusUnauthorized, "invalid_token")
		})
	}
}

// TestRolesAreOfToday: a changed role and new permissions show at the next question and in the next token.
func TestRolesAreOfToday(t *testing.T) {
	h, system := newHouse(t), tenancy.System("test")
	b := h.browser()
	tokens := h.exchange("shared", h.code(b.password(b.begin("shared", "scope", "openid offline_access permissions"), "ada", goodPassword)))
	role := func(tokens page) any { return h.introspect("shared", tokens, "access_token")["org_role"] }
	if before := role(tokens); before != "member" && before != "owner" {
		t.Fatalf("role %v", before)
	}
	h.person("bo", h.harbour)
	must[tenancy.Membership](t)(h.directory.ChangeRole(t.Context(), system, h.harbour.ID, h.ada.ID, tenancy.Manager))
	changed := string(membershipOf(t, h).Role)
	if got := role(tokens); got != changed {
		t.Errorf("role %v, want %s", got, changed)
	}
	wantNil(t, h.directory.SetUserPermissions(t.Context(), system, h.ada.ID, []tenancy.Permission{tenancy.ViewUser}))
	got := h.introspect("shared", tokens, "access_token")
	if listed, _ := got["permissions"].([]any); len(listed) != 1 || listed[0] != string(tenancy.ViewUser) {
		t.Errorf("permissions %v", got["permissions"])
	}
	refreshed := h.refresh("shared", tokens)
	wantStatus(t, refreshed, http.StatusOK, "access_token")
	if got := h.introspect("shared", refreshed, "access_token"); got["org_role"] != changed {
		t.Errorf("after the refresh: %v", got)
	}
}

func wantNil(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestIntrospectionStatements: an answer about a person's token reads what he may now; one about a client's reads almost nothing.
func TestIntrospectionStatements(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	tokens := h.exchange("shared", h.code(b.password(b.begin("shared"), "ada", goodPassword)))
	h.introspect("shared", tokens, "access_token") // clients are known from here on
	for _, step := range []struct {
		name, token string
		most        int
	}{{"introspection of an access token", "access_token", 3}, {"introspection of a refresh token", "refresh_token", 4}} {
		statements := h.counted(func() { h.introspect("shared", tokens, step.token) })
		t.Logf("%s: %d statements", step.name, len(statements))
		for _, text := range statements {
			if !strings.HasPrefix(text, "SELECT") {
				t.Errorf("%s writes: %s", step.name, text)
			}
		}
		if len(statements) > step.most {
			t.Errorf("%s costs %d statements:\n%s", step.name, len(statements), strings.Join(statements, "\n"))
		}
	}
	statements := h.counted(func() {
		wantStatus(t, h.browser().send(http.MethodPost, provider.RevokePath, url.Values{
			"token": {field(t, tokens, "access_token")}, "client_id": {"shared"}, "client_secret": {clientSecret},
		}), http.StatusOK, "")
	})
	t.Logf("revocation of an access token: %d statements", len(statements))
	if len(statements) > 1 {
		t.Errorf("a revocation costs\n%s", strings.Join(statements, "\n"))
	}
}
