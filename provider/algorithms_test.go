package provider_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"gatehouse/internal/id"
	"gatehouse/provider"
)

// TestEachAlgorithm: ID tokens in each algorithm verify by the published keys, carry the at_hash that relying parties compute, and are
// accepted back as hints.
func TestEachAlgorithm(t *testing.T) {
	f := open(t)
	keys := f.jwks()
	for _, algorithm := range provider.SigningAlgorithms() {
		client := id.Client("signs-" + strings.ToLower(algorithm))
		f.register(f.like(client, func(c *provider.Client) { c.IDTokenAlg = algorithm }))
		for _, got := range []answer{f.tokensOf(client), f.post(refreshing(f.tokensOf(client).Refresh, "client_id", string(client), "client_secret", apiSecret))} {
			parsed, err := jwt.ParseSigned(got.ID, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
			if err != nil {
				t.Fatalf("%s: %v: %s", algorithm, err, got.body)
			}
			key := keys[parsed.Headers[0].KeyID]
			var claims map[string]any
			if err := parsed.Claims(key.Key, &claims); err != nil || key.Algorithm != algorithm {
				t.Errorf("%s: %v, published as %s", algorithm, err, key.Algorithm)
			}
			if claims["at_hash"] != atHash(algorithm, got.Access) {
				t.Errorf("%s: at_hash %v", algorithm, claims["at_hash"])
			}
			if err := f.hintError(got.ID); err != nil {
				t.Errorf("%s: not accepted as hint: %v", algorithm, err)
			}
			tampered := strings.Split(got.ID, ".")
			tampered[1] = encode(t, changed(claims, "sub", "mallory"))
			if err := f.hintError(strings.Join(tampered, ".")); err == nil {
				t.Errorf("%s: a forged hint is believed", algorithm)
			}
		}
	}
}

// atHash: OpenID Connect Core section 3.1.3.6; for Ed25519 SHA-512 is what it hashes with, and what oauth4webapi, openid-client and others use.
func atHash(algorithm, access string) string {
	if algorithm == "EdDSA" {
		sum := sha512.Sum512([]byte(access))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// signWith makes a JWT with any header, claims and key, in the key's own algorithm.
func signWith(t testing.TB, head, claims map[string]any, key crypto.Signer) string {
	t.Helper()
	input := []byte(encode(t, head) + "." + encode(t, claims))
	var signature []byte
	switch private := key.(type) {
	case ed25519.PrivateKey:
		signature = ed25519.Sign(private, input)
	case *rsa.PrivateKey:
		sum := sha256.Sum256(input)
		var err error
		signature, err = rsa.SignPKCS1v15(nil, private, crypto.SHA256, sum[:])
		must(t, err)
	default:
		t.Fatalf("%T", key)
	}
	return string(input) + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestAccessTokenOfEachAlgorithm: whichever key of ours signed an access token, each endpoint that takes one takes it.
func TestAccessTokenOfEachAlgorithm(t *testing.T) {
	f := open(t)
	good := f.tokens().Access
	for _, algorithm := range []string{"RS256", "EdDSA"} {
		kid, key := ownKey(t, f, algorithm, provider.KeyCurrent)
		head := map[string]any{"alg": algorithm, "kid": kid, "typ": "at+jwt"}
		access := signWith(t, head, changed(payload(t, good), "jti", "of-"+algorithm), key)
		f.wantAlive(access)
		if got := f.userinfo(access); got.status != http.StatusOK {
			t.Errorf("%s: userinfo answers %d", algorithm, got.status)
		}
		if !f.active(access) {
			t.Errorf("%s: not active", algorithm)
		}
		f.mustRevoke("web", webSecret, access)
		f.wantDead(access)
	}
}
