package clients

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const maxSecrets = 10

// newSecret makes a secret of 256 random bits.
func newSecret(name string, now time.Time) (provider.ClientSecret, secret.Text) {
	text := secret.Random(32)
	return provider.ClientSecret{ID: id.New[string](), Name: name, Hash: secret.Hash(text.Reveal()), Created: now}, text
}

// AddSecret gives a client one more secret, which is shown this once; expires is its end, zero for none. The others stay good, so that servers take
// the new one over one after another. It needs oauth.change_client, as Update does. *tenancy.Invalid names "name" and "expires", and "auth_method" of a client
// that takes no secret.
func (r *Registry) AddSecret(ctx context.Context, scope tenancy.Scope, client id.Client, name string, expires time.Time) (provider.ClientSecret, secret.Text, error) {
	made, text := newSecret(strings.TrimSpace(name), r.now())
	made.Expires = expires.UTC().Truncate(time.Microsecond)
	switch {
	case made.Name == "":
		return provider.ClientSecret{}, secret.Text{}, refused("name", "Say what the secret is for.")
	case !provider.Line(made.Name, provider.MaxClientName):
		return provider.ClientSecret{}, secret.Text{}, refused("name", "A name is one line of at most "+strconv.Itoa(provider.MaxClientName)+" characters.")
	case !expires.IsZero() && !expires.After(r.now()):
		return provider.ClientSecret{}, secret.Text{}, refused("expires", "This is over already.")
	}
	err := r.changeSecrets(ctx, scope, client, "client.secret_added", made, func(c *provider.Client) error {
		c.Secrets = slices.DeleteFunc(slices.Clone(c.Secrets), func(s provider.ClientSecret) bool { return !s.Expires.IsZero() && !s.Expires.After(r.now()) })
		switch {
		case !c.TakesSecrets():
			return refused("auth_method", "This client proves itself without a secret.")
		case len(c.Secrets) >= maxSecrets:
			return refused("name", "A client has at most "+strconv.Itoa(maxSecrets)+" secrets: remove one first.")
		}
		c.Secrets = append(c.Secrets, made)
		return nil
	})
	if err != nil {
		return provider.ClientSecret{}, secret.Text{}, err
	}
	made.Hash = ""
	return made, text, nil
}

// RemoveSecret ends a secret at once, the last one too. It needs oauth.change_client, as Update does. Tokens that the client has stay.
func (r *Registry) RemoveSecret(ctx context.Context, scope tenancy.Scope, client id.Client, secretID string) error {
	removed := provider.ClientSecret{ID: secretID}
	return r.changeSecrets(ctx, scope, client, "client.secret_removed", removed, func(c *provider.Client) error {
		before := len(c.Secrets)
		c.Secrets = slices.DeleteFunc(slices.Clone(c.Secrets), func(s provider.ClientSecret) bool { return s.ID == secretID })
		if len(c.Secrets) == before {
			return store.ErrNotFound
		}
		return nil
	})
}

func (r *Registry) changeSecrets(ctx context.Context, scope tenancy.Scope, client id.Client, action string, about provider.ClientSecret, change func(*provider.Client) error) error {
	return r.Store.ManageClients(ctx, func(tx Store) error {
		c, err := writable(ctx, tx, scope, client, tenancy.Update, tenancy.ChangeClient)
		if err != nil {
			return err
		}
		before := c
		if err := change(&c); err != nil {
			return err
		}
		event := r.event(scope, action, string(client), c.Organization)
		event.Detail = map[string]string{"secret": about.ID}
		event.Changes = difference(before, c)
		c.Modified = event.At
		if err := tx.UpdateClient(ctx, c); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
}
