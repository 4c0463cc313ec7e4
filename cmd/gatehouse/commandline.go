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
	a.directory.Sessions = &commandSessions{app: a, warnings: t.err}
	if err := a.directory.Bootstrap(ctx, tenancy.System("start")); err != nil {
		a.close()
		return nil, fmt.Errorf("prepare the installation: %w", err)
	}
	return a, nil
}

// inDirectory opens what openDirectory does for as long as work runs.
func (f configFlag) inDirectory(ctx context.Context, t terminal, work func(a *app) error) error {
	a, err := f.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	return work(a)
}

// findOrganization finds by slug; "" is none.
func findOrganization(ctx context.Context, a *app, slug string) (id.Organization, error) {
	if slug == "" {
		return "", nil
	}
	found, err := a.directory.OrganizationBySlug(ctx, commandLine(), slug)
	if errors.Is(err, store.ErrNotFound) {
		return "", fmt.Errorf("there is no organization with the slug %q; \"organizations list\" shows those that there are", slug)
	}
	return found.ID, err
}

// slugs are what organizations are called, each asked for once.
type slugs map[id.Organization]string

// of is the slug, or the identifier of an organization that has been deleted meanwhile.
func (s slugs) of(ctx context.Context, a *app, organization id.Organization) string {
	if organization == "" {
		return ""
	}
	if s[organization] == "" {
		s[organization] = string(organization)
		if found, err := a.directory.Organization(ctx, commandLine(), organization); err == nil {
			s[organization] = found.Slug
		}
	}
	return s[organization]
}

// usernames are what users are called, each asked for once.
type usernames map[id.User]string

// of is the username, or the identifier of a user who has been deleted meanwhile.
func (u usernames) of(ctx context.Context, a *app, user id.User) string {
	if u[user] == "" {
		u[user] = string(user)
		if found, err := a.directory.User(ctx, commandLine(), user); err == nil {
			u[user] = found.Username
		}
	}
	return u[user]
}

// texts are values as a list of texts, never nil.
func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, value := range values {
		list[i] = string(value)
	}
	return list
}

func permissionsOf(codes []string) []tenancy.Permission {
	permissions := make([]tenancy.Permission, len(codes))
	for i, code := range codes {
		permissions[i] = tenancy.Permission(code)
	}
	return permissions
}

// stale says for people what a store.ErrStale of something that is not open any more means.
func stale(err error, text string) error {
	if errors.Is(err, store.ErrStale) {
		return errors.New(text)
	}
	return err
}
