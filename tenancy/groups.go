package tenancy

import (
	"context"
	"slices"
	"strings"

	"gatehouse/audit"
	"gatehouse/internal/id"
)

// CreateGroup makes a group with registered permissions that the actor holds himself. A group of an organization needs
// users.add_group in it and counts in it alone; a shared one needs the permission and a scope that is limited to no organization:
// *Invalid names "organization" otherwise.
func (d *Directory) CreateGroup(ctx context.Context, scope Scope, g Group) (Group, error) {
	if !scope.somewhere(AddGroup) {
		return Group{}, ErrForbidden
	}
	found := problems{}
	if g.Organization == "" && !scope.Everywhere() {
		found.add("organization", "Choose an organization.")
	}
	found.name(g.Name, maxName)
	found.permissions(scope, g.Organization, g.Permissions)
	if err := found.err(); err != nil {
		return Group{}, err
	}
	g.ID = id.New[id.Group]()
	g.Permissions = distinct(g.Permissions)
	g.Created, g.Modified, g.Version = d.now(), d.now(), 1
	event := d.event(scope, "group.created", string(g.ID), g.Organization)
	event.Detail = map[string]string{"name": g.Name, "permissions": joined(g.Permissions)}
	err := d.write(ctx, event, func(tx Store) error {
		if g.Organization != "" {
			if _, err := authorized(ctx, tx, scope, g.Organization, AddGroup); err != nil {
				return err
			}
		}
		if err := registered(ctx, tx, g.Permissions); err != nil {
			return err
		}
		return tx.CreateGroup(ctx, scope, g)
	})
	return g, taken(err, takenGroup)
}

var takenGroup = map[string]string{"name": "There is a group of this name already."}

func joined(permissions []Permission) string {
	texts := make([]string, len(permissions))
	for i, permission := range permissions {
		texts[i] = string(permission)
	}
	return strings.Join(texts, " ")
}

// GroupByName finds a shared group; everybody with users.view_group sees those.
func (d *Directory) GroupByName(ctx context.Context, scope Scope, name string) (Group, error) {
	if !scope.somewhere(ViewGroup) {
		return Group{}, ErrForbidden
	}
	return d.Store.SharedGroupByName(ctx, name)
}

// Group finds a group within scope. It needs users.view_group in the group's organization, for a shared one anywhere.
func (d *Directory) Group(ctx context.Context, scope Scope, group id.Group) (Group, error) {
	return groupFor(ctx, d.Store, scope, group, Read, ViewGroup)
}

// groupFor finds a group on which scope may act (see Decide).
func groupFor(ctx context.Context, tx Store, scope Scope, group id.Group, action Action, permission Permission) (Group, error) {
	if !scope.somewhere(permission) {
		return Group{}, ErrForbidden
	}
	g, err := tx.Group(ctx, scope, group)
	if err != nil {
		return Group{}, err
	}
	active := true
	if g.Organization != "" {
		o, err := tx.Organization(ctx, scope, g.Organization)
		if err != nil {
			return Group{}, err
		}
		active = o.Active
	}
	return g, Decide(scope, action, permission, g.Organization, active)
}

// GroupChange is what to change of a group; nil fields stay. Version is the one that the caller has seen, 0 for whichever is stored
// now.
type GroupChange struct {
	Name        *string
	Permissions *[]Permission // instead of those that it has
	Version     int64
}

// UpdateGroup changes a group of an active organization, or a shared one. It needs users.change_group there, and that the actor
// holds every permission that the group has and is to have.
func (d *Directory) UpdateGroup(ctx context.Context, scope Scope, group id.Group, change GroupChange) (Group, error) {
	var updated Group
	err := d.Store.InTx(ctx, func(tx Store) error {
		before, err := groupFor(ctx, tx, scope, group, Update, ChangeGroup)
		if err != nil {
			return err
		}
		if err := current(change.Version, before.Version); err != nil {
			return err
		}
		if !scope.holds(before.Organization, before.Permissions...) {
			return ErrForbidden
		}
		updated = before
		changes := change.apply(&updated)
		found := problems{}
		found.name(updated.Name, maxName)
		found.permissions(scope, updated.Organization, updated.Permissions)
		if err := found.err(); err != nil || len(changes) == 0 {
			return err
		}
		if err := registered(ctx, tx, added(before.Permissions, updated.Permissions)); err != nil {
			return err
		}
		return d.saveGroup(ctx, tx, scope, &updated, changes)
	})
	return updated, taken(err, takenGroup)
}

func (c GroupChange) apply(g *Group) []audit.Change {
	var changes []audit.Change
	replace(&changes, "name", &g.Name, c.Name)
	if c.Permissions == nil {
		return changes
	}
	before, after := joined(g.Permissions), joined(distinct(*c.Permissions))
	replace(&changes, "permissions", &before, &after)
	g.Permissions = distinct(*c.Permissions)
	return changes
}

// added are those of after that are not in before.
func added(before, after []Permission) []Permission {
	return slices.DeleteFunc(slices.Clone(after), func(permission Permission) bool { return slices.Contains(before, permission) })
}

func (d *Directory) saveGroup(ctx context.Context, tx Store, scope Scope, g *Group, changes []audit.Change) error {
	event := d.event(scope, "group.changed", string(g.ID), g.Organization)
	event.Changes = changes
	g.Modified = event.At
	if err := tx.UpdateGroup(ctx, scope, *g); err != nil {
		return err
	}
	g.Version++
	return tx.Record(ctx, event)
}

// DeleteGroup removes a group, of a disabled organization too. It needs users.delete_group there, and that the actor holds every
// permission that the group has.
func (d *Directory) DeleteGroup(ctx context.Context, scope Scope, group id.Group) error {
	return d.Store.InTx(ctx, func(tx Store) error {
		g, err := groupFor(ctx, tx, scope, group, Delete, DeleteGroup)
		if err != nil {
			return err
		}
		if !scope.holds(g.Organization, g.Permissions...) {
			return ErrForbidden
		}
		if err := tx.DeleteGroup(ctx, scope, group); err != nil {
			return err
		}
		event := d.event(scope, "group.deleted", string(group), g.Organization)
		event.Detail = map[string]string{"name": g.Name, "permissions": joined(g.Permissions)}
		return tx.Record(ctx, event)
	})
}
