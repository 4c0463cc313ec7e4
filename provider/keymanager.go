package provider

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/store"
)

// Signing algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1).
const (
	algES256 = "ES256"
	algRS256 = "RS256"
	algEdDSA = "EdDSA"
)

const rsaBits = 2048

// SigningAlgorithms are those of which there are keys.
func SigningAlgorithms() []string { return []string{algES256, algRS256, algEdDSA} }

// KeyManager changes the signing keys of an installation, for all its nodes: they notice within a minute. All fields are required but
// those of Lifetimes, which must be the provider's, and Reason: who rotates and revokes, as the audit log has it.
type KeyManager struct {
	Reason    string
	Store     SigningKeys
	Seal      *seal.Keys
	Now       func() time.Time
	Lifetimes Lifetimes
}

// TooEarly says that the next key is not known everywhere yet: who has just read the JWKS would not know what the key signs.
type TooEarly struct {
	Algorithm string
	Until     time.Time
}

// Error names the algorithm and the time.
func (e *TooEarly) Error() string {
	return fmt.Sprintf("the next %s key is too new to sign; it may from %s on", e.Algorithm, e.Until.UTC().Format(time.RFC3339))
}

// Keys lists all keys, oldest first, without their private halves.
func (m KeyManager) Keys(ctx context.Context) ([]SigningKey, error) {
	keys, err := m.Store.SigningKeys(ctx)
	for i := range keys {
		keys[i].Private = nil
	}
	return keys, err
}

// Rotate makes the next key of an algorithm current, retires the current one until everything it signed has expired, and makes a new
// next key. It returns the id of the new current key. *TooEarly if the next key is not known to everybody yet, store.ErrStale if another
// node rotates at this moment, store.ErrNotFound if there is no such algorithm.
func (m KeyManager) Rotate(ctx context.Context, algorithm string) (kid string, err error) {
	keys, err := m.Store.SigningKeys(ctx)
	if err != nil {
		return "", fmt.Errorf("rotate keys: %w", err)
	}
	next, found := keyIn(keys, algorithm, KeyNext)
	if !found {
		return "", fmt.Errorf("rotate keys: no next key of %q: %w", algorithm, store.ErrNotFound)
	}
	if err := m.promote(ctx, next); err != nil {
		return "", fmt.Errorf("rotate keys: %w", err)
	}
	return next.ID, nil
}

// RotateDue rotates each algorithm whose key has been current for at least so long, and returns those that it rotated. However many
// nodes do it at once, each algorithm rotates once.
func (m KeyManager) RotateDue(ctx context.Context, every time.Duration) (algorithms []string, err error) {
	keys, err := m.Store.SigningKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("rotate keys: %w", err)
	}
	for _, algorithm := range SigningAlgorithms() {
		current, signs := keyIn(keys, algorithm, KeyCurrent)
		next, waits := keyIn(keys, algorithm, KeyNext)
		since := current.Activated
		if since.IsZero() {
			since = current.Created
		}
		if !signs || !waits || since.Add(every).After(m.Now()) {
			continue
		}
		var early *TooEarly
		switch err := m.promote(ctx, next); {
		case err == nil:
			algorithms = append(algorithms, algorithm)
		case errors.Is(err, store.ErrStale) || errors.As(err, &early): // another node has, or the next run will
		default:
			return algorithms, fmt.Errorf("rotate keys: %w", err)
		}
	}
	return algorithms, nil
}

// promote lets a next key sign. It must have been published for so long that every node and every cache of the JWKS has it.
func (m KeyManager) promote(ctx context.Context, next SigningKey) error {
	now, lifetimes := m.Now().UTC(), m.Lifetimes.withDefaults()
	if known := next.Created.Add(reloadEvery + documentAge); known.After(now) {
		return &TooEarly{Algorithm: next.Algorithm, Until: known}
	}
	// The second minute is for nodes that go on with the old key until they notice.
	retires := now.Add(max(lifetimes.Access, lifetimes.ID) + 2*reloadEvery)
	if err := m.Store.PromoteSigningKey(ctx, next.ID, now, retires, m.event("key.rotated", next)); err != nil {
		return err
	}
	return m.ensureKey(ctx, next.Algorithm, KeyNext)
}

// Revoke removes a key that has leaked: within a minute it is in no JWKS and what it has signed, tokens and hints, is refused by every
// node. If it was the current one, the next one signs from now on. Services that have read the JWKS before go on believing the key until they
// read it again. store.ErrNotFound if there is no such key.
func (m KeyManager) Revoke(ctx context.Context, kid string) error {
	keys, err := m.Store.SigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	i := slices.IndexFunc(keys, func(key SigningKey) bool { return key.ID == kid })
	if i < 0 {
		return fmt.Errorf("revoke key: %w", store.ErrNotFound)
	}
	if err := m.Store.RevokeSigningKey(ctx, kid, m.Now().UTC(), m.event("key.revoked", keys[i])); err != nil {
		return fmt.Errorf("revoke key: %w", err)
	}
	if err := m.ensure(ctx); err != nil {
		return fmt.Errorf("replace the revoked key: %w", err)
	}
	return nil
}

// event says of a key, in the state that it was found in, what became of it.
func (m KeyManager) event(action string, key SigningKey) audit.Event {
	return audit.Event{
		ID: id.New[string](), At: m.Now().UTC().Truncate(time.Microsecond), Reason: m.Reason, Action: action, Object: key.ID,
		Detail: map[string]string{"algorithm": key.Algorithm, "state": string(key.State)},
	}
}

// Sweep deletes retired keys whose ID tokens nobody needs to understand as hints any more, and returns how many. A client may show
// the ID token that it got last for as long as a grant lives.
func (m KeyManager) Sweep(ctx context.Context) (int, error) {
	deleted, err := m.Store.DeleteSigningKeys(ctx, m.Now().UTC().Add(-m.Lifetimes.withDefaults().RefreshAbsolute))
	if err != nil {
		return 0, fmt.Errorf("sweep keys: %w", err)
	}
	return deleted, nil
}

// ensure makes what is missing: each algorithm has a current and a next key. Several nodes may do it at once.
func (m KeyManager) ensure(ctx context.Context) error {
	for _, algorithm := range SigningAlgorithms() {
		for _, state := range []KeyState{KeyCurrent, KeyNext} {
			if err := m.ensureKey(ctx, algorithm, state); err != nil {
				return err
			}
		}
	}
	return nil
}

// ensureKey makes a key of this state unless there is one. If another node is making it too, the database lets one through.
func (m KeyManager) ensureKey(ctx context.Context, algorithm string, state KeyState) error {
	keys, err := m.Store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	if _, there := keyIn(keys, algorithm, state); there {
		return nil
	}
	fresh, err := m.newKey(algorithm, state)
	if err != nil {
		return err
	}
	if err := m.Store.CreateSigningKey(ctx, fresh); err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}
	return nil
}

func keyIn(keys []SigningKey, algorithm string, state KeyState) (SigningKey, bool) {
	i := slices.IndexFunc(keys, func(key SigningKey) bool { return key.Algorithm == algorithm && key.State == state })
	if i < 0 {
		return SigningKey{}, false
	}
	return keys[i], true
}

func (m KeyManager) newKey(algorithm string, state KeyState) (SigningKey, error) {
	private, err := newPrivate(algorithm)
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
	if kid[0] == '-' { // on a command line it would be taken for an option
		return m.newKey(algorithm, state)
	}
	key := SigningKey{
		ID: kid, Algorithm: algorithm, State: state, Created: m.Now().UTC(), Private: m.Seal.Seal(encoded, "signing_keys", "private", kid),
	}
	if state == KeyCurrent {
		key.Activated = key.Created
	}
	return key, nil
}

func newPrivate(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case algRS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case algEdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	default:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
}
