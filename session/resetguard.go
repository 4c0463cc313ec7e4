package session

import (
	"context"
	"time"

	"gatehouse/internal/secret"
)

// ResetGuard bounds how often links to a new password are asked for and used within an hour, by whichever way: letters cost their reader
// the same patience. *TooManyAttempts refuses; every call counts.
type ResetGuard struct{ Store Store }

const (
	resetWindow       = time.Hour
	resetsPerAccount  = 5
	resetsFromAddress = 60 // which may be a whole company's
	choicesPerAddress = 60
)

// Asked counts a link that is asked for from an address, before it is known for whom.
func (g ResetGuard) Asked(ctx context.Context, address string) error {
	return g.count(ctx, "reset from "+address, resetsFromAddress)
}

// AskedFor counts a link for an account, or for a name that is nobody's.
func (g ResetGuard) AskedFor(ctx context.Context, account string) error {
	return g.count(ctx, "reset:"+account, resetsPerAccount)
}

// Chosen counts a password that somebody at an address chooses by a link.
func (g ResetGuard) Chosen(ctx context.Context, address string) error {
	return g.count(ctx, "choice from "+address, choicesPerAddress)
}

// count hashes names: they hold what people typed.
func (g ResetGuard) count(ctx context.Context, name string, limit int) error {
	count, ends, err := g.Store.Hit(ctx, Key{Kind: KindAttempt, ID: secret.Hash(name)}, resetWindow)
	if err == nil && count > limit {
		err = &TooManyAttempts{Until: ends}
	}
	return err
}
