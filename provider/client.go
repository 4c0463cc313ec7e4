package provider

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"slices"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
)

// AuthMethod is how a client proves who it is (OpenID Connect Core section 9, "token_endpoint_auth_method").
type AuthMethod string

// The methods. A client of either secret method may show its secret in the header or in the body.
const (
	AuthBasic      AuthMethod = "client_secret_basic"
	AuthPost       AuthMethod = "client_secret_post"
	AuthPrivateKey AuthMethod = "private_key_jwt"
	AuthNone       AuthMethod = "none" // a public client
)

// TokenFormat is the form of a client's access tokens.
type TokenFormat string

// The formats.
const (
	FormatJWT    TokenFormat = "jwt"    // RFC 9068; siblings verify it without asking
	FormatOpaque TokenFormat = "opaque" // means something to this provider only
)

// Client is a registered OAuth 2.0 client (RFC 6749 section 2). An empty AuthMethod is AuthBasic, an empty AccessTokenFormat FormatJWT.
type Client struct {
	ID           id.Client
	Name         string
	Organization id.Organization // whose client it is; empty: shared
	AuthMethod   AuthMethod
	Secrets      []ClientSecret  // of the secret methods; several while one replaces another
	JWKS         json.RawMessage // of AuthPrivateKey: a JWK set, or
	JWKSURI      string          // where it is

	RedirectURIs []string // compared exactly; loopback addresses may differ in port (RFC 8252 section 7.3)
	PostLogout   []string // post_logout_redirect_uris
	GrantTypes   []string // see GrantTypes
	Scopes       []string // that it may ask for
	Audience     []string // "aud" of its access tokens beside the client itself; the resources that it may ask for (RFC 8707)

	AccessTokenFormat TokenFormat
	IDTokenAlg        string // RS256 (default), ES256, EdDSA
	UserinfoAlg       string // the same, for signed answers of the UserInfo endpoint; empty: JSON
	RequirePAR        bool   // only pushed authorization requests (RFC 9126)
	FirstParty        bool   // the operator's own: nobody is asked for consent
	ResourceServer    bool   // may introspect the tokens of its organization; a shared one all tokens

	BackchannelLogoutURI     string // is told when a session ends (OpenID Connect Back-Channel Logout 1.0)
	BackchannelSessionNeeded bool   // wants "sid" in what it is told

	URI, PolicyURI, TermsURI string // for people

	Static    bool // declared in the configuration, and changed only there
	Enabled   bool
	Suspended bool  // its organization is disabled; read only
	Version   int64 // counted by the store
	Created   time.Time
	Modified  time.Time
}

// ClientSecret is one secret of a client. The secret itself is shown once, when it is made.
type ClientSecret struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	Hash    string    `json:"hash"` // secret.Hash of a generated secret
	Created time.Time `json:"created,omitzero"`
	Expires time.Time `json:"expires,omitzero"` // zero: never
}

// Public reports whether the client has nothing to prove itself with.
func (c *Client) Public() bool { return c.AuthMethod == AuthNone }

// hasSecret reports whether shown is one of the client's secrets in force. Generated secrets are as random as a key and need no slow hash.
func (c *Client) hasSecret(shown string, now time.Time) bool {
	if c.AuthMethod == AuthNone || c.AuthMethod == AuthPrivateKey {
		return false
	}
	hash, found := []byte(secret.Hash(shown)), false
	for _, s := range c.Secrets {
		valid := s.Hash != "" && (s.Expires.IsZero() || s.Expires.After(now))
		found = subtle.ConstantTimeCompare(hash, []byte(s.Hash)) == 1 && valid || found
	}
	return found
}

// idTokenAlgorithm is what the client's ID tokens and logout tokens are signed with.
func (c *Client) idTokenAlgorithm() string { return cmp.Or(c.IDTokenAlg, algRS256) }

// may reports whether a grant type is registered.
func (c *Client) may(grant string) bool { return slices.Contains(c.GrantTypes, grant) }

// serves reports whether the client may have tokens of an organization: of its own only, if it has one. What was granted before a client moved stays behind.
func (c *Client) serves(organization id.Organization) bool {
	return c.Organization == "" || c.Organization == organization
}

// Consent is what a user has let a client see in an organization.
type Consent struct {
	User         id.User
	Client       id.Client
	ClientName   string          // what people call it; read only
	Organization id.Organization // empty: without one
	Scopes       []string
	Created      time.Time
	Modified     time.Time
}
