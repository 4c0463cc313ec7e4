package tenancy

import (
	"context"

	"gatehouse/audit"
	"gatehouse/internal/id"
)

// Listings are pages of what a scope sees, each in one statement whatever the page holds. They take a query with Page and Size set.
//
// Every row is in a list once. *Invalid names "ordering" for a column that the list is not sorted by, "cursor" for one of another
// list, filter, search or order, "page" for one after the last. Equal values are ordered by identifier, so that who follows Next
// from page to page gets each row once that is there all the while.
//
// Count is exact up to 10,000. Above it is at most a minute old, CountExact is false, and the rows that page numbers above the
// 10,000th row begin with may be that old too; cursors are always exact.
type Listings interface {
	// ListUsers lists users, newest first, or by created, username, email, last_name or last_login. A limited scope sees those with a
	// membership in an organization of it, and no superusers.
	ListUsers(ctx context.Context, scope Scope, filter UserFilter, query Query) (Page[UserRow], error)
	// ListOrganizations lists organizations, newest first, or by created, name or slug.
	ListOrganizations(ctx context.Context, scope Scope, filter OrganizationFilter, query Query) (Page[Organization], error)
	// ListMemberships lists memberships by organization and user, or by user or created; of superusers only in an unlimited scope. The
	// search looks through users and organizations.
	ListMemberships(ctx context.Context, scope Scope, filter MembershipFilter, query Query) (Page[MembershipRow], error)
	// ListGroups lists groups with their permissions by name, or by created; shared ones are within every scope but that of somebody
	// who manages nothing.
	ListGroups(ctx context.Context, scope Scope, filter GroupFilter, query Query) (Page[Group], error)
	// ListInvitations lists invitations without their token's hash, newest first, or by created, email or expires.
	ListInvitations(ctx context.Context, scope Scope, filter InvitationFilter, query Query) (Page[Invitation], error)
	// ListAPITokens lists the tokens of one user without their hashes, newest first, or by created, name or last_used. No scope limits it.
	ListAPITokens(ctx context.Context, user id.User, query Query) (Page[APIToken], error)
	// ListAuditEvents lists audit events in the order of their identifiers, which is that of time, newest first, or by at.
	ListAuditEvents(ctx context.Context, scope Scope, filter AuditFilter, query Query) (Page[audit.Event], error)
	// ListIdentities lists links to upstream identities, newest first, or by created or last_login. A limited scope sees those of the
	// users whom it lists.
	ListIdentities(ctx context.Context, scope Scope, filter IdentityFilter, query Query) (Page[Identity], error)
}
