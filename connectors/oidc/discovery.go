package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	upstream "github.com/coreos/go-oidc/v3/oidc"

	"gatehouse/connectors"
)

// discovered is what the provider says about itself.
type discovered struct {
	provider  *upstream.Provider
	keys      *keySet
	at        time.Time
	IssInCode bool     `json:"authorization_response_iss_parameter_supported"`
	Algs      []string `json:"id_token_signing_alg_values_supported"`
	KeysURL   string   `json:"jwks_uri"`
	EndURL    string   `json:"end_session_endpoint"` // may be empty
}

const (
	rediscoverAfter = 24 * time.Hour
	retryAfter      = 5 * time.Second // after a failure, so that a broken upstream is not asked by every sign-in
)

// discover reads the provider's metadata once a day, once for all who wait. It keeps using what it has while the provider is away.
func (c *Connector) discover(ctx context.Context) (*discovered, error) {
	if found, settled, err := c.remembered(); settled {
		return found, err
	}
	// The reading outlives a browser that goes away: others wait for it. The client limits its time.
	result := c.flight.DoChan("", func() (any, error) { return c.rediscover(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, fail(connectors.ReasonUnavailable, "wait for the provider's metadata", ctx.Err())
	case done := <-result:
		found, _ := done.Val.(*discovered)
		return found, done.Err
	}
}

// remembered is the last outcome; settled means that it is too early to ask again.
func (c *Connector) remembered() (found *discovered, settled bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.env.Now()
	switch {
	case c.discovered != nil && now.Sub(c.discovered.at) < rediscoverAfter:
		return c.discovered, true, nil
	case c.failure == nil || now.Sub(c.failedAt) >= retryAfter:
		return nil, false, nil
	case c.discovered != nil:
		return c.discovered, true, nil
	default:
		return nil, true, c.failure
	}
}

func (c *Connector) rediscover(ctx context.Context) (*discovered, error) {
	if found, settled, err := c.remembered(); settled { // somebody else asked between our look and our turn
		return found, err
	}
	found, err := c.readMetadata(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.discovered, c.failure = found, nil
		return found, nil
	}
	c.failedAt, c.failure = c.env.Now(), err
	if c.discovered != nil {
		c.env.Logger.WarnContext(ctx, "oidc_metadata_stale", "issuer", c.settings.Issuer, "error", err.Error())
		return c.discovered, nil
	}
	return nil, err
}

func (c *Connector) readMetadata(ctx context.Context) (*discovered, error) {
	const doing = "read the provider's metadata"
	provider, err := upstream.NewProvider(upstream.ClientContext(ctx, c.env.Client), c.settings.Issuer)
	var mismatch *upstream.IssuerMismatchError
	if errors.As(err, &mismatch) {
		return nil, fail(connectors.ReasonSetup, doing, err)
	}
	if err != nil {
		return nil, fail(connectors.ReasonUnavailable, doing, err)
	}
	found := &discovered{provider: provider, at: c.env.Now()}
	if err := provider.Claims(found); err != nil {
		return nil, fail(connectors.ReasonUnavailable, doing, err)
	}
	if err := c.checkEndpoints(found); err != nil {
		return nil, fail(connectors.ReasonUnavailable, doing, err)
	}
	found.keys = &keySet{client: c.env.Client, now: c.env.Now, url: found.KeysURL}
	return found, nil
}

// checkEndpoints refuses endpoints without TLS: codes, tokens and keys travel there.
func (c *Connector) checkEndpoints(found *discovered) error {
	endpoint := found.provider.Endpoint()
	needed := map[string]string{
		"authorization_endpoint": endpoint.AuthURL, "token_endpoint": endpoint.TokenURL, "jwks_uri": found.KeysURL,
	}
	if userinfo := found.provider.UserInfoEndpoint(); userinfo != "" {
		needed["userinfo_endpoint"] = userinfo
	}
	if found.EndURL != "" && c.settings.Logout {
		needed["end_session_endpoint"] = found.EndURL
	}
	for name, address := range needed {
		parsed, err := url.Parse(address)
		if err != nil || parsed.Host == "" || !secure(parsed) {
			return fmt.Errorf("%s is not an https address", name)
		}
	}
	return nil
}

// algorithms are those that ID tokens may be signed with: offered and asymmetric. Never none or an HMAC, whose key would be nothing,
// public, or the client secret. RS256 where the provider names nothing usable (OpenID Connect Core section 2).
func (d *discovered) algorithms() []string {
	asymmetric := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	allowed := slices.DeleteFunc(asymmetric, func(alg string) bool { return !slices.Contains(d.Algs, alg) })
	if len(allowed) == 0 {
		return []string{"RS256"}
	}
	return allowed
}
