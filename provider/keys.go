package provider

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/store"
)

const (
	reloadEvery  = time.Minute
	reloadAtMost = 5 * time.Second // how often an unknown key may cause a look at the database
	documentAge  = 5 * time.Minute // how long others may keep the JWKS
)

// keyring holds the signing keys in memory.
type keyring struct {
	KeyManager

	loading sync.Mutex
	current atomic.Pointer[keySet]
}

// keySet is the keys as of one moment; it never changes.
type keySet struct {
	at        time.Time
	signers   map[string]*signer // by algorithm: the current ones
	verifiers map[string]verifier
	published document // the JWKS
	seen      *seenTokens
}

// verifier is the public half of a key.
type verifier struct {
	jose.JSONWebKey
	retired bool // signs nothing that still holds, but for hints
}

func openKeyring(ctx context.Context, manager KeyManager) (*keyring, error) {
	k := &keyring{KeyManager: manager}
	if err := k.ensure(ctx); err != nil {
		return nil, err
	}
	return k, k.load(ctx)
}

// load reads all keys.
func (k *keyring) load(ctx context.Context) error {
	keys, err := k.Store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	set := &keySet{at: k.Now(), signers: map[string]*signer{}, verifiers: map[string]verifier{}, seen: &seenTokens{}}
	var published jose.JSONWebKeySet
	for _, key := range keys {
		private, err := k.open(key)
		if err != nil {
			return err
		}
		public := jose.JSONWebKey{Key: private.Public(), KeyID: key.ID, Algorithm: key.Algorithm, Use: "sig"}
		retired := key.State == KeyRetired && !key.Retires.After(set.at)
		set.verifiers[key.ID] = verifier{public, retired}
		if !retired {
			published.Keys = append(published.Keys, public)
		}
		if key.State == KeyCurrent {
			set.signers[key.Algorithm] = newSigner(key.Algorithm, key.ID, private)
		}
	}
	encoded, err := json.Marshal(published)
	if err != nil {
		return fmt.Errorf("encode keys: %w", err)
	}
	set.published = newDocument(encoded)
	k.current.Store(set)
	return nil
}

func (k *keyring) open(key SigningKey) (crypto.Signer, error) {
	encoded, err := k.Seal.Open(key.Private, "signing_keys", "private", key.ID)
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
	if k.Now().Sub(set.at) > reloadEvery {
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
		kept.at = k.Now()
		k.current.Store(&kept)
	}
}

// signer is the current key of an algorithm.
func (k *keyring) signer(ctx context.Context, algorithm string) (*signer, error) {
	if found, there := k.set(ctx).signers[algorithm]; there {
		return found, nil
	}
	return nil, fmt.Errorf("no %s key to sign with: %w", algorithm, store.ErrUnavailable)
}

// verifier finds a public key; an unknown kid is looked up in the database, in case another node has just made it.
func (k *keyring) verifier(ctx context.Context, kid string) (verifier, bool) {
	set := k.set(ctx)
	key, known := set.verifiers[kid]
	if !known && k.Now().Sub(set.at) > reloadAtMost {
		k.reload(ctx, set)
		key, known = k.current.Load().verifiers[kid]
	}
	return key, known
}

// serveKeys is the JWKS (RFC 7517 section 5).
func (p *Provider) serveKeys(w http.ResponseWriter, r *http.Request) {
	p.keys.set(r.Context()).published.serve(w, r)
}
