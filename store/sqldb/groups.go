package sqldb

import (
	"context"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const groupColumns = `g.id, COALESCE(g.organization_id, ''), g.name, g.created, g.modified, g.version, COALESCE(p.permission, '')`

var (
	groupInsert = unscoped("an insert; CreateGroup checks the organization",
		`INSERT INTO groups (id, organization_id, name, search, created, modified) VALUES ($1, $2, $3, $4, $5, $6)`)
	groupUpdate           = scoped(`UPDATE groups SET name = $2, search = $3, modified = $4, version = version + 1 WHERE id = $1 AND version = $5 AND {organization_id}`)
	groupDelete           = scoped(`DELETE FROM groups WHERE id = $1 AND {organization_id}`)
	groupPermissionInsert = unscoped("belongs to the group just written",
		`INSERT INTO group_permissions (group_id, permission) VALUES ($1, $2)`)
	groupPermissionsDelete = unscoped("belong to the group just written", `DELETE FROM group_permissions WHERE group_id = $1`)

	groupByID = scoped(`SELECT ` + groupColumns + ` FROM groups g
		LEFT JOIN group_permissions p ON p.group_id = g.id WHERE g.id = $1 AND {g.organization_id|shared} ORDER BY p.permission`)
	groupSharedByName = unscoped("shared groups are within every scope", `SELECT `+groupColumns+` FROM groups g
		LEFT JOIN group_permissions p ON p.group_id = g.id WHERE g.name = $1 AND g.organization_id IS NULL ORDER BY p.permission`)
	groupsOfUser = scoped(`SELECT ` + groupColumns + ` FROM group_members gm JOIN groups g ON g.id = gm.group_id
		LEFT JOIN group_permissions p ON p.group_id = g.id WHERE gm.user_id = $1 AND {g.organization_id|shared}
		ORDER BY g.name, g.id, p.permission`)

	groupMemberInsert = scoped(`INSERT INTO group_members (group_id, user_id) SELECT g.id, $2 FROM groups g
		WHERE g.id = $1 AND {g.organization_id|shared} ON CONFLICT (group_id, user_id) DO UPDATE SET user_id = excluded.user_id`)
	groupMemberDelete = scoped(`DELETE FROM group_members WHERE user_id = $2 AND group_id IN
		(SELECT g.id FROM groups g WHERE g.id = $1 AND {g.organization_id|shared})`)
)

// CreateGroup implements tenancy.Groups.
func (q *queries) CreateGroup(ctx context.Context, scope tenancy.Scope, group tenancy.Group) error {
	if !scope.Covers(group.Organization) { // only who is everywhere covers none
		return store.ErrNotFound
	}
	return q.transaction(ctx, func(tx *queries) error {
		_, err := tx.exec(ctx, groupInsert, string(group.ID), orNull(group.Organization), group.Name, group.SearchText(),
			micros(group.Created), micros(group.Modified))
		if err != nil {
			return err
		}
		return tx.insertGroupPermissions(ctx, group)
	})
}

func (q *queries) insertGroupPermissions(ctx context.Context, group tenancy.Group) error {
	for _, permission := range group.Permissions {
		if _, err := q.exec(ctx, groupPermissionInsert, string(group.ID), string(permission)); err != nil {
			return err
		}
	}
	return nil
}

// UpdateGroup implements tenancy.Groups.
func (q *queries) UpdateGroup(ctx context.Context, scope tenancy.Scope, group tenancy.Group) error {
	return q.transaction(ctx, func(tx *queries) error {
		s, args := groupUpdate.in(scope, string(group.ID), group.Name, group.SearchText(), micros(group.Modified), group.Version)
		if err := tx.conditional(ctx, s, args...); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, groupPermissionsDelete, string(group.ID)); err != nil {
			return err
		}
		return tx.insertGroupPermissions(ctx, group)
	})
}

// DeleteGroup implements tenancy.Groups.
func (q *queries) DeleteGroup(ctx context.Context, scope tenancy.Scope, group id.Group) error {
	s, args := groupDelete.in(scope, string(group))
	return q.mustChange(ctx, s, args...)
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
	return gather(rows)[0], nil
}

// AddToGroup implements tenancy.Groups.
func (q *queries) AddToGroup(ctx context.Context, scope tenancy.Scope, group id.Group, user id.User) error {
	s, args := groupMemberInsert.in(scope, string(group), string(user))
	return q.mustChange(ctx, s, args...)
}

// RemoveFromGroup implements tenancy.Groups.
func (q *queries) RemoveFromGroup(ctx context.Context, scope tenancy.Scope, group id.Group, user id.User) error {
	s, args := groupMemberDelete.in(scope, string(group), string(user))
	_, err := q.exec(ctx, s, args...)
	return err
}

// GroupsOf implements tenancy.Groups.
func (q *queries) GroupsOf(ctx context.Context, scope tenancy.Scope, user id.User) ([]tenancy.Group, error) {
	s, args := groupsOfUser.in(scope, string(user))
	rows, err := all(ctx, q, q.read, scanGroupPermission, s, args...)
	return gather(rows), err
}

// scanGroupPermission reads a group with at most one of its permissions.
func scanGroupPermission(row scanner) (tenancy.Group, error) {
	var (
		group             tenancy.Group
		permission        tenancy.Permission
		created, modified int64
	)
	err := row.Scan(&group.ID, &group.Organization, &group.Name, &created, &modified, &group.Version, &permission)
	group.Created, group.Modified = fromMicros(created), fromMicros(modified)
	if permission != "" {
		group.Permissions = []tenancy.Permission{permission}
	}
	return group, err
}

// gather joins consecutive rows of one group.
func gather(rows []tenancy.Group) []tenancy.Group {
	var groups []tenancy.Group
	for _, row := range rows {
		if last := len(groups) - 1; last >= 0 && groups[last].ID == row.ID {
			groups[last].Permissions = append(groups[last].Permissions, row.Permissions...)
		} else {
			groups = append(groups, row)
		}
	}
	return groups
}
