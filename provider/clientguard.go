package provider

import (
	"context"
	"net/http"
	"sync"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/session"
)

// clientGuard slows guessing of client credentials down. It counts failures of one client from one network, in the store that all nodes
// share; at the limit this node looks at nothing more of that pair until the window ends. A client elsewhere is not concerned, so a
// stranger locks nobody out, and a client that authenticates properly costs no look-up. Other nodes close the pair at their first failure.
type clientGuard struct {
	store session.Store
	now   func() time.Time

	mu     sync.Mutex
	closed map[string]time.Time // by pair, until when
}

const (
	clientFailures      = 50
	clientFailureWindow = 5 * time.Minute
	maxClosedClients    = 10_000
)

func newClientGuard(attempts session.Store, now func() time.Time) *clientGuard {
	return &clientGuard{store: attempts, now: now, closed: map[string]time.Time{}}
}

func clientPair(client id.Client, network string) string {
	return secret.Hash(string(client) + "\x00" + network)
}

// admit refuses a closed pair.
func (g *clientGuard) admit(client id.Client, network string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.closed) == 0 {
		return nil
	}
	pair, now := clientPair(client, network), g.now()
	until, closed := g.closed[pair]
	if !closed {
		return nil
	}
	if !until.After(now) {
		delete(g.closed, pair)
		return nil
	}
	return tooMany(until.Sub(now))
}

// tooMany refuses for a while (RFC 6585 section 4).
func tooMany(wait time.Duration) error {
	return &oauthError{
		status: http.StatusTooManyRequests, code: "temporarily_unavailable", retryAfter: wait,
		description: "Too many attempts; nothing is looked at for now. See Retry-After.",
	}
}

// failed counts a failure.
func (g *clientGuard) failed(ctx context.Context, client id.Client, network string) error {
	pair := clientPair(client, network)
	count, ends, err := g.store.Hit(ctx, session.Key{Kind: session.KindAttempt, ID: "client:" + pair}, clientFailureWindow)
	if err != nil || count < clientFailures {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.closed) >= maxClosedClients {
		clear(g.closed) // whoever goes on failing is back at his next failure
	}
	g.closed[pair] = ends
	return nil
}
