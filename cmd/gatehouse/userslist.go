package main

import (
	"context"
	"fmt"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

type usersListCommand struct {
	configFlag
	outputFlag
	pageFlags
	Search       string `help:"Only those in whose names, addresses or searched fields all these words occur."`
	Organization string `placeholder:"SLUG" help:"Only the members of this organization."`
	Role         string `enum:"member,manager,owner," default:"" placeholder:"ROLE" help:"Only those with this role, in --organization or anywhere: member, manager or owner."`
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
		slugs := map[id.Organization]string{}
		read := func(q tenancy.Query) (tenancy.Page[tenancy.UserRow], error) {
			page, err := a.directory.ListUsers(ctx, commandLine(), filter, q)
			for _, user := range page.Items {
				for _, m := range user.Memberships {
					if err == nil {
						err = learnSlug(ctx, a, slugs, m.Organization)
					}
				}
			}
			return page, err
		}
		row := func(u tenancy.UserRow) []attribute {
			return []attribute{
				{"id", u.ID},
				{"username", u.Username},
				{"email", u.Email},
				{"name", strings.TrimSpace(u.FirstName + " " + u.LastName)},
				{"is_active", u.Active},
				{"organizations", places(u.Memberships, slugs)},
				{"last_login", u.LastLogin},
			}
		}
		return listing[tenancy.UserRow]{c.outputFlag, c.pageFlags, read, row}.print(t, c.Search)
	})
}

func (c usersListCommand) filter(ctx context.Context, a *app) (tenancy.UserFilter, error) {
	organization, err := findOrganization(ctx, a, c.Organization)
	filter := tenancy.UserFilter{Organization: organization, Role: tenancy.Role(c.Role)}
	if c.Inactive {
		filter.Active = new(bool)
	}
	if c.Staff {
		filter.Staff = &c.Staff
	}
	if c.Superusers {
		filter.Superuser = &c.Superusers
	}
	return filter, err
}

// learnSlug remembers what an organization is called, asking once for each.
func learnSlug(ctx context.Context, a *app, slugs map[id.Organization]string, organization id.Organization) error {
	if slugs[organization] != "" {
		return nil
	}
	found, err := a.directory.Organization(ctx, commandLine(), organization)
	slugs[organization] = found.Slug
	return err
}

func places(memberships []tenancy.Membership, slugs map[id.Organization]string) []string {
	list := make([]string, len(memberships))
	for i, m := range memberships {
		list[i] = fmt.Sprintf("%s (%s)", slugs[m.Organization], m.Role)
	}
	return list
}
