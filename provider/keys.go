package provider

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/internal/seal"
	"gatehouse/store"
)

// Signing algorithms (RFC 7518 section 3.1).
const (
	algES256 = "ES256"
	algRS256 = "RS256"
)

const (
	rsaBits      = 2048
	reloadEvery  = time.Minute
	reloadAtMost = 5 * time.Second // how often an unknown key may cause a look at the database
)

// keyring holds the signing keys in memory.
type keyring struct {
	store SigningKeys
	seal  *seal.Keys
	now   func() time.Time

	loading sync.Mutex
	current atomic.Pointer[keySet]
}

// keySet is the keys as of one moment; it never changes.
type keySet struct {
	at        time.Time
	signers   map[string]*signer // by algorithm: the current ones
	verifiers map[string]jose.JSONWebKey
	published []byte // the JWKS
}

func openKeyring(ctx context.Context, keys SigningKeys, sealed *seal.Keys, now func() time.Time) (*keyring, error) {
	k := &keyring{store: keys, seal: sealed, now: now}
	for _, algorithm := range []string{algES256, algRS256} {
		for _, state := range []KeyState{KeyCurrent, KeyNext} {
			if err := k.ensure(ctx, algorithm, state); err != nil {
				return nil, err
			}
		}
	}
	return k, k.load(ctx)
}

// ensure makes a key of this state unless there is one. If another node is making it too, the database lets one through.
func (k *keyring) ensure(ctx context.Context, algorithm string, state KeyState) error {
	keys, err := k.store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if key.Algorithm == algorithm && key.State == state {
			return nil
		}
	}
	fresh, err := k.newKey(algorithm, state)
	if err != nil {
		return err
	}
	if err := k.store.CreateSigningKey(ctx, fresh); err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	return nil
}

func (k *keyring) newKey(algorithm string, state KeyState) (SigningKey, error) {
	var (
		private crypto.Signer
		err     error
	)
	if algorithm == algRS256 {
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return SigningKey{}, fmt.Errorf("make signing key: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return SigningKey{}, fmt.Errorf("encode signing key: %w", err)
	}
	public := jose.JSONWebKey{Key: private.Public()}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return SigningKey{}, fmt.Errorf("name signing key: %w", err)
	}
	kid := base64.RawURLEncoding.EncodeToString(thumbprint)
	return SigningKey{
		ID: kid, Algorithm: algorithm, State: state, Created: k.now().UTC(), Private: k.seal.Seal(encoded, "signing_keys", "private", kid),
	}, nil
}

// load reads all keys.
func (k *keyring) load(ctx context.Context) error {
	keys, err := k.store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	set := &keySet{at: k.now(), signers: map[string]*signer{}, verifiers: map[string]jose.JSONWebKey{}}
	var published jose.JSONWebKeySet
	for _, key := range keys {
		if key.State == KeyRetired && !key.Retires.After(k.now()) {
			continue
		}
		private, err := k.open(key)
		if err != nil {
			return err
		}
		public := jose.JSONWebKey{Key: private.Public(), KeyID: key.ID, Algorithm: key.Algorithm, Use: "sig"}
		set.verifiers[key.ID] = public
		published.Keys = append(published.Keys, public)
		if key.State == KeyCurrent {
			set.signers[key.Algorithm] = newSigner(key.Algorithm, key.ID, private)
		}
	}
	if set.published, err = json.Marshal(published); err != nil {
		return fmt.Errorf("encode keys: %w", err)
	}
	k.current.Store(set)
	return nil
}

func (k *keyring) open(key SigningKey) (crypto.Signer, error) {
	encoded, err := k.seal.Open(key.Private, "signing_keys", "private", key.ID)
	if err != nil {
		return nil, fmt.Errorf("open signing key %s (is the encryption key the one of this database?): %w", key.ID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(encoded)
	if err != nil {
		return nil, fmt.Errorf("parse signing key %s: %w", key.ID, err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("signing key %s is of an unknown type", key.ID)
	}
	return private, nil
}

// set returns the keys, at most a minute old. While the database is away the old ones go on.
func (k *keyring) set(ctx context.Context) *keySet {
	set := k.current.Load()
	if k.now().Sub(set.at) > reloadEvery {
		k.reload(ctx, set)
	}
	return k.current.Load()
}

// reload loads once, however many ask; the others go on with the old keys.
func (k *keyring) reload(ctx context.Context, old *keySet) {
	if !k.loading.TryLock() {
		return
	}
	defer k.loading.Unlock()
	if k.current.Load() != old {
		return
	}
	if k.load(ctx) != nil {
		kept := *old
		kept.at = k.now()
		k.current.Store(&kept)
	}
}

// verifier finds a public key; an unknown kid is looked up in the database, in case another node has just made it.
func (k *keyring) verifier(ctx context.Context, kid string) (jose.JSONWebKey, bool) {
	set := k.set(ctx)
	key, known := set.verifiers[kid]
	if !known && k.now().Sub(set.at) > reloadAtMost {
		k.reload(ctx, set)
		key, known = k.current.Load().verifiers[kid]
	}
	return key, known
}

// RotateKeys makes the next key of each algorithm current, retires the current one until everything it signed has expired, and makes
// new next keys. Nodes notice within a minute; all the while every key that may have signed is published.
func (p *Provider) RotateKeys(ctx context.Context) error {
	keys, err := p.Store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	retires := p.now().Add(max(p.Lifetimes.Access, p.Lifetimes.ID) + 2*reloadEvery)
	for _, key := range keys {
		if key.State != KeyNext {
			continue
		}
		if err := p.Store.PromoteSigningKey(ctx, key.ID, retires); err != nil && !errors.Is(err, store.ErrStale) {
			return err
		}
		if err := p.keys.ensure(ctx, key.Algorithm, KeyNext); err != nil {
			return err
		}
	}
	return p.keys.load(ctx)
}

// serveKeys is the JWKS (RFC 7517 section 5).
func (p *Provider) serveKeys(w http.ResponseWriter, r *http.Request) {
	serveJSON(w, r, p.keys.set(r.Context()).published)
}

// serveJSON answers with a public document that may be cached for five minutes.
func serveJSON(w http.ResponseWriter, r *http.Request, body []byte) {
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	header := w.Header()
	header.Set("Cache-Control", "public, max-age=300")
	header.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/json")
	_, _ = w.Write(body) // the client is gone; nobody to tell
}
