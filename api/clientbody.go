package api

import (
	"cmp"
	"encoding/json"
	"time"

	"gatehouse/internal/id"
	"gatehouse/provider"
)

// ClientBody is a registered client.
type ClientBody struct {
	ID           id.Client           `json:"id"`
	Name         string              `json:"name"`
	Organization *string             `json:"organization" doc:"The only one that it has tokens of; null: shared by all organizations."`
	AuthMethod   provider.AuthMethod `json:"auth_method" enum:"client_secret_basic,client_secret_post,private_key_jwt,none"`
	Secrets      []ClientSecretBody  `json:"secrets" doc:"Empty for shared clients, unless the caller may change them."`
	JWKS         map[string]any      `json:"jwks" doc:"Its public keys, for private_key_jwt; or jwks_uri."`
	JWKSURI      *string             `json:"jwks_uri"`

	RedirectURIs []string `json:"redirect_uris"`
	PostLogout   []string `json:"post_logout_redirect_uris"`
	GrantTypes   []string `json:"grant_types"`
	Scopes       []string `json:"scopes" doc:"That it may ask for."`
	Audience     []string `json:"audience" doc:"Services that its access tokens are good for, beside itself."`

	AccessTokenFormat provider.TokenFormat `json:"access_token_format" enum:"jwt,opaque"`
	IDTokenAlg        string               `json:"id_token_signed_response_alg"`
	UserinfoAlg       *string              `json:"userinfo_signed_response_alg" doc:"null: plain JSON."`
	RequirePAR        bool                 `json:"require_pushed_authorization_requests"`
	FirstParty        bool                 `json:"first_party" doc:"The operator's own: nobody is asked to agree."`
	ResourceServer    bool                 `json:"resource_server" doc:"May introspect the tokens of its organization; a shared one all."`

	BackchannelLogoutURI     *string `json:"backchannel_logout_uri" doc:"Is told when a session ends."`
	BackchannelSessionNeeded bool    `json:"backchannel_logout_session_required"`

	URI       *string `json:"client_uri"`
	PolicyURI *string `json:"policy_uri"`
	TermsURI  *string `json:"tos_uri"`

	Enabled  bool       `json:"enabled"`
	Static   bool       `json:"static" doc:"Declared in the configuration file, and changed only there."`
	Created  *time.Time `json:"created"`
	Modified *time.Time `json:"modified"`
}

// ClientSecretBody is a secret without its text.
type ClientSecretBody struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Created *time.Time `json:"created"`
	Expires *time.Time `json:"expires" doc:"null: never."`
}

func writeClientSecret(s provider.ClientSecret) ClientSecretBody {
	return ClientSecretBody{ID: s.ID, Name: s.Name, Created: moment(s.Created), Expires: moment(s.Expires)}
}

func writeClient(c provider.Client) ClientBody {
	body := ClientBody{
		ID: c.ID, Name: c.Name, Organization: orNull(c.Organization), AuthMethod: cmp.Or(c.AuthMethod, provider.AuthBasic), Secrets: []ClientSecretBody{},
		JWKSURI: orNull(c.JWKSURI), RedirectURIs: listOf(c.RedirectURIs), PostLogout: listOf(c.PostLogout), GrantTypes: listOf(c.GrantTypes),
		Scopes: listOf(c.Scopes), Audience: listOf(c.Audience), AccessTokenFormat: cmp.Or(c.AccessTokenFormat, provider.FormatJWT),
		IDTokenAlg: cmp.Or(c.IDTokenAlg, "RS256"), UserinfoAlg: orNull(c.UserinfoAlg), RequirePAR: c.RequirePAR, FirstParty: c.FirstParty,
		ResourceServer: c.ResourceServer, BackchannelLogoutURI: orNull(c.BackchannelLogoutURI), BackchannelSessionNeeded: c.BackchannelSessionNeeded,
		URI: orNull(c.URI), PolicyURI: orNull(c.PolicyURI), TermsURI: orNull(c.TermsURI), Enabled: c.Enabled, Static: c.Static,
		Created: moment(c.Created), Modified: moment(c.Modified),
	}
	for _, s := range c.Secrets {
		body.Secrets = append(body.Secrets, writeClientSecret(s))
	}
	_ = json.Unmarshal(c.JWKS, &body.JWKS) // checked when it was written; null where there is none
	return body
}

// listOf is never null.
func listOf(values []string) []string { return append([]string{}, values...) }

// ClientInput is what can be written of a client. Members that are left out stay as they are.
type ClientInput struct {
	Name         optional[string]          `json:"name,omitempty"`
	Organization optional[id.Organization] `json:"organization,omitempty" doc:"null: shared, which only superusers register. A client that is in use stays where it is."`
	AuthMethod   optional[string]          `json:"auth_method,omitempty" doc:"client_secret_basic (default), client_secret_post, private_key_jwt or none."`
	JWKS         optional[map[string]any]  `json:"jwks,omitempty" doc:"JWK set of public keys, for private_key_jwt; or jwks_uri."`
	JWKSURI      optional[string]          `json:"jwks_uri,omitempty"`

	RedirectURIs optional[[]string] `json:"redirect_uris,omitempty" doc:"Compared exactly; for http to a loopback address any port will do."`
	PostLogout   optional[[]string] `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes   optional[[]string] `json:"grant_types,omitempty" doc:"Default: authorization_code and refresh_token."`
	Scopes       optional[[]string] `json:"scopes,omitempty" doc:"Default: openid, profile and email. Only superusers give scopes of other services."`
	Audience     optional[[]string] `json:"audience,omitempty" doc:"Absolute URIs; given by superusers only."`

	AccessTokenFormat optional[string] `json:"access_token_format,omitempty" doc:"jwt (default) or opaque."`
	IDTokenAlg        optional[string] `json:"id_token_signed_response_alg,omitempty" doc:"RS256 (default), ES256 or EdDSA."`
	UserinfoAlg       optional[string] `json:"userinfo_signed_response_alg,omitempty" doc:"The same; default: plain JSON."`
	RequirePAR        optional[bool]   `json:"require_pushed_authorization_requests,omitempty"`
	FirstParty        optional[bool]   `json:"first_party,omitempty" doc:"Given by superusers only."`
	ResourceServer    optional[bool]   `json:"resource_server,omitempty"`

	BackchannelLogoutURI     optional[string] `json:"backchannel_logout_uri,omitempty"`
	BackchannelSessionNeeded optional[bool]   `json:"backchannel_logout_session_required,omitempty"`

	URI       optional[string] `json:"client_uri,omitempty" doc:"Of a page for people."`
	PolicyURI optional[string] `json:"policy_uri,omitempty"`
	TermsURI  optional[string] `json:"tos_uri,omitempty"`
	Enabled   optional[bool]   `json:"enabled,omitempty"`
}

// set writes a value where one is given.
func set[T any](to *T, from optional[T]) {
	if from.given {
		*to = from.value
	}
}

// apply writes what is given into a client.
func (in ClientInput) apply(c *provider.Client) {
	method, format := string(c.AuthMethod), string(c.AccessTokenFormat)
	set(&method, in.AuthMethod)
	set(&format, in.AccessTokenFormat)
	c.AuthMethod, c.AccessTokenFormat = provider.AuthMethod(method), provider.TokenFormat(format)
	set(&c.Name, in.Name)
	set(&c.Organization, in.Organization)
	set(&c.JWKSURI, in.JWKSURI)
	set(&c.RedirectURIs, in.RedirectURIs)
	set(&c.PostLogout, in.PostLogout)
	set(&c.GrantTypes, in.GrantTypes)
	set(&c.Scopes, in.Scopes)
	set(&c.Audience, in.Audience)
	set(&c.IDTokenAlg, in.IDTokenAlg)
	set(&c.UserinfoAlg, in.UserinfoAlg)
	set(&c.RequirePAR, in.RequirePAR)
	set(&c.FirstParty, in.FirstParty)
	set(&c.ResourceServer, in.ResourceServer)
	set(&c.BackchannelLogoutURI, in.BackchannelLogoutURI)
	set(&c.BackchannelSessionNeeded, in.BackchannelSessionNeeded)
	set(&c.URI, in.URI)
	set(&c.PolicyURI, in.PolicyURI)
	set(&c.TermsURI, in.TermsURI)
	set(&c.Enabled, in.Enabled)
	if in.JWKS.given {
		c.JWKS = nil
		if in.JWKS.value != nil {
			c.JWKS, _ = json.Marshal(in.JWKS.value) // it was JSON a moment ago
		}
	}
}
