package tenancy

import (
	"context"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/notify"
)

// Store keeps users, organizations and what ties them. store/sqldb implements it; store/storetest checks these sentences. Errors
// are the sentinels of package store. Methods with a Scope see only what it covers: the rest is store.ErrNotFound.
type Store interface {
	Users
	Superusers
	Emails
	Organizations
	Members
	Invitations
	Groups
	Permissions
	Identities
	Listings
	Outbox
	Transfers
	Passwords
	Expiries
	APITokens
	Factors

	// InTx runs work in one transaction and commits if it returns nil. work must use only the Store it is given. Serialization
	// failures run work again, with a bound. Nested calls join the transaction. A statement that the database refuses, for a
	// conflict or anything else, ends the transaction: even if work goes on and returns nil, nothing is written and InTx returns
	// that refusal. To find or change no row (store.ErrNotFound, store.ErrStale) is no refusal.
	InTx(ctx context.Context, work func(tx Store) error) error
	// Once reports true to exactly one caller ever for each name: that one's transaction commits it.
	Once(ctx context.Context, name string) (bool, error)
	// Record writes an audit event.
	Record(ctx context.Context, event audit.Event) error
}

// Users are installation-wide accounts.
type Users interface {
	// CreateUser writes a user, his address as the primary one of his addresses, and his identifiers in normalised form: username,
	// primary address, every verified address and phone, one namespace for all. *store.Conflict names "username", "email" or "phone"
	// if any of them is taken, whoever holds it and under whichever kind, and "custom.<name>" if the value of a unique field is.
	CreateUser(ctx context.Context, user User) error
	// UpdateUser writes every field of the user but those of passwords, of signing in and Created, and counts Version up, if the
	// stored one is still user.Version; else, and where there is no such user, store.ErrStale. The address becomes the primary one,
	// verified as the user says, and the one that was so stays as another one; without an address none is primary. Identifiers
	// and unique values move along, with conflicts as of CreateUser. *store.Conflict names "superuser" if no active superuser
	// without a last day would be left.
	UpdateUser(ctx context.Context, user User) error
	// DeleteUser removes a user and everything that is his. *store.Conflict names "superuser" if no active superuser without
	// a last day would be left.
	DeleteUser(ctx context.Context, user id.User) error
	// SetPasswordHash replaces the hash and sets PasswordUpdated. If old is not empty, only if the stored one is still old; else
	// store.ErrStale.
	SetPasswordHash(ctx context.Context, user id.User, old, hash string, now time.Time) error
	// User finds by id.
	User(ctx context.Context, user id.User) (User, error)
	// UserRow finds by id, whether or not the user is in an organization of scope, with his ties within scope (shared groups too, if
	// scope manages anything), in one statement.
	UserRow(ctx context.Context, scope Scope, user id.User) (UserRow, error)
	// UserByIdentifier finds by an identifier, given in normalised form (see Normalise).
	UserByIdentifier(ctx context.Context, identifier string) (User, error)
	// TouchUser counts Version up and sets Modified, for what belongs to a user and is kept elsewhere; store.ErrNotFound if there is none.
	TouchUser(ctx context.Context, user id.User, now time.Time) error
	// RecordLogin sets LastLogin, LastMethod and LastConnector.
	RecordLogin(ctx context.Context, user id.User, at time.Time, method string, connector id.Connector) error
}

// Superusers are the users that no installation may be without.
type Superusers interface {
	// HasSuperuser reports whether any active superuser exists.
	HasSuperuser(ctx context.Context) (bool, error)
	// SuperuserIDs lists all superusers, active or not.
	SuperuserIDs(ctx context.Context) ([]id.User, error)
	// CreateFirstSuperuser is CreateUser that must do nothing and return store.ErrConflict if any superuser exists: of many
	// concurrent calls exactly one succeeds.
	CreateFirstSuperuser(ctx context.Context, user User) error
}

// Emails are the addresses of users. User.Email and User.EmailVerified are a copy of the primary one, kept by the store.
type Emails interface {
	// Emails lists the addresses of a user, oldest first.
	Emails(ctx context.Context, user id.User) ([]EmailAddress, error)
	// AddEmail writes an address that is neither verified nor primary, whatever it says; such a one claims nothing. *store.Conflict
	// names "email" if the user has it already (in normalised form), store.ErrNotFound is for an unknown user.
	AddEmail(ctx context.Context, address EmailAddress) error
	// SetEmailVerified changes whether an address of the user is verified, claims or releases it as an identifier and counts the
	// Version of the user up. store.ErrStale if there is nothing to change: of many concurrent calls one succeeds. *store.Conflict names
	// "email" if it is somebody else's identifier.
	SetEmailVerified(ctx context.Context, user id.User, email id.Email, verified bool, now time.Time) error
	// DeleteEmail removes an address of the user that is not the primary one, and releases it; else store.ErrStale. It counts the
	// Version of the user up.
	DeleteEmail(ctx context.Context, user id.User, email id.Email, now time.Time) error
}

// Identities link upstream subjects to users.
type Identities interface {
	// CreateIdentity writes a link; *store.Conflict names "identity" if (connector, subject) is linked already.
	CreateIdentity(ctx context.Context, identity Identity) error
	// Identity finds a link by connector and subject (compared byte by byte).
	Identity(ctx context.Context, connector id.Connector, subject string) (Identity, error)
	// RecordIdentityLogin sets LastLogin of a link.
	RecordIdentityLogin(ctx context.Context, connector id.Connector, subject string, at time.Time) error
	// IdentitiesOf lists the links of a user, oldest first.
	IdentitiesOf(ctx context.Context, user id.User) ([]Identity, error)
	// DeleteIdentity removes a link of the user, unless he has neither a password nor another link; then, and where there is no such
	// link, store.ErrStale. Of two concurrent calls for his last two links one succeeds.
	DeleteIdentity(ctx context.Context, user id.User, connector id.Connector, subject string) error
}

// Outbox takes letters that are sent once the transaction has committed.
type Outbox interface {
	// Enqueue writes a message.
	Enqueue(ctx context.Context, message notify.Message) error
	// MessagesTo counts the messages of a kind to an address, whatever its case in ASCII, that were made after a time and are still kept,
	// sent or not.
	MessagesTo(ctx context.Context, recipient string, kind notify.Kind, after time.Time) (int, error)
}

// Transfers read many users at once.
type Transfers interface {
	// ExportUsers lists the members of an organization, or everybody where that is "", with their memberships in it, or all of theirs:
	// those after the cursor in the order of (Created, ID), at most limit, in two statements. To a scope that does not see everything
	// there is nobody.
	ExportUsers(ctx context.Context, scope Scope, organization id.Organization, after ExportCursor, limit int) ([]ExportedUser, error)
}

// Passwords are more about them than Users has.
type Passwords interface {
	// Rehash replaces the hash by another of the same password, if the stored one is still old; else store.ErrStale. PasswordUpdated
	// stays.
	Rehash(ctx context.Context, user id.User, old, hash string) error
}

// Expiries find accounts and passwords whose time is over, in batches.
type Expiries interface {
	// ExpiringUsers lists active users whose last day is from or later and before until, by day and id: those behind the user after
	// (its zero value: from the first on), at most limit.
	ExpiringUsers(ctx context.Context, from, until Date, after User, limit int) ([]User, error)
	// AgingPasswords lists active users, staff or others, with a password that was set at from or later and before until, by that
	// time and id: those behind the user after, at most limit.
	AgingPasswords(ctx context.Context, staff bool, from, until time.Time, after User, limit int) ([]User, error)
	// DeactivateExpired makes a user inactive and counts Version up, if he is active and his last day is before today; else
	// store.ErrStale.
	DeactivateExpired(ctx context.Context, user id.User, today Date, now time.Time) error
	// DeleteExpiredInvitations deletes at most limit invitations, of whatever state, that expired before a time.
	DeleteExpiredInvitations(ctx context.Context, before time.Time, limit int) (int, error)
}

// APITokens let programs act as users. They belong to a user, not to a tenant.
type APITokens interface {
	// CreateAPIToken writes a token; store.ErrNotFound if there is no such user.
	CreateAPIToken(ctx context.Context, token APIToken) error
	// APIToken finds by id.
	APIToken(ctx context.Context, token id.APIToken) (APIToken, error)
	// StandingByToken finds by Hash, expired ones as well, and loads the user as Members.Standing does, in one statement for both.
	StandingByToken(ctx context.Context, hash string) (APIToken, Standing, error)
	// APITokensOf lists a user's tokens, newest first, expired ones as well, at most 1,000.
	APITokensOf(ctx context.Context, user id.User) ([]APIToken, error)
	// DeleteAPIToken deletes one; store.ErrNotFound if it is not there.
	DeleteAPIToken(ctx context.Context, token id.APIToken) error
	// DeleteAPITokensOf deletes those of a user but for keep, and but for those without a Method unless named. It returns how many.
	DeleteAPITokensOf(ctx context.Context, user id.User, keep id.APIToken, named bool) (int, error)
	// TouchAPIToken sets LastUsed if the stored one is not later than before; else it does nothing.
	TouchAPIToken(ctx context.Context, token id.APIToken, at, before time.Time) error
	// DeleteExpiredAPITokens deletes at most limit tokens that expired before a time.
	DeleteExpiredAPITokens(ctx context.Context, before time.Time, limit int) (int, error)
}

// Factors are the second factors of users, which package mfa keeps.
type Factors interface {
	// DeleteFactorsOf removes all factors of a user and returns how many.
	DeleteFactorsOf(ctx context.Context, user id.User) (int, error)
}
