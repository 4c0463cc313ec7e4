package main

import (
	"context"
	"fmt"

	"gatehouse/tenancy"
)

type groupsAddUserCommand struct {
	configFlag
	groupArgument
	userArgument
}

// Run puts a user into a group.
func (c groupsAddUserCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		group, user, err := c.ends(ctx, a)
		if err != nil {
			return err
		}
		if err := a.directory.AddToGroup(ctx, commandLine(), group.ID, user.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s is in %s.\n", user.Username, group.Name)
		return err
	})
}

func (c groupsAddUserCommand) ends(ctx context.Context, a *app) (tenancy.Group, tenancy.User, error) {
	group, err := c.groupArgument.find(ctx, a)
	if err != nil {
		return group, tenancy.User{}, err
	}
	user, err := c.userArgument.find(ctx, a)
	return group, user, err
}

type groupsRemoveUserCommand groupsAddUserCommand

// Run takes a user out of a group.
func (c groupsRemoveUserCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		group, user, err := groupsAddUserCommand(c).ends(ctx, a)
		if err != nil {
			return err
		}
		if err := a.directory.RemoveFromGroup(ctx, commandLine(), group.ID, user.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s is not in %s.\n", user.Username, group.Name)
		return err
	})
}

type groupsDeleteCommand struct {
	configFlag
	confirmFlag
	groupArgument
}

// Run deletes a group.
func (c groupsDeleteCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		group, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		members, err := a.directory.ListUsers(ctx, commandLine(), tenancy.UserFilter{Group: group.ID}, tenancy.Query{Size: 1})
		if err != nil {
			return err
		}
		if err := c.check(fmt.Sprintf("deletes the group %s, which gives %s to %s,", group.Name, plural(len(group.Permissions), "permission"), plural(members.Count, "user"))); err != nil {
			return err
		}
		if err := a.directory.DeleteGroup(ctx, commandLine(), group.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "Deleted %s.\n", group.Name)
		return err
	})
}
