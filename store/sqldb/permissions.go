package sqldb

import (
	"context"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

var (
	permissionsAll = plain(`SELECT code, app, model, action, label FROM permissions ORDER BY code`)
	permissionPut  = plain(`INSERT INTO permissions (code, app, model, action, label) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (code) DO UPDATE SET label = excluded.label`)
	permissionDrop = unscoped("permissions are installation-wide; whoever holds one counts", `DELETE FROM permissions WHERE code = $1
		AND NOT EXISTS (SELECT 1 FROM group_permissions WHERE permission = $1)
		AND NOT EXISTS (SELECT 1 FROM user_permissions WHERE permission = $1)`)
	userPermissionsOf     = plain(`SELECT permission FROM user_permissions WHERE user_id = $1 ORDER BY permission`)
	userPermissionsDelete = plain(`DELETE FROM user_permissions WHERE user_id = $1`)
	userPermissionInsert  = plain(`INSERT INTO user_permissions (user_id, permission) VALUES ($1, $2)`)
)

// RegisteredPermissions implements tenancy.Permissions.
func (q *queries) RegisteredPermissions(ctx context.Context) ([]tenancy.PermissionDefinition, error) {
	return all(ctx, q, q.read, func(row scanner) (tenancy.PermissionDefinition, error) {
		var d tenancy.PermissionDefinition
		return d, row.Scan(&d.Code, &d.App, &d.Model, &d.Action, &d.Label)
	}, permissionsAll)
}

// PutPermission implements tenancy.Permissions.
func (q *queries) PutPermission(ctx context.Context, d tenancy.PermissionDefinition) error {
	_, err := q.exec(ctx, permissionPut, string(d.Code), d.App, d.Model, d.Action, d.Label)
	return err
}

// DropPermission implements tenancy.Permissions.
func (q *queries) DropPermission(ctx context.Context, permission tenancy.Permission) error {
	return q.conditional(ctx, permissionDrop, string(permission))
}

// UserPermissions implements tenancy.Permissions.
func (q *queries) UserPermissions(ctx context.Context, user id.User) ([]tenancy.Permission, error) {
	return all(ctx, q, q.read, value[tenancy.Permission], userPermissionsOf, string(user))
}

// SetUserPermissions implements tenancy.Permissions.
func (q *queries) SetUserPermissions(ctx context.Context, user id.User, permissions []tenancy.Permission) error {
	return q.transaction(ctx, func(tx *queries) error {
		if _, err := tx.User(ctx, user); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, userPermissionsDelete, string(user)); err != nil {
			return err
		}
		for _, permission := range permissions {
			if _, err := tx.exec(ctx, userPermissionInsert, string(user), string(permission)); err != nil {
				return err
			}
		}
		return nil
	})
}
