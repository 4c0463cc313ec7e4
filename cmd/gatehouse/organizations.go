package main

import (
	"context"

	"gatehouse/tenancy"
)

type organizationsCommand struct {
	Create organizationsCreateCommand `cmd:"" help:"Create an organization."`
	Show   organizationsShowCommand   `cmd:"" help:"Show an organization."`
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
}

// Run creates an organization.
func (c organizationsCreateCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	o := tenancy.Organization{Slug: c.Slug, Name: c.Name, Description: c.Description, Email: c.Email, URL: c.URL, FactorPolicy: tenancy.FactorPolicy(c.Factors)}
	if o.Name == "" {
		o.Name = c.Slug
	}
	made, err := a.directory.CreateOrganization(ctx, commandLine(), o)
	if err != nil {
		return err
	}
	return c.object(t, organizationAttributes(made)...)
}

type organizationsShowCommand struct {
	configFlag
	outputFlag
	Slug string `arg:"" help:"Slug of the organization."`
}

// Run shows an organization.
func (c organizationsShowCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	organization, err := findOrganization(ctx, a, c.Slug)
	if err != nil {
		return err
	}
	found, err := a.directory.Organization(ctx, commandLine(), organization)
	if err != nil {
		return err
	}
	return c.object(t, organizationAttributes(found)...)
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
		{"factors", o.FactorPolicy},
		{"max_users", o.MaxUsers},
		{"created", o.Created},
	}
}
