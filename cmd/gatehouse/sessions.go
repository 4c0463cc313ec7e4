package main

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/internal/id"
	"gatehouse/session"
	"gatehouse/store"
)

type sessionsCommand struct {
	List sessionsListCommand `cmd:"" help:"List the browsers that a user, or an organization's own connector, has signed in."`
	End  sessionsEndCommand  `cmd:"" help:"Sign browsers out, with everything that was issued to applications from there."`
}

// sessionsOf chooses sessions: a user's, or those that are good for an organization alone.
type sessionsOf struct {
	User         string `xor:"whose" help:"Username, e-mail address, phone number or id."`
	Organization string `xor:"whose" placeholder:"SLUG" help:"Those that began through this organization's own connector."`
}

var errWhoseSessions = errors.New("say whose sessions: --user or --organization")

func (s sessionsOf) find(ctx context.Context, a *app) (user id.User, organization id.Organization, err error) {
	if s.Organization != "" {
		organization, err = findOrganization(ctx, a, s.Organization)
		return "", organization, err
	}
	found, err := userArgument{s.User}.find(ctx, a)
	return found.ID, "", err
}

type sessionsListCommand struct {
	configFlag
	outputFlag
	sessionsOf
}

// Run lists sessions, newest first.
func (c sessionsListCommand) Run(ctx context.Context, t terminal) error {
	if c.sessionsOf == (sessionsOf{}) {
		return errWhoseSessions
	}
	return c.inDirectory(ctx, t, func(a *app) error {
		user, organization, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		if err := a.openEphemeral(ctx); err != nil {
			return err
		}
		var headers []session.Header
		if organization != "" {
			headers, err = a.newSessions().OfOrganization(ctx, organization)
		} else {
			headers, err = a.newSessions().OfUser(ctx, user)
		}
		if err != nil {
			return err
		}
		var rows [][]attribute
		users, organizations := usernames{}, slugs{}
		for _, h := range headers {
			rows = append(rows, sessionAttributes(h, users.of(ctx, a, h.User), organizations.of(ctx, a, h.Organization)))
		}
		return c.list(t, sessionAttributes(session.Header{}, "", ""), rows)
	})
}

func sessionAttributes(h session.Header, username, slug string) []attribute {
	return []attribute{
		{"id", h.ID},
		{"user", username},
		{"organization", slug},
		{"connector", h.Connector},
		{"address", h.Address},
		{"agent", h.Agent},
		{"created", h.Created},
		{"last_seen", h.LastSeen},
	}
}

type sessionsEndCommand struct {
	configFlag
	sessionsOf
	IDs []string `arg:"" optional:"" name:"id" help:"Of sessions, as \"sessions list\" shows them."`
}

// Run ends sessions. The clients are told by the running server.
func (c sessionsEndCommand) Run(ctx context.Context, t terminal) error {
	if (c.sessionsOf == sessionsOf{}) == (len(c.IDs) == 0) {
		return fmt.Errorf("%w, or ids", errWhoseSessions)
	}
	return c.inDirectory(ctx, t, func(a *app) error {
		if len(c.IDs) > 0 {
			return c.endEach(ctx, t, a)
		}
		user, organization, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		if organization != "" {
			err = a.directory.EndSessionsOf(ctx, commandLine(), organization)
		} else {
			err = a.directory.EndSessions(ctx, commandLine(), user)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(t.out, "Signed out.")
		return err
	})
}

func (c sessionsEndCommand) endEach(ctx context.Context, t terminal, a *app) error {
	if err := a.openEphemeral(ctx); err != nil {
		return err
	}
	for _, sid := range c.IDs {
		header, err := a.newSessions().Header(ctx, id.Session(sid))
		if err == nil {
			err = a.directory.EndSession(ctx, commandLine(), header.User, header.ID)
		}
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is no session %q; it may have ended already", sid)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s is signed out.\n", sid)
	}
	return nil
}
