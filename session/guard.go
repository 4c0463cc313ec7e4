package session

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/store"
)

// Guard slows guessing down where somebody proves who he is. It counts failures only, apart from a bound on tries at the same moment:
//
//   - one account from one address: 10 tries in 5 minutes; from the 10th failure of a day on, every 5th closes the pair for 15 minutes,
//     then twice as long each time, at most 8 hours;
//   - one account from addresses where its owner never signed in: 50 failures in 5 minutes close it for the rest of them. Addresses
//     from which he did sign in within 30 days stay open, so that strangers cannot lock him out;
//   - one address, which may be a whole company's: 300 failures in 5 minutes close it for the rest of them.
//
// An account that does not exist counts like one that does.
type Guard struct {
	Store Store
	Now   func() time.Time
	Name  string // of what is guarded; guards of different names do not meet
}

const (
	guardWindow      = 5 * time.Minute
	guardPair        = 10
	guardAccount     = 50
	guardAddress     = 300
	guardDay         = 24 * time.Hour
	guardFirst       = 10 // failures of a pair until its first closure
	guardStep        = 5  // and from one closure to the next
	guardClosure     = 15 * time.Minute
	guardMaxClosure  = 8 * time.Hour
	guardKnown       = 30 * 24 * time.Hour
	guardMaxDoubling = 10
)

// TooManyAttempts says that nothing is looked at until the given time, right or wrong.
type TooManyAttempts struct{ Until time.Time }

// Error tells until when.
func (t *TooManyAttempts) Error() string {
	return "too many attempts, wait until " + t.Until.UTC().Format(time.RFC3339)
}

// key hashes what people typed: it may be of any length, and a password in the wrong field.
func (g Guard) key(name, what string) Key {
	return Key{Kind: KindAttempt, ID: g.Name + " " + name + ":" + secret.Hash(what)}
}

func pair(account, address string) string { return account + "\x00" + address }

// Admit is asked before a proof is looked at; *TooManyAttempts refuses. It counts the try itself, because a limit that is checked
// afterwards lets a burst at the same moment through.
func (g Guard) Admit(ctx context.Context, account, address string) error {
	closed := []Key{g.key("closed pair", pair(account, address)), g.key("closed address", address)}
	known, err := g.Store.Any(ctx, g.key("known", pair(account, address)))
	if err != nil {
		return err
	}
	if !known {
		closed = append(closed, g.key("closed account", account))
	}
	for _, key := range closed {
		entry, err := g.Store.Find(ctx, key)
		if err == nil {
			return &TooManyAttempts{Until: entry.Expires}
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	tries, ends, err := g.Store.Hit(ctx, g.key("pair", pair(account, address)), guardWindow)
	if err == nil && tries > guardPair {
		return &TooManyAttempts{Until: ends}
	}
	return err
}

// Failed counts a proof that was wrong.
func (g Guard) Failed(ctx context.Context, account, address string) error {
	count, _, err := g.Store.Hit(ctx, g.key("failed", pair(account, address)), guardDay)
	if err != nil {
		return err
	}
	if count >= guardFirst && count%guardStep == 0 {
		doubled := min((count-guardFirst)/guardStep, guardMaxDoubling)
		if err := g.close(ctx, g.key("closed pair", pair(account, address)), g.Now().Add(min(guardClosure<<doubled, guardMaxClosure))); err != nil {
			return err
		}
	}
	if err := g.count(ctx, "account", account, guardAccount); err != nil {
		return err
	}
	return g.count(ctx, "address", address, guardAddress)
}

// count is one more failure under a name; at the limit the name is closed until the window ends.
func (g Guard) count(ctx context.Context, name, what string, limit int) error {
	count, ends, err := g.Store.Hit(ctx, g.key(name, what), guardWindow)
	if err != nil || count < limit {
		return err
	}
	return g.close(ctx, g.key("closed "+name, what), ends)
}

func (g Guard) close(ctx context.Context, key Key, until time.Time) error {
	err := g.Store.Create(ctx, key, Entry{Expires: until.UTC()})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// Succeeded forgets what was counted for the account from this address, and remembers that its owner was there. Call it only when the
// whole sign-in succeeded: with one of two proofs right, the other is still being guessed.
func (g Guard) Succeeded(ctx context.Context, account, address string) error {
	if err := g.Store.Forget(ctx, g.key("pair", pair(account, address)), g.key("failed", pair(account, address))); err != nil {
		return err
	}
	known := g.key("known", pair(account, address))
	if err := g.Store.Delete(ctx, known); err != nil {
		return err
	}
	return g.close(ctx, known, g.Now().Add(guardKnown))
}
