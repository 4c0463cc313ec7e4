package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// Bounds of keys that clients publish.
const (
	keysFresh    = 5 * time.Minute  // so long a fetched set is used without looking
	keysStale    = time.Hour        // and so long while its address does not answer
	keysGap      = 10 * time.Second // between two fetches of one address, doubled with each failure
	keysMaxGap   = 5 * time.Minute
	keysTimeout  = 5 * time.Second
	keysMaxBytes = 1 << 20
	keysMax      = 100 // in a set
	keysMaxURIs  = 10_000
)

var errNoOutgoing = errors.New("there is no client for outgoing requests")

// clientKeys are the public keys of clients: those registered with them, and those fetched from their jwks_uri.
type clientKeys struct {
	http   *http.Client // nil: nothing is fetched
	now    func() time.Time
	logger *slog.Logger

	mu    sync.Mutex
	byURI map[string]*remoteKeys
}

func newClientKeys(c Config) *clientKeys {
	k := &clientKeys{now: c.Now, logger: c.Logger, byURI: map[string]*remoteKeys{}}
	if c.Outgoing != nil {
		limited := *c.Outgoing
		limited.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		k.http = &limited
	}
	return k
}

// of returns the keys that may have signed for the client; kid says which one is looked for, "" = any. The error is for the protocol.
func (k *clientKeys) of(ctx context.Context, client *fositeClient, kid string) ([]jose.JSONWebKey, error) {
	if client.JWKSURI == "" {
		return client.registeredKeys(), nil
	}
	keys, err := k.remote(client.JWKSURI).get(ctx, k, kid)
	if err != nil {
		return nil, &oauthError{
			status: http.StatusServiceUnavailable, code: "temporarily_unavailable", description: "The client's keys cannot be fetched at the moment.",
			cause: fmt.Errorf("keys of client %s: %w", client.ID, err),
		}
	}
	return keys, nil
}

func (k *clientKeys) remote(uri string) *remoteKeys {
	k.mu.Lock()
	defer k.mu.Unlock()
	known := k.byURI[uri]
	if known == nil {
		if len(k.byURI) >= keysMaxURIs {
			clear(k.byURI)
		}
		known = &remoteKeys{uri: uri}
		k.byURI[uri] = known
	}
	return known
}

// remoteKeys are the keys at one address.
type remoteKeys struct {
	uri    string
	flight singleflight.Group

	mu       sync.Mutex // not held while fetching
	current  []jose.JSONWebKey
	fetched  time.Time         // when current was; zero: never
	previous []jose.JSONWebKey // of the set before: they stay good for as long as they would have without the new one
	until    time.Time
	tried    time.Time
	failures int
	failure  error // of the last try
}

// get returns the keys. Old ones are fetched again behind the request; missing ones, and those that lack kid, before it.
func (r *remoteKeys) get(ctx context.Context, k *clientKeys, kid string) ([]jose.JSONWebKey, error) {
	found := r.look(k.now(), kid)
	fetch := func() (any, error) {
		if r.look(k.now(), kid).due { // nobody has just done it
			fetched, err := k.fetch(ctx, r.uri)
			r.keep(k.now(), fetched, err)
		}
		return nil, nil //nolint:nilnil // the result is in r
	}
	switch {
	case !found.due:
	case found.complete:
		r.flight.DoChan("", fetch)
	default:
		_, _, _ = r.flight.Do("", fetch)
		found = r.look(k.now(), kid)
	}
	return found.keys, found.err
}

type foundKeys struct {
	keys     []jose.JSONWebKey
	complete bool // the wanted one is among them
	due      bool // they are missing, old or incomplete, and the last try is long enough ago
	err      error
}

func (r *remoteKeys) look(now time.Time, kid string) foundKeys {
	r.mu.Lock()
	defer r.mu.Unlock()
	age, found := now.Sub(r.fetched), foundKeys{}
	if age < keysStale {
		found.keys = r.current
		if now.Before(r.until) {
			found.keys = append(slices.Clip(r.current), r.previous...)
		}
		found.complete = kid == "" || slices.ContainsFunc(found.keys, func(key jose.JSONWebKey) bool { return key.KeyID == kid })
	} else {
		found.err = r.failure
	}
	gap := min(keysGap<<min(r.failures, 10), keysMaxGap)
	found.due = (age >= keysFresh || !found.complete) && (r.tried.IsZero() || now.Sub(r.tried) >= gap)
	return found
}

func (r *remoteKeys) keep(now time.Time, fetched []jose.JSONWebKey, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried, r.failure = now, err
	if err != nil {
		r.failures++
		return
	}
	r.failures = 0
	if !sameKeys(fetched, r.current) {
		r.previous, r.until = r.current, r.fetched.Add(keysFresh)
	}
	r.current, r.fetched = fetched, now
}

func sameKeys(a, b []jose.JSONWebKey) bool {
	return slices.EqualFunc(a, b, func(x, y jose.JSONWebKey) bool {
		one, oneErr := x.MarshalJSON()
		other, otherErr := y.MarshalJSON()
		return oneErr == nil && otherErr == nil && string(one) == string(other)
	})
}

// fetch reads a set. Others wait for it too, so it does not end with the request that began it.
func (k *clientKeys) fetch(ctx context.Context, uri string) ([]jose.JSONWebKey, error) {
	if k.http == nil {
		return nil, errNoOutgoing
	}
	if !mayHoldKeys(uri) {
		return nil, errors.New("the address is not https")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil) //nolint:gosec // the address is a registered client's, and the transport refuses private ones
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := k.http.Do(request) //nolint:gosec // as above
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch: status %d", response.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, keysMaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	if len(raw) > keysMaxBytes {
		return nil, errors.New("the answer is too large")
	}
	return readKeys(raw)
}

// mayHoldKeys: whoever could change the answer on its way could sign for the client. On this machine nobody can.
func mayHoldKeys(uri string) bool {
	parsed, err := url.Parse(uri)
	if err != nil || parsed.Host == "" {
		return false
	}
	address := net.ParseIP(parsed.Hostname())
	return parsed.Scheme == "https" || parsed.Scheme == "http" && address.IsLoopback()
}

// readKeys reads the signature keys of a JWK set (RFC 7517 section 5). Keys of types that are not known here are left out, as that
// section asks; so are private and symmetric ones, which have no place in public.
func readKeys(raw []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("the answer is not a JWK set")
	}
	if len(set.Keys) > keysMax {
		return nil, fmt.Errorf("the set has more than %d keys", keysMax)
	}
	keys := []jose.JSONWebKey{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) == nil && key.IsPublic() && (key.Use == "" || key.Use == "sig") {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// registeredKeys are the keys that the client was registered with. They are read once for each version of the client.
func (c *fositeClient) registeredKeys() []jose.JSONWebKey {
	if known := c.keys.Load(); known != nil {
		return *known
	}
	keys, err := readKeys(c.JWKS)
	if err != nil {
		keys = nil
	}
	c.keys.Store(&keys)
	return keys
}
