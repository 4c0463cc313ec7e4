package verify

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Introspection is how a service asks the Gatehouse about tokens (RFC 7662): as a client of its own. Gatehouse answers about tokens
// whose audience the client is, or of its organization if it is a resource server.
type Introspection struct {
	ClientID     string
	ClientSecret string
	CacheFor     time.Duration // an answer is kept so long; 0: each request asks. So long a revoked token may still be believed.
}

// answers asks, and remembers for a while.
type answers struct {
	Introspection
	remote *remote
	now    func() time.Time

	mu   sync.Mutex
	kept map[[sha256.Size]byte]answer
}

type answer struct {
	claims json.RawMessage // nil: the token is not in force
	until  time.Time
}

const maxKept = 10_000

func newAnswers(i Introspection, r *remote, now func() time.Time) *answers {
	return &answers{Introspection: i, remote: r, now: now, kept: map[[sha256.Size]byte]answer{}}
}

// ask returns the claims of a token that is in force.
func (a *answers) ask(ctx context.Context, token string) (json.RawMessage, error) {
	name := sha256.Sum256([]byte(token))
	found, known := a.recall(name)
	if !known {
		claims, err := a.introspect(ctx, token)
		if err != nil {
			return nil, err
		}
		found = answer{claims: claims, until: a.now().Add(a.CacheFor)}
		a.keep(name, found)
	}
	if found.claims == nil {
		return nil, invalid("the issuer says that it is not in force")
	}
	return found.claims, nil
}

func (a *answers) recall(name [sha256.Size]byte) (answer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, known := a.kept[name]
	return found, known && found.until.After(a.now())
}

// keep forgets everything when there is too much of it: strangers with invented tokens must not fill the memory.
func (a *answers) keep(name [sha256.Size]byte, found answer) {
	if a.CacheFor <= 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.kept) >= maxKept {
		clear(a.kept)
	}
	a.kept[name] = found
}

// introspect returns nil for a token that is not in force, or not an access token.
func (a *answers) introspect(ctx context.Context, token string) (json.RawMessage, error) {
	current, err := a.remote.current(ctx)
	if err != nil {
		return nil, err
	}
	if current.introspection == "" {
		return nil, fmt.Errorf("%w: it has no introspection endpoint", ErrUnavailable)
	}
	body := url.Values{"token": {token}, "token_type_hint": {"access_token"}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, current.introspection, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.ClientSecret)) // RFC 6749 section 2.3.1
	var claims json.RawMessage
	if err := a.remote.do(request, &claims); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var state struct {
		Active bool   `json:"active"`
		Type   string `json:"token_type"`
	}
	if err := json.Unmarshal(claims, &state); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if !state.Active || !strings.EqualFold(state.Type, "Bearer") { // a refresh token is in force, too
		return nil, nil
	}
	return claims, nil
}
