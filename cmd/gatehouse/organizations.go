package main

import (
	"context"
	"fmt"

	"gatehouse/tenancy"
)

type organizationsCommand struct {
	List    organizationsListCommand    `cmd:"" help:"List organizations."`
	Create  organizationsCreateCommand  `cmd:"" help:"Create an organization."`
	Show    organizationsShowCommand    `cmd:"" help:"Show an organization."`
	Update  organizationsUpdateCommand  `cmd:"" help:"Change an organization; what is not named stays."`
	Enable  organizationsEnableCommand  `cmd:"" help:"Enable an organization."`
	Disable organizationsDisableCommand `cmd:"" help:"Disable an organization: nobody signs in for it any more, and its managers may only read."`
	Delete  organizationsDeleteCommand  `cmd:"" help:"Delete an organization with everything that is its own; without --yes, say what that would be."`
}

// organizationArgument names an organization.
type organizationArgument struct {
	Slug string `arg:"" help:"Slug of the organization."`
}

func (o organizationArgument) find(ctx context.Context, a *app) (tenancy.Organization, error) {
	organization, err := findOrganization(ctx, a, o.Slug)
	if err != nil {
		return tenancy.Organization{}, err
	}
	return a.directory.Organization(ctx, commandLine(), organization)
}

type organizationsListCommand struct {
	configFlag
	outputFlag
	pageFlags
	Search   string `help:"Only those in which all these words occur."`
	Disabled bool   `help:"Only those that are disabled."`
}

// Run lists organizations.
func (c organizationsListCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		var filter tenancy.OrganizationFilter
		if c.Disabled {
			filter.Active = new(bool)
		}
		read := func(q tenancy.Query) (tenancy.Page[tenancy.Organization], error) {
			return a.directory.ListOrganizations(ctx, commandLine(), filter, q)
		}
		row := func(o tenancy.Organization) []attribute {
			return []attribute{{"id", o.ID}, {"slug", o.Slug}, {"name", o.Name}, {"is_active", o.Active}, {"factors", factorsOf(o)}, {"created", o.Created}}
		}
		return listing[tenancy.Organization]{c.outputFlag, c.pageFlags, read, row}.print(t, c.Search)
	})
}

type organizationsCreateCommand struct {
	configFlag
	outputFlag
	Slug        string `arg:"" help:"Lower-case letters, digits and hyphens."`
	Name        string `help:"Name; without, the slug."`
	Description string `help:"A text."`
	Email       string `help:"E-mail address."`
	URL         string `help:"Address of its site."`
	Factors     string `enum:"optional,required" default:"optional" help:"Second factor of every member's sign-in: optional or required."`
	MaxUsers    int    `placeholder:"N" help:"Members at most; 0 is any number."`
}

// Run creates an organization.
func (c organizationsCreateCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		o := tenancy.Organization{
			Slug: c.Slug, Name: c.Name, Description: c.Description, Email: c.Email, URL: c.URL, FactorPolicy: tenancy.FactorPolicy(c.Factors), MaxUsers: c.MaxUsers,
		}
		if o.Name == "" {
			o.Name = c.Slug
		}
		made, err := a.directory.CreateOrganization(ctx, commandLine(), o)
		if err != nil {
			return err
		}
		return c.object(t, organizationAttributes(made)...)
	})
}

type organizationsShowCommand struct {
	configFlag
	outputFlag
	organizationArgument
}

// Run shows an organization.
func (c organizationsShowCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		found, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		return c.object(t, organizationAttributes(found)...)
	})
}

func organizationAttributes(o tenancy.Organization) []attribute {
	return []attribute{
		{"id", o.ID},
		{"slug", o.Slug},
		{"name", o.Name},
		{"is_active", o.Active},
		{"description", o.Description},
		{"email", o.Email},
		{"url", o.URL},
		{"factors", factorsOf(o)},
		{"max_users", o.MaxUsers},
		{"created", o.Created},
	}
}

func factorsOf(o tenancy.Organization) tenancy.FactorPolicy {
	if o.FactorPolicy == "" {
		return tenancy.FactorOptional
	}
	return o.FactorPolicy
}

type organizationsUpdateCommand struct {
	configFlag
	outputFlag
	organizationArgument
	Name        *string `help:"Name."`
	NewSlug     *string `placeholder:"SLUG" help:"Another slug. Applications that know the old one lose it."`
	Description *string `help:"A text."`
	Email       *string `help:"E-mail address."`
	URL         *string `help:"Address of its site."`
	Factors     string  `enum:"optional,required," default:"" placeholder:"POLICY" help:"Second factor of every member's sign-in: optional or required."`
	MaxUsers    *int    `placeholder:"N" help:"Members at most; 0 is any number."`
}

// Run changes an organization.
func (c organizationsUpdateCommand) Run(ctx context.Context, t terminal) error {
	change := tenancy.OrganizationChange{Name: c.Name, Slug: c.NewSlug, Description: c.Description, Email: c.Email, URL: c.URL, MaxUsers: c.MaxUsers}
	if c.Factors != "" {
		policy := tenancy.FactorPolicy(c.Factors)
		change.FactorPolicy = &policy
	}
	if change == (tenancy.OrganizationChange{}) {
		return fmt.Errorf("nothing to change is named; say for example --name %q", "Harbour Networks")
	}
	return c.inDirectory(ctx, t, func(a *app) error {
		found, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		changed, err := a.directory.UpdateOrganization(ctx, commandLine(), found.ID, change)
		if err != nil {
			return err
		}
		return c.object(t, organizationAttributes(changed)...)
	})
}
