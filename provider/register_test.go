package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/internal/id"
	"gatehouse/provider"
)

func registration(change func(*provider.Client)) provider.Client {
	c := provider.Client{
		ID: "radio", Name: "Radio", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{"https://radio.example/cb"}, Scopes: []string{"openid"}, Enabled: true,
	}
	change(&c)
	return c
}

func registeredKeys(t *testing.T, keys ...any) json.RawMessage {
	t.Helper()
	set := jose.JSONWebKeySet{}
	for _, key := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key})
	}
	raw, err := json.Marshal(set)
	must(t, err)
	return raw
}

func TestValidateClient(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	good := registeredKeys(t, ec.Public())
	keys := func(set json.RawMessage) func(*provider.Client) {
		return func(c *provider.Client) { c.AuthMethod, c.JWKS = provider.AuthPrivateKey, set }
	}
	many := make([]any, 21)
	for i := range many {
		many[i] = ec.Public()
	}
	for name, c := range map[string]struct {
		change func(*provider.Client)
		fields string // with problems
	}{
		"good": {func(*provider.Client) {}, ""},
		"keys": {keys(good), ""},
		"device": {func(c *provider.Client) {
			c.GrantTypes, c.RedirectURIs = []string{"urn:ietf:params:oauth:grant-type:device_code", "refresh_token"}, nil
		}, ""},
		"loopback back-channel": {func(c *provider.Client) { c.BackchannelLogoutURI = "http://127.0.0.1:81/x" }, ""},
		"resource":              {func(c *provider.Client) { c.Audience = []string{"https://api.example/v1", "urn:example:api"} }, ""},
		"id":                    {func(c *provider.Client) { c.ID = "a/b" }, "id"},
		"id of a user":          {func(c *provider.Client) { c.ID = "01990000-0000-7000-8000-000000000000" }, "id"},
		"hidden name":           {func(c *provider.Client) { c.Name = "Ra\u202edio" }, "name"},
		"long name":             {func(c *provider.Client) { c.Name = strings.Repeat("é", 101) }, "name"},
		"unknown method":        {func(c *provider.Client) { c.AuthMethod = "client_secret_jwt" }, "auth_method"},
		"secret of a public one": {func(c *provider.Client) {
			c.AuthMethod, c.Secrets = provider.AuthNone, []provider.ClientSecret{{Hash: "h"}}
		}, "secrets"},
		"robot without proof": {func(c *provider.Client) {
			c.AuthMethod, c.GrantTypes = provider.AuthNone, []string{"client_credentials"}
		}, "grant_types"},
		"no keys":                 {keys(nil), "jwks"},
		"keys and their address":  {func(c *provider.Client) { keys(good)(c); c.JWKSURI = "https://x.example/" }, "jwks"},
		"keys of no use":          {func(c *provider.Client) { c.JWKS = good }, "jwks"},
		"key address of no use":   {func(c *provider.Client) { c.JWKSURI = "https://x.example/" }, "jwks_uri"},
		"plain key address":       {func(c *provider.Client) { c.AuthMethod, c.JWKSURI = provider.AuthPrivateKey, "http://127.0.0.1/" }, "jwks_uri"},
		"private key":             {keys(registeredKeys(t, ec)), "jwks"},
		"symmetric key":           {keys(registeredKeys(t, []byte("0123456789abcdef0123456789abcdef"))), "jwks"},
		"short key":               {keys(registeredKeys(t, short.Public())), "jwks"},
		"too many keys":           {keys(registeredKeys(t, many...)), "jwks"},
		"no set":                  {keys(json.RawMessage(`{"kty":"EC"}`)), "jwks"},
		"no JSON":                 {keys(json.RawMessage(`{`)), "jwks"},
		"huge set":                {keys(json.RawMessage(`{"keys":[],"x":"` + strings.Repeat("a", 40<<10) + `"}`)), "jwks"},
		"no grant":                {func(c *provider.Client) { c.GrantTypes = nil }, "grant_types"},
		"password grant":          {func(c *provider.Client) { c.GrantTypes = append(c.GrantTypes, "password") }, "grant_types"},
		"refresh of nothing":      {func(c *provider.Client) { c.GrantTypes = []string{"refresh_token"} }, "grant_types"},
		"nowhere to return":       {func(c *provider.Client) { c.RedirectURIs = nil }, "redirect_uris"},
		"twice":                   {func(c *provider.Client) { c.RedirectURIs = append(c.RedirectURIs, c.RedirectURIs[0]) }, "redirect_uris"},
		"plain redirect":          {func(c *provider.Client) { c.RedirectURIs = []string{"http://radio.example/cb"} }, "redirect_uris"},
		"script":                  {func(c *provider.Client) { c.RedirectURIs = []string{"javascript://x.example/%0aalert(1)"} }, "redirect_uris"},
		"dotless scheme":          {func(c *provider.Client) { c.RedirectURIs = []string{"radio:/cb"} }, "redirect_uris"},
		"backslash":               {func(c *provider.Client) { c.RedirectURIs = []string{`https://radio.example/\evil`} }, "redirect_uris"},
		"fragment after sign-out": {func(c *provider.Client) { c.PostLogout = []string{"https://radio.example/#x"} }, "post_logout_redirect_uris"},
		"scope with a space":      {func(c *provider.Client) { c.Scopes = []string{"a b"} }, "scopes"},
		"scope of a wish":         {func(c *provider.Client) { c.Scopes = []string{"organization:acme"} }, "scopes"},
		"relative audience":       {func(c *provider.Client) { c.Audience = []string{"api"} }, "audience"},
		"audience with fragment":  {func(c *provider.Client) { c.Audience = []string{"https://api.example/#x"} }, "audience"},
		"token format":            {func(c *provider.Client) { c.AccessTokenFormat = "saml" }, "access_token_format"},
		"HMAC":                    {func(c *provider.Client) { c.IDTokenAlg = "HS256" }, "id_token_signed_response_alg"},
		"unsigned":                {func(c *provider.Client) { c.UserinfoAlg = "none" }, "userinfo_signed_response_alg"},
		"plain back-channel":      {func(c *provider.Client) { c.BackchannelLogoutURI = "http://radio.example/" }, "backchannel_logout_uri"},
		"session without address": {func(c *provider.Client) { c.BackchannelSessionNeeded = true }, "backchannel_logout_session_required"},
		"script as a page": {func(c *provider.Client) {
			c.URI, c.PolicyURI, c.TermsURI = "javascript:alert(1)", "data:,x", "//x.example"
		}, "client_uri policy_uri tos_uri"},
		"too many": {func(c *provider.Client) {
			c.Scopes = nil
			for i := range 101 {
				c.Scopes = append(c.Scopes, strings.Repeat("a", i+1))
			}
		}, "scopes"},
	} {
		var fields []string
		for _, problem := range provider.ValidateClient(registration(c.change)) {
			fields = append(fields, problem.Field)
		}
		if got := strings.Join(slices.Compact(fields), " "); got != c.fields {
			t.Errorf("%s: problems of %q, want %q", name, got, c.fields)
		}
	}
}

// TestWhatIsRegisteredWorks: the rules of the registration and of the authorization endpoint about addresses to return to are the same.
func TestWhatIsRegisteredWorks(t *testing.T) {
	f := open(t)
	for _, uri := range []string{
		"https://radio.example/cb", "https://radio.example/cb?x=1&y=%20", "http://127.0.0.1/cb", "http://localhost:8080/cb", "http://[::1]:9/cb", "com.example.radio:/cb", "https://radio.example",
		"http://radio.example/", "https://radio.example/ü", "https://radio.example/a b", "https://u@radio.example/", "https:/radio.example/", "https://", "data:text/html,x", "radio:/cb",
		"http://127.0.0.1.evil.example/", "http://2130706433/", "HTTPS://radio.example/", "https://radio.example/\\@evil", "view-source:https://x", "com.example.radio:cb",
	} {
		c := registration(func(c *provider.Client) { c.RedirectURIs = []string{uri} })
		valid := len(provider.ValidateClient(c)) == 0
		must(t, f.db.SaveClient(t.Context(), c))
		f.clock.advance(10 * time.Second)
		_, err := f.ParseAuthorize(t.Context(), request("client_id", "radio", "redirect_uri", uri, "scope", "openid"))
		var refused *provider.AuthorizeError
		if err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		if valid && err != nil {
			t.Errorf("%s can be registered and is refused: %v", uri, err)
		}
		if parsed, bad := url.Parse(uri); !valid && err == nil && (bad != nil || parsed.Scheme == "http" || parsed.User != nil) {
			t.Errorf("%s cannot be registered and works", uri)
		}
	}
}

// TestClientThatIsOver: with a client that is disabled or deleted end its tokens and codes.
func TestClientThatIsOver(t *testing.T) {
	for name, end := range map[string]func(*fixture, provider.Client) error{
		"disabled": func(f *fixture, c provider.Client) error {
			c.Enabled = false
			return f.db.SaveClient(f.t.Context(), c)
		},
		"deleted": func(f *fixture, c provider.Client) error { return f.db.DeleteClient(f.t.Context(), c.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			tokens, code := f.tokens(), f.code(request())
			c, err := f.db.Client(t.Context(), "web")
			must(t, err)
			must(t, end(f, c))
			f.clock.advance(10 * time.Second) // every cache knows by now
			if got := f.userinfo(tokens.Access); got.status != 401 {
				t.Errorf("userinfo answers %d", got.status)
			}
			f.wantError(f.post(refreshing(tokens.Refresh)), 401, "invalid_client")
			f.wantError(f.post(redeem(code)), 401, "invalid_client")
		})
	}
}

// TestClientThatMoved: what it got for one organization it does not take along to another.
func TestClientThatMoved(t *testing.T) {
	f := open(t)
	tokens, code := f.tokens(), f.code(request())
	moved, err := f.db.Client(t.Context(), "web")
	must(t, err)
	moved.Organization = id.New[id.Organization]()
	f.createOrganization(moved.Organization)
	must(t, f.db.SaveClient(t.Context(), moved))
	f.clock.advance(10 * time.Second)
	f.wantError(f.post(refreshing(tokens.Refresh)), 400, "invalid_grant")
	f.wantError(f.post(redeem(code)), 400, "invalid_grant")
}
