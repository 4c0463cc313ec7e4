package tenancy

import (
	"context"
	"slices"

	"gatehouse/internal/id"
)

// CreateGroup makes a group with permissions that the actor holds himself. It needs users.add_group; shared groups only a superuser
// makes, those of an organization nobody while it is disabled.
func (d *Directory) CreateGroup(ctx context.Context, scope Scope, g Group) (Group, error) {
	if !scope.Has(AddGroup) || (g.Organization == "" && !scope.Everywhere()) {
		return Group{}, ErrForbidden
	}
	found := problems{}
	found.name(g.Name, maxName)
	found.permissions(scope, g.Permissions)
	if err := found.err(); err != nil {
		return Group{}, err
	}
	g.ID = id.New[id.Group]()
	g.Permissions = slices.Compact(slices.Sorted(slices.Values(g.Permissions)))
	err := d.write(ctx, d.event(scope, "group.created", string(g.ID), g.Organization), func(tx Store) error {
		if g.Organization != "" {
			if err := enabled(ctx, tx, scope, g.Organization); err != nil {
				return err
			}
		}
		return tx.CreateGroup(ctx, scope, g)
	})
	return g, taken(err, map[string]string{"name": "There is a group of this name already."})
}

// GroupByName finds a shared group; everybody with users.view_group sees those.
func (d *Directory) GroupByName(ctx context.Context, scope Scope, name string) (Group, error) {
	if !scope.Has(ViewGroup) {
		return Group{}, ErrForbidden
	}
	return d.Store.SharedGroupByName(ctx, name)
}

// AddToGroup puts a user into a group, all of whose permissions the actor must hold himself. It needs users.change_user. A shared
// group counts in every organization of the user, so joining one is an act on the account (see SetPassword for who may); a group of
// an organization takes its members only, and not its owner unless he asks for it himself.
func (d *Directory) AddToGroup(ctx context.Context, scope Scope, group id.Group, user id.User) error {
	if !scope.Has(ChangeUser) {
		return ErrForbidden
	}
	event := d.event(scope, "group.joined", string(group), "")
	event.Detail = map[string]string{"user": string(user)}
	return d.Store.InTx(ctx, func(tx Store) error {
		g, err := tx.Group(ctx, scope, group)
		if err != nil {
			return err
		}
		if !scope.holds(g.Organization, g.Permissions...) {
			return ErrForbidden
		}
		if err := mayJoin(ctx, tx, scope, g, user); err != nil {
			return err
		}
		if err := tx.AddToGroup(ctx, scope, group, user); err != nil {
			return err
		}
		event.Organization = g.Organization
		return tx.Record(ctx, event)
	})
}

func mayJoin(ctx context.Context, tx Store, scope Scope, g Group, user id.User) error {
	if g.Organization == "" {
		_, err := accountFor(ctx, tx, scope, user)
		return err
	}
	if err := enabled(ctx, tx, scope, g.Organization); err != nil {
		return err
	}
	if _, err := visible(ctx, tx, scope, user); err != nil {
		return err
	}
	m, err := membershipIn(ctx, tx, scope, g.Organization, user)
	if err != nil {
		return err
	}
	if m.Role == Owner && !scope.Everywhere() && scope.Actor() != user {
		return ErrForbidden
	}
	return nil
}
