package main

import (
	"context"
	"fmt"
	"strings"

	"gatehouse/tenancy"
)

type usersListCommand struct {
	configFlag
	outputFlag
	pageFlags
	Search       string `help:"Only those in whose names, addresses or searched fields all these words occur."`
	Organization string `placeholder:"SLUG" help:"Only the members of this organization."`
	Role         string `enum:"member,manager,owner," default:"" placeholder:"ROLE" help:"Only those with this role, in --organization or anywhere: member, manager or owner."`
	Group        string `placeholder:"NAME" help:"Only those in this group, of --organization or a shared one."`
	Inactive     bool   `help:"Only those who may not sign in."`
	Staff        bool   `help:"Only staff."`
	Superusers   bool   `help:"Only superusers."`
}

// Run lists users, newest first unless sorted otherwise.
func (c usersListCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		filter, err := c.filter(ctx, a)
		if err != nil {
			return err
		}
		known := slugs{}
		read := func(q tenancy.Query) (tenancy.Page[tenancy.UserRow], error) {
			return a.directory.ListUsers(ctx, commandLine(), filter, q)
		}
		row := func(u tenancy.UserRow) []attribute {
			places := make([]string, len(u.Memberships))
			for i, m := range u.Memberships {
				places[i] = fmt.Sprintf("%s (%s)", known.of(ctx, a, m.Organization), m.Role)
			}
			return []attribute{
				{"id", u.ID},
				{"username", u.Username},
				{"email", u.Email},
				{"name", strings.TrimSpace(u.FirstName + " " + u.LastName)},
				{"is_active", u.Active},
				{"organizations", places},
				{"last_login", u.LastLogin},
			}
		}
		return listing[tenancy.UserRow]{c.outputFlag, c.pageFlags, read, row}.print(t, c.Search)
	})
}

func (c usersListCommand) filter(ctx context.Context, a *app) (tenancy.UserFilter, error) {
	organization, err := findOrganization(ctx, a, c.Organization)
	if err != nil {
		return tenancy.UserFilter{}, err
	}
	filter := tenancy.UserFilter{Organization: organization, Role: tenancy.Role(c.Role)}
	if c.Group != "" {
		group, err := findGroup(ctx, a, c.Group, organization, true)
		if err != nil {
			return filter, err
		}
		filter.Group = group.ID
	}
	if c.Inactive {
		filter.Active = new(bool)
	}
	if c.Staff {
		filter.Staff = &c.Staff
	}
	if c.Superusers {
		filter.Superuser = &c.Superusers
	}
	return filter, nil
}
