package config

import (
	"fmt"
	"time"

	"gatehouse/internal/secret"
)

// Client is an OAuth 2.0 client; at each start the stored one becomes what the file says. What it may say, provider.ValidateClient checks.
type Client struct {
	ID           string         `yaml:"id"`
	Name         string         `yaml:"name"`
	Organization string         `yaml:"organization"` // slug; empty: shared
	AuthMethod   string         `yaml:"auth_method"`
	Public       bool           `yaml:"public"` // short for auth_method: none
	Secret       secret.Text    `yaml:"secret"`
	Secrets      []ClientSecret `yaml:"secrets"` // beside Secret
	JWKS         Values         `yaml:"jwks"`
	JWKSURI      string         `yaml:"jwks_uri"`

	RedirectURIs           []string `yaml:"redirect_uris"`
	PostLogoutRedirectURIs []string `yaml:"post_logout_redirect_uris"`
	GrantTypes             []string `yaml:"grant_types"`
	Scopes                 []string `yaml:"scopes"`
	Audience               []string `yaml:"audience"`

	AccessTokenFormat string `yaml:"access_token_format"`
	IDTokenAlg        string `yaml:"id_token_signed_response_alg"`
	UserinfoAlg       string `yaml:"userinfo_signed_response_alg"`
	RequirePAR        bool   `yaml:"require_pushed_authorization_requests"`
	FirstParty        *bool  `yaml:"first_party"`
	ResourceServer    bool   `yaml:"resource_server"`

	BackchannelLogoutURI     string `yaml:"backchannel_logout_uri"`
	BackchannelSessionNeeded bool   `yaml:"backchannel_logout_session_required"`

	URI       string `yaml:"client_uri"`
	PolicyURI string `yaml:"policy_uri"`
	TermsURI  string `yaml:"tos_uri"`
	Enabled   *bool  `yaml:"enabled"`
}

// ClientSecret is one of several secrets of a client.
type ClientSecret struct {
	Name    string      `yaml:"name"`
	Secret  secret.Text `yaml:"secret"`
	Expires string      `yaml:"expires"` // RFC 3339, or a day: until it begins, in UTC; empty: never
}

// End is when the secret is good no more; zero: never.
func (s ClientSecret) End() (time.Time, error) {
	if s.Expires == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, s.Expires); err == nil {
		return day, nil
	}
	return time.Parse(time.RFC3339, s.Expires)
}

const (
	minSecret       = 32 // characters
	randomTextAdded = "needs at least 32 characters of random text"
)

// clients looks at what only the file has: that no client stands there twice, and secrets before they are hashed.
func (v *validator) clients(clients []Client) {
	seen := map[string]bool{}
	for i, c := range clients {
		path := fmt.Sprintf("clients[%d]", i)
		v.unique(seen, path+".id", c.ID)
		if c.Public && c.AuthMethod != "" && c.AuthMethod != "none" {
			v.wrong(path+".public", "contradicts auth_method")
		}
		v.clientSecrets(path, c)
	}
}

func (v *validator) clientSecrets(path string, c Client) {
	given := len(c.Secrets)
	if !c.Secret.Empty() {
		given++
	}
	switch {
	case c.Public || c.AuthMethod == "none":
		if given > 0 {
			v.wrong(path+".secret", "a public client has none")
		}
		return
	case c.AuthMethod == "private_key_jwt":
		if given > 0 {
			v.wrong(path+".secret", "a client with auth_method private_key_jwt has none")
		}
		return
	case given == 0, !c.Secret.Empty() && len(c.Secret.Reveal()) < minSecret:
		v.wrong(path+".secret", randomTextAdded+" (or: public: true), for example from: openssl rand -hex 32")
	}
	for j, s := range c.Secrets {
		if len(s.Secret.Reveal()) < minSecret {
			v.wrong(fmt.Sprintf("%s.secrets[%d].secret", path, j), randomTextAdded+", for example from: openssl rand -hex 32")
		}
		if _, err := s.End(); err != nil {
			v.wrong(fmt.Sprintf("%s.secrets[%d].expires", path, j), "must be a day such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z")
		}
	}
}
