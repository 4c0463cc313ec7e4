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
	Organizations
	Groups
	Identities
	Listings
	Outbox

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
	// CreateUser writes a user with its identifiers (normalised username and e-mail, one namespace for both). *store.Conflict
	// names "username" or "email" if any of them is taken, whoever holds it and under whichever kind.
	CreateUser(ctx context.Context, user User) error
	// UpdateUser writes every field of the user but those of passwords, of signing in and Created, moves identifiers along and counts
	// Version up, if the stored one is still user.Version; else, and where there is no such user, store.ErrStale.
	UpdateUser(ctx context.Context, user User) error
	// SetPasswordHash replaces the hash and sets PasswordUpdated. If old is not empty, only if the stored one is still old; else store.ErrStale.
	SetPasswordHash(ctx context.Context, user id.User, old, hash string, now time.Time) error
	// User finds by id.
	User(ctx context.Context, user id.User) (User, error)
	// UserByIdentifier finds by username or e-mail, given in normalised form (see Normalise).
	UserByIdentifier(ctx context.Context, identifier string) (User, error)
	// RecordLogin sets LastLogin.
	RecordLogin(ctx context.Context, user id.User, at time.Time) error
	// HasSuperuser reports whether any active superuser exists.
	HasSuperuser(ctx context.Context) (bool, error)
	// CreateFirstSuperuser is CreateUser that must do nothing and return store.ErrConflict if any superuser exists: of many
	// concurrent calls exactly one succeeds.
	CreateFirstSuperuser(ctx context.Context, user User) error
}

// Organizations are the tenants and their members.
type Organizations interface {
	// CreateOrganization writes an organization; *store.Conflict names "slug".
	CreateOrganization(ctx context.Context, scope Scope, organization Organization) error
	// UpdateOrganization writes every field but Created and counts Version up, if the stored one is still organization.Version; else,
	// and where the scope has no such organization, store.ErrStale.
	UpdateOrganization(ctx context.Context, scope Scope, organization Organization) error
	// Organization finds by id within scope.
	Organization(ctx context.Context, scope Scope, organization id.Organization) (Organization, error)
	// OrganizationBySlug finds by slug within scope.
	OrganizationBySlug(ctx context.Context, scope Scope, slug string) (Organization, error)
	// AddMembership writes a membership; *store.Conflict names "membership" if the user is in the organization, "owner" if it
	// would be a second owner.
	AddMembership(ctx context.Context, scope Scope, membership Membership) error
	// Memberships lists those of a user within scope, disabled organizations included.
	Memberships(ctx context.Context, scope Scope, user id.User) ([]Membership, error)
	// SetRole changes a membership of role from to role to and counts Version up, if it still has role from and is within scope; else store.ErrStale.
	// *store.Conflict names "owner" if it would be a second owner.
	SetRole(ctx context.Context, scope Scope, membership id.Membership, from, to Role, now time.Time) error
	// Standing loads a user with active organizations, groups and permissions in a fixed number of statements.
	Standing(ctx context.Context, user id.User) (Standing, error)
}

// Groups are sets of permissions.
type Groups interface {
	// CreateGroup writes a group with its permissions; *store.Conflict names "name" (unique per organization, and among shared).
	CreateGroup(ctx context.Context, scope Scope, group Group) error
	// Group finds within scope; shared groups are within every scope but that of somebody who manages nothing.
	Group(ctx context.Context, scope Scope, group id.Group) (Group, error)
	// SharedGroupByName finds a shared group.
	SharedGroupByName(ctx context.Context, name string) (Group, error)
	// AddToGroup puts a user into a group that scope sees; once more is no error.
	AddToGroup(ctx context.Context, scope Scope, group id.Group, user id.User) error
}

// Identities link upstream subjects to users.
type Identities interface {
	// CreateIdentity writes a link; *store.Conflict names "identity" if (connector, subject) is linked already.
	CreateIdentity(ctx context.Context, identity Identity) error
	// Identity finds a link by connector and subject (compared byte by byte).
	Identity(ctx context.Context, connector id.Connector, subject string) (Identity, error)
	// RecordIdentityLogin sets LastLogin of a link.
	RecordIdentityLogin(ctx context.Context, connector id.Connector, subject string, at time.Time) error
}

// Outbox takes letters that are sent once the transaction has committed.
type Outbox interface {
	// Enqueue writes a message.
	Enqueue(ctx context.Context, message notify.Message) error
}
