package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gatehouse/internal/id"
	"gatehouse/login"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// commandSessions end the sessions of users from the command line. What that takes is opened at the first use: few commands end any.
type commandSessions struct {
	app      *app
	warnings io.Writer
	opened   tenancy.Sessions
}

// EndOfUser implements tenancy.Sessions. If Redis is away the command goes on and says what it could not do: an operator has to be able
// to set a password then too, and whose account is disabled gets nowhere with a session.
func (s *commandSessions) EndOfUser(ctx context.Context, user id.User, keep id.Session) error {
	return s.end(ctx, func() error { return s.opened.EndOfUser(ctx, user, keep) })
}

// EndOneOfUser implements tenancy.Sessions, like EndOfUser.
func (s *commandSessions) EndOneOfUser(ctx context.Context, user id.User, sid id.Session) error {
	return s.end(ctx, func() error { return s.opened.EndOneOfUser(ctx, user, sid) })
}

// EndOfOrganization implements tenancy.Sessions, like EndOfUser.
func (s *commandSessions) EndOfOrganization(ctx context.Context, organization id.Organization) error {
	return s.end(ctx, func() error { return s.opened.EndOfOrganization(ctx, organization) })
}

func (s *commandSessions) end(ctx context.Context, some func() error) error {
	err := s.open(ctx)
	if err == nil {
		err = some()
	}
	if s.app.redis == nil || !errors.Is(err, store.ErrUnavailable) {
		return err
	}
	fmt.Fprintln(s.warnings, "Redis does not answer: sessions that are open stay so. Say the same again when it is back.")
	s.opened = unreachable{}
	return nil
}

func (s *commandSessions) open(ctx context.Context) error {
	if s.opened != nil {
		return nil
	}
	signOut, err := s.app.newSignOut(ctx)
	if err != nil {
		return err
	}
	s.opened = signOut
	return nil
}

// newSignOut opens what it takes to end sessions.
func (a *app) newSignOut(ctx context.Context) (login.SignOut, error) {
	if err := a.openEphemeral(ctx); err != nil {
		return login.SignOut{}, err
	}
	issuer, err := a.newProvider(ctx)
	return login.SignOut{Sessions: a.newSessions(), Provider: issuer}, err
}

// unreachable are sessions in a Redis that did not answer: once is enough to wait for it, and to say so.
type unreachable struct{}

// EndOfUser does nothing.
func (unreachable) EndOfUser(context.Context, id.User, id.Session) error { return nil }

// EndOneOfUser does nothing.
func (unreachable) EndOneOfUser(context.Context, id.User, id.Session) error { return nil }

// EndOfOrganization does nothing.
func (unreachable) EndOfOrganization(context.Context, id.Organization) error { return nil }

func (a *app) newSessions() *session.Manager {
	s := a.config.Sessions
	return session.New(session.ManagerConfig{Store: a.ephemeral, Keys: a.keys, Now: time.Now, Idle: time.Duration(s.Idle), Absolute: time.Duration(s.Absolute)})
}
