package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatehouse/config"
	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

type tokensCommand struct {
	List   tokensListCommand   `cmd:"" help:"List a user's API tokens."`
	Create tokensCreateCommand `cmd:"" help:"Make an API token for a user and print it, once."`
	Revoke tokensRevokeCommand `cmd:"" help:"End an API token at once."`
}

type tokensListCommand struct {
	configFlag
	outputFlag
	userArgument
}

// Run lists tokens, never their text.
func (c tokensListCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	user, err := c.find(ctx, a)
	if err != nil {
		return err
	}
	tokens, err := a.directory.APITokens(ctx, commandLine(), user.ID)
	if err != nil {
		return err
	}
	var rows [][]attribute
	for _, token := range tokens {
		rows = append(rows, tokenAttributes(token))
	}
	return c.list(t, tokenAttributes(tenancy.APIToken{}), rows)
}

func tokenAttributes(token tenancy.APIToken) []attribute {
	return []attribute{
		{"id", token.ID},
		{"name", token.Name},
		{"hint", token.Hint},
		{"organization", token.Organization},
		{"permissions", texts(token.Permissions)},
		{"created", token.Created},
		{"expires", token.Expires},
		{"last_used", token.LastUsed},
	}
}

type tokensCreateCommand struct {
	configFlag
	outputFlag
	userArgument
	Name         string          `required:"" help:"What the token is for."`
	Organization string          `placeholder:"SLUG" help:"The only organization it is good for."`
	Permission   []string        `placeholder:"CODE" help:"The only permissions it carries, such as users.view_user; may be given several times."`
	Expires      config.Duration `placeholder:"90d" help:"How long it is good for, such as 12h or 90d; without, for ever."`
}

// Run makes a token.
func (c tokensCreateCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	user, err := c.find(ctx, a)
	if err != nil {
		return err
	}
	n := tenancy.NewAPIToken{User: user.ID, Name: c.Name}
	if n.Organization, err = findOrganization(ctx, a, c.Organization); err != nil {
		return err
	}
	n.Permissions = permissionsOf(c.Permission)
	if c.Expires > 0 {
		n.Expires = time.Now().Add(time.Duration(c.Expires))
	}
	token, text, err := a.directory.CreateAPIToken(ctx, commandLine(), n)
	if err != nil {
		return err
	}
	return c.object(t, append(tokenAttributes(token), attribute{"token", text.Reveal()})...)
}

type tokensRevokeCommand struct {
	configFlag
	Token string `arg:"" help:"Id of the token, as \"tokens list\" shows it."`
}

// Run ends a token.
func (c tokensRevokeCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	err = a.directory.RevokeAPIToken(ctx, commandLine(), "", id.APIToken(c.Token))
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no token %q; it may have ended already", c.Token)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.out, "The token is good for nothing any more.")
	return err
}
