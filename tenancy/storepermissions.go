package tenancy

import (
	"context"

	"gatehouse/internal/id"
)

// Permissions are the registered ones, and those that users hold without a group.
type Permissions interface {
	// RegisteredPermissions lists the definitions, ordered by code.
	RegisteredPermissions(ctx context.Context) ([]PermissionDefinition, error)
	// PutPermission writes a definition, or its label if it is there.
	PutPermission(ctx context.Context, definition PermissionDefinition) error
	// DropPermission removes a definition that no group and no user holds; else store.ErrStale.
	DropPermission(ctx context.Context, permission Permission) error
	// UserPermissions lists those that a user holds without a group, sorted.
	UserPermissions(ctx context.Context, user id.User) ([]Permission, error)
	// SetUserPermissions makes permissions those that a user holds without a group. store.ErrNotFound if there is no such user.
	SetUserPermissions(ctx context.Context, user id.User, permissions []Permission) error
}
