package main

import (
	"context"
	"fmt"
	"strings"

	"gatehouse/tenancy"
)

type organizationsEnableCommand struct {
	configFlag
	organizationArgument
}

// Run enables an organization.
func (c organizationsEnableCommand) Run(ctx context.Context, t terminal) error {
	return c.setActive(ctx, t, c.configFlag, true)
}

type organizationsDisableCommand struct {
	configFlag
	organizationArgument
}

// Run disables an organization.
func (c organizationsDisableCommand) Run(ctx context.Context, t terminal) error {
	return c.setActive(ctx, t, c.configFlag, false)
}

func (o organizationArgument) setActive(ctx context.Context, t terminal, f configFlag, active bool) error {
	return f.inDirectory(ctx, t, func(a *app) error {
		found, err := o.find(ctx, a)
		if err != nil {
			return err
		}
		if _, err := a.directory.SetOrganizationActive(ctx, commandLine(), found.ID, active, 0); err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s is enabled: %s.\n", found.Slug, words(active))
		return err
	})
}

type organizationsDeleteCommand struct {
	configFlag
	confirmFlag
	organizationArgument
}

// Run deletes an organization, or says what that would take along.
func (c organizationsDeleteCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		found, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		contents, err := a.directory.OrganizationContents(ctx, commandLine(), found.ID)
		if err != nil {
			return err
		}
		if err := c.check(fmt.Sprintf("deletes %s (%s) with %s", found.Slug, found.Name, contentsInWords(contents))); err != nil {
			return err
		}
		if contents, err = a.directory.DeleteOrganization(ctx, commandLine(), found.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "Deleted %s with %s.\n", found.Slug, contentsInWords(contents))
		return err
	})
}

// contentsInWords names what there is of each kind; accounts stay.
func contentsInWords(c tenancy.Contents) string {
	var parts []string
	for _, kind := range []struct {
		count    int
		singular string
	}{{c.Memberships, "membership"}, {c.Groups, "group"}, {c.Invitations, "open invitation"}, {c.Clients, "OAuth client"}, {c.APITokens, "API token"}} {
		if kind.count > 0 {
			parts = append(parts, plural(kind.count, kind.singular))
		}
	}
	if len(parts) == 0 {
		return "nothing in it"
	}
	if c.Homeless > 0 {
		parts[0] += fmt.Sprintf(" (of them %d in no other organization; the accounts stay)", c.Homeless)
	}
	return strings.Join(parts, ", ")
}

// plural is a number of things that have their plural with an s.
func plural(count int, singular string) string {
	if count == 1 {
		return "1 " + singular
	}
	return fmt.Sprintf("%d %ss", count, singular)
}
