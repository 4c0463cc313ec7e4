package provider

import (
	"context"
	"encoding/json"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
)

// Grant is one authorization of a client by a user in a session: a refresh-token family. Tokens rotate within the one row.
type Grant struct {
	ID           id.Grant
	Client       id.Client
	User         id.User
	Organization id.Organization // empty only for a user without one at a shared client
	Session      id.Session
	Scopes       []string
	Audience     []string        // resources that were asked for (RFC 8707); empty: all of the client
	Claims       json.RawMessage // the request's "claims" (OpenID Connect Core section 5.5); empty: none
	AuthTime     time.Time
	ACR          string
	AMR          []string
	Nonce        string
	Generation   int64     // of the current refresh token, from 1
	TokenHash    string    // secret.Hash of the current refresh token
	Successor    []byte    // the current refresh token, sealed under its predecessor; nil in generation 1
	Rotated      time.Time // when the current generation was made
	Created      time.Time
	Expires      time.Time // absolute end
	Revoked      time.Time // zero: not revoked
}

// Rotation is the change of a grant at one refresh.
type Rotation struct {
	Grant     id.Grant
	From      int64  // generation that the presented token has
	FromHash  string // its hash
	TokenHash string // of the new token
	Successor []byte
	At        time.Time
	IdleSince time.Time // a grant last rotated before this moment has idled out
}

// SigningKey is one key of the provider. At any time at most one per algorithm is current.
type SigningKey struct {
	ID        string // kid: RFC 7638 thumbprint
	Algorithm string // ES256, RS256, EdDSA
	State     KeyState
	Private   []byte    // PKCS #8, sealed for ("signing_keys", "private", ID)
	Created   time.Time // and published since
	Activated time.Time // when it became current; zero: it never did
	Retires   time.Time // when nothing signed by it may still verify, but for hints; zero while next or current
}

// KeyState is a step in the life of a signing key.
type KeyState string

// The states, in order. Published in the JWKS: all three, until Retires.
const (
	KeyNext    KeyState = "next"
	KeyCurrent KeyState = "current"
	KeyRetired KeyState = "retired"
)

// Store keeps clients, grants and signing keys. store/sqldb implements it; store/storetest checks these sentences. Errors are those
// of package store.
type Store interface {
	Clients
	Consents
	Grants
	SigningKeys
}

// Clients are the registered clients.
type Clients interface {
	// Client finds by id, enabled or not. Suspended says whether its organization is disabled.
	Client(ctx context.Context, client id.Client) (Client, error)
	// SaveClient creates or replaces a client, whatever its version, but for Suspended and Created.
	SaveClient(ctx context.Context, client Client) error
	// CreateClient writes a new client, of version 1. store.ErrConflict if there is one with its id, store.ErrNotFound if its
	// organization is not there.
	CreateClient(ctx context.Context, client Client) error
	// UpdateClient replaces a client, but for Suspended and Created, if its version is still client.Version, and counts that up.
	// store.ErrStale otherwise, store.ErrNotFound if it is not there.
	UpdateClient(ctx context.Context, client Client) error
	// DeleteClient removes a client with its consents and grants; store.ErrNotFound if it is not there.
	DeleteClient(ctx context.Context, client id.Client) error
	// ClientsVersion changes whenever any client or organization does, in the same transaction; caches compare it.
	ClientsVersion(ctx context.Context) (int64, error)
}

// Consents are what users have agreed to.
type Consents interface {
	// Consent finds what a user lets a client see in an organization ("": without one), or store.ErrNotFound.
	Consent(ctx context.Context, user id.User, client id.Client, organization id.Organization) (Consent, error)
	// SaveConsent creates a consent, or replaces its scopes and Modified. store.ErrNotFound if user or client is not there.
	SaveConsent(ctx context.Context, consent Consent) error
	// ConsentsOfUser lists a user's consents, newest change first.
	ConsentsOfUser(ctx context.Context, user id.User) ([]Consent, error)
	// DeleteConsents removes what a user lets a client see, in all organizations, revokes the grants of both, and returns the ids of
	// the grants. No consent and no grant is no error.
	DeleteConsents(ctx context.Context, user id.User, client id.Client, at time.Time) ([]id.Grant, error)
}

// Grants are refresh-token families: one row each, however often their tokens rotate.
type Grants interface {
	// CreateGrant writes a grant. store.ErrConflict if the id is there, which includes the tombstone of RevokeGrant: a grant
	// revoked before it was written stays revoked.
	CreateGrant(ctx context.Context, grant Grant) error
	// Grant finds by id, revoked or not.
	Grant(ctx context.Context, grant id.Grant) (Grant, error)
	// RotateGrant moves the grant to generation From+1 in one conditional statement: only if its generation is From, its hash
	// FromHash, it is not revoked, not past its absolute end at At, and was rotated after IdleSince. Else store.ErrStale. Of many
	// concurrent calls with one From exactly one succeeds.
	RotateGrant(ctx context.Context, rotation Rotation) error
	// RevokeGrant revokes a grant, for good, keeping the first time. If no row is there it leaves a tombstone until keep, so that a
	// CreateGrant or RotateGrant in flight fails.
	RevokeGrant(ctx context.Context, grant id.Grant, at, keep time.Time) error
	// RevokeSessionGrants revokes every grant of a session and returns their ids.
	RevokeSessionGrants(ctx context.Context, session id.Session, at time.Time) ([]id.Grant, error)
	// RevokeUserGrants revokes every grant of a user but those of the session keep ("": all) and returns their ids.
	RevokeUserGrants(ctx context.Context, user id.User, keep id.Session, at time.Time) ([]id.Grant, error)
	// DeleteExpiredGrants removes at most limit grants whose absolute end is before the given time and returns how many.
	DeleteExpiredGrants(ctx context.Context, before time.Time, limit int) (int, error)
}

// SigningKeys are the provider's keys.
type SigningKeys interface {
	// SigningKeys lists all, oldest first.
	SigningKeys(ctx context.Context) ([]SigningKey, error)
	// CreateSigningKey writes a key; store.ErrConflict if its state is next or current and its algorithm has one in that state.
	CreateSigningKey(ctx context.Context, key SigningKey) error
	// PromoteSigningKey makes the next key of an algorithm current, activated at the given time, and the current one retired until
	// retires, and records the event, in one transaction. store.ErrStale, and no event, if next is not the given key any more.
	PromoteSigningKey(ctx context.Context, next string, at, retires time.Time, event audit.Event) error
	// RevokeSigningKey removes a key, in whatever state. If it was current, the next key of its algorithm becomes current, activated
	// at the given time, in the same transaction, which records the event. store.ErrNotFound, and no event, if it is not there.
	RevokeSigningKey(ctx context.Context, kid string, at time.Time, event audit.Event) error
	// DeleteSigningKeys removes retired keys with Retires before the given time.
	DeleteSigningKeys(ctx context.Context, before time.Time) (int, error)
}
