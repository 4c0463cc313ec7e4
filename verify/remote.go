package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// remote is what the issuer publishes: its keys and its endpoints. They are fetched when they are first needed, and then again every
// five minutes behind the requests that go on; a key that has vanished there is not believed here any more. While the issuer is away the
// old ones do for a day. A token with an unknown key asks at once, at most every ten seconds, because keys rotate.
type remote struct {
	issuer string
	client *http.Client
	now    func() time.Time

	mu       sync.Mutex
	held     *published
	fetching chan struct{} // closed when the fetch that is under way has ended; nil: none is
	tried    time.Time     // the last attempt
	failures int           // since the last success
	failure  error
}

// published is what was found at one moment.
type published struct {
	at            time.Time
	keys          map[string]jose.JSONWebKey
	introspection string
}

const (
	refreshAfter  = 5 * time.Minute
	uselessAfter  = 24 * time.Hour
	unknownEvery  = 10 * time.Second
	firstPause    = time.Second // after a failure; twice as long after each further one
	longestPause  = time.Minute
	maxDocument   = 1 << 20
	discoveryPath = "/.well-known/openid-configuration"
)

func newRemote(issuer string, client *http.Client, now func() time.Time) *remote {
	own := http.Client{Timeout: defaultTimeout}
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &remote{issuer: issuer, client: &own, now: now}
}

// key finds a key by its id.
func (r *remote) key(ctx context.Context, kid string) (jose.JSONWebKey, error) {
	current, err := r.current(ctx)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	if key, found := current.keys[kid]; found {
		return key, nil
	}
	if current, err = r.newer(ctx, current); err != nil {
		return jose.JSONWebKey{}, err
	}
	key, found := current.keys[kid]
	if !found {
		return jose.JSONWebKey{}, invalid("its key is not one of the issuer's")
	}
	return key, nil
}

// current is what is known; only who comes first, or after a day without the issuer, waits.
func (r *remote) current(ctx context.Context) (*published, error) {
	r.mu.Lock()
	held, age := r.held, time.Duration(0)
	if held != nil {
		age = r.now().Sub(held.at)
	}
	wait := held == nil || age > uselessAfter
	var running chan struct{}
	if wait || age > refreshAfter {
		running = r.start()
	}
	failure := r.failure
	r.mu.Unlock()
	switch {
	case !wait:
		return held, nil
	case running == nil:
		return nil, failure
	}
	return r.wait(ctx, running)
}

// newer fetches again for an unknown key, unless that has just been done.
func (r *remote) newer(ctx context.Context, old *published) (*published, error) {
	r.mu.Lock()
	var running chan struct{}
	if r.held == old && (r.fetching != nil || r.now().Sub(r.tried) >= unknownEvery) {
		running = r.start()
	}
	held := r.held
	r.mu.Unlock()
	if running == nil {
		return held, nil
	}
	return r.wait(ctx, running)
}

// start begins a fetch, or joins the one under way; nil in the pause after a failure. The caller holds the lock.
func (r *remote) start() chan struct{} {
	if r.fetching != nil {
		return r.fetching
	}
	if r.failures > 0 && r.now().Sub(r.tried) < min(firstPause<<min(r.failures-1, 10), longestPause) {
		return nil
	}
	done := make(chan struct{})
	r.fetching, r.tried = done, r.now()
	go func() { // not by the caller's context: others wait for it too
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
		defer cancel()
		found, err := r.fetch(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.fetching = nil
		if err != nil {
			r.failures, r.failure = r.failures+1, fmt.Errorf("%w: %w", ErrUnavailable, err)
			return
		}
		r.held, r.failures, r.failure = found, 0, nil
	}()
	return done
}

func (r *remote) wait(ctx context.Context, running chan struct{}) (*published, error) {
	select {
	case <-running:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure != nil && (r.held == nil || r.now().Sub(r.held.at) > uselessAfter) {
		return nil, r.failure
	}
	return r.held, nil
}

// fetch reads the discovery document (OpenID Connect Discovery section 4) and the keys that it names (RFC 7517 section 5).
func (r *remote) fetch(ctx context.Context) (*published, error) {
	var document struct {
		Issuer        string `json:"issuer"`
		Keys          string `json:"jwks_uri"`
		Introspection string `json:"introspection_endpoint"`
	}
	found := &published{at: r.now(), keys: map[string]jose.JSONWebKey{}}
	if err := r.document(ctx, r.issuer+discoveryPath, &document); err != nil {
		return nil, err
	}
	if document.Issuer != r.issuer {
		return nil, fmt.Errorf("the issuer calls itself %q, not %q", document.Issuer, r.issuer)
	}
	if !sameOrigin(r.issuer, document.Keys) || document.Introspection != "" && !sameOrigin(r.issuer, document.Introspection) {
		return nil, errors.New("the issuer names endpoints on another host")
	}
	found.introspection = document.Introspection
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := r.document(ctx, document.Keys, &set); err != nil {
		return nil, err
	}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		// One that cannot be read is of a kind that is not for us. Symmetric and private keys do not belong here.
		if key.UnmarshalJSON(raw) == nil && key.KeyID != "" && key.Use != "enc" && key.IsPublic() {
			found.keys[key.KeyID] = key
		}
	}
	if len(found.keys) == 0 {
		return nil, errors.New("the issuer publishes no key")
	}
	return found, nil
}

func sameOrigin(issuer, other string) bool {
	a, errA := url.Parse(issuer)
	b, errB := url.Parse(other)
	return errA == nil && errB == nil && a.Scheme == b.Scheme && a.Host == b.Host && b.User == nil
}

func (r *remote) document(ctx context.Context, address string, target any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	return r.do(request, target)
}

func (r *remote) do(request *http.Request, target any) error {
	request.Header.Set("Accept", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", request.URL, response.Status)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return err
	}
	if len(raw) > maxDocument {
		return fmt.Errorf("%s answers more than %d bytes", request.URL, maxDocument)
	}
	if err := json.Unmarshal(raw, target); err != nil {
		return fmt.Errorf("%s does not answer JSON: %w", request.URL, err)
	}
	return nil
}
