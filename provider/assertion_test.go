package provider_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
)

// TestAssertionAlgorithms: every algorithm that discovery announces is accepted, with and without kid.
func TestAssertionAlgorithms(t *testing.T) {
	f := open(t)
	keys := madeKeys()
	f.registerSigning(func(c *provider.Client) { c.JWKS = keySet(t, keys["rsa"], keys["p256"], keys["ed"]) })
	for algorithm, kid := range map[jose.SignatureAlgorithm]string{jose.RS256: "rsa", jose.PS256: "rsa", jose.ES256: "p256", jose.EdDSA: "ed"} {
		f.wantToken(f.post(asserting(f.good().signed(t, keys[kid], algorithm))))
		nameless := keys[kid]
		nameless.KeyID = ""
		f.wantToken(f.post(asserting(f.good().signed(t, nameless, algorithm), "client_id", string(signing))))
	}
}

func TestAssertionsRefused(t *testing.T) {
	f := open(t)
	keys := madeKeys()
	f.registerSigning(func(c *provider.Client) { c.JWKS = keySet(t, keys["p256"], keys["p384"], keys["short"]) })
	must(t, f.db.SaveClient(t.Context(), provider.Client{ID: "signing2", AuthMethod: provider.AuthPrivateKey, JWKS: keySet(t, keys["other"]), GrantTypes: []string{"client_credentials"}, Enabled: true, Created: f.clock.Now(), Modified: f.clock.Now()}))
	now := f.clock.Now().Unix()
	for name, c := range map[string]claims{
		"no iss":                   f.good().with("iss", nil),
		"no sub":                   f.good().with("sub", nil),
		"another iss":              f.good().with("iss", "signing2"),
		"another sub":              f.good().with("sub", "signing2"),
		"another client":           f.good().with("iss", "signing2", "sub", "signing2"),
		"unknown client":           f.good().with("iss", "x", "sub", "x"),
		"client with a secret":     f.good().with("iss", "web", "sub", "web"),
		"public client":            f.good().with("iss", "spa", "sub", "spa"),
		"no aud":                   f.good().with("aud", nil),
		"empty aud":                f.good().with("aud", []string{}),
		"foreign aud":              f.good().with("aud", "https://evil.example.com"),
		"issuer with a slash":      f.good().with("aud", issuer+"/"),
		"issuer and a foreign aud": f.good().with("aud", []string{issuer, "https://evil.example.com"}),
		"another endpoint":         f.good().with("aud", issuer+provider.DevicePath),
		"no exp":                   f.good().with("exp", nil),
		"expired":                  f.good().with("exp", now-31),
		"five minutes in the past": f.good().with("exp", now-300),
		"exp far ahead":            f.good().with("exp", now+631),
		"exp beyond all numbers":   f.good().with("exp", 1e300),
		"nbf in the future":        f.good().with("nbf", now+31),
		"iat in the future":        f.good().with("iat", now+61),
		"no jti":                   f.good().with("jti", nil),
		"jti of any length":        f.good().with("jti", strings.Repeat("x", 513)),
		"sub with a NUL":           f.good().with("sub", "signing\x00"),
	} {
		t.Run(name, func(t *testing.T) {
			f.wantError(f.post(asserting(c.signed(t, keys["p256"], jose.ES256))), http.StatusUnauthorized, "invalid_client")
		})
	}
	for name, c := range map[string]struct {
		key       clientKey
		algorithm jose.SignatureAlgorithm
		headers   []string
	}{
		"key of nobody":          {keys["other"], jose.ES256, nil},
		"kid of another key":     {clientKey{jose.JSONWebKey{Key: keys["other"].Key, KeyID: "p256"}}, jose.ES256, nil},
		"curve of another size":  {keys["p384"], jose.ES384, nil},
		"short RSA key":          {keys["short"], jose.RS256, nil},
		"SHA-512":                {keys["rsa"], jose.RS512, nil},
		"HMAC with the public":   {clientKey{jose.JSONWebKey{Key: []byte(keySet(t, keys["p256"])), KeyID: "p256"}}, jose.HS256, nil},
		"request object":         {keys["p256"], jose.ES256, []string{"typ", "oauth-authz-req+jwt"}},
		"DPoP proof":             {keys["p256"], jose.ES256, []string{"typ", "dpop+jwt"}},
		"type that is no string": {keys["p256"], jose.ES256, []string{"typ", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			f.wantError(f.post(asserting(f.good().signed(t, c.key, c.algorithm, c.headers...))), http.StatusUnauthorized, "invalid_client")
		})
	}
	f.wantToken(f.post(asserting(f.good().signed(t, keys["p256"], jose.ES256))))
}

func TestAssertionsAccepted(t *testing.T) {
	f := open(t)
	key := madeKeys()["p256"]
	f.registerSigning(func(c *provider.Client) { c.JWKS = keySet(t, key) })
	now := f.clock.Now().Unix()
	for name, c := range map[string]claims{
		"token endpoint as aud":   f.good().with("aud", issuer+provider.TokenPath),
		"aud as a list":           f.good().with("aud", []string{issuer}),
		"all our names":           f.good().with("aud", []string{issuer, issuer + provider.TokenPath}),
		"slow clock":              f.good().with("exp", now-29),
		"nbf eight seconds ahead": f.good().with("nbf", now+8, "iat", now+8),
		"no iat":                  f.good().with("iat", nil),
		"ten minutes":             f.good().with("exp", now+600),
		"seconds with a fraction": f.good().with("exp", float64(now)+59.5),
		"unknown claims":          f.good().with("nonce", "x", "scope", []int{1}),
	} {
		t.Run(name, func(t *testing.T) { f.wantToken(f.post(asserting(c.signed(t, key, jose.ES256)))) })
	}
	for _, typ := range []string{"JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"} {
		f.wantToken(f.post(asserting(f.good().signed(t, key, jose.ES256, "typ", typ))))
	}
	long := f.good().with("padding", strings.Repeat("x", 6000))
	f.wantToken(f.post(asserting(long.signed(t, key, jose.ES256))))
}

// TestAssertionRequests: what stands beside an assertion.
func TestAssertionRequests(t *testing.T) {
	f := open(t)
	key := madeKeys()["p256"]
	f.registerSigning(func(c *provider.Client) { c.JWKS = keySet(t, key) })
	assertion := func() string { return f.good().signed(t, key, jose.ES256) }
	none := f.good().signed(t, key, jose.ES256)
	none = "eyJhbGciOiJub25lIn0." + strings.Split(none, ".")[1] + "."
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		code    string
	}{
		"another client_id": {postForm(asserting(assertion(), "client_id", "web").Encode()), 400, "invalid_request"},
		"secret too":        {postForm(asserting(assertion(), "client_secret", webSecret).Encode()), 400, "invalid_request"},
		"Basic too":         {basic("web", webSecret, asserting(assertion()).Encode()), 400, "invalid_request"},
		"repeated":          {postForm(asserting(assertion()).Encode() + "&client_assertion=x"), 400, "invalid_request"},
		"another type":      {postForm(asserting(assertion(), "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer").Encode()), 401, "invalid_client"},
		"no type":           {postForm(asserting(assertion(), "client_assertion_type", "").Encode()), 401, "invalid_client"},
		"no assertion":      {postForm(asserting("", "client_id", string(signing)).Encode()), 401, "invalid_client"},
		"no JWT":            {postForm(asserting("x.y.z").Encode()), 401, "invalid_client"},
		"unsigned":          {postForm(asserting(none).Encode()), 401, "invalid_client"},
		"client_id alone":   {postForm(form("grant_type", "client_credentials", "client_id", string(signing)).Encode()), 401, "invalid_client"},
		"some secret":       {postForm(form("grant_type", "client_credentials", "client_id", string(signing), "client_secret", "x").Encode()), 401, "invalid_client"},
		"too long":          {postForm(asserting(strings.Repeat("x", 17<<10)).Encode()), 400, "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			got := f.send(c.request)
			f.wantError(got, c.status, c.code)
			if challenged := got.header.Get("WWW-Authenticate") != ""; challenged != (c.status == 401) || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("headers: %v", got.header)
			}
		})
	}
}

// TestSecretOfSigningClient: a client that registered keys cannot fall back to a secret that it once had.
func TestSecretOfSigningClient(t *testing.T) {
	f := open(t)
	f.registerSigning(func(c *provider.Client) { c.Secrets = []provider.ClientSecret{{Hash: secret.Hash(webSecret)}} })
	f.wantError(f.post(form("grant_type", "client_credentials", "client_id", string(signing), "client_secret", webSecret)), http.StatusUnauthorized, "invalid_client")
}

// TestAssertionOnce is fosite.md's pitfall n: an assertion works once, its jti is the client's own, and one that was refused spends none.
func TestAssertionOnce(t *testing.T) {
	f := open(t)
	keys := madeKeys()
	f.registerSigning(func(c *provider.Client) { c.JWKS = keySet(t, keys["p256"]) })
	f.registerSigning(func(c *provider.Client) { c.ID, c.JWKS = "signing2", keySet(t, keys["p256"]) })
	as := func(client id.Client, pairs ...any) string {
		return f.good().with("iss", client, "sub", client, "jti", "the same").with(pairs...).signed(t, keys["p256"], jose.ES256)
	}
	f.wantError(f.post(asserting(as(signing, "aud", "https://evil.example.com"))), http.StatusUnauthorized, "invalid_client")
	f.wantError(f.post(asserting(f.good().with("jti", "the same").signed(t, keys["other"], jose.ES256))), http.StatusUnauthorized, "invalid_client")
	f.wantToken(f.post(asserting(as(signing))))
	f.wantToken(f.post(asserting(as("signing2"))))
	f.wantError(f.post(asserting(as(signing))), http.StatusUnauthorized, "invalid_client")
	f.restart() // another node
	f.wantError(f.post(asserting(as(signing))), http.StatusUnauthorized, "invalid_client")
	f.clock.advance(89 * time.Second) // it has just not expired, by a slow clock
	f.wantError(f.post(asserting(as(signing, "exp", f.clock.Now().Unix()-29))), http.StatusUnauthorized, "invalid_client")
}

// TestAssertionRace: of many who show one assertion, on two nodes, one is let in.
func TestAssertionRace(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		key := madeKeys()["p256"]
		f.registerSigning(func(c *provider.Client) { c.JWKS = keySet(t, key) })
		for range 5 {
			assertion, post, won := asserting(f.good().signed(t, key, jose.ES256)), f.onTwoNodes(), 0
			for _, got := range race(16, func() answer { return post(assertion) }) {
				if got.status == http.StatusOK {
					won++
					continue
				}
				f.wantError(got, http.StatusUnauthorized, "invalid_client")
			}
			if won != 1 {
				t.Errorf("%d were let in", won)
			}
			f.clock.advance(5 * time.Minute) // the losers' failures are forgotten
			f.restart()
		}
	})
}

// TestAssertionAtEveryEndpoint: each that clients call directly takes assertions that name the issuer or itself, and no other's name.
func TestAssertionAtEveryEndpoint(t *testing.T) {
	f := open(t)
	key := madeKeys()["p256"]
	f.registerSigning(func(c *provider.Client) {
		c.JWKS, c.ResourceServer, c.RedirectURIs = keySet(t, key), true, []string{webRedirect}
		c.GrantTypes = []string{"authorization_code", deviceGrantType}
	})
	push := request("client_id", string(signing), "scope", "read", "nonce", "")
	for path, c := range map[string]struct {
		values url.Values
		status int
	}{
		provider.PushPath:       {push, http.StatusCreated},
		provider.IntrospectPath: {form("token", "x"), http.StatusOK},
		provider.RevokePath:     {form("token", "x"), http.StatusOK},
		provider.DevicePath:     {form("scope", "read"), http.StatusOK},
	} {
		for audience, status := range map[string]int{issuer: c.status, issuer + path: c.status, issuer + provider.TokenPath: c.status, issuer + provider.UserinfoPath: http.StatusUnauthorized} {
			c.values.Set("client_assertion_type", jwtBearer)
			c.values.Set("client_assertion", f.good().with("aud", audience).signed(t, key, jose.ES256))
			r := postForm(c.values.Encode())
			r.URL.Path = path
			if got := f.send(r); got.status != status {
				t.Errorf("%s for %s: %d %s", path, audience, got.status, got.body)
			}
		}
	}
}
