package clients

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

func refused(field, text string) error {
	return &tenancy.Invalid{Fields: map[string][]string{field: {text}}}
}

// check refuses a client that is not valid, or holds what the actor cannot give. *tenancy.Invalid names fields as the REST API does.
func check(scope tenancy.Scope, c provider.Client) error {
	fields := map[string][]string{}
	if !scope.Everywhere() {
		fields = privileges(c)
	}
	for _, problem := range provider.ValidateClient(c) {
		text := problem.Text + "."
		if problem.Index >= 0 {
			text = "entry " + strconv.Itoa(problem.Index+1) + " " + text
		}
		fields[problem.Field] = append(fields[problem.Field], strings.ToUpper(text[:1])+text[1:])
	}
	if c.Name == "" {
		fields["name"] = append(fields["name"], "This field is required.")
	}
	if len(fields) > 0 {
		return &tenancy.Invalid{Fields: fields}
	}
	return nil
}

// settled fills in what is left out, and drops secrets that the client's way to authenticate has no use for: they must not come back to life
// with the next change.
func settled(c provider.Client) provider.Client {
	if c.AuthMethod == "" {
		c.AuthMethod = provider.AuthBasic
	}
	if c.AccessTokenFormat == "" {
		c.AccessTokenFormat = provider.FormatJWT
	}
	if !c.TakesSecrets() {
		c.Secrets = nil
	}
	return c
}

// Create registers a client and gives it a first secret, if its way to authenticate takes one: that is shown this once. It needs
// oauth.add_client in the organization, for a shared client a scope that is limited to none. An empty id is made up; others only superusers
// choose, because tokens name a client as their audience, and a sibling may know that name.
func (r *Registry) Create(ctx context.Context, scope tenancy.Scope, c provider.Client) (provider.Client, secret.Text, error) {
	if err := tenancy.Decide(scope, tenancy.Create, tenancy.AddClient, c.Organization, true); err != nil {
		return provider.Client{}, secret.Text{}, err
	}
	if c.ID != "" && !scope.Everywhere() {
		return provider.Client{}, secret.Text{}, refused("id", "Only superusers choose the id of a client.")
	}
	if c.ID == "" {
		c.ID = id.Client("c-" + secret.Token(12))
	}
	c = settled(c)
	c.Secrets, c.Static, c.Suspended, c.Created, c.Modified, c.Version = nil, false, false, r.now(), r.now(), 1
	if err := check(scope, c); err != nil {
		return provider.Client{}, secret.Text{}, err
	}
	text := secret.Text{}
	if c.TakesSecrets() {
		var first provider.ClientSecret
		first, text = newSecret("first", r.now())
		c.Secrets = []provider.ClientSecret{first}
	}
	event := r.event(scope, "client.created", string(c.ID), c.Organization)
	event.Detail = detail(c)
	err := r.Store.ManageClients(ctx, func(tx Store) error {
		if err := destination(ctx, tx, scope, c.Organization); err != nil {
			return err
		}
		if err := tx.CreateClient(ctx, c); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
	if errors.Is(err, store.ErrConflict) {
		err = refused("id", "There is a client with this id already.")
	}
	if err != nil {
		return provider.Client{}, secret.Text{}, err
	}
	return shown(scope, c), text, nil
}

// destination refuses an organization in which the actor registers no clients, or which is disabled.
func destination(ctx context.Context, tx Store, scope tenancy.Scope, organization id.Organization) error {
	if err := tenancy.Decide(scope, tenancy.Create, tenancy.AddClient, organization, true); err != nil || organization == "" {
		return err
	}
	o, err := tx.Organization(ctx, scope, organization)
	if err != nil {
		return err
	}
	return tenancy.Decide(scope, tenancy.Create, tenancy.AddClient, organization, o.Active)
}

// Update lets change write the fields of a client, but for ID, Secrets, Static, Suspended, Version and times, which stay. version is the one that
// the caller has seen, 0 for whichever is stored now; store.ErrStale if it is another. It needs oauth.change_client in the client's organization, and in
// a new one oauth.add_client; a client with grants or consents stays where it is (see tenancy.CheckMove). ErrDeclared for one of the
// configuration, tenancy.ErrForbidden for one with privileges that the actor cannot give.
func (r *Registry) Update(ctx context.Context, scope tenancy.Scope, client id.Client, version int64, change func(*provider.Client)) (provider.Client, error) {
	var after provider.Client
	err := r.Store.ManageClients(ctx, func(tx Store) error {
		before, err := writable(ctx, tx, scope, client, tenancy.Update, tenancy.ChangeClient)
		if err != nil {
			return err
		}
		if version != 0 && version != before.Version {
			return store.ErrStale
		}
		after = clone(before)
		change(&after)
		after.ID, after.Secrets, after.Static, after.Suspended = before.ID, before.Secrets, before.Static, before.Suspended
		after.Version, after.Created, after.Modified = before.Version, before.Created, before.Modified
		after = settled(after)
		if err := r.checkMove(ctx, tx, scope, before, after.Organization); err != nil {
			return err
		}
		if err := check(scope, after); err != nil {
			return err
		}
		changes := difference(before, after)
		if len(changes) == 0 {
			return nil
		}
		event := r.event(scope, "client.changed", string(client), after.Organization)
		event.Changes, after.Modified = changes, event.At
		if err := tx.UpdateClient(ctx, after); err != nil {
			return err
		}
		after.Version++
		return tx.Record(ctx, event)
	})
	if err != nil {
		return provider.Client{}, err
	}
	return shown(scope, after), nil
}

func (r *Registry) checkMove(ctx context.Context, tx Store, scope tenancy.Scope, before provider.Client, organization id.Organization) error {
	if organization == before.Organization {
		return nil
	}
	if err := destination(ctx, tx, scope, organization); err != nil {
		return err
	}
	grants, consents, err := tx.Referrers(ctx, before.ID, r.now())
	if err != nil {
		return err
	}
	return tenancy.CheckMove(tenancy.Owned{Kind: "client", Plural: "clients", Organization: before.Organization}, organization,
		tenancy.Referrers{Owned: tenancy.Owned{Kind: "grant", Plural: "grants"}, Count: grants},
		tenancy.Referrers{Owned: tenancy.Owned{Kind: "consent", Plural: "consents"}, Count: consents})
}

// Delete removes a client, of a disabled organization too, with its grants and consents; its access tokens are worth nothing here any more. It needs
// oauth.delete_client. One of the configuration goes only when it is disabled, as it is once it is not declared any more.
func (r *Registry) Delete(ctx context.Context, scope tenancy.Scope, client id.Client) error {
	return r.Store.ManageClients(ctx, func(tx Store) error {
		c, err := writable(ctx, tx, scope, client, tenancy.Delete, tenancy.DeleteClient)
		if err != nil {
			return err
		}
		if err := tx.DeleteClient(ctx, client); err != nil {
			return err
		}
		event := r.event(scope, "client.deleted", string(client), c.Organization)
		event.Detail = detail(c)
		return tx.Record(ctx, event)
	})
}

// clone is a client whose lists may be written.
func clone(c provider.Client) provider.Client {
	for _, list := range []*[]string{&c.RedirectURIs, &c.PostLogout, &c.GrantTypes, &c.Scopes, &c.Audience} {
		*list = slices.Clone(*list)
	}
	return c
}
