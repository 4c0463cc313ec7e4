package provider_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store"
)

// node is another node on the same stores.
func (f *fixture) node() *fixture {
	f.t.Helper()
	other := *f
	other.Provider = f.another()
	router := chi.NewRouter()
	other.Mount(router)
	other.handler = router
	return &other
}

// onTwoNodes posts as a client does that a balancer sends to one node and to the other.
func (f *fixture) onTwoNodes() func(url.Values) answer {
	f.t.Helper()
	other, turn := f.node(), atomic.Int64{}
	return func(values url.Values) answer {
		if turn.Add(1)%2 == 0 {
			return other.post(values)
		}
		return f.post(values)
	}
}

// TestRevocationReachesEveryNode: what one node revokes, another, which has accepted it a moment before, refuses at each of its endpoints.
func TestRevocationReachesEveryNode(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		f.register(f.like("opaque", func(c *provider.Client) { c.AccessTokenFormat = provider.FormatOpaque }))
		other := f.node()
		for name, revoke := range map[string]func(got, opaque answer){
			"access token": func(got, opaque answer) {
				f.mustRevoke("web", webSecret, got.Access)
				f.mustRevoke("opaque", apiSecret, opaque.Access)
			},
			"refresh token": func(got, opaque answer) {
				f.mustRevoke("web", webSecret, got.Refresh)
				f.mustRevoke("opaque", apiSecret, opaque.Refresh)
			},
		} {
			got, opaque := f.tokens(), f.tokensOf("opaque")
			other.wantAlive(got.Access)
			other.wantAlive(opaque.Access)
			revoke(got, opaque)
			other.wantDead(got.Access)
			other.wantDead(opaque.Access)
			if other.active(got.Access) {
				t.Errorf("%s: the other node says that it is active", name)
			}
			if name == "refresh token" {
				other.wantError(other.post(refreshing(got.Refresh)), http.StatusBadRequest, "invalid_grant")
			}
		}
		got := f.tokens() // the session comes last: everything is of it
		other.wantAlive(got.Access)
		must(t, f.EndSession(t.Context(), browser))
		other.wantDead(got.Access)
		other.wantError(other.post(refreshing(got.Refresh)), http.StatusBadRequest, "invalid_grant")
	})
}

// awayDenials is a session store of which the list of denials cannot be read.
type awayDenials struct{ session.Store }

func (awayDenials) Any(context.Context, ...session.Key) (bool, error) {
	return false, fmt.Errorf("any: %w", store.ErrUnavailable)
}

// TestNoDenialsNoAnswer: where nobody can say whether a token was revoked, it is neither accepted nor called void.
func TestNoDenialsNoAnswer(t *testing.T) {
	f := openWithOpaque(t)
	got, opaque := f.tokens(), f.tokensOf("opaque")
	f.config.Ephemeral = awayDenials{f.config.Ephemeral}
	f.restart()
	for _, access := range []string{got.Access, opaque.Access} {
		if _, err := f.VerifyAccessToken(t.Context(), access); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("verification: %v", err)
		}
		f.wantError(f.userinfo(access), http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	for _, token := range []string{got.Access, got.Refresh} {
		asked := f.ask(provider.IntrospectPath, form("client_id", "web", "client_secret", webSecret, "token", token))
		f.wantError(asked, http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	f.wantError(f.post(refreshing(got.Refresh)), http.StatusServiceUnavailable, "temporarily_unavailable")
}

// TestOpaqueTokenOfAnotherIssuer: providers that share a session store do not take each other's tokens.
func TestOpaqueTokenOfAnotherIssuer(t *testing.T) {
	f := openWithOpaque(t)
	access := f.tokensOf("opaque").Access
	f.config.Issuer = "https://other.example.com"
	f.restart()
	f.wantUnknown(access)
	if _, err := f.ephemeral.Find(t.Context(), session.Key{Kind: session.KindOpaque, ID: secret.Hash(access)}); err != nil {
		t.Errorf("the token is gone: %v", err)
	}
}
