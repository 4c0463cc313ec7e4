package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gatehouse/tenancy"
)

type groupsUpdateCommand struct {
	configFlag
	outputFlag
	groupArgument
	Name             *string  `placeholder:"NAME" help:"Another name."`
	AddPermission    []string `placeholder:"CODE" help:"Permission that it is to give, too, such as users.view_user; may be given several times."`
	RemovePermission []string `placeholder:"CODE" help:"Permission that it is not to give any more; may be given several times."`
}

// Run changes a group.
func (c groupsUpdateCommand) Run(ctx context.Context, t terminal) error {
	if c.Name == nil && len(c.AddPermission) == 0 && len(c.RemovePermission) == 0 {
		return errors.New("nothing to change is named; say for example --add-permission users.view_user")
	}
	return c.inDirectory(ctx, t, func(a *app) error {
		group, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		change := tenancy.GroupChange{Name: c.Name, Version: group.Version}
		if len(c.AddPermission) > 0 || len(c.RemovePermission) > 0 {
			permissions, err := c.permissions(group)
			if err != nil {
				return err
			}
			change.Permissions = &permissions
		}
		changed, err := a.directory.UpdateGroup(ctx, commandLine(), group.ID, change)
		if err != nil {
			return stale(err, "somebody else changed the group at the same moment; say the same again")
		}
		return c.object(t, groupAttributes(changed, c.Organization)...)
	})
}

// permissions are those of the group after the change.
func (c groupsUpdateCommand) permissions(group tenancy.Group) ([]tenancy.Permission, error) {
	removed := permissionsOf(c.RemovePermission)
	for _, permission := range removed {
		if !slices.Contains(group.Permissions, permission) {
			return nil, fmt.Errorf("the group %s does not give %s", group.Name, permission)
		}
	}
	kept := slices.DeleteFunc(slices.Clone(group.Permissions), func(p tenancy.Permission) bool { return slices.Contains(removed, p) })
	return append(kept, permissionsOf(c.AddPermission)...), nil
}
