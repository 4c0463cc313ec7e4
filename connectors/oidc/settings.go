// Package oidc signs people in through any OpenID Connect provider (authorization code with PKCE).
package oidc

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatehouse/connectors"
	"gatehouse/internal/secret"
)

// Settings are what an operator writes about one provider. docs/connectors/oidc.md explains each.
type Settings struct {
	Issuer       string      `yaml:"issuer"`        // exactly as in its discovery document
	ClientID     string      `yaml:"client_id"`     // that Gatehouse has there
	ClientSecret secret.Text `yaml:"client_secret"` // empty with token_auth none
	TokenAuth    string      `yaml:"token_auth"`    // client_secret_basic (default), client_secret_post, none
	Scopes       []string    `yaml:"scopes"`        // default: openid, profile, email
	Prompt       string      `yaml:"prompt"`        // login, select_account, consent, or several of them; default: none sent
	ClockSkew    string      `yaml:"clock_skew"`    // accepted difference of clocks, default 60s

	UsernameClaim string `yaml:"username_claim"` // suggests a username, default preferred_username
	GroupsClaim   string `yaml:"groups_claim"`   // lists groups, perhaps a path as realm_access.roles; empty: none

	RequireVerifiedEmail bool `yaml:"require_verified_email"`  // refuse people whose address the provider has not verified
	AllowMissingAuthTime bool `yaml:"allow_missing_auth_time"` // believe that a forced sign-in happened without proof of it
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

// New checks the settings and makes a connector. It does not touch the network. Errors begin with the setting at fault.
func New(env connectors.Environment, s Settings) (*Connector, error) {
	if err := checkIssuer(s.Issuer); err != nil {
		return nil, err
	}
	if s.TokenAuth == "" {
		s.TokenAuth = authBasic
	}
	if err := s.checkClient(); err != nil {
		return nil, err
	}
	skew := defaultSkew
	if s.ClockSkew != "" {
		parsed, err := time.ParseDuration(s.ClockSkew)
		if err != nil || parsed < 0 || parsed > maxSkew {
			return nil, errors.New("clock_skew: must be a duration from 0s to 10m")
		}
		skew = parsed
	}
	if len(s.Scopes) == 0 {
		s.Scopes = []string{"openid", "profile", "email"}
	}
	if !slices.Contains(s.Scopes, "openid") {
		return nil, errors.New("scopes: openid is missing")
	}
	for _, prompt := range strings.Fields(s.Prompt) {
		if !slices.Contains([]string{"login", "select_account", "consent"}, prompt) {
			return nil, errors.New("prompt: must be login, select_account, consent, or several of them")
		}
	}
	if s.UsernameClaim == "" {
		s.UsernameClaim = "preferred_username"
	}
	return &Connector{env: env, settings: s, skew: skew}, nil
}

const (
	defaultSkew = 60 * time.Second
	maxSkew     = 10 * time.Minute
)

// How Gatehouse authenticates at the token endpoint (OpenID Connect Core section 9).
const (
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authNone  = "none"
)

func (s Settings) checkClient() error {
	switch {
	case s.ClientID == "":
		return errors.New("client_id: is missing")
	case !slices.Contains([]string{authBasic, authPost, authNone}, s.TokenAuth):
		return errors.New("token_auth: must be client_secret_basic, client_secret_post or none")
	case s.TokenAuth == authNone && !s.ClientSecret.Empty():
		return errors.New("client_secret: is not used with token_auth none")
	case s.TokenAuth != authNone && s.ClientSecret.Empty():
		return errors.New("client_secret: is missing")
	default:
		return nil
	}
}

func checkIssuer(issuer string) error {
	parsed, err := url.Parse(issuer)
	if err != nil || parsed.Host == "" || parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil {
		return errors.New("issuer: an absolute URL without query is needed")
	}
	if !secure(parsed) {
		return errors.New("issuer: must be https (plain http is for loopback only)")
	}
	return nil
}

// secure: https, or plain http to this machine, for development and tests.
func secure(address *url.URL) bool {
	if address.Scheme == "https" {
		return true
	}
	host := address.Hostname()
	ip, err := netip.ParseAddr(host)
	return address.Scheme == "http" && (host == "localhost" || (err == nil && ip.IsLoopback()))
}
