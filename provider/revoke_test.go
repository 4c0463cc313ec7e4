package provider_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/store/redisdb"
)

func TestRevokeRefreshToken(t *testing.T) {
	f := open(t)
	got := f.tokens()
	again := f.refresh(got.Refresh)
	f.mustRevoke("web", webSecret, again.Refresh)
	f.mustRevoke("web", webSecret, again.Refresh) // twice is fine
	f.wantError(f.post(refreshing(again.Refresh)), http.StatusBadRequest, "invalid_grant")
	f.wantDead(got.Access)
	f.wantDead(again.Access)
	if f.active(again.Refresh) || f.active(again.Access) {
		t.Error("a revoked token is active")
	}
}

// TestPitfallGAnyGenerationRevokesTheFamily: fosite answers 200 to a refresh token that was exchanged before, and does nothing.
func TestPitfallGAnyGenerationRevokesTheFamily(t *testing.T) {
	f := open(t)
	first := f.tokens()
	second := f.refresh(first.Refresh)
	third := f.refresh(second.Refresh)
	f.clock.advance(time.Hour)
	fourth := f.refresh(third.Refresh)
	f.mustRevoke("web", webSecret, first.Refresh)
	f.wantError(f.post(refreshing(fourth.Refresh)), http.StatusBadRequest, "invalid_grant")
	f.wantDead(fourth.Access)
}

// TestRevokeAccessToken: the one token, not its grant.
func TestRevokeAccessToken(t *testing.T) {
	f := open(t)
	first := f.tokens()
	second := f.refresh(first.Refresh)
	f.mustRevoke("web", webSecret, first.Access)
	f.wantDead(first.Access)
	f.wantAlive(second.Access)
	f.refresh(second.Refresh)
	f.clock.advance(10*time.Minute - time.Second)
	f.wantDead(first.Access)
}

// TestRevocationOutlivesAShorterLifetime: what was issued under a longer lifetime stays revoked for that long.
func TestRevocationOutlivesAShorterLifetime(t *testing.T) {
	f := open(t)
	f.config.Lifetimes.Access = 2 * time.Hour
	f.restart()
	access := f.tokens().Access
	f.config.Lifetimes.Access = time.Minute
	f.restart()
	f.mustRevoke("web", webSecret, access)
	f.clock.advance(119 * time.Minute)
	f.wantDead(access)
}

func TestRevokeAsPublicClient(t *testing.T) {
	f := open(t)
	code := f.code(request("client_id", "spa", "redirect_uri", "https://spa.example.com/"))
	got := f.post(redeem(code, "client_id", "spa", "client_secret", "", "redirect_uri", "https://spa.example.com/"))
	if got.Refresh == "" {
		t.Fatalf("no refresh token: %s", got.body)
	}
	f.mustRevoke("spa", "", got.Refresh)
	f.wantDead(got.Access)
}

// TestRevocationOfOthersTokens: they are as unknown ones: 200, and nothing happens.
func TestRevocationOfOthersTokens(t *testing.T) {
	f := open(t)
	f.register(provider.Client{ID: "server", ResourceServer: true}, f.like("other", func(*provider.Client) {}))
	got := f.tokens()
	again := f.refresh(got.Refresh)
	for _, client := range []string{"server", "other"} {
		for _, token := range []string{got.Access, got.Refresh, again.Refresh, got.ID, "unknown", "gtr_", "gto_unknown", again.Refresh + "A"} {
			f.mustRevoke(client, apiSecret, token)
		}
	}
	f.mustRevoke("spa", "", again.Refresh)
	f.mustRevoke("web", webSecret, got.ID) // an ID token is none to revoke
	f.wantAlive(got.Access)
	f.refresh(again.Refresh)
}

// TestRevocationOfForgedTokens: who knows a grant's name from an access token cannot end the grant.
func TestRevocationOfForgedTokens(t *testing.T) {
	f := open(t)
	got := f.tokens()
	grant, _ := payload(t, got.Access)["grant_id"].(string)
	for _, forged := range []string{
		"gtr_" + grant + ".1." + strings.Repeat("A", 43) + "." + strings.Repeat("A", 43), "gtr_" + grant, got.Refresh[:len(got.Refresh)-1],
		strings.Replace(got.Refresh, ".1.", ".2.", 1), got.Access[:len(got.Access)-5] + "AAAAA",
	} {
		f.mustRevoke("web", webSecret, forged)
	}
	f.wantAlive(got.Access)
	f.refresh(got.Refresh)
}

func TestRevocationErrors(t *testing.T) {
	f := open(t)
	good := f.tokens()
	for name, c := range map[string]struct {
		got    answer
		status int
		code   string
	}{
		"nobody":       {f.ask(provider.RevokePath, form("token", good.Refresh)), 401, "invalid_client"},
		"wrong secret": {f.revokeAs("web", "wrong", good.Refresh), 401, "invalid_client"},
		"no secret":    {f.revokeAs("web", "", good.Refresh), 401, "invalid_client"},
		"disabled":     {f.revokeAs("off", webSecret, good.Refresh), 401, "invalid_client"},
		"no token":     {f.revokeAs("web", webSecret, ""), 400, "invalid_request"},
		"GET":          {f.send(httptest.NewRequest(http.MethodGet, provider.RevokePath+"?token="+good.Refresh, nil)), 405, "invalid_request"},
	} {
		if c.got.status != c.status || c.got.Error != c.code {
			t.Errorf("%s: %d %s", name, c.got.status, c.got.body)
		}
		if c.status == 401 && c.got.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", name)
		}
	}
	f.refresh(good.Refresh)
}

// brokenGrants is a database that goes away when a grant is to be revoked; brokenDenials a session store that cannot be written.
type brokenGrants struct{ provider.Store }

func (brokenGrants) RevokeGrant(context.Context, id.Grant, time.Time, time.Time) error {
	return fmt.Errorf("revoke: %w", store.ErrUnavailable)
}

type brokenDenials struct{ session.Store }

func (s brokenDenials) Create(ctx context.Context, key session.Key, entry session.Entry) error {
	if key.Kind == session.KindDenied {
		return fmt.Errorf("create: %w", store.ErrUnavailable)
	}
	return s.Store.Create(ctx, key, entry)
}

func (s brokenDenials) Delete(ctx context.Context, keys ...session.Key) error {
	return errors.Join(store.ErrUnavailable, s.Store.Delete(ctx))
}

// TestPitfallFRevocationTellsOfFailure: fosite answers 200 when the storage is away, and the token stays in force.
func TestPitfallFRevocationTellsOfFailure(t *testing.T) {
	for name, breakIt := range map[string]func(*provider.Config){
		"grants":  func(c *provider.Config) { c.Store = brokenGrants{c.Store} },
		"denials": func(c *provider.Config) { c.Ephemeral = brokenDenials{c.Ephemeral} },
	} {
		t.Run(name, func(t *testing.T) {
			f := openWithOpaque(t)
			got, opaque := f.tokens(), f.tokensOf("opaque")
			good := f.config
			breakIt(&f.config)
			f.restart()
			wants := []answer{f.revokeAs("web", webSecret, got.Refresh)}
			if name == "denials" {
				wants = append(wants, f.revokeAs("web", webSecret, got.Access), f.revokeAs("opaque", apiSecret, opaque.Access))
			}
			for _, failed := range wants {
				f.wantError(failed, http.StatusServiceUnavailable, "temporarily_unavailable")
				if failed.header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
			f.config = good
			f.restart()
			f.mustRevoke("web", webSecret, got.Refresh) // the client tries again
			f.wantDead(got.Access)
			f.wantError(f.post(refreshing(got.Refresh)), http.StatusBadRequest, "invalid_grant")
		})
	}
}

// onEachStore runs a test on SQLite, on PostgreSQL, and on SQLite with Redis for what is short-lived.
func onEachStore(t *testing.T, test func(t *testing.T, f *fixture)) {
	onEachDatabase(t, test)
	t.Run("redis", func(t *testing.T) {
		f := open(t)
		opened, err := redisdb.Open(t.Context(), redisdb.Options{URL: secret.New(testenv.Redis(t)), Prefix: "test:" + secret.Token(6) + ":", Now: f.clock.Now})
		must(t, err)
		t.Cleanup(func() { _ = opened.Close() })
		f.ephemeral, f.config.Ephemeral = opened, opened
		f.restart()
		test(t, f)
	})
}

// TestPitfallERevocationBeatsRefresh: whatever refreshes in flight get from a grant while its token is revoked is worth nothing, as soon as
// the revocation is answered.
func TestPitfallERevocationBeatsRefresh(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		for round := range 20 {
			first := f.tokens()
			turn := make(chan int, 16)
			for i := range 16 {
				turn <- i
			}
			answers := race(16, func() answer {
				if <-turn == round%16 {
					return f.revokeAs("web", webSecret, first.Refresh)
				}
				return f.post(refreshing(first.Refresh))
			})
			for _, got := range append(answers, first) {
				if got.status != http.StatusOK && got.Error != "invalid_grant" {
					t.Fatalf("answer: %d %s", got.status, got.body)
				}
				if got.Access == "" {
					continue
				}
				f.wantDead(got.Access)
				if f.active(got.Access) || f.active(got.Refresh) {
					t.Error("active")
				}
				f.wantError(f.post(refreshing(got.Refresh)), http.StatusBadRequest, "invalid_grant")
			}
		}
	})
}

// TestRevocationRace: many revoke one token at once; all are told that it is void, and it is.
func TestRevocationRace(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		got := f.tokens()
		for _, token := range []string{got.Access, got.Refresh} {
			for _, answered := range race(16, func() answer { return f.revokeAs("web", webSecret, token) }) {
				if answered.status != http.StatusOK {
					t.Errorf("answer: %d %s", answered.status, answered.body)
				}
			}
			f.wantDead(got.Access)
		}
		f.wantError(f.post(refreshing(got.Refresh)), http.StatusBadRequest, "invalid_grant")
	})
}
