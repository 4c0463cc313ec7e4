package tenancy

import (
	"context"
	"slices"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// sees reports whether scope sees a user: himself, and everybody but superusers with a membership in an organization of scope.
func (s Scope) sees(user User, member bool) bool {
	return s.Everywhere() || s.Actor() == user.ID || (member && !user.Superuser)
}

// visible loads a user whom scope sees. Others are store.ErrNotFound, as if they were not there.
func visible(ctx context.Context, tx Store, scope Scope, user id.User) (User, error) {
	if scope.Everywhere() || scope.Actor() == user {
		return tx.User(ctx, user)
	}
	standing, err := visibleStanding(ctx, tx, scope, user)
	return standing.User, err
}

// visibleStanding is visible with everything that the user may do.
func visibleStanding(ctx context.Context, tx Store, scope Scope, user id.User) (Standing, error) {
	standing, err := tx.Standing(ctx, user)
	if err != nil {
		return Standing{}, err
	}
	member := slices.ContainsFunc(standing.everyPlace(), func(place Place) bool { return scope.Covers(place.Organization.ID) })
	if !scope.sees(standing.User, member) {
		return Standing{}, store.ErrNotFound
	}
	return standing, nil
}

// reachable loads a user whom scope may see by a permission: himself, or within the organizations where the actor holds it.
func reachable(ctx context.Context, tx Store, scope Scope, user id.User, permission Permission) (User, error) {
	if scope.is(user) {
		return tx.User(ctx, user)
	}
	return reachableBy(ctx, tx, scope, user, permission)
}

// accountFor loads a user whose account itself scope may act on: his own, or as anothersAccount says with users.change_user.
func accountFor(ctx context.Context, tx Store, scope Scope, user id.User) (User, error) {
	return accountWith(ctx, tx, scope, user, ChangeUser)
}

// accountWith is accountFor by another permission.
func accountWith(ctx context.Context, tx Store, scope Scope, user id.User, permission Permission) (User, error) {
	if scope.is(user) {
		return tx.User(ctx, user)
	}
	return anothersAccount(ctx, tx, scope, user, permission)
}

// anothersAccount loads a user whose account scope may act on by a permission, be it his own or not. Accounts are installation-wide,
// so a manager may only if the account is nobody else's business: he has to hold the permission in every organization that the user is
// in; in disabled ones nobody but superusers changes anything. Never that of an owner, and never that of somebody who may do more than
// he does: whoever sets a password can be that user.
func anothersAccount(ctx context.Context, tx Store, scope Scope, user id.User, permission Permission) (User, error) {
	within, err := scope.Where(permission)
	if err != nil {
		return User{}, err
	}
	if scope.Superuser() {
		return tx.User(ctx, user)
	}
	standing, err := visibleStanding(ctx, tx, within, user)
	if err != nil {
		return User{}, err
	}
	if slices.ContainsFunc(standing.everyPlace(), func(place Place) bool {
		return !scope.HasIn(place.Organization.ID, permission) || (place.Role == Owner && !scope.Everywhere())
	}) || !scope.includes(standing) {
		return User{}, ErrForbidden
	}
	return standing.User, nil
}

// reachableBy is reachable for what it takes the permission for, even with oneself.
func reachableBy(ctx context.Context, tx Store, scope Scope, user id.User, permission Permission) (User, error) {
	within, err := scope.Where(permission)
	if err != nil {
		return User{}, err
	}
	return visible(ctx, tx, within, user)
}

// includes reports whether the actor may do everything that the user may.
func (s Scope) includes(standing Standing) bool {
	if standing.User.Superuser {
		return s.Superuser()
	}
	if standing.User.Staff && !s.must().staff && !s.Everywhere() {
		return false
	}
	for _, group := range slices.Concat(standing.Groups, standing.DisabledGroups) {
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
