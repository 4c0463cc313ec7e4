package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	upstream "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"gatehouse/connectors"
	"gatehouse/internal/secret"
)

// Connector is one upstream OpenID provider. It is safe for concurrent use.
type Connector struct {
	env      connectors.Environment
	settings Settings
	skew     time.Duration

	mu         sync.Mutex
	discovered *discovered
	failedAt   time.Time
	failure    error
}

// discovered is what the provider says about itself.
type discovered struct {
	provider  *upstream.Provider
	at        time.Time
	IssInCode bool     `json:"authorization_response_iss_parameter_supported"`
	Algs      []string `json:"id_token_signing_alg_values_supported"`
}

const (
	rediscoverAfter = 24 * time.Hour
	retryAfter      = 5 * time.Second // after a failure, so that a broken upstream is not asked by every sign-in
	maxSubject      = 512
	maxClaims       = 64 << 10
)

// trip is what must be known again when the browser comes back.
type trip struct{ Nonce, Verifier string }

// Begin implements connectors.Connector.
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
	if request.ForceLogin {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
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

// discover reads the provider's metadata once a day. It keeps using what it has while the provider is away.
func (c *Connector) discover(ctx context.Context) (*discovered, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.env.Now()
	if c.discovered != nil && now.Sub(c.discovered.at) < rediscoverAfter {
		return c.discovered, nil
	}
	if c.failure != nil && now.Sub(c.failedAt) < retryAfter {
		return nil, c.failure
	}
	// The key set keeps the context it is given for later fetches: it must not end with this request.
	lasting := upstream.ClientContext(context.WithoutCancel(ctx), c.env.Client)
	provider, err := upstream.NewProvider(lasting, c.settings.Issuer)
	if err == nil {
		found := &discovered{provider: provider, at: now}
		if err = provider.Claims(found); err == nil {
			c.discovered, c.failure = found, nil
			return found, nil
		}
	}
	if c.discovered != nil {
		return c.discovered, nil
	}
	c.failedAt, c.failure = now, fail(connectors.ReasonUnavailable, "read the provider's metadata", err)
	return nil, c.failure
}

func fail(reason connectors.Reason, doing string, err error) *connectors.Error {
	return &connectors.Error{Reason: reason, Err: fmt.Errorf("%s: %w", doing, err)}
}

func invalid(text string) *connectors.Error {
	return &connectors.Error{Reason: connectors.ReasonInvalid, Err: errors.New(text)}
}

// Finish implements connectors.Connector.
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
	idToken, claims, err := c.verify(ctx, found, tokens, t.Nonce)
	if err != nil {
		return connectors.Identity{}, err
	}
	if callback.ForceLogin && claims.AuthTime != 0 && time.Unix(claims.AuthTime, 0).Before(callback.Started.Add(-c.skew)) {
		return connectors.Identity{}, invalid("the provider did not ask the person to sign in anew")
	}
	if err := c.addUserinfo(ctx, found, tokens, idToken, claims); err != nil {
		return connectors.Identity{}, err
	}
	return c.identity(idToken, claims)
}

// checkAnswer looks at the authorization response: the upstream's error, its issuer (RFC 9207, against mix-up), and the code.
func (c *Connector) checkAnswer(found *discovered, callback connectors.Callback) error {
	for name, values := range callback.Parameters {
		if len(values) > 1 {
			return invalid("the parameter " + name + " is repeated")
		}
	}
	issuer := callback.Parameters.Get("iss")
	if issuer != c.settings.Issuer && (callback.Parameters.Has("iss") || found.IssInCode) {
		return invalid("the answer comes from another issuer")
	}
	if refused := callback.Parameters.Get("error"); refused != "" {
		reason := connectors.ReasonDenied
		switch refused {
		case "server_error", "temporarily_unavailable":
			reason = connectors.ReasonUnavailable
		case "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "invalid_client":
			reason = connectors.ReasonSetup
		}
		return &connectors.Error{Reason: reason, Err: errors.New("the provider answered " + clean(refused) + ": " + clean(callback.Parameters.Get("error_description")))}
	}
	if callback.Parameters.Get("code") == "" {
		return invalid("the answer has no code")
	}
	return nil
}

const maxQuoted = 200

// clean makes a stranger's text fit for a log line.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if len(text) > maxQuoted {
		text = strings.ToValidUTF8(text[:maxQuoted], "") + "…"
	}
	return text
}

// exchangeError classifies a failed code exchange without quoting the answer, which may hold tokens.
func exchangeError(err error) *connectors.Error {
	var answered *oauth2.RetrieveError
	if !errors.As(err, &answered) {
		return &connectors.Error{Reason: connectors.ReasonUnavailable, Err: errors.New("exchange the code: " + withoutQuery(err))}
	}
	reason := connectors.ReasonInvalid
	switch {
	case answered.ErrorCode == "invalid_client" || answered.ErrorCode == "unauthorized_client":
		reason = connectors.ReasonSetup
	case answered.Response.StatusCode >= http.StatusInternalServerError || answered.ErrorCode == "":
		reason = connectors.ReasonUnavailable
	}
	return &connectors.Error{Reason: reason, Err: fmt.Errorf("exchange the code: %s %s", answered.Response.Status, clean(answered.ErrorCode))}
}

// withoutQuery keeps the kind of a transport error, never its text: JSON errors quote the answer.
func withoutQuery(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return "the answer is not JSON"
	}
	return clean(err.Error())
}

// allowedAlgorithms never has none or an HMAC: their key would be public or the client secret.
func allowedAlgorithms(offered []string) []string {
	allowed := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	if len(offered) == 0 {
		return []string{"RS256"}
	}
	return slices.DeleteFunc(allowed, func(alg string) bool { return !slices.Contains(offered, alg) })
}
