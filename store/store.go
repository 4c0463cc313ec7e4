// Package store holds what every storage backend and its callers agree on: the sentinel errors. The interfaces themselves live
// with the packages that need them (tenancy.Store, session.Store, mfa.Store, provider.Store).
//
// Every backend keeps these rules, which store/storetest checks: uniqueness and single use are one conditional statement, never
// read-then-write; times are UTC with microseconds and come from the caller; a method never runs outside the transaction that
// it was called through; strings that are not valid UTF-8 or hold a NUL are refused before they reach the database.
package store

import "errors"

// Sentinels for what callers branch on.
var (
	// ErrNotFound: no such row, or not in the caller's scope.
	ErrNotFound = errors.New("not found")
	// ErrConflict: a unique value is taken. Use errors.As with *Conflict to learn which.
	ErrConflict = errors.New("already exists")
	// ErrStale: a conditional write matched nothing, because another one was first.
	ErrStale = errors.New("changed meanwhile")
	// ErrUnavailable: the backend could not be reached or did not answer in time. Worth trying again.
	ErrUnavailable = errors.New("storage is unavailable")
)

// Conflict is an ErrConflict that names the field whose value is taken, e.g. "slug".
type Conflict struct{ Field string }

// Error names the field.
func (c *Conflict) Error() string { return c.Field + " already exists" }

// Unwrap makes errors.Is(err, ErrConflict) true.
func (c *Conflict) Unwrap() error { return ErrConflict }
