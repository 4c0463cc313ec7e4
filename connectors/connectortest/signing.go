package connectortest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Keys are a provider's signing keys.
type Keys struct {
	kid string
	rsa *rsa.PrivateKey
	ec  *ecdsa.PrivateKey
	ed  ed25519.PrivateKey
}

// Signer turns claims into an ID token, well or badly.
type Signer func(keys Keys, claims []byte) string

func newKeys(tb testing.TB, kid string) Keys {
	tb.Helper()
	keys := Keys{kid: kid}
	var err error
	if keys.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		tb.Fatal(err)
	}
	if keys.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		tb.Fatal(err)
	}
	if _, keys.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		tb.Fatal(err)
	}
	return keys
}

// public are the published keys, among such as a client must pass over.
func (k Keys) public() []any {
	return []any{
		map[string]any{"kty": "EC", "crv": "secp256k1", "kid": "from-another-planet", "x": "AA", "y": "AA"},
		jose.JSONWebKey{Key: k.rsa.Public(), KeyID: k.kid + "-rsa-enc", Use: "enc"},
		jose.JSONWebKey{Key: k.rsa.Public(), KeyID: k.kid + "-rsa", Use: "sig"},
		jose.JSONWebKey{Key: k.ec.Public(), KeyID: k.kid + "-ec", Use: "sig", Algorithm: "ES256"},
		jose.JSONWebKey{Key: k.ed.Public(), KeyID: k.kid + "-ed", Use: "sig", Algorithm: "EdDSA"},
	}
}

func (k Keys) key(alg jose.SignatureAlgorithm) (private crypto.Signer, kid string) {
	switch alg {
	case jose.ES256:
		return k.ec, k.kid + "-ec"
	case jose.EdDSA:
		return k.ed, k.kid + "-ed"
	default:
		return k.rsa, k.kid + "-rsa"
	}
}

// With signs by the rules with one of RS256…PS512, ES256 and EdDSA.
func With(alg string) Signer {
	return func(keys Keys, claims []byte) string {
		private, kid := keys.key(jose.SignatureAlgorithm(alg))
		return sign(jose.SignatureAlgorithm(alg), jose.JSONWebKey{Key: private, KeyID: kid}, claims, nil)
	}
}

// WithKeyID signs with RS256 and names another key than it uses; "" names none.
func WithKeyID(kid string) Signer {
	return func(keys Keys, claims []byte) string {
		return sign(jose.RS256, jose.JSONWebKey{Key: keys.rsa, KeyID: kid}, claims, nil)
	}
}

// Forged signs with a stranger's key under the name of the published one.
func Forged(tb testing.TB) Signer {
	tb.Helper()
	stranger := newKeys(tb, "stranger")
	return func(keys Keys, claims []byte) string {
		return sign(jose.RS256, jose.JSONWebKey{Key: stranger.rsa, KeyID: keys.kid + "-rsa"}, claims, nil)
	}
}

// Embedded signs with a stranger's key and sends that key along in the header (CVE-2018-0114).
func Embedded(tb testing.TB) Signer {
	tb.Helper()
	stranger := newKeys(tb, "stranger")
	return func(_ Keys, claims []byte) string {
		return sign(jose.RS256, stranger.rsa, claims, &jose.SignerOptions{EmbedJWK: true})
	}
}

// Unsigned sends alg none (RFC 8725 section 2.1).
func Unsigned(_ Keys, claims []byte) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims) + "."
}

// HMACWithPublicKey signs with HS256 and the published RSA key as the secret (RFC 8725 section 2.1).
func HMACWithPublicKey(keys Keys, claims []byte) string {
	published, err := x509.MarshalPKIXPublicKey(keys.rsa.Public())
	if err != nil {
		panic(err)
	}
	return sign(jose.HS256, jose.JSONWebKey{Key: published, KeyID: keys.kid + "-rsa"}, claims, nil)
}

// HMACWith signs with HS256 and a secret.
func HMACWith(secret string) Signer {
	return func(_ Keys, claims []byte) string { return sign(jose.HS256, []byte(secret), claims, nil) }
}

// JSONForm signs well but in the JSON serialization, which no ID token has.
func JSONForm(keys Keys, claims []byte) string {
	token := With("RS256")(keys, claims)
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		panic(err)
	}
	return jws.FullSerialize()
}

// Tampered signs well and then changes the claims.
func Tampered(keys Keys, claims []byte) string {
	parts := strings.Split(With("RS256")(keys, claims), ".")
	parts[1] = base64.RawURLEncoding.EncodeToString(append([]byte(" "), claims...))
	return strings.Join(parts, ".")
}

func sign(alg jose.SignatureAlgorithm, key any, claims []byte, options *jose.SignerOptions) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		panic(err)
	}
	jws, err := signer.Sign(claims)
	if err != nil {
		panic(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}
