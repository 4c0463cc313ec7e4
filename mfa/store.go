package mfa

import (
	"context"
	"time"

	"gatehouse/internal/id"
)

// Kind of factor.
type Kind string

// The kinds of factor.
const (
	KindTOTP Kind = "totp"
)

// Factor is an enrolled second factor of a user.
type Factor struct {
	ID       id.Factor
	User     id.User
	Kind     Kind
	Name     string // chosen by the user
	Secret   []byte // sealed for ("factors", "secret", ID)
	LastStep int64  // TOTP: the newest time step that was used; codes of it and of older ones are spent
	Created  time.Time
	LastUsed time.Time
}

// Store keeps factors. store/sqldb implements it; store/storetest checks these sentences. Errors are those of package store.
type Store interface {
	// CreateFactor writes a factor; *store.Conflict names "name" if the user has one of that kind and name.
	CreateFactor(ctx context.Context, factor Factor) error
	// Factors lists those of a user, oldest first.
	Factors(ctx context.Context, user id.User) ([]Factor, error)
	// AdvanceStep sets LastStep and LastUsed if step is greater than the stored one, else returns store.ErrStale: of many
	// concurrent calls with one step exactly one succeeds.
	AdvanceStep(ctx context.Context, factor id.Factor, step int64, now time.Time) error
	// DeleteFactor removes a factor of the user.
	DeleteFactor(ctx context.Context, user id.User, factor id.Factor) error
}
