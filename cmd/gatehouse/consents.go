package main

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
)

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

type consentsCommand struct {
	List   consentsListCommand   `cmd:"" help:"List what a user lets applications see."`
	Revoke consentsRevokeCommand `cmd:"" help:"Take back what a user lets an application see, and end its tokens."`
}

type consentsListCommand struct {
	configFlag
	outputFlag
	userArgument
}

// Run lists consents.
func (c consentsListCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		user, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		given, err := a.clients.Consents(ctx, commandLine(), user.ID)
		if err != nil {
			return err
		}
		var rows [][]attribute
		known := slugs{}
		for _, consent := range given {
			rows = append(rows, consentAttributes(consent, known.of(ctx, a, consent.Organization)))
		}
		return c.list(t, consentAttributes(provider.Consent{}, ""), rows)
	})
}

func consentAttributes(consent provider.Consent, slug string) []attribute {
	return []attribute{
		{"client", consent.Client},
		{"name", consent.ClientName},
		{"organization", slug},
		{"scopes", texts(consent.Scopes)},
		{"created", consent.Created},
		{"modified", consent.Modified},
	}
}

type consentsRevokeCommand struct {
	configFlag
	userArgument
	Client string `arg:"" help:"Id of the client, as \"consents list\" shows it."`
}

// Run takes a consent back.
func (c consentsRevokeCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		user, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		if err := a.openEphemeral(ctx); err != nil {
			return err
		}
		if a.clients.Tokens, err = a.newProvider(ctx); err != nil {
			return err
		}
		if err := a.clients.RevokeConsent(ctx, commandLine(), user.ID, id.Client(c.Client)); err != nil {
			return clientArgument{c.Client}.unknown(err)
		}
		_, err = fmt.Fprintf(t.out, "%s has to ask %s again.\n", c.Client, user.Username)
		return err
	})
}
