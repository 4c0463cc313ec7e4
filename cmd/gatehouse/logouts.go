package main

import (
	"context"
	"time"

	"gatehouse/connectors"
	"gatehouse/internal/seal"
	"gatehouse/notify"
	"gatehouse/provider"
)

// logoutOutbox puts what clients are to be told of ended sessions into the outbox.
type logoutOutbox struct {
	store notify.Store
	keys  *seal.Keys
}

// SessionEnded implements provider.Logouts.
func (o logoutOutbox) SessionEnded(ctx context.Context, ended []provider.Participant) error {
	for _, p := range ended {
		message, err := notify.NewNotice(o.keys, notify.Notice{Client: p.Client, User: p.User, Session: p.Session}, time.Now())
		if err != nil {
			return err
		}
		if err := o.store.Enqueue(ctx, message); err != nil {
			return err
		}
	}
	return nil
}

// newLogouts tells clients through the one client for outgoing requests: private addresses are for those whom the operator lists.
func (a *app) newLogouts() *notify.Logouts {
	outgoing := a.config.Outgoing
	return &notify.Logouts{
		Client: connectors.NewClient(connectors.ClientConfig{Timeout: time.Duration(outgoing.Timeout), AllowPrivate: outgoing.AllowPrivate}),
		Token: func(ctx context.Context, n notify.Notice) (uri, token string, err error) {
			return a.provider.LogoutToken(ctx, provider.Participant{Client: n.Client, User: n.User, Session: n.Session})
		},
	}
}
