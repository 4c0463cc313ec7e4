// Package oidc signs people in through any OpenID Connect provider (authorization code with PKCE).
package oidc

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"gatehouse/connectors"
	"gatehouse/internal/secret"
)

// Settings are what an operator writes about one provider.
type Settings struct {
	Issuer       string      `yaml:"issuer"`        // exactly as in its discovery document
	ClientID     string      `yaml:"client_id"`     // that Gatehouse has there
	ClientSecret secret.Text `yaml:"client_secret"` // empty with token_auth none
	TokenAuth    string      `yaml:"token_auth"`    // client_secret_basic (default), client_secret_post, none
	Scopes       []string    `yaml:"scopes"`        // default: openid, profile, email
	GroupsClaim  string      `yaml:"groups_claim"`  // claim that lists groups; empty: none
	ClockSkew    string      `yaml:"clock_skew"`    // accepted difference of clocks, default 60s
}

// Kind is how the program knows this package.
func Kind() connectors.Kind { return connectors.Kind{Name: "oidc", Open: open} }

func open(env connectors.Environment, decode func(any) error) (connectors.Connector, error) {
	var s Settings
	if err := decode(&s); err != nil {
		return nil, err
	}
	return New(env, s)
}

const defaultSkew = 60 * time.Second

// New checks the settings and makes a connector. It does not touch the network.
func New(env connectors.Environment, s Settings) (*Connector, error) {
	issuer, err := url.Parse(s.Issuer)
	switch {
	case s.Issuer == "" || err != nil || issuer.Host == "" || issuer.RawQuery != "" || issuer.Fragment != "" || issuer.User != nil:
		return nil, errors.New("issuer: an absolute URL without query is needed")
	case issuer.Scheme != "https" && !(issuer.Scheme == "http" && loopback(issuer.Hostname())):
		return nil, errors.New("issuer: must be https (plain http is for loopback only)")
	case s.ClientID == "":
		return nil, errors.New("client_id: is missing")
	}
	if s.TokenAuth == "" {
		s.TokenAuth = authBasic
	}
	switch {
	case !slices.Contains([]string{authBasic, authPost, authNone}, s.TokenAuth):
		return nil, errors.New("token_auth: must be client_secret_basic, client_secret_post or none")
	case s.TokenAuth == authNone && !s.ClientSecret.Empty():
		return nil, errors.New("client_secret: is not used with token_auth none")
	case s.TokenAuth != authNone && s.ClientSecret.Empty():
		return nil, errors.New("client_secret: is missing")
	}
	skew := defaultSkew
	if s.ClockSkew != "" {
		if skew, err = time.ParseDuration(s.ClockSkew); err != nil || skew < 0 || skew > 10*time.Minute {
			return nil, errors.New("clock_skew: must be a duration from 0s to 10m")
		}
	}
	if len(s.Scopes) == 0 {
		s.Scopes = []string{"openid", "profile", "email"}
	}
	if !slices.Contains(s.Scopes, "openid") {
		return nil, errors.New("scopes: openid is missing")
	}
	return &Connector{env: env, settings: s, skew: skew}, nil
}

// How Gatehouse authenticates at the token endpoint (OpenID Connect Core section 9).
const (
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authNone  = "none"
)

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && address.IsLoopback())
}
