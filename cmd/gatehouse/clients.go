package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"gatehouse/clients"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

type clientsCommand struct {
	List    clientsListCommand    `cmd:"" help:"List OAuth 2.0 clients."`
	Show    clientsShowCommand    `cmd:"" help:"Show a client."`
	Create  clientsCreateCommand  `cmd:"" help:"Register a client and print its secret, once."`
	Update  clientsUpdateCommand  `cmd:"" help:"Change a client; a list that is given replaces the one that is there."`
	Secret  clientsSecretCommand  `cmd:"" help:"Manage the secrets of a client."`
	Enable  clientsEnableCommand  `cmd:"" help:"Let a client work again."`
	Disable clientsDisableCommand `cmd:"" help:"Stop a client; its tokens are good no more here."`
	Delete  clientsDeleteCommand  `cmd:"" help:"Delete a client, with its grants and consents."`
}

// clientArgument names a client.
type clientArgument struct {
	Client string `arg:"" help:"Id of the client, as \"clients list\" shows it."`
}

// unknown says for people that there is no such client.
func (c clientArgument) unknown(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("there is no client %q; \"clients list\" shows those that there are", c.Client)
	case errors.Is(err, clients.ErrDeclared):
		return fmt.Errorf("%s: %w", c.Client, err)
	default:
		return err
	}
}

type clientsListCommand struct {
	configFlag
	outputFlag
	pageFlags
	Search       string `help:"Only those in whose names or ids all these words occur."`
	Organization string `placeholder:"SLUG" help:"Only clients of this organization."`
	Shared       bool   `help:"Only shared clients."`
	Disabled     bool   `help:"Only disabled clients."`
	Kind         string `enum:",public,confidential" default:"" help:"Only public clients, or only confidential ones."`
}

// Run lists clients.
func (c clientsListCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		organization, err := findOrganization(ctx, a, c.Organization)
		if err != nil {
			return err
		}
		filter := clients.Filter{Organization: organization, Kind: clients.Kind(c.Kind)}
		if c.Shared {
			filter.Shared = &c.Shared
		}
		if c.Disabled {
			enabled := false
			filter.Enabled = &enabled
		}
		read := func(q tenancy.Query) (tenancy.Page[provider.Client], error) {
			return a.clients.List(ctx, commandLine(), filter, q)
		}
		known := slugs{}
		row := func(client provider.Client) []attribute {
			return []attribute{
				{"id", client.ID},
				{"name", client.Name},
				{"organization", known.of(ctx, a, client.Organization)},
				{"auth_method", client.AuthMethod},
				{"enabled", client.Enabled},
				{"static", client.Static},
				{"created", client.Created},
			}
		}
		return listing[provider.Client]{c.outputFlag, c.pageFlags, read, row}.print(t, c.Search)
	})
}

func clientAttributes(client provider.Client, slug string) []attribute {
	return []attribute{
		{"id", client.ID},
		{"name", client.Name},
		{"organization", slug},
		{"auth_method", client.AuthMethod},
		{"secrets", secretNames(client.Secrets)},
		{"jwks", len(client.JWKS) > 0},
		{"jwks_uri", client.JWKSURI},
		{"redirect_uris", texts(client.RedirectURIs)},
		{"post_logout_redirect_uris", texts(client.PostLogout)},
		{"grant_types", texts(client.GrantTypes)},
		{"scopes", texts(client.Scopes)},
		{"audience", texts(client.Audience)},
		{"access_token_format", client.AccessTokenFormat},
		{"id_token_signed_response_alg", cmp.Or(client.IDTokenAlg, "RS256")},
		{"userinfo_signed_response_alg", client.UserinfoAlg},
		{"require_pushed_authorization_requests", client.RequirePAR},
		{"first_party", client.FirstParty},
		{"resource_server", client.ResourceServer},
		{"backchannel_logout_uri", client.BackchannelLogoutURI},
		{"backchannel_logout_session_required", client.BackchannelSessionNeeded},
		{"client_uri", client.URI},
		{"policy_uri", client.PolicyURI},
		{"tos_uri", client.TermsURI},
		{"enabled", client.Enabled},
		{"static", client.Static},
		{"created", client.Created},
		{"modified", client.Modified},
	}
}

func secretNames(secrets []provider.ClientSecret) []string {
	names := []string{}
	for _, s := range secrets {
		name := s.ID
		if s.Name != "" {
			name += " (" + s.Name + ")"
		}
		if !s.Expires.IsZero() {
			name += " until " + words(s.Expires)
		}
		names = append(names, name)
	}
	return names
}

type clientsShowCommand struct {
	configFlag
	outputFlag
	clientArgument
}

// Run shows a client.
func (c clientsShowCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		client, err := a.clients.Client(ctx, commandLine(), id.Client(c.Client))
		if err != nil {
			return c.unknown(err)
		}
		return c.object(t, clientAttributes(client, slugs{}.of(ctx, a, client.Organization))...)
	})
}

type clientsEnableCommand struct {
	configFlag
	clientArgument
}

// Run enables a client.
func (c clientsEnableCommand) Run(ctx context.Context, t terminal) error {
	return c.enable(ctx, t, c.clientArgument, true)
}

type clientsDisableCommand struct {
	configFlag
	clientArgument
}

// Run disables a client.
func (c clientsDisableCommand) Run(ctx context.Context, t terminal) error {
	return c.enable(ctx, t, c.clientArgument, false)
}

func (f configFlag) enable(ctx context.Context, t terminal, c clientArgument, enabled bool) error {
	return f.inDirectory(ctx, t, func(a *app) error {
		_, err := a.clients.Update(ctx, commandLine(), id.Client(c.Client), 0, func(client *provider.Client) { client.Enabled = enabled })
		if err == nil {
			_, err = fmt.Fprintf(t.out, "%s is enabled: %s.\n", c.Client, words(enabled))
		}
		return c.unknown(err)
	})
}

type clientsDeleteCommand struct {
	configFlag
	confirmFlag
	clientArgument
}

// Run deletes a client.
func (c clientsDeleteCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		client, err := a.clients.Client(ctx, commandLine(), id.Client(c.Client))
		if err == nil {
			err = c.check(fmt.Sprintf("deletes the client %s (%s), signs its users out of it", client.ID, client.Name))
		}
		if err == nil {
			err = a.clients.Delete(ctx, commandLine(), client.ID)
		}
		if err == nil {
			_, err = fmt.Fprintf(t.out, "Deleted %s.\n", c.Client)
		}
		return c.unknown(err)
	})
}
