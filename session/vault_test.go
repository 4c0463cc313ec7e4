package session_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/store"
)

type thing struct{ Name string }

func newVault(t *testing.T) (session.Vault[thing], bench) {
	t.Helper()
	b := newBench(t)
	return session.Vault[thing]{Kind: session.KindFlow, Store: b.store, Keys: b.Keys, Now: b.clock.Now}, b
}

func TestVault(t *testing.T) {
	vault, b := newVault(t)
	token, until := secret.Random(32), b.clock.Now().Add(time.Minute)
	if err := vault.Create(t.Context(), token, thing{"first"}, until, "user:1"); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b.store.lastEntry.Value, []byte("first")) || b.store.lastKey.ID != secret.Hash(token.Reveal()) {
		t.Errorf("the store can read %v %q", b.store.lastKey, b.store.lastEntry.Value)
	}
	if err := vault.Create(t.Context(), token, thing{"second"}, until); !errors.Is(err, store.ErrConflict) {
		t.Errorf("error = %v, want ErrConflict", err)
	}
	held, err := vault.Find(t.Context(), token)
	if err != nil || held.Value.Name != "first" || !held.Expires.Equal(until) || !slices.Equal(held.Indexes, []string{"user:1"}) {
		t.Fatalf("found %+v, %v", held, err)
	}
	stale := held
	held.Value.Name, held.Expires = "third", until.Add(time.Minute)
	if err := vault.Replace(t.Context(), token, held); err != nil {
		t.Fatal(err)
	}
	if err := vault.Replace(t.Context(), token, stale); !errors.Is(err, store.ErrStale) {
		t.Errorf("error = %v, want ErrStale", err)
	}
	b.clock.Advance(time.Minute)
	taken, err := vault.Take(t.Context(), token)
	if err != nil || taken.Value.Name != "third" {
		t.Errorf("took %+v, %v", taken, err)
	}
	if held.Same(taken) || !stale.Same(held) {
		t.Errorf("the replaced value counts as the same: %v, what was read as another: %v", held.Same(taken), !stale.Same(held))
	}
	if _, err := vault.Take(t.Context(), token); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("error = %v, want ErrNotFound", err)
	}
}

func TestVaultDeleteAndExpiry(t *testing.T) {
	vault, b := newVault(t)
	deleted, expired := secret.Random(32), secret.Random(32)
	for _, token := range []secret.Text{deleted, expired} {
		if err := vault.Create(t.Context(), token, thing{"x"}, b.clock.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := vault.Delete(t.Context(), deleted); err != nil {
			t.Error(err)
		}
	}
	if _, err := vault.Find(t.Context(), deleted); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	b.clock.Advance(time.Minute)
	if _, err := vault.Find(t.Context(), expired); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("expired: %v", err)
	}
}

// TestVaultOpensOnlyHere: a value copied to another token or another kind is not found.
func TestVaultOpensOnlyHere(t *testing.T) {
	vault, b := newVault(t)
	token, other := secret.Random(32), secret.Random(32)
	if err := vault.Create(t.Context(), token, thing{"x"}, b.clock.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	entry := b.store.lastEntry
	if err := b.store.Create(t.Context(), vault.Key(other), entry); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.Find(t.Context(), other); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another token: %v", err)
	}
	codes := vault
	codes.Kind = session.KindCode
	if err := b.store.Create(t.Context(), codes.Key(token), entry); err != nil {
		t.Fatal(err)
	}
	if _, err := codes.Find(t.Context(), token); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another kind: %v", err)
	}
	foreign := vault
	foreign.Keys = newKeys(t)
	if _, err := foreign.Take(t.Context(), token); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another server key: %v", err)
	}
}
