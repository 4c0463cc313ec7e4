package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	upstream "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"

	"gatehouse/connectors"
	"gatehouse/internal/secret"
)

// Connector is one upstream OpenID provider. It is safe for concurrent use.
type Connector struct {
	env      connectors.Environment
	settings Settings
	skew     time.Duration
	flight   singleflight.Group

	mu         sync.Mutex
	discovered *discovered
	failedAt   time.Time
	failure    error // of the last discovery
}

// trip is what must be known again when the browser comes back.
type trip struct{ Nonce, Verifier string }

// Begin implements connectors.Connector: an authorization request with PKCE (RFC 7636, S256) and a nonce, always.
func (c *Connector) Begin(ctx context.Context, request connectors.BeginRequest) (connectors.Redirect, error) {
	found, err := c.discover(ctx)
	if err != nil {
		return connectors.Redirect{}, err
	}
	t := trip{Nonce: secret.Token(32), Verifier: oauth2.GenerateVerifier()}
	private, err := json.Marshal(t)
	if err != nil {
		return connectors.Redirect{}, fmt.Errorf("encode trip: %w", err)
	}
	options := []oauth2.AuthCodeOption{upstream.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)}
	prompt := c.settings.Prompt
	if request.ForceLogin {
		prompt = "login"
		options = append(options, oauth2.SetAuthURLParam("max_age", "0"))
	}
	if prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", prompt))
	}
	if request.LoginHint != "" {
		options = append(options, oauth2.SetAuthURLParam("login_hint", request.LoginHint))
	}
	return connectors.Redirect{URL: c.oauth(found, request.CallbackURL).AuthCodeURL(request.State, options...), Private: private}, nil
}

func (c *Connector) oauth(found *discovered, callback string) *oauth2.Config {
	endpoint := found.provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	if c.settings.TokenAuth != authBasic {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: c.settings.ClientID, ClientSecret: c.settings.ClientSecret.Reveal(), Endpoint: endpoint,
		RedirectURL: callback, Scopes: c.settings.Scopes,
	}
}

// Finish implements connectors.Connector. Its errors are *connectors.Error.
func (c *Connector) Finish(ctx context.Context, callback connectors.Callback) (connectors.Identity, error) {
	found, err := c.discover(ctx)
	if err != nil {
		return connectors.Identity{}, err
	}
	if err := c.checkAnswer(found, callback); err != nil {
		return connectors.Identity{}, err
	}
	var t trip
	if err := json.Unmarshal(callback.Private, &t); err != nil || t.Nonce == "" || t.Verifier == "" {
		return connectors.Identity{}, invalid("the flow has no trip to this provider")
	}
	ctx = upstream.ClientContext(ctx, c.env.Client)
	tokens, err := c.oauth(found, callback.CallbackURL).Exchange(ctx, callback.Parameters.Get("code"), oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return connectors.Identity{}, exchangeError(err)
	}
	read, err := c.verify(ctx, found, tokens, t.Nonce)
	if err != nil {
		return connectors.Identity{}, err
	}
	if err := c.checkFreshness(read, callback); err != nil {
		return connectors.Identity{}, err
	}
	if err := c.addUserinfo(ctx, found, tokens, read); err != nil {
		return connectors.Identity{}, err
	}
	identity, err := c.identity(read)
	if err == nil {
		identity.Auth.LogoutHint = c.logoutHint(tokens)
	}
	return identity, err
}

// checkAnswer looks at the authorization response: its issuer (RFC 9207, against mix-up), the provider's error, and the code.
func (c *Connector) checkAnswer(found *discovered, callback connectors.Callback) error {
	for name, values := range callback.Parameters {
		if len(values) > 1 { // two readers of one answer could each see another value
			return invalid("the parameter " + clean(name) + " is repeated")
		}
	}
	issuer := callback.Parameters.Get("iss")
	if issuer != c.settings.Issuer && (callback.Parameters.Has("iss") || found.IssInCode) {
		return invalid("the answer comes from another issuer")
	}
	if code := callback.Parameters.Get("error"); code != "" {
		return refused(code, callback.Parameters.Get("error_description"))
	}
	if callback.Parameters.Get("code") == "" {
		return invalid("the answer has no code")
	}
	return nil
}
