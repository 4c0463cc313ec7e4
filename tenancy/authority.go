package tenancy

import (
	"context"
	"slices"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// visible loads a user whom scope sees: himself, and everybody but superusers with a membership in an organization of scope. Others
// are store.ErrNotFound, as if they were not there.
func visible(ctx context.Context, tx Store, scope Scope, user id.User) (User, error) {
	target, err := tx.User(ctx, user)
	if err != nil || scope.Everywhere() || scope.Actor() == user {
		return target, err
	}
	memberships, err := tx.Memberships(ctx, scope, user)
	if err != nil {
		return User{}, err
	}
	if len(memberships) == 0 || target.Superuser {
		return User{}, store.ErrNotFound
	}
	return target, nil
}

// accountFor loads a user whose account itself scope may act on. Accounts are installation-wide, so a manager may only if the
// account is nobody else's business: he needs users.change_user and has to manage every organization that the user is in, none of
// them disabled. Never that of an owner, and never that of somebody who may do more than he does: whoever sets a password can be
// that user.
func accountFor(ctx context.Context, tx Store, scope Scope, user id.User) (User, error) {
	own := scope.Everywhere() || scope.Actor() == user
	if !own && !scope.Has(ChangeUser) {
		return User{}, ErrForbidden
	}
	target, err := visible(ctx, tx, scope, user)
	if err != nil || own {
		return target, err
	}
	memberships, err := tx.Memberships(ctx, System("authorization"), user)
	if err != nil {
		return User{}, err
	}
	if slices.ContainsFunc(memberships, func(m Membership) bool {
		return !scope.Covers(m.Organization) || scope.Disabled(m.Organization) || m.Role == Owner
	}) {
		return User{}, ErrForbidden
	}
	standing, err := tx.Standing(ctx, user)
	if err != nil {
		return User{}, err
	}
	if !scope.includes(standing) {
		return User{}, ErrForbidden
	}
	return target, nil
}

// includes reports whether the actor may do everything that the user may.
func (s Scope) includes(standing Standing) bool {
	if standing.User.Superuser || (standing.User.Staff && !s.must().staff) {
		return s.Everywhere()
	}
	for _, group := range standing.Groups {
		if !s.holds(group.Organization, group.Permissions...) {
			return false
		}
	}
	return s.holds("", standing.Permissions...)
}

// authorized finds an organization within scope in which the actor holds a permission. Who holds it nowhere gets ErrForbidden,
// whatever is there. In a disabled organization only what views or deletes is authorized; the rest is *Invalid.
func authorized(ctx context.Context, tx Store, scope Scope, organization id.Organization, permission Permission) (Organization, error) {
	if !scope.somewhere(permission) {
		return Organization{}, ErrForbidden
	}
	found, err := tx.Organization(ctx, scope, organization)
	switch {
	case err != nil:
		return Organization{}, err
	case !scope.holdsIn(organization, permission):
		return Organization{}, ErrForbidden
	case !found.Active && !permission.keeps():
		return Organization{}, errDisabledOrganization()
	default:
		return found, nil
	}
}

func errDisabledOrganization() error {
	return &Invalid{Fields: map[string][]string{"organization": {"This organization is disabled."}}}
}
