package main

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// commandLine is the authority of whoever may run the program on the server's database: he may do anything anyway.
func commandLine() tenancy.Scope { return tenancy.System("command line") }

// openDirectory opens what commands on users and organizations need, with what every installation starts with.
func (f configFlag) openDirectory(ctx context.Context, t terminal) (*app, error) {
	a, err := f.open(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := a.directory.Bootstrap(ctx, tenancy.System("start")); err != nil {
		a.close()
		return nil, fmt.Errorf("prepare the installation: %w", err)
	}
	return a, nil
}

// findOrganization finds by slug; "" is none.
func findOrganization(ctx context.Context, a *app, slug string) (id.Organization, error) {
	if slug == "" {
		return "", nil
	}
	found, err := a.directory.OrganizationBySlug(ctx, commandLine(), slug)
	if errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("there is no organization with the slug %q", slug)
	}
	return found.ID, err
}
