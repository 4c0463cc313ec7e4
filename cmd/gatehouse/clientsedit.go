package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"gatehouse/config"
	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
)

// clientFlags are what the command line sets of a client. What is not given stays as it is.
type clientFlags struct {
	Name                  *string  `help:"What people read."`
	AuthMethod            *string  `help:"client_secret_basic, client_secret_post, private_key_jwt or none."`
	JWKSFile              string   `name:"jwks-file" type:"existingfile" placeholder:"FILE" help:"JWK set of the client's public keys, for private_key_jwt."`
	JWKSURI               *string  `name:"jwks-uri" placeholder:"URL" help:"Where that is, instead."`
	RedirectURI           []string `name:"redirect-uri" sep:"none" placeholder:"URL" help:"Where answers go; may be given several times."`
	PostLogoutRedirectURI []string `name:"post-logout-redirect-uri" sep:"none" placeholder:"URL" help:"Where people may go after signing out; may be given several times."`
	GrantType             []string `placeholder:"NAME" help:"authorization_code, refresh_token, client_credentials or urn:ietf:params:oauth:grant-type:device_code; may be given several times."`
	Scope                 []string `placeholder:"NAME" help:"Scope that it may ask for; may be given several times."`
	Audience              []string `sep:"none" placeholder:"URI" help:"Service that its tokens are good for; may be given several times."`
	AccessTokenFormat     *string  `help:"jwt or opaque."`
	IDTokenAlg            *string  `name:"id-token-alg" help:"RS256, ES256 or EdDSA."`
	UserinfoAlg           *string  `help:"The same; empty: plain JSON."`
	RequirePAR            *bool    `name:"require-par" negatable:"" help:"Take pushed authorization requests only."`
	FirstParty            *bool    `negatable:"" help:"The operator's own: people are not asked to agree."`
	ResourceServer        *bool    `negatable:"" help:"May introspect the tokens of its organization; a shared one all."`
	BackchannelLogoutURI  *string  `name:"backchannel-logout-uri" placeholder:"URL" help:"Is told when a session ends."`
	BackchannelSession    *bool    `name:"backchannel-logout-session-required" negatable:"" help:"It goes by sid, which is always sent."`
	ClientURI             *string  `name:"client-uri" placeholder:"URL" help:"Page about it for people."`
	PolicyURI             *string  `name:"policy-uri" placeholder:"URL" help:"Its privacy policy."`
	TosURI                *string  `name:"tos-uri" placeholder:"URL" help:"Its terms."`
}

func given[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func givenList(to *[]string, from []string) {
	if len(from) > 0 {
		*to = from
	}
}

// change reads what has to be read, and says how a client changes.
func (f clientFlags) change() (func(*provider.Client), error) {
	var keys json.RawMessage
	if f.JWKSFile != "" {
		raw, err := os.ReadFile(f.JWKSFile)
		if err != nil {
			return nil, fmt.Errorf("read keys: %w", err)
		}
		keys = raw
	}
	return func(c *provider.Client) {
		given(&c.Name, f.Name)
		given((*string)(&c.AuthMethod), f.AuthMethod)
		given((*string)(&c.AccessTokenFormat), f.AccessTokenFormat)
		if keys != nil {
			c.JWKS = keys
		}
		given(&c.JWKSURI, f.JWKSURI)
		givenList(&c.RedirectURIs, f.RedirectURI)
		givenList(&c.PostLogout, f.PostLogoutRedirectURI)
		givenList(&c.GrantTypes, f.GrantType)
		givenList(&c.Scopes, f.Scope)
		givenList(&c.Audience, f.Audience)
		given(&c.IDTokenAlg, f.IDTokenAlg)
		given(&c.UserinfoAlg, f.UserinfoAlg)
		given(&c.RequirePAR, f.RequirePAR)
		given(&c.FirstParty, f.FirstParty)
		given(&c.ResourceServer, f.ResourceServer)
		given(&c.BackchannelLogoutURI, f.BackchannelLogoutURI)
		given(&c.BackchannelSessionNeeded, f.BackchannelSession)
		c.BackchannelSessionNeeded = c.BackchannelSessionNeeded && c.BackchannelLogoutURI != ""
		given(&c.URI, f.ClientURI)
		given(&c.PolicyURI, f.PolicyURI)
		given(&c.TermsURI, f.TosURI)
	}, nil
}

type clientsCreateCommand struct {
	configFlag
	outputFlag
	clientFlags
	ID           string `name:"id" help:"Id to be; one is made up without."`
	Organization string `placeholder:"SLUG" help:"Whose client it is; without, all organizations share it."`
}

// Run registers a client.
func (c clientsCreateCommand) Run(ctx context.Context, t terminal) error {
	change, err := c.change()
	if err != nil {
		return err
	}
	return c.inDirectory(ctx, t, func(a *app) error {
		client := provider.Client{ID: id.Client(c.ID), GrantTypes: provider.DefaultGrants(), Scopes: []string{"openid", "profile", "email"}, Enabled: true}
		if client.Organization, err = findOrganization(ctx, a, c.Organization); err != nil {
			return err
		}
		change(&client)
		made, text, err := a.clients.Create(ctx, commandLine(), client)
		if err != nil {
			return err
		}
		return c.object(t, withSecret(clientAttributes(made, c.Organization), text)...)
	})
}

func withSecret(attributes []attribute, text secret.Text) []attribute {
	if text.Empty() {
		return attributes
	}
	return append(attributes, attribute{"client_secret", text.Reveal()})
}

type clientsUpdateCommand struct {
	configFlag
	outputFlag
	clientArgument
	clientFlags
}

// Run changes a client.
func (c clientsUpdateCommand) Run(ctx context.Context, t terminal) error {
	change, err := c.change()
	if err != nil {
		return err
	}
	return c.inDirectory(ctx, t, func(a *app) error {
		changed, err := a.clients.Update(ctx, commandLine(), id.Client(c.Client), 0, change)
		if err != nil {
			return c.unknown(err)
		}
		return c.object(t, clientAttributes(changed, slugs{}.of(ctx, a, changed.Organization))...)
	})
}

type clientsSecretCommand struct {
	Add    clientsSecretAddCommand    `cmd:"" help:"Give a client one more secret and print it, once."`
	Remove clientsSecretRemoveCommand `cmd:"" help:"End a secret of a client at once."`
}

type clientsSecretAddCommand struct {
	configFlag
	outputFlag
	clientArgument
	Name    string          `required:"" help:"What the secret is for."`
	Expires config.Duration `placeholder:"90d" help:"How long it is good for, such as 12h or 90d; without, for ever."`
}

// Run adds a secret.
func (c clientsSecretAddCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		var end time.Time
		if c.Expires != 0 {
			end = time.Now().Add(time.Duration(c.Expires))
		}
		made, text, err := a.clients.AddSecret(ctx, commandLine(), id.Client(c.Client), c.Name, end)
		if err != nil {
			return c.unknown(err)
		}
		return c.object(t, withSecret([]attribute{{"id", made.ID}, {"name", made.Name}, {"created", made.Created}, {"expires", made.Expires}}, text)...)
	})
}

type clientsSecretRemoveCommand struct {
	configFlag
	clientArgument
	Secret string `arg:"" help:"Id of the secret, or its name if no other one of the client has it, as \"clients show\" shows it."`
}

// Run removes a secret.
func (c clientsSecretRemoveCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		client, err := a.clients.Client(ctx, commandLine(), id.Client(c.Client))
		if err != nil {
			return c.unknown(err)
		}
		secretID, err := secretCalled(client.Secrets, c.Secret)
		if err != nil {
			return err
		}
		err = a.clients.RemoveSecret(ctx, commandLine(), id.Client(c.Client), secretID)
		if isNotFound(err) {
			return errNoSuchSecret
		}
		if err == nil {
			_, err = fmt.Fprintln(t.out, "The secret is good for nothing any more.")
		}
		return c.unknown(err)
	})
}

var errNoSuchSecret = errors.New("the client has no such secret; \"clients show\" shows those that it has")

// secretCalled is the id of the secret with this id or, if it is the only one, this name.
func secretCalled(secrets []provider.ClientSecret, called string) (string, error) {
	var named []string
	for _, s := range secrets {
		if s.ID == called {
			return s.ID, nil
		}
		if s.Name == called {
			named = append(named, s.ID)
		}
	}
	switch len(named) {
	case 0:
		return "", errNoSuchSecret
	case 1:
		return named[0], nil
	default:
		return "", fmt.Errorf("several secrets are called %q; say the id of one: %s", called, strings.Join(named, ", "))
	}
}
