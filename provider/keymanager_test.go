package provider_test

import (
	"crypto/ecdsa"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
)

const (
	published = 6*time.Minute + time.Second // after which a new key may sign
	noticed   = time.Minute + time.Second   // after which every node knows of a change
	quarter   = 90 * 24 * time.Hour
)

func (f *fixture) manager() provider.KeyManager {
	return provider.KeyManager{Store: f.db, Seal: f.config.Keys, Now: f.clock.Now, Lifetimes: f.config.Lifetimes}
}

// rotate rotates every algorithm and waits until nodes have noticed.
func (f *fixture) rotate() {
	f.t.Helper()
	for _, algorithm := range provider.SigningAlgorithms() {
		_, err := f.manager().Rotate(f.t.Context(), algorithm)
		must(f.t, err)
	}
	f.clock.advance(noticed)
}

// TestKeyRotation: tokens of before verify until they expire, new ones carry the key that was published as next.
func TestKeyRotation(t *testing.T) {
	f := open(t)
	other := f.another() // a second node
	f.clock.advance(published)
	before, known := f.tokens(), f.jwks()
	f.rotate()
	after := f.tokens()
	for name, pair := range map[string][2]string{"access": {before.Access, after.Access}, "id": {before.ID, after.ID}} {
		old, fresh := header(t, pair[0])["kid"].(string), header(t, pair[1])["kid"].(string)
		if _, there := known[fresh]; old == fresh || !there {
			t.Errorf("%s token: the new key is %s, the old one %s", name, fresh, old)
		}
	}
	f.wantAlive(before.Access)
	if got := len(f.jwks()); got != 9 {
		t.Errorf("%d keys after a rotation", got)
	}
	if _, err := other.VerifyAccessToken(t.Context(), after.Access); err != nil {
		t.Errorf("the other node: %v", err)
	}
	f.clock.advance(2 * time.Hour)
	if got := len(f.jwks()); got != 6 {
		t.Errorf("%d keys after the retired ones have ended", got)
	}
	if _, err := other.VerifyAccessToken(t.Context(), f.tokens().Access); err != nil {
		t.Errorf("the other node, much later: %v", err)
	}
}

// TestNewKeyIsKnownBeforeItSigns: whoever has read the JWKS just before a key was made, from a node that did not know of it yet, reads
// it again before he meets the key.
func TestNewKeyIsKnownBeforeItSigns(t *testing.T) {
	f := open(t)
	var early *provider.TooEarly
	if _, err := f.manager().Rotate(t.Context(), "ES256"); !errors.As(err, &early) || !early.Until.Equal(f.clock.Now().Add(6*time.Minute)) {
		t.Errorf("a new key signs: %v", err)
	}
	if rotated, err := f.manager().RotateDue(t.Context(), time.Second); err != nil || len(rotated) != 0 {
		t.Errorf("a new key signs: %v, %v", rotated, err)
	}
	f.clock.advance(6 * time.Minute)
	kid, err := f.manager().Rotate(t.Context(), "ES256")
	must(t, err)
	f.clock.advance(noticed)
	if got := header(t, f.tokens().Access)["kid"]; got != kid {
		t.Errorf("%v signs, not %s", got, kid)
	}
	if _, err := f.manager().Rotate(t.Context(), "ES256"); !errors.As(err, &early) {
		t.Errorf("twice in a row: %v", err)
	}
	if _, err := f.manager().Rotate(t.Context(), "HS256"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown algorithm: %v", err)
	}
}

// TestRotateDue: a key signs for so long and no longer, counted from its first day as the current one.
func TestRotateDue(t *testing.T) {
	f := open(t)
	due := func() []string {
		t.Helper()
		rotated, err := f.manager().RotateDue(t.Context(), quarter)
		must(t, err)
		return rotated
	}
	f.clock.advance(quarter - time.Second)
	if got := due(); len(got) != 0 {
		t.Errorf("too early: %v", got)
	}
	_, err := f.manager().Rotate(t.Context(), "RS256") // by hand
	must(t, err)
	f.clock.advance(time.Second)
	if diff := cmp.Diff([]string{"ES256", "EdDSA"}, due()); diff != "" {
		t.Errorf("rotated (-want +got):\n%s", diff)
	}
	if got := due(); len(got) != 0 {
		t.Errorf("again: %v", got)
	}
	f.clock.advance(quarter - time.Hour)
	if got := due(); len(got) != 0 {
		t.Errorf("keys that were made long ago, but sign for less than that, were replaced: %v", got)
	}
	f.clock.advance(time.Hour)
	if diff := cmp.Diff([]string{"ES256", "RS256", "EdDSA"}, due()); diff != "" {
		t.Errorf("the second time (-want +got):\n%s", diff)
	}
}

// TestRotateOnce: many nodes find the same keys due; each algorithm rotates once.
func TestRotateOnce(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		f.clock.advance(quarter)
		var (
			mu      sync.Mutex
			rotated = map[string]int{}
			nodes   sync.WaitGroup
		)
		for range 16 {
			nodes.Go(func() {
				algorithms, err := f.manager().RotateDue(t.Context(), quarter)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, algorithm := range algorithms {
					rotated[algorithm]++
				}
			})
		}
		nodes.Wait()
		if diff := cmp.Diff(map[string]int{"ES256": 1, "RS256": 1, "EdDSA": 1}, rotated); diff != "" {
			t.Errorf("rotations (-want +got):\n%s", diff)
		}
		if got := f.states(); got["retired"] != 3 || got["current"] != 3 || got["next"] != 3 {
			t.Errorf("keys: %v", got)
		}
	})
}

func (f *fixture) states() map[provider.KeyState]int {
	f.t.Helper()
	keys, err := f.manager().Keys(f.t.Context())
	must(f.t, err)
	counts := map[provider.KeyState]int{}
	for _, key := range keys {
		counts[key.State]++
		if key.Private != nil {
			f.t.Error("a private key is listed")
		}
	}
	return counts
}

// TestRevokeKey: a leaked key verifies nothing any more, on any node, within a minute, and the next one signs.
func TestRevokeKey(t *testing.T) {
	f := open(t)
	other := f.another()
	before := f.tokens()
	f.wantAlive(before.Access) // and remembered as such
	if _, err := other.VerifyAccessToken(t.Context(), before.Access); err != nil {
		t.Fatal(err)
	}
	leaked := map[string]string{"access": header(t, before.Access)["kid"].(string), "id": header(t, before.ID)["kid"].(string)}
	for _, kid := range leaked {
		must(t, f.manager().Revoke(t.Context(), kid))
	}
	if err := f.manager().Revoke(t.Context(), leaked["id"]); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("twice: %v", err)
	}
	f.clock.advance(noticed)
	f.wantDead(before.Access)
	if _, err := other.VerifyAccessToken(t.Context(), before.Access); !errors.Is(err, provider.ErrBadToken) {
		t.Errorf("the other node: %v", err)
	}
	keys := f.jwks()
	for what, kid := range leaked {
		if _, there := keys[kid]; there {
			t.Errorf("the %s key is still published", what)
		}
	}
	if err := f.hintError(before.ID); err == nil {
		t.Error("a hint by the revoked key is believed")
	}
	after := f.tokens()
	f.wantAlive(after.Access)
	if _, err := other.VerifyAccessToken(t.Context(), after.Access); err != nil {
		t.Errorf("the other node: %v", err)
	}
	if got := f.states(); got["current"] != 3 || got["next"] != 3 || got["retired"] != 0 {
		t.Errorf("keys: %v", got)
	}
	f.refresh(before.Refresh) // who was signed in stays so
}

// TestRevokeOtherKeys: keys that do not sign at the moment are revoked too.
func TestRevokeOtherKeys(t *testing.T) {
	f := open(t)
	f.clock.advance(published)
	before := f.tokens()
	f.rotate()
	retired := header(t, before.Access)["kid"].(string)
	next, _ := ownKey(t, f, "ES256", provider.KeyNext)
	current := header(t, f.tokens().Access)["kid"]
	must(t, f.manager().Revoke(t.Context(), retired))
	must(t, f.manager().Revoke(t.Context(), next))
	f.clock.advance(noticed)
	f.wantDead(before.Access)
	keys := slices.Collect(maps.Keys(f.jwks()))
	if slices.Contains(keys, retired) || slices.Contains(keys, next) || header(t, f.tokens().Access)["kid"] != current {
		t.Errorf("keys: %v, signed by %v", keys, header(t, f.tokens().Access)["kid"])
	}
}

func (f *fixture) hintError(hint string) error {
	_, err := f.ParseAuthorize(f.t.Context(), request("prompt", "none", "id_token_hint", hint))
	return err
}

// TestHintOfRetiredKey: clients keep ID tokens for as long as they refresh; keys that signed them are understood in hints that long, and
// in nothing else.
func TestHintOfRetiredKey(t *testing.T) {
	f := open(t)
	f.clock.advance(published)
	before := f.tokens()
	kid, _ := header(t, before.ID)["kid"].(string)
	f.rotate()
	f.clock.advance(30 * 24 * time.Hour)
	if swept, err := f.manager().Sweep(t.Context()); err != nil || swept != 0 {
		t.Errorf("swept %d, %v", swept, err)
	}
	if _, there := f.jwks()[kid]; there {
		t.Error("the retired key is published")
	}
	must(t, f.hintError(before.ID))
	f.clock.advance(61 * 24 * time.Hour)
	if swept, err := f.manager().Sweep(t.Context()); err != nil || swept != 3 {
		t.Errorf("swept %d, %v", swept, err)
	}
	f.clock.advance(noticed)
	if err := f.hintError(before.ID); err == nil {
		t.Error("a hint of a deleted key is believed")
	}
}

// TestRetiredKeySignsNothing: with a key that has retired nobody makes access tokens, though hints by it are believed.
func TestRetiredKeySignsNothing(t *testing.T) {
	f := open(t)
	f.clock.advance(published)
	before := f.tokens()
	_, old := ownKey(t, f, "ES256", provider.KeyCurrent)
	f.rotate()
	forge := func() string {
		claims := changed(payload(t, before.Access), "exp", f.clock.Now().Add(time.Hour).Unix())
		return signES256(t, header(t, before.Access), claims, old.(*ecdsa.PrivateKey))
	}
	f.wantAlive(forge()) // while it overlaps
	f.clock.advance(time.Hour)
	f.wantDead(forge())
}

// withoutKeys removes the current and the next key of an algorithm.
func (f *fixture) withoutKeys(algorithm string) {
	f.t.Helper()
	for range 2 { // the next one becomes current
		kid, _ := ownKey(f.t, f, algorithm, provider.KeyCurrent)
		must(f.t, f.db.RevokeSigningKey(f.t.Context(), kid, f.clock.Now(), audit.Event{ID: id.New[string]()}))
	}
}

// TestNewAlgorithm: nodes of a version with one more algorithm start at once on a database that has keys of the others.
func TestNewAlgorithm(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		before := f.tokens()
		f.withoutKeys("EdDSA")
		var nodes sync.WaitGroup
		for range 4 {
			nodes.Go(func() {
				if _, err := provider.New(t.Context(), f.config); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		if got := f.states(); got["current"] != 3 || got["next"] != 3 {
			t.Errorf("keys: %v", got)
		}
		f.restart()
		f.wantAlive(before.Access)
	})
}

// TestNoKeyToSign: between two statements of another node an algorithm may be without current key. That is no crash.
func TestNoKeyToSign(t *testing.T) {
	f := open(t)
	f.withoutKeys("ES256")
	f.clock.advance(noticed)
	f.wantError(f.post(asRobot()), http.StatusServiceUnavailable, "temporarily_unavailable")
}

// TestKeyNames: a key's id is typed on command lines, where one that begins with a hyphen would be an option.
func TestKeyNames(t *testing.T) {
	f := open(t)
	for range 300 { // without the check all of them are right once in a hundred runs
		f.clock.advance(published)
		kid, err := f.manager().Rotate(t.Context(), "EdDSA")
		must(t, err)
		if kid[0] == '-' {
			t.Fatalf("key %s", kid)
		}
	}
}
