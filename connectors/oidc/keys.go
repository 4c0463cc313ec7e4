package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"
)

// keySet is the provider's published keys. It is go-oidc's RemoteKeySet with what that lacks: it forgets withdrawn keys, fetches no more
// often than refetchAfter, and tells a provider that cannot be reached from a signature that does not verify.
type keySet struct {
	client *http.Client
	now    func() time.Time
	url    string
	flight singleflight.Group

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	asked   time.Time // last fetch, good or not
	fetched time.Time // last good fetch
	failure error     // of the last fetch
}

const (
	keysFor      = time.Hour        // a withdrawn key is not accepted for longer
	refetchAfter = 10 * time.Second // between fetches, whatever tokens come
	minRSABits   = 2048             // RFC 7518 section 3.3
)

var (
	errNoKey = errors.New("no published key verifies the signature")
	errKeys  = errors.New("read the provider's keys")
)

// verify returns the payload of a compact JWS. A signature that no known key verifies is tried again with freshly fetched keys
// (OpenID Connect Core section 10.1.1), at most every refetchAfter. Errors are errNoKey or errKeys.
func (k *keySet) verify(ctx context.Context, jws *jose.JSONWebSignature) ([]byte, error) {
	keys, fresh := k.known()
	if fresh {
		if payload, err := verifyWith(keys, jws); err == nil {
			return payload, nil
		}
	}
	keys, err := k.refresh(ctx)
	if err != nil {
		return nil, err
	}
	return verifyWith(keys, jws)
}

func (k *keySet) known() (keys []jose.JSONWebKey, fresh bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys, !k.fetched.IsZero() && k.now().Sub(k.fetched) < keysFor
}

// verifyWith tries the keys that the header allows: the one it names, or all if it names none.
func verifyWith(keys []jose.JSONWebKey, jws *jose.JSONWebSignature) ([]byte, error) {
	header := jws.Signatures[0].Header
	for _, key := range keys {
		if (header.KeyID != "" && header.KeyID != key.KeyID) || (key.Algorithm != "" && key.Algorithm != header.Algorithm) {
			continue
		}
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errNoKey
}

// refresh fetches the keys, unless that happened a moment ago: then it gives what is there.
func (k *keySet) refresh(ctx context.Context) ([]jose.JSONWebKey, error) {
	// The fetch outlives a browser that goes away: others wait for it. The client limits its time.
	result := k.flight.DoChan("", func() (any, error) { return nil, k.refreshOnce(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errKeys, ctx.Err())
	case done := <-result:
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.keys, done.Err
	}
}

func (k *keySet) refreshOnce(ctx context.Context) error {
	now := k.now()
	k.mu.Lock()
	if !k.asked.IsZero() && now.Sub(k.asked) < refetchAfter {
		defer k.mu.Unlock()
		return k.failure
	}
	k.asked = now
	k.mu.Unlock()
	keys, err := k.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.failure = fmt.Errorf("%w: %w", errKeys, err)
		return k.failure
	}
	k.keys, k.fetched, k.failure = keys, now, nil
	return nil
}

func (k *keySet) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url, nil)
	if err != nil {
		return nil, err
	}
	response, err := k.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return parseKeys(body)
}

// parseKeys keeps the public signature keys. Others are skipped, not an error (RFC 7517 section 5); symmetric ones above all, for
// what is published is no secret.
func parseKeys(document []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, errors.New("the key set is not JSON")
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if err := key.UnmarshalJSON(raw); err != nil || !key.Valid() || !key.IsPublic() || key.Use == "enc" {
			continue
		}
		if weak, ok := key.Key.(*rsa.PublicKey); ok && weak.N.BitLen() < minRSABits {
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the key set has no usable signature key")
	}
	return keys, nil
}
