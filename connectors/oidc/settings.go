// Package oidc signs people in through any OpenID Connect provider (authorization code with PKCE).
package oidc

import (
	"cmp"
	"errors"
	"fmt"
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

	Logout bool `yaml:"logout"` // who signs out here is signed out at the provider, too

	RequireVerifiedEmail bool `yaml:"require_verified_email"`  // refuse people whose address the provider has not verified
	AllowMissingAuthTime bool `yaml:"allow_missing_auth_time"` // believe that a forced sign-in happened without proof of it
}

// Kind is how the program knows this package.
func Kind() connectors.Kind { return connectors.Kind{Name: "oidc", Open: open} }

func open(env connectors.Environment, decode func(any) error) (connectors.Connector, error) {
	var s Settings
	unread := decode(&s)
	connector, wrong := New(env, s)
	if err := errors.Join(unread, wrong); err != nil {
		return nil, err
	}
	return connector, nil
}

// New checks the settings and makes a connector. It does not touch the network. The error is connectors.SettingProblems.
func New(env connectors.Environment, s Settings) (*Connector, error) {
	s = s.withDefaults()
	if problems := s.problems(); len(problems) > 0 {
		return nil, problems
	}
	skew, err := time.ParseDuration(s.ClockSkew)
	if err != nil {
		return nil, fmt.Errorf("clock_skew: %w", err)
	}
	return &Connector{env: env, settings: s, skew: skew}, nil
}

func (s Settings) withDefaults() Settings {
	s.TokenAuth = cmp.Or(s.TokenAuth, authBasic)
	s.ClockSkew = cmp.Or(s.ClockSkew, "60s")
	s.UsernameClaim = cmp.Or(s.UsernameClaim, "preferred_username")
	if len(s.Scopes) == 0 {
		s.Scopes = []string{"openid", "profile", "email"}
	}
	return s
}

func (s Settings) problems() connectors.SettingProblems {
	var problems connectors.SettingProblems
	for _, check := range []struct{ key, message string }{
		{"issuer", checkIssuer(s.Issuer)},
		{"client_id", s.checkClientID()},
		{"token_auth", s.checkTokenAuth()},
		{"client_secret", s.checkSecret()},
		{"scopes", s.checkScopes()},
		{"prompt", s.checkPrompt()},
		{"clock_skew", s.checkSkew()},
	} {
		if check.message != "" {
			problems = append(problems, connectors.SettingProblem{Key: check.key, Message: check.message})
		}
	}
	return problems
}

const maxSkew = 10 * time.Minute

// How Gatehouse authenticates at the token endpoint (OpenID Connect Core section 9).
const (
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authNone  = "none"
)

func (s Settings) checkClientID() string {
	if s.ClientID == "" {
		return "is missing"
	}
	return ""
}

func (s Settings) checkTokenAuth() string {
	if !slices.Contains([]string{authBasic, authPost, authNone}, s.TokenAuth) {
		return "must be client_secret_basic, client_secret_post or none"
	}
	return ""
}

func (s Settings) checkSecret() string {
	switch {
	case s.TokenAuth == authNone && !s.ClientSecret.Empty():
		return "is not used with token_auth none"
	case s.TokenAuth != authNone && s.ClientSecret.Empty():
		return "is missing"
	default:
		return ""
	}
}

func (s Settings) checkScopes() string {
	if !slices.Contains(s.Scopes, "openid") {
		return "openid is missing"
	}
	return ""
}

func (s Settings) checkPrompt() string {
	for _, prompt := range strings.Fields(s.Prompt) {
		if !slices.Contains([]string{"login", "select_account", "consent"}, prompt) {
			return "must be login, select_account, consent, or several of them"
		}
	}
	return ""
}

func (s Settings) checkSkew() string {
	if skew, err := time.ParseDuration(s.ClockSkew); err != nil || skew < 0 || skew > maxSkew {
		return "must be a duration from 0s to 10m"
	}
	return ""
}

func checkIssuer(issuer string) string {
	if issuer == "" {
		return "is missing"
	}
	parsed, err := url.Parse(issuer)
	if err != nil || parsed.Host == "" || parsed.RawQuery != "" || parsed.Fragment != "" || parsed.User != nil {
		return "must be an absolute URL without query"
	}
	if !secure(parsed) {
		return "must be https (plain http is for loopback only)"
	}
	return ""
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
