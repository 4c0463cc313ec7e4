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
	err := s.open(ctx)
	if err == nil {
		err = s.opened.EndOfUser(ctx, user, keep)
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
	if err := s.app.openEphemeral(ctx); err != nil {
		return err
	}
	issuer, err := s.app.newProvider(ctx)
	if err != nil {
		return err
	}
	s.opened = login.SignOut{Sessions: s.app.newSessions(), Provider: issuer}
	return nil
}

// unreachable are sessions in a Redis that did not answer: once is enough to wait for it, and to say so.
type unreachable struct{}

// EndOfUser does nothing.
func (unreachable) EndOfUser(context.Context, id.User, id.Session) error { return nil }

func (a *app) newSessions() *session.Manager {
	s := a.config.Sessions
	return session.New(session.ManagerConfig{Store: a.ephemeral, Keys: a.keys, Now: time.Now, Idle: time.Duration(s.Idle), Absolute: time.Duration(s.Absolute)})
}
