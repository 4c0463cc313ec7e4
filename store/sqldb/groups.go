package sqldb

import (
	"context"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

var (
	groupInsert = unscoped("an insert; CreateGroup checks the organization",
		`INSERT INTO groups (id, organization_id, name, search) VALUES ($1, $2, $3, $4)`)
	groupPermissionInsert = unscoped("belongs to the group just written",
		`INSERT INTO group_permissions (group_id, permission) VALUES ($1, $2)`)
	groupByID = scoped(`SELECT g.id, COALESCE(g.organization_id, ''), g.name, COALESCE(p.permission, '') FROM groups g
		LEFT JOIN group_permissions p ON p.group_id = g.id WHERE g.id = $1 AND {g.organization_id|shared} ORDER BY p.permission`)
	groupSharedByName = unscoped("shared groups are within every scope", `SELECT g.id, '', g.name, COALESCE(p.permission, '') FROM groups g
		LEFT JOIN group_permissions p ON p.group_id = g.id WHERE g.name = $1 AND g.organization_id IS NULL ORDER BY p.permission`)
	groupMemberInsert = scoped(`INSERT INTO group_members (group_id, user_id) SELECT g.id, $2 FROM groups g
		WHERE g.id = $1 AND {g.organization_id|shared} ON CONFLICT (group_id, user_id) DO UPDATE SET user_id = excluded.user_id`)
)

// CreateGroup implements tenancy.Groups.
func (q *queries) CreateGroup(ctx context.Context, scope tenancy.Scope, group tenancy.Group) error {
	if !scope.Covers(group.Organization) { // only who is everywhere covers none
		return store.ErrNotFound
	}
	return q.transaction(ctx, func(tx *queries) error {
		if _, err := tx.exec(ctx, groupInsert, string(group.ID), orNull(group.Organization), group.Name, group.SearchText()); err != nil {
			return err
		}
		for _, permission := range group.Permissions {
			if _, err := tx.exec(ctx, groupPermissionInsert, string(group.ID), string(permission)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Group implements tenancy.Groups.
func (q *queries) Group(ctx context.Context, scope tenancy.Scope, group id.Group) (tenancy.Group, error) {
	s, args := groupByID.in(scope, string(group))
	return q.oneGroup(ctx, s, args...)
}

// SharedGroupByName implements tenancy.Groups.
func (q *queries) SharedGroupByName(ctx context.Context, name string) (tenancy.Group, error) {
	return q.oneGroup(ctx, groupSharedByName, name)
}

func (q *queries) oneGroup(ctx context.Context, s statement, args ...any) (tenancy.Group, error) {
	rows, err := all(ctx, q, q.read, scanGroupPermission, s, args...)
	if err != nil {
		return tenancy.Group{}, err
	}
	if len(rows) == 0 {
		return tenancy.Group{}, store.ErrNotFound
	}
	return gather(rows, func(tenancy.Group) bool { return true })[0], nil
}

// AddToGroup implements tenancy.Groups.
func (q *queries) AddToGroup(ctx context.Context, scope tenancy.Scope, group id.Group, user id.User) error {
	s, args := groupMemberInsert.in(scope, string(group), string(user))
	return q.mustChange(ctx, s, args...)
}
