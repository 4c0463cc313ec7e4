package main

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/store"
	"gatehouse/tenancy"
)

type groupsCommand struct {
	Show    groupsShowCommand    `cmd:"" help:"Show a shared group with its permissions."`
	AddUser groupsAddUserCommand `cmd:"" help:"Put a user into a shared group."`
}

type groupArgument struct {
	Group string `arg:"" help:"Name of a shared group, such as Administrator."`
}

func (g groupArgument) find(ctx context.Context, a *app) (tenancy.Group, error) {
	found, err := a.directory.GroupByName(ctx, commandLine(), g.Group)
	if errors.Is(err, store.ErrNotFound) {
		return found, fmt.Errorf("there is no shared group %q", g.Group)
	}
	return found, err
}

type groupsShowCommand struct {
	configFlag
	outputFlag
	groupArgument
}

// Run shows a group.
func (c groupsShowCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	group, err := c.find(ctx, a)
	if err != nil {
		return err
	}
	permissions := []string{}
	for _, permission := range group.Permissions {
		permissions = append(permissions, string(permission))
	}
	return c.object(t, attribute{"id", group.ID}, attribute{"name", group.Name}, attribute{"permissions", permissions})
}

type groupsAddUserCommand struct {
	configFlag
	Group string `arg:"" help:"Name of a shared group, such as Administrator."`
	userArgument
}

// Run puts a user into a group.
func (c groupsAddUserCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	group, err := groupArgument{c.Group}.find(ctx, a)
	if err != nil {
		return err
	}
	user, err := c.find(ctx, a)
	if err != nil {
		return err
	}
	if err := a.directory.AddToGroup(ctx, commandLine(), group.ID, user.ID); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s is in %s.\n", user.Username, group.Name)
	return err
}
