package tenancy

import (
	"context"
	"time"

	"gatehouse/internal/id"
)

// Organizations are the tenants.
type Organizations interface {
	// CreateOrganization writes an organization; *store.Conflict names "slug".
	CreateOrganization(ctx context.Context, scope Scope, organization Organization) error
	// UpdateOrganization writes every field but Created and counts Version up, if the stored one is still organization.Version; else,
	// and where the scope has no such organization, store.ErrStale.
	UpdateOrganization(ctx context.Context, scope Scope, organization Organization) error
	// DeleteOrganization removes an organization of scope with everything that is its own: memberships, groups, invitations, clients
	// and API tokens that are good for it alone. store.ErrNotFound if there is none.
	DeleteOrganization(ctx context.Context, scope Scope, organization id.Organization) error
	// Organization finds by id within scope.
	Organization(ctx context.Context, scope Scope, organization id.Organization) (Organization, error)
	// OrganizationBySlug finds by slug within scope.
	OrganizationBySlug(ctx context.Context, scope Scope, slug string) (Organization, error)
	// Contents counts what DeleteOrganization would remove.
	Contents(ctx context.Context, scope Scope, organization id.Organization) (Contents, error)
}

// Members are users in organizations.
type Members interface {
	// AddMembership writes a membership; *store.Conflict names "membership" if the user is in the organization, "owner" if it
	// would be a second owner, "room" if the organization has MaxUsers members: of many calls at once no more than there is room.
	AddMembership(ctx context.Context, scope Scope, membership Membership) error
	// Membership finds by id within scope.
	Membership(ctx context.Context, scope Scope, membership id.Membership) (Membership, error)
	// Memberships lists those of a user within scope, disabled organizations included.
	Memberships(ctx context.Context, scope Scope, user id.User) ([]Membership, error)
	// OwnerOf finds the owner's membership of an organization within scope; store.ErrNotFound if nobody owns it.
	OwnerOf(ctx context.Context, scope Scope, organization id.Organization) (Membership, error)
	// SetRole changes a membership of role from to role to and counts Version up, if it still has role from and is within scope; else
	// store.ErrStale. *store.Conflict names "owner" if it would be a second owner.
	SetRole(ctx context.Context, scope Scope, membership id.Membership, from, to Role, now time.Time) error
	// RemoveMembership deletes a membership that is not the owner's, and takes its user out of the groups of the organization; if there
	// is none within scope, store.ErrStale.
	RemoveMembership(ctx context.Context, scope Scope, membership Membership) error
	// Standing loads a user with organizations, groups and permissions in one statement.
	Standing(ctx context.Context, user id.User) (Standing, error)
}

// Groups are sets of permissions.
type Groups interface {
	// CreateGroup writes a group with its permissions; *store.Conflict names "name" (unique per organization, and among shared).
	CreateGroup(ctx context.Context, scope Scope, group Group) error
	// UpdateGroup writes name, permissions and Modified and counts Version up, if the stored one is still group.Version; else, and where
	// the scope has no such group, store.ErrStale. *store.Conflict names "name".
	UpdateGroup(ctx context.Context, scope Scope, group Group) error
	// DeleteGroup removes a group within scope; store.ErrNotFound if there is none. Shared ones only an Everywhere scope removes.
	DeleteGroup(ctx context.Context, scope Scope, group id.Group) error
	// Group finds within scope; shared groups are within every scope but that of somebody who manages nothing.
	Group(ctx context.Context, scope Scope, group id.Group) (Group, error)
	// SharedGroupByName finds a shared group.
	SharedGroupByName(ctx context.Context, name string) (Group, error)
	// AddToGroup puts a user into a group that scope sees; once more is no error.
	AddToGroup(ctx context.Context, scope Scope, group id.Group, user id.User) error
	// RemoveFromGroup takes a user out of a group that scope sees; once more is no error.
	RemoveFromGroup(ctx context.Context, scope Scope, group id.Group, user id.User) error
	// GroupsOf lists the groups of a user that scope sees, ordered by name, those of disabled organizations included.
	GroupsOf(ctx context.Context, scope Scope, user id.User) ([]Group, error)
}
