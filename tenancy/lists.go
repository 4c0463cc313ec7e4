package tenancy

import (
	"context"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/store"
)

// list authorizes and validates what every list asks for: the permission somewhere, and rows only from where it is held.
func list[F, T any](
	ctx context.Context, scope Scope, permission Permission, filter F, query Query, read func(context.Context, Scope, F, Query) (Page[T], error),
) (Page[T], error) {
	within, err := scope.Where(permission)
	if err != nil {
		return Page[T]{}, err
	}
	if query, err = query.Checked(); err != nil {
		return Page[T]{}, err
	}
	return read(ctx, within, filter, query)
}

// ListUsers lists the users whom scope sees. It needs users.view_user, somewhere; memberships and groups in the rows are those of the
// organizations in which the actor holds it, and of notes and custom fields there is what he may read.
func (d *Directory) ListUsers(ctx context.Context, scope Scope, filter UserFilter, query Query) (Page[UserRow], error) {
	page, err := list(ctx, scope, ViewUser, filter, query, d.Store.ListUsers)
	for i, row := range page.Items {
		page.Items[i].User = d.shown(scope, row.User)
	}
	return page, err
}

// ListOrganizations lists the organizations that scope sees. It needs users.view_organization.
func (d *Directory) ListOrganizations(ctx context.Context, scope Scope, filter OrganizationFilter, query Query) (Page[Organization], error) {
	return list(ctx, scope, ViewOrganization, filter, query, d.Store.ListOrganizations)
}

// ListMemberships lists the memberships in organizations that scope sees. It needs users.view_organizationuser.
func (d *Directory) ListMemberships(ctx context.Context, scope Scope, filter MembershipFilter, query Query) (Page[MembershipRow], error) {
	return list(ctx, scope, ViewMembership, filter, query, d.Store.ListMemberships)
}

// ListGroups lists shared groups and those of organizations that scope sees. It needs users.view_group; who manages nothing sees none.
func (d *Directory) ListGroups(ctx context.Context, scope Scope, filter GroupFilter, query Query) (Page[Group], error) {
	return list(ctx, scope, ViewGroup, filter, query, d.Store.ListGroups)
}

// ListInvitations lists the invitations to organizations that scope sees. It needs users.view_organizationuser: an invitation is a
// membership to be.
func (d *Directory) ListInvitations(ctx context.Context, scope Scope, filter InvitationFilter, query Query) (Page[Invitation], error) {
	page, err := list(ctx, scope, ViewMembership, filter, query, d.Store.ListInvitations)
	if err != nil {
		return page, err
	}
	return page, d.seenInvitations(ctx, scope, page.Items)
}

// ListAuditEvents lists what happened in the organizations that scope sees; what happened to the installation only superusers see. It
// needs users.view_auditevent. Who does not see superusers does not learn which of them did something, nor finds it by them.
func (d *Directory) ListAuditEvents(ctx context.Context, scope Scope, filter AuditFilter, query Query) (Page[audit.Event], error) {
	page, err := list(ctx, scope, ViewAuditEvent, filter, query, d.Store.ListAuditEvents)
	if err != nil {
		return page, err
	}
	hidden, err := d.unseen(ctx, scope)
	if err != nil || hidden[filter.Actor] {
		return Page[audit.Event]{Number: 1, CountExact: true}, err
	}
	seenEvents(page.Items, hidden)
	return page, nil
}

// ListAPITokens lists the API tokens of a user; who may is as with APITokens.
func (d *Directory) ListAPITokens(ctx context.Context, scope Scope, user id.User, query Query) (Page[APIToken], error) {
	if err := tokensFor(ctx, d.Store, scope, user, ViewAPIKey); err != nil {
		return Page[APIToken]{}, err
	}
	query, err := query.Checked()
	if err != nil {
		return Page[APIToken]{}, err
	}
	return d.Store.ListAPITokens(ctx, user, query)
}

// ListIdentities lists upstream identities: their own to everybody, else those of the users whom scope sees, which needs
// users.view_user.
func (d *Directory) ListIdentities(ctx context.Context, scope Scope, filter IdentityFilter, query Query) (Page[Identity], error) {
	if scope.is(filter.User) {
		scope = System("own identities")
	}
	return list(ctx, scope, ViewUser, filter, query, d.Store.ListIdentities)
}

// UserRow reads one user in the form of ListUsers, with the authority of User.
func (d *Directory) UserRow(ctx context.Context, scope Scope, user id.User) (UserRow, error) {
	within := System("own account")
	if !scope.is(user) {
		var err error
		if within, err = scope.Where(ViewUser); err != nil {
			return UserRow{}, err
		}
	}
	row, err := d.Store.UserRow(ctx, within, user)
	if err != nil {
		return UserRow{}, err
	}
	if !within.sees(row.User, len(row.Memberships) > 0) {
		return UserRow{}, store.ErrNotFound
	}
	row.User = d.shown(scope, row.User)
	return row, nil
}

// OwnerOf finds the owner of an organization; store.ErrNotFound if it has none. It needs users.view_organization there.
func (d *Directory) OwnerOf(ctx context.Context, scope Scope, organization id.Organization) (Membership, error) {
	if !scope.HasIn(organization, ViewOrganization) {
		return Membership{}, ErrForbidden
	}
	return d.Store.OwnerOf(ctx, scope, organization)
}
