package main

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

type groupsCommand struct {
	List       groupsListCommand       `cmd:"" help:"List groups: all, or those of one organization, or shared ones."`
	Create     groupsCreateCommand     `cmd:"" help:"Create a group: a shared one, or with --organization one of an organization."`
	Show       groupsShowCommand       `cmd:"" help:"Show a group with its permissions."`
	Update     groupsUpdateCommand     `cmd:"" help:"Rename a group, or give it other permissions; what is not named stays."`
	AddUser    groupsAddUserCommand    `cmd:"" help:"Put a user into a group."`
	RemoveUser groupsRemoveUserCommand `cmd:"" help:"Take a user out of a group."`
	Delete     groupsDeleteCommand     `cmd:"" help:"Delete a group; its members lose what it gives."`
}

// groupArgument names a group.
type groupArgument struct {
	Group        string `arg:"" help:"Name of the group, such as Administrator."`
	Organization string `placeholder:"SLUG" help:"Whose group it is; without, a shared one."`
}

func (g groupArgument) find(ctx context.Context, a *app) (tenancy.Group, error) {
	organization, err := findOrganization(ctx, a, g.Organization)
	if err != nil {
		return tenancy.Group{}, err
	}
	return findGroup(ctx, a, g.Group, organization, false)
}

// findGroup finds by name a group of an organization, or a shared one where that is "" or, with sharedToo, has none of the name.
func findGroup(ctx context.Context, a *app, name string, organization id.Organization, sharedToo bool) (tenancy.Group, error) {
	if organization == "" {
		return sharedGroup(ctx, a, name)
	}
	q := tenancy.Query{Size: tenancy.MaxPageSize, Search: name}
	for {
		page, err := a.directory.ListGroups(ctx, commandLine(), tenancy.GroupFilter{Organization: organization}, q)
		if err != nil {
			return tenancy.Group{}, err
		}
		for _, group := range page.Items {
			if group.Name == name {
				return group, nil
			}
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if sharedToo {
		return sharedGroup(ctx, a, name)
	}
	return tenancy.Group{}, fmt.Errorf("the organization has no group %q; \"groups list --organization SLUG\" shows those that it has", name)
}

func sharedGroup(ctx context.Context, a *app, name string) (tenancy.Group, error) {
	found, err := a.directory.GroupByName(ctx, commandLine(), name)
	if errors.Is(err, store.ErrNotFound) {
		return found, fmt.Errorf("there is no shared group %q; \"groups list\" shows those that there are", name)
	}
	return found, err
}

type groupsListCommand struct {
	configFlag
	outputFlag
	pageFlags
	Search       string `help:"Only those in whose names all these words occur."`
	Organization string `placeholder:"SLUG" help:"Only groups of this organization."`
	Shared       bool   `help:"Only shared groups."`
}

// Run lists groups.
func (c groupsListCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		organization, err := findOrganization(ctx, a, c.Organization)
		if err != nil {
			return err
		}
		filter := tenancy.GroupFilter{Organization: organization}
		if c.Shared {
			filter.Shared = &c.Shared
		}
		read := func(q tenancy.Query) (tenancy.Page[tenancy.Group], error) {
			return a.directory.ListGroups(ctx, commandLine(), filter, q)
		}
		known := slugs{}
		row := func(g tenancy.Group) []attribute {
			return []attribute{{"id", g.ID}, {"name", g.Name}, {"organization", known.of(ctx, a, g.Organization)}, {"permissions", len(g.Permissions)}, {"created", g.Created}}
		}
		return listing[tenancy.Group]{c.outputFlag, c.pageFlags, read, row}.print(t, c.Search)
	})
}

type groupsCreateCommand struct {
	configFlag
	outputFlag
	groupArgument
	Permission []string `placeholder:"CODE" help:"Permission that it gives, such as users.view_user; may be given several times. See \"permissions list\"."`
}

// Run creates a group.
func (c groupsCreateCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		organization, err := findOrganization(ctx, a, c.Organization)
		if err != nil {
			return err
		}
		made, err := a.directory.CreateGroup(ctx, commandLine(), tenancy.Group{Organization: organization, Name: c.Group, Permissions: permissionsOf(c.Permission)})
		if err != nil {
			return err
		}
		return c.object(t, groupAttributes(made, c.Organization)...)
	})
}

func groupAttributes(g tenancy.Group, slug string) []attribute {
	return []attribute{{"id", g.ID}, {"name", g.Name}, {"organization", slug}, {"permissions", texts(g.Permissions)}}
}

type groupsShowCommand struct {
	configFlag
	outputFlag
	groupArgument
}

// Run shows a group.
func (c groupsShowCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		group, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		return c.object(t, groupAttributes(group, c.Organization)...)
	})
}
