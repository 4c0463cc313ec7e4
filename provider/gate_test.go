package provider_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/session"
)

// gate lets nobody through before all have come.
type gate struct {
	all  sync.WaitGroup
	once [2]sync.Once
}

func newGate() *gate {
	g := &gate{}
	g.all.Add(2)
	return g
}

// pass counts the first two who come and holds them until both are there; later ones just pass.
func (g *gate) pass() {
	for i := range g.once {
		first := false
		g.once[i].Do(func() { first = true; g.all.Done() })
		if first {
			break
		}
	}
	g.all.Wait()
}

// gatedCodes lets two requests both read a code before either may write.
type gatedCodes struct {
	session.Store
	gate *gate
}

func (s gatedCodes) Find(ctx context.Context, key session.Key) (session.Entry, error) {
	entry, err := s.Store.Find(ctx, key)
	if key.Kind == session.KindCode {
		s.gate.pass()
	}
	return entry, err
}

// gatedGrants does the same for grants.
type gatedGrants struct {
	provider.Store
	gate *gate
}

func (s gatedGrants) Grant(ctx context.Context, grant id.Grant) (provider.Grant, error) {
	found, err := s.Store.Grant(ctx, grant)
	s.gate.pass()
	return found, err
}

// TestCodeReadTwiceAtOnce: both have read a fresh code; the write decides.
func TestCodeReadTwiceAtOnce(t *testing.T) {
	f := open(t)
	code := f.code(request("scope", "openid"))
	f.config.Ephemeral = gatedCodes{f.ephemeral, newGate()}
	f.restart()
	won := 0
	for _, got := range race(2, func() answer { return f.post(redeem(code)) }) {
		if got.status == http.StatusOK {
			won++
			f.wantDead(got.Access)
			continue
		}
		f.wantError(got, http.StatusBadRequest, "invalid_grant")
	}
	if won != 1 {
		t.Errorf("%d redeemed the code", won)
	}
}

// TestRefreshReadTwiceAtOnce: both have read the grant; the one who loses the write gets the winner's successor.
func TestRefreshReadTwiceAtOnce(t *testing.T) {
	f := open(t)
	first := f.tokens()
	f.config.Store = gatedGrants{f.db, newGate()}
	f.restart()
	answers := race(2, func() answer { return f.post(refreshing(first.Refresh)) })
	if answers[0].Refresh == "" || answers[0].Refresh != answers[1].Refresh {
		t.Fatalf("answers: %s, %s", answers[0].body, answers[1].body)
	}
	f.refresh(answers[0].Refresh)
}

// revokedMeanwhile revokes a grant right after it was read.
type revokedMeanwhile struct{ provider.Store }

func (s revokedMeanwhile) Grant(ctx context.Context, grant id.Grant) (provider.Grant, error) {
	found, err := s.Store.Grant(ctx, grant)
	if err == nil {
		err = s.RevokeGrant(ctx, grant, found.Rotated, found.Expires)
	}
	return found, err
}

func TestRevokedBetweenReadAndRotation(t *testing.T) {
	f := open(t)
	first := f.tokens()
	f.config.Store = revokedMeanwhile{f.db}
	f.restart()
	f.wantError(f.post(refreshing(first.Refresh)), http.StatusBadRequest, "invalid_grant")
}

// overtaken lets another request with the same token win, and has the grant revoked before the loser looks again.
type overtaken struct{ provider.Store }

func (s overtaken) RotateGrant(ctx context.Context, r provider.Rotation) error {
	if err := s.Store.RotateGrant(ctx, r); err != nil {
		return err
	}
	if err := s.RevokeGrant(ctx, r.Grant, r.At, r.At.Add(time.Hour)); err != nil {
		return err
	}
	return s.Store.RotateGrant(ctx, r)
}

// TestRevokedAfterLostRotation: the loser of a race does not get the successor of a grant that was revoked meanwhile.
func TestRevokedAfterLostRotation(t *testing.T) {
	f := open(t)
	first := f.tokens()
	f.config.Store = overtaken{f.db}
	f.restart()
	f.wantError(f.post(refreshing(first.Refresh)), http.StatusBadRequest, "invalid_grant")
}

// endsSession ends the session of a code exchange between its reading of the code and its writing of the grant.
type endsSession struct {
	provider.Store
	end func()
}

func (s endsSession) CreateGrant(ctx context.Context, grant provider.Grant) error {
	s.end()
	return s.Store.CreateGrant(ctx, grant)
}

func TestSessionEndsDuringCodeExchange(t *testing.T) {
	f := open(t)
	code := f.code(request())
	node := f.another()
	f.config.Store = endsSession{f.db, func() { must(t, node.EndSession(t.Context(), browser)) }}
	f.restart()
	f.wantError(f.post(redeem(code)), http.StatusBadRequest, "invalid_grant")
	f.clock.advance(time.Hour)
	grants, err := f.db.RevokeSessionGrants(t.Context(), browser, f.clock.Now())
	must(t, err)
	if len(grants) != 0 {
		t.Errorf("a grant survived the end of its session: %v", grants)
	}
}
