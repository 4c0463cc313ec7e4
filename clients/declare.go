package clients

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// TakenError says that a declared client has the id of one that was registered in another way.
type TakenError struct{ Client id.Client }

// Error is for people.
func (e *TakenError) Error() string {
	return fmt.Sprintf("there is a client %q that was registered over the REST API or the command line; delete it or choose another id", e.Client)
}

// Declare makes the declared clients of the configuration what is given, all in one transaction, and disables those that were declared before and are
// not any more: their grants and consents come back with them. One that is as it was is not written. *TakenError for the id of a client that was registered
// otherwise. Only a scope that nothing limits may; whether the clients are valid, provider.ValidateClient has said.
func (r *Registry) Declare(ctx context.Context, scope tenancy.Scope, declared []provider.Client) error {
	if !scope.Superuser() {
		return tenancy.ErrForbidden
	}
	return r.Store.ManageClients(ctx, func(tx Store) error {
		for _, c := range declared {
			if err := r.declare(ctx, tx, scope, c); err != nil {
				return err
			}
		}
		known, err := tx.StaticClients(ctx)
		if err != nil {
			return err
		}
		for _, c := range known {
			if !c.Enabled || slices.ContainsFunc(declared, func(d provider.Client) bool { return d.ID == c.ID }) {
				continue
			}
			before := c
			c.Enabled = false
			if err := r.save(ctx, tx, scope, "client.undeclared", c, difference(before, c)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *Registry) declare(ctx context.Context, tx Store, scope tenancy.Scope, c provider.Client) error {
	c = settled(c)
	c.Static = true
	before, err := tx.Client(ctx, c.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.Created = r.now()
		return r.save(ctx, tx, scope, "client.declared", c, nil)
	case err != nil:
		return err
	case !before.Static:
		return &TakenError{c.ID}
	}
	c.Created = before.Created
	changes := difference(before, c)
	if len(changes) == 0 && slices.EqualFunc(before.Secrets, c.Secrets, sameSecret) {
		return nil
	}
	return r.save(ctx, tx, scope, "client.changed", c, changes)
}

func (r *Registry) save(ctx context.Context, tx Store, scope tenancy.Scope, action string, c provider.Client, changes []audit.Change) error {
	event := r.event(scope, action, string(c.ID), c.Organization)
	event.Changes, c.Modified = changes, event.At
	if changes == nil {
		event.Detail = detail(c)
	}
	if err := tx.SaveClient(ctx, c); err != nil {
		return err
	}
	return tx.Record(ctx, event)
}

func sameSecret(a, b provider.ClientSecret) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Hash == b.Hash && a.Expires.Equal(b.Expires)
}
