package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gatehouse/clients"
	"gatehouse/config"
	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

// declareClients makes the clients that the configuration declares what it says, and disables those that it declares no more.
func (a *app) declareClients(ctx context.Context) error {
	declared, err := declaredClients(a.config, a.organizationBySlug(ctx))
	if err != nil {
		return err
	}
	err = a.clients.Declare(ctx, tenancy.System("configuration"), declared)
	var taken *clients.TakenError
	if !errors.As(err, &taken) {
		return err
	}
	for i, c := range declared {
		if c.ID == taken.Client {
			return config.Problems{a.config.ProblemAt(fmt.Sprintf("clients[%d].id", i), err.Error())}
		}
	}
	return err
}

// declaredClients are the clients of the configuration. The error is config.Problems about all that is wrong with them.
func declaredClients(c *config.Config, find organizationFinder) ([]provider.Client, error) {
	var (
		declared []provider.Client
		problems config.Problems
	)
	for i, entry := range c.Clients {
		report := problemReport{config: c, path: fmt.Sprintf("clients[%d]", i), problems: &problems}
		organization, err := find(entry.Organization)
		report.key("organization", err)
		client, err := declaredClient(entry, organization)
		report.key("jwks", err)
		for _, problem := range provider.ValidateClient(client) {
			key := problem.Field
			if problem.Index >= 0 {
				key = fmt.Sprintf("%s[%d]", key, problem.Index)
			}
			report.key(key, errors.New(problem.Text))
		}
		declared = append(declared, client)
	}
	if len(problems) > 0 {
		return declared, problems
	}
	return declared, nil
}

func declaredClient(c config.Client, organization id.Organization) (provider.Client, error) {
	client := provider.Client{
		ID: id.Client(c.ID), Name: c.Name, Organization: organization, AuthMethod: provider.AuthMethod(c.AuthMethod), JWKSURI: c.JWKSURI,
		RedirectURIs: c.RedirectURIs, PostLogout: c.PostLogoutRedirectURIs, GrantTypes: c.GrantTypes, Scopes: c.Scopes, Audience: c.Audience,
		AccessTokenFormat: provider.TokenFormat(c.AccessTokenFormat), IDTokenAlg: c.IDTokenAlg, UserinfoAlg: c.UserinfoAlg, RequirePAR: c.RequirePAR,
		FirstParty: c.FirstParty == nil || *c.FirstParty, ResourceServer: c.ResourceServer, BackchannelLogoutURI: c.BackchannelLogoutURI,
		BackchannelSessionNeeded: c.BackchannelSessionNeeded, URI: c.URI, PolicyURI: c.PolicyURI, TermsURI: c.TermsURI,
		Static: true, Enabled: c.Enabled == nil || *c.Enabled,
	}
	if c.Public {
		client.AuthMethod = provider.AuthNone
	}
	if len(client.GrantTypes) == 0 {
		client.GrantTypes = provider.DefaultGrants()
	}
	if len(client.Scopes) == 0 {
		client.Scopes = provider.DefaultScopes()
	}
	if client.TakesSecrets() { // what else stands there, the configuration has refused
		client.Secrets = declaredSecrets(c)
	}
	if c.JWKS == nil {
		return client, nil
	}
	var err error
	client.JWKS, err = json.Marshal(c.JWKS)
	return client, err
}

// declaredSecrets have no date of their own: the file does not say when it was written.
func declaredSecrets(c config.Client) []provider.ClientSecret {
	var secrets []provider.ClientSecret
	if !c.Secret.Empty() {
		secrets = append(secrets, provider.ClientSecret{ID: "configuration", Hash: secret.Hash(c.Secret.Reveal())})
	}
	for i, s := range c.Secrets {
		name := fmt.Sprintf("configuration %d", i+1)
		end, _ := s.End() // the configuration has checked it
		secrets = append(secrets, provider.ClientSecret{ID: name, Name: cmp.Or(s.Name, name), Hash: secret.Hash(s.Secret.Reveal()), Expires: end.UTC()})
	}
	return secrets
}
