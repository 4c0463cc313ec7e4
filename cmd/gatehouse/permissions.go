package main

import (
	"context"

	"gatehouse/tenancy"
)

type permissionsCommand struct {
	List    permissionsListCommand    `cmd:"" help:"List the permissions that can be granted."`
	Explain permissionsExplainCommand `cmd:"" help:"Say what a user may do, and why."`
}

type permissionsListCommand struct {
	configFlag
	outputFlag
}

// Run lists registered permissions.
func (c permissionsListCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		registered, err := a.directory.Permissions(ctx, commandLine())
		if err != nil {
			return err
		}
		row := func(p tenancy.PermissionDefinition) []attribute {
			return []attribute{{"permission", p.Code}, {"application", p.App}, {"label", p.Label}}
		}
		rows := make([][]attribute, len(registered))
		for i, definition := range registered {
			rows[i] = row(definition)
		}
		return c.list(t, row(tenancy.PermissionDefinition{}), rows)
	})
}

type permissionsExplainCommand struct {
	configFlag
	outputFlag
	User         string `required:"" placeholder:"USER" help:"Username, e-mail address, phone number or id."`
	Organization string `placeholder:"SLUG" help:"What the user may do there; without, what counts everywhere."`
}

// Run explains permissions.
func (c permissionsExplainCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		user, err := userArgument{c.User}.find(ctx, a)
		if err != nil {
			return err
		}
		organization, err := findOrganization(ctx, a, c.Organization)
		if err != nil {
			return err
		}
		effective, err := a.directory.EffectivePermissions(ctx, commandLine(), user.ID, organization)
		if err != nil {
			return err
		}
		row := func(e tenancy.Effective) []attribute {
			return []attribute{{"permission", e.Permission}, {"label", e.Label}, {"reasons", append([]string{}, e.Reasons...)}}
		}
		rows := make([][]attribute, len(effective))
		for i, permission := range effective {
			rows[i] = row(permission)
		}
		return c.list(t, row(tenancy.Effective{}), rows)
	})
}
