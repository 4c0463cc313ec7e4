package provider_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/session"
)

func (f *fixture) changeClient(client id.Client, change func(*provider.Client)) {
	f.t.Helper()
	found, err := f.db.Client(f.t.Context(), client)
	must(f.t, err)
	change(&found)
	must(f.t, f.db.SaveClient(f.t.Context(), found))
	f.clock.advance(4 * time.Second)
}

// TestRefreshDropsLostScopes: what the client may not ask for any more, its refresh tokens do not give either; when it may again, they do.
func TestRefreshDropsLostScopes(t *testing.T) {
	f := open(t)
	first := f.tokens()
	f.changeClient("web", func(c *provider.Client) { c.Scopes = []string{"openid", "profile"} })
	second := f.refresh(first.Refresh)
	if second.Scope != "openid profile offline_access" || payload(t, second.Access)["permissions"] != nil || payload(t, second.Access)["groups"] != nil {
		t.Errorf("after the client has lost scopes: %s", second.body)
	}
	f.wantError(f.post(refreshing(second.Refresh, "scope", "email groups")), http.StatusBadRequest, "invalid_scope")
	narrow := f.refresh(second.Refresh, "scope", "openid email")
	if narrow.Scope != "openid" {
		t.Errorf("narrowed: %s", narrow.body)
	}
	f.changeClient("web", func(c *provider.Client) { c.Scopes = []string{"profile", "email"} })
	if without := f.refresh(narrow.Refresh); without.ID != "" || without.Scope != "profile email offline_access" {
		t.Errorf("an ID token without openid: %s", without.body)
	}
}

// TestRefreshAfterTheClient: a client that may not refresh any more, or is disabled, does not.
func TestRefreshAfterTheClient(t *testing.T) {
	f := open(t)
	first := f.tokens()
	f.changeClient("web", func(c *provider.Client) { c.GrantTypes = []string{"authorization_code"} })
	f.wantError(f.post(refreshing(first.Refresh)), http.StatusBadRequest, "unauthorized_client")
	f.changeClient("web", func(c *provider.Client) { c.Enabled = false })
	f.wantError(f.post(refreshing(first.Refresh)), http.StatusUnauthorized, "invalid_client")
	f.changeClient("web", func(c *provider.Client) {
		c.Enabled, c.GrantTypes = true, []string{"authorization_code", "refresh_token"}
	})
	f.refresh(first.Refresh)
}

// TestRefreshFinishesARevocation: a revocation that was broken off after the denial, before the grant was written, holds for good.
func TestRefreshFinishesARevocation(t *testing.T) {
	for _, what := range []string{"grant", "sid"} {
		f := open(t)
		first := f.tokens()
		name := map[string]string{"grant": "grant_id", "sid": "sid"}[what]
		value, _ := payload(t, first.Access)[name].(string)
		key := session.Key{Kind: session.KindDenied, ID: what + ":" + value}
		must(t, f.ephemeral.Create(t.Context(), key, session.Entry{Expires: f.clock.Now().Add(time.Minute)}))
		if f.active(first.Refresh) {
			t.Errorf("%s: denied, and active", what)
		}
		f.wantError(f.post(refreshing(first.Refresh)), http.StatusBadRequest, "invalid_grant")
		f.clock.advance(time.Hour)
		f.wantError(f.post(refreshing(first.Refresh)), http.StatusBadRequest, "invalid_grant")
	}
}

// TestNarrowedTokenTellsLess: a token of fewer scopes, made for somebody who is trusted less, does not tell him what was asked for claim by claim beyond them.
func TestNarrowedTokenTellsLess(t *testing.T) {
	f := open(t)
	got := f.tokens("scope", "openid profile offline_access", "claims", `{"userinfo":{"email":null,"name":null}}`)
	for scope, want := range map[string][2]bool{"": {true, true}, "openid profile": {false, true}, "openid": {false, false}} {
		refreshed := f.post(refreshing(got.Refresh, "scope", scope))
		got.Refresh = refreshed.Refresh
		told := f.userinfo(refreshed.Access).body
		if has := [2]bool{strings.Contains(told, `"email"`), strings.Contains(told, `"name"`)}; has != want {
			t.Errorf("scope %q: %s", scope, told)
		}
	}
}
