package provider_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/provider"
)

// taken is what has to stay as it was, whatever is shown to an endpoint.
type taken struct {
	answer
	f *fixture
}

// wantNothing shows a token to every endpoint that takes one. None accepts it, and nothing changes.
func (k taken) wantNothing(name, token string) {
	f, t := k.f, k.f.t
	t.Helper()
	if _, err := f.VerifyAccessToken(t.Context(), token); err == nil {
		t.Errorf("%s passes for an access token", name)
	}
	if got := f.userinfo(token); got.status != http.StatusUnauthorized {
		t.Errorf("%s: userinfo answers %d %s", name, got.status, got.body)
	}
	if f.active(token) {
		t.Errorf("%s: introspection says that it is active", name)
	}
	if got := f.post(refreshing(token)); got.status != http.StatusBadRequest || got.Error != "invalid_grant" {
		t.Errorf("%s as refresh token: %d %s", name, got.status, got.body)
	}
	if got := f.post(redeem(token)); got.status != http.StatusBadRequest || got.Error != "invalid_grant" {
		t.Errorf("%s as code: %d %s", name, got.status, got.body)
	}
	f.mustRevoke("web", webSecret, token)
	f.wantAlive(k.Access)
	if !f.active(k.Refresh) {
		t.Fatalf("%s has ended the grant", name)
	}
}

func (k taken) wantNoHint(name, token string) {
	k.f.t.Helper()
	if err := k.f.hintError(token); err == nil {
		k.f.t.Errorf("%s passes for an id_token_hint", name)
	}
}

// TestTokensOfAnotherKind: what was made for one purpose, though signed by this provider, serves no other.
func TestTokensOfAnotherKind(t *testing.T) {
	f := open(t)
	kept := taken{f.tokens(), f}
	kid, key := ownKey(t, f, "ES256", provider.KeyCurrent)
	own := key.(*ecdsa.PrivateKey)
	now := f.clock.Now()
	claims := changed(changed(payload(t, kept.Access), "jti", "forged"), "exp", now.Add(time.Hour).Unix())
	typed := func(typ any, claims map[string]any) string {
		head := map[string]any{"alg": "ES256", "kid": kid, "typ": typ}
		return signES256(t, head, claims, own)
	}
	logout := map[string]any{
		"iss": issuer, "aud": "web", "sub": string(ada), "sid": string(browser), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": "l",
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	assertion := map[string]any{"iss": "web", "sub": "web", "aud": issuer, "jti": "a", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	for name, token := range map[string]string{
		"an ID token":                         kept.ID,
		"an ID token with ES256":              typed("JWT", claims),
		"a logout token":                      typed("logout+jwt", logout),
		"a logout token with the claims":      typed("logout+jwt", claims),
		"a client assertion":                  typed("JWT", assertion),
		"a client assertion of a new kind":    typed("client-authentication+jwt", assertion),
		"signed userinfo":                     typed("userinfo+jwt", claims),
		"a token introspection response":      typed("token-introspection+jwt", claims),
		"an authorization response":           typed("oauth-authz-resp+jwt", claims),
		"no type":                             typed(nil, claims),
		"a type in capitals":                  typed("AT+JWT", claims),
		"a type with the media type's prefix": typed("application/at+jwt", claims),
	} {
		kept.wantNothing(name, token)
	}
	for name, token := range map[string]string{
		"an access token": kept.Access, "a refresh token": kept.Refresh, "a logout token": typed("logout+jwt", logout), "no type": typed(nil, claims),
		"ID token of another issuer": typed("JWT", changed(claims, "iss", "https://evil.example.com")), "an ID token without subject": typed("JWT", changed(claims, "sub", nil)),
	} {
		kept.wantNoHint(name, token)
	}
}

// TestForgeriesAtEachEndpoint: a key that the token brings along, another algorithm, none.
func TestForgeriesAtEachEndpoint(t *testing.T) {
	f := open(t)
	kept := taken{f.tokens(), f}
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	kids, publics := map[string]string{}, map[string][]byte{}
	for _, algorithm := range provider.SigningAlgorithms() {
		kid, key := ownKey(t, f, algorithm, provider.KeyCurrent)
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		must(t, err)
		kids[algorithm], publics[algorithm] = kid, public
	}
	_, key := ownKey(t, f, "ES256", provider.KeyCurrent)
	own := key.(*ecdsa.PrivateKey)
	jwk := map[string]any{
		"kty": "EC", "crv": "P-256", "x": base64.RawURLEncoding.EncodeToString(foreign.X.FillBytes(make([]byte, 32))),
		"y": base64.RawURLEncoding.EncodeToString(foreign.Y.FillBytes(make([]byte, 32))),
	}
	for what, genuine := range map[string]string{"access": kept.Access, "ID": kept.ID} {
		head := changed(changed(header(t, genuine), "alg", "ES256"), "kid", kids["ES256"])
		claims := changed(payload(t, genuine), "jti", "forged")
		body := encode(t, claims)
		forgeries := map[string]string{
			"alg none":         encode(t, changed(head, "alg", "none")) + "." + body + ".",
			"alg nOnE":         encode(t, changed(head, "alg", "nOnE")) + "." + body + ".",
			"foreign key":      signES256(t, head, claims, foreign),
			"jwk":              signES256(t, changed(head, "jwk", jwk), claims, foreign),
			"jwk without kid":  signES256(t, changed(changed(head, "jwk", jwk), "kid", nil), claims, foreign),
			"jku":              signES256(t, changed(head, "jku", "https://evil.example.com/jwks"), claims, foreign),
			"x5u":              signES256(t, changed(head, "x5u", "https://evil.example.com/x"), claims, foreign),
			"x5c":              signES256(t, changed(head, "x5c", []string{"AAAA"}), claims, foreign),
			"kid of a file":    signES256(t, changed(head, "kid", "../../dev/null"), claims, foreign),
			"no signature":     encode(t, head) + "." + body + ".",
			"unprotected kid":  signES256(t, changed(head, "kid", nil), claims, own),
			"zero signature":   encode(t, head) + "." + body + "." + strings.Repeat("A", 86),
			"detached payload": encode(t, changed(head, "b64", false)) + ".." + strings.Repeat("A", 86),
		}
		for _, algorithm := range provider.SigningAlgorithms() {
			forgeries["HMAC with the public key of "+algorithm] = signHMAC(t, changed(changed(head, "alg", "HS256"), "kid", kids[algorithm]), claims, publics[algorithm])
			if algorithm != "ES256" {
				forgeries["kid of "+algorithm] = signES256(t, changed(head, "kid", kids[algorithm]), claims, own)
				forgeries["alg "+algorithm] = signES256(t, changed(head, "alg", algorithm), claims, own)
			}
		}
		for name, forged := range forgeries {
			kept.wantNothing(what+": "+name, forged)
			kept.wantNoHint(what+": "+name, forged)
		}
	}
}
