package session

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// Vault keeps values of type T as entries that only the holder of a token can read: the entry's key is the token's hash and its
// value is sealed with a key that the token completes.
type Vault[T any] struct {
	Kind  Kind
	Store Store
	Keys  *seal.Keys
	Now   func() time.Time
}

// Held is a value found in a vault, with what Replace needs.
type Held[T any] struct {
	Value   T
	Expires time.Time
	Indexes []string
	version int64
}

// Same reports whether nobody has replaced the value between two readings of it.
func (h Held[T]) Same(later Held[T]) bool { return h.version == later.version }

// Create stores value under token until expires. store.ErrConflict if the token is in use.
func (v Vault[T]) Create(ctx context.Context, token secret.Text, value T, expires time.Time, indexes ...string) error {
	sealed, err := v.sealValue(token, value)
	if err != nil {
		return err
	}
	return v.Store.Create(ctx, v.Key(token), Entry{Value: sealed, Indexes: indexes, Expires: expires})
}

// Find returns the value under token, or store.ErrNotFound (also for a value that does not open).
func (v Vault[T]) Find(ctx context.Context, token secret.Text) (Held[T], error) {
	entry, err := v.Store.Find(ctx, v.Key(token))
	if err != nil {
		return Held[T]{}, err
	}
	return v.open(token, entry)
}

// Take removes the value under token and returns it; exactly one caller gets it.
func (v Vault[T]) Take(ctx context.Context, token secret.Text) (Held[T], error) {
	entry, err := v.Store.Take(ctx, v.Key(token))
	if err != nil {
		return Held[T]{}, err
	}
	return v.open(token, entry)
}

// Replace writes held.Value back, with its expiry and indexes, if nobody else did since it was found; else store.ErrStale.
func (v Vault[T]) Replace(ctx context.Context, token secret.Text, held Held[T]) error {
	sealed, err := v.sealValue(token, held.Value)
	if err != nil {
		return err
	}
	return v.Store.Replace(ctx, v.Key(token), Entry{Value: sealed, Indexes: held.Indexes, Expires: held.Expires, Version: held.version})
}

// Delete removes the value under token, if there is one.
func (v Vault[T]) Delete(ctx context.Context, token secret.Text) error {
	return v.Store.Delete(ctx, v.Key(token))
}

// Key is where the value of token lives.
func (v Vault[T]) Key(token secret.Text) Key {
	return Key{Kind: v.Kind, ID: secret.Hash(token.Reveal())}
}

func (v Vault[T]) sealValue(token secret.Text, value T) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", v.Kind, err)
	}
	return v.Keys.With(token).Seal(plain, string(v.Kind)), nil
}

func (v Vault[T]) open(token secret.Text, entry Entry) (Held[T], error) {
	held := Held[T]{Expires: entry.Expires, Indexes: entry.Indexes, version: entry.Version}
	plain, err := v.Keys.With(token).Open(entry.Value, string(v.Kind))
	if err != nil {
		return Held[T]{}, store.ErrNotFound
	}
	if err := json.Unmarshal(plain, &held.Value); err != nil {
		return Held[T]{}, fmt.Errorf("decode %s: %w", v.Kind, err)
	}
	return held, nil
}
