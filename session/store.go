package session

import (
	"context"
	"time"
)

// Kind names a family of short-lived entries; keys of different kinds never meet.
type Kind string

// The kinds in use.
const (
	KindSession     Kind = "session"     // signed-in browsers
	KindFlow        Kind = "flow"        // sign-ins in progress
	KindCode        Kind = "code"        // authorization codes
	KindReplay      Kind = "replay"      // things seen once
	KindDenied      Kind = "denied"      // revoked tokens, grants and sessions, until the last token of them has expired
	KindAttempt     Kind = "attempt"     // counters of rate limits
	KindSetup       Kind = "setup"       // one-time set-up links
	KindAnswer      Kind = "answer"      // answers of the REST API, for repeated requests
	KindPushed      Kind = "pushed"      // pushed authorization requests
	KindDevice      Kind = "device"      // devices that wait for their user
	KindOpaque      Kind = "opaque"      // what opaque access tokens mean
	KindParticipant Kind = "participant" // clients that a session's end has to be told to
	KindReturn      Kind = "return"      // where browsers go on to after signing out at an upstream
	KindChallenge   Kind = "challenge"   // sign-ins through the REST API that wait for a second factor
)

// Key addresses an entry. ID must not be a bearer secret: store the hash of one (secret.Hash).
type Key struct {
	Kind Kind
	ID   string
}

// Entry is one short-lived value.
type Entry struct {
	Value   []byte
	Indexes []string  // names under which List finds the entry, e.g. "user:0190…"; at most 8
	Expires time.Time // from then on the entry is as if it were not there
	Version int64     // counted by the store: 1 when created, one more at each Replace
}

// Listed is an entry that List found.
type Listed struct {
	Key Key
	Entry
}

// Store keeps entries until they expire. Implementations: store/sqldb (tables in the database) and store/redisdb; storetest checks
// both against these sentences. Whether an entry has expired is judged by the clock given to the implementation, to the
// millisecond. Errors are the sentinels of package store.
type Store interface {
	// Create writes a new entry. It must return store.ErrConflict if an unexpired one has the key: of many concurrent calls
	// exactly one succeeds.
	Create(ctx context.Context, key Key, entry Entry) error
	// Find returns the unexpired entry, or store.ErrNotFound.
	Find(ctx context.Context, key Key) (Entry, error)
	// Replace writes entry (value, indexes and expiry) if the stored version is still entry.Version, and counts the version up.
	// Otherwise it must return store.ErrStale, and store.ErrNotFound if nothing unexpired is there.
	Replace(ctx context.Context, key Key, entry Entry) error
	// Take removes the entry and returns it: of many concurrent calls exactly one gets it, the others store.ErrNotFound.
	Take(ctx context.Context, key Key) (Entry, error)
	// Delete removes the entries; those that do not exist are no error.
	Delete(ctx context.Context, keys ...Key) error
	// Any reports whether at least one of the keys has an unexpired entry. One round trip.
	Any(ctx context.Context, keys ...Key) (bool, error)
	// List returns the unexpired entries of a kind that carry the index, newest first, at most 1,000.
	List(ctx context.Context, kind Kind, index string) ([]Listed, error)
	// Hit counts one more event under the key and returns how many fall in the current window and when that window ends. The
	// first event opens the window. Of n concurrent calls in a new window the results are exactly 1…n.
	Hit(ctx context.Context, key Key, window time.Duration) (count int, ends time.Time, err error)
	// Forget resets what Hit counted under the keys; entries of the same keys stay.
	Forget(ctx context.Context, keys ...Key) error
}
