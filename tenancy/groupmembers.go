package tenancy

import (
	"context"
	"errors"
	"slices"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// AddToGroup puts a user into a group, all of whose permissions the actor must hold himself. It needs users.change_user where the group
// counts. A shared group counts in every organization of the user, so joining one is an act on the account (see SetPassword for who
// may); a group of an organization takes its members only, and not its owner unless he asks for it himself. Once more is no error.
func (d *Directory) AddToGroup(ctx context.Context, scope Scope, group id.Group, user id.User) error {
	return d.Store.InTx(ctx, func(tx Store) error { return d.join(ctx, tx, scope, group, user) })
}

func (d *Directory) join(ctx context.Context, tx Store, scope Scope, group id.Group, user id.User) error {
	g, err := givenGroup(ctx, tx, scope, group)
	if err != nil {
		return err
	}
	if g.Organization != "" {
		if err := enabled(ctx, tx, scope, g.Organization); err != nil {
			return err
		}
	}
	in, err := mayJoin(ctx, tx, scope, g, user)
	if err != nil || in {
		return err
	}
	if err := tx.AddToGroup(ctx, scope, group, user); err != nil {
		return err
	}
	event := d.event(scope, "group.joined", string(group), g.Organization)
	if err := tx.TouchUser(ctx, user, event.At); err != nil {
		return err
	}
	event.Detail = map[string]string{"user": string(user), "name": g.Name}
	return tx.Record(ctx, event)
}

// RemoveFromGroup takes a user out of a group, under the rules of AddToGroup, in a disabled organization too. Whoever is not in it is
// no error.
func (d *Directory) RemoveFromGroup(ctx context.Context, scope Scope, group id.Group, user id.User) error {
	return d.Store.InTx(ctx, func(tx Store) error { return d.leave(ctx, tx, scope, group, user) })
}

func (d *Directory) leave(ctx context.Context, tx Store, scope Scope, group id.Group, user id.User) error {
	g, err := givenGroup(ctx, tx, scope, group)
	if err != nil {
		return err
	}
	in, err := mayJoin(ctx, tx, scope, g, user)
	if err != nil || !in {
		return err
	}
	if err := tx.RemoveFromGroup(ctx, scope, group, user); err != nil {
		return err
	}
	event := d.event(scope, "group.left", string(group), g.Organization)
	if err := tx.TouchUser(ctx, user, event.At); err != nil {
		return err
	}
	event.Detail = map[string]string{"user": string(user), "name": g.Name}
	return tx.Record(ctx, event)
}

// givenGroup finds a group that the actor may give to somebody.
func givenGroup(ctx context.Context, tx Store, scope Scope, group id.Group) (Group, error) {
	if !scope.somewhere(ChangeUser) {
		return Group{}, ErrForbidden
	}
	g, err := tx.Group(ctx, scope, group)
	if err == nil && (!scope.holdsIn(g.Organization, ChangeUser) || !scope.holds(g.Organization, g.Permissions...)) {
		return Group{}, ErrForbidden
	}
	return g, err
}

// mayJoin refuses what AddToGroup says, and reports whether the user is in the group.
func mayJoin(ctx context.Context, tx Store, scope Scope, g Group, user id.User) (bool, error) {
	if err := mayBeIn(ctx, tx, scope, g, user); err != nil {
		return false, err
	}
	groups, err := tx.GroupsOf(ctx, scope, user)
	return slices.ContainsFunc(groups, func(held Group) bool { return held.ID == g.ID }), err
}

func mayBeIn(ctx context.Context, tx Store, scope Scope, g Group, user id.User) error {
	if g.Organization == "" {
		_, err := accountFor(ctx, tx, scope, user)
		return err
	}
	if _, err := visible(ctx, tx, scope, user); err != nil {
		return err
	}
	m, err := membershipIn(ctx, tx, scope, g.Organization, user)
	if errors.Is(err, store.ErrNotFound) {
		return refused("user", "Only members of the organization can be in a group of it.")
	}
	if err != nil {
		return err
	}
	if m.Role == Owner && !scope.Everywhere() && scope.Actor() != user {
		return ErrForbidden
	}
	return nil
}

// GroupsOf lists the groups of a user: all to himself, to others those that they see. The latter needs users.view_user.
func (d *Directory) GroupsOf(ctx context.Context, scope Scope, user id.User) ([]Group, error) {
	if scope.is(user) {
		return d.Store.GroupsOf(ctx, System("own groups"), user)
	}
	limited, err := scope.Where(ViewUser)
	if err != nil {
		return nil, err
	}
	if _, err := visible(ctx, d.Store, limited, user); err != nil {
		return nil, err
	}
	return d.Store.GroupsOf(ctx, limited, user)
}

// SetUserGroups makes groups the ones that a user is in, of those that scope sees; others stay as they are. Each one joined or left
// is under the rules of AddToGroup; *Invalid names "groups" for one that is not there.
func (d *Directory) SetUserGroups(ctx context.Context, scope Scope, user id.User, groups []id.Group) error {
	if !scope.somewhere(ChangeUser) {
		return ErrForbidden
	}
	return d.Store.InTx(ctx, func(tx Store) error {
		if _, err := visible(ctx, tx, scope, user); err != nil {
			return err
		}
		held, err := tx.GroupsOf(ctx, scope, user)
		if err != nil {
			return err
		}
		for _, g := range held {
			if !slices.Contains(groups, g.ID) {
				if err := d.leave(ctx, tx, scope, g.ID, user); err != nil {
					return err
				}
			}
		}
		for _, group := range distinct(groups) {
			if slices.ContainsFunc(held, func(g Group) bool { return g.ID == group }) {
				continue
			}
			if err := d.joinChosen(ctx, tx, scope, group, user); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *Directory) joinChosen(ctx context.Context, tx Store, scope Scope, group id.Group, user id.User) error {
	if _, err := tx.Group(ctx, scope, group); errors.Is(err, store.ErrNotFound) {
		return &Invalid{Fields: map[string][]string{"groups": {"There is no such group."}}}
	}
	return d.join(ctx, tx, scope, group, user)
}
