package provider_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
)

const (
	jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	signing   = id.Client("signing")
)

// clientKey is a key of a client, with both halves.
type clientKey struct {
	jose.JSONWebKey
}

// madeKeys are made once: RSA takes a while.
var madeKeys = sync.OnceValue(func() map[string]clientKey {
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	short, _ := rsa.GenerateKey(rand.Reader, 1024)
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	keys := map[string]clientKey{}
	for kid, key := range map[string]crypto.Signer{"rsa": rsaKey, "short": short, "p256": p256, "other": other, "p384": p384, "ed": ed} {
		keys[kid] = clientKey{jose.JSONWebKey{Key: key, KeyID: kid}}
	}
	return keys
})

func keySet(t testing.TB, keys ...clientKey) json.RawMessage {
	t.Helper()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, key := range keys {
		set.Keys = append(set.Keys, key.Public())
	}
	raw, err := json.Marshal(set)
	must(t, err)
	return raw
}

// registerSigning saves a client that signs its assertions.
func (f *fixture) registerSigning(change func(*provider.Client)) {
	f.t.Helper()
	client := provider.Client{
		ID: signing, AuthMethod: provider.AuthPrivateKey, GrantTypes: []string{"client_credentials"}, Scopes: []string{"read"},
		Enabled: true, Created: f.clock.Now(), Modified: f.clock.Now(),
	}
	if change != nil {
		change(&client)
	}
	must(f.t, f.db.SaveClient(f.t.Context(), client))
	f.clock.advance(4 * time.Second) // caches notice
}

type claims map[string]any

// good are the claims of an assertion that is accepted.
func (f *fixture) good() claims {
	now := f.clock.Now().Unix()
	return claims{"iss": signing, "sub": signing, "aud": issuer, "exp": now + 60, "iat": now, "jti": secret.Token(16)}
}

// with changes claims by pairs; nil removes one.
func (c claims) with(pairs ...any) claims {
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		c[name] = pairs[i+1]
		if pairs[i+1] == nil {
			delete(c, name)
		}
	}
	return c
}

func (c claims) signed(t testing.TB, key clientKey, algorithm jose.SignatureAlgorithm, headers ...string) string {
	t.Helper()
	options := &jose.SignerOptions{}
	for i := 0; i+1 < len(headers); i += 2 {
		options = options.WithHeader(jose.HeaderKey(headers[i]), headers[i+1])
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key.JSONWebKey}, options)
	must(t, err)
	raw, err := json.Marshal(c)
	must(t, err)
	signed, err := signer.Sign(raw)
	must(t, err)
	text, err := signed.CompactSerialize()
	must(t, err)
	return text
}

// asserting asks for a token of the client's own.
func asserting(assertion string, pairs ...string) url.Values {
	values := form("grant_type", "client_credentials", "client_assertion_type", jwtBearer, "client_assertion", assertion)
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

func (f *fixture) wantToken(got answer) {
	f.t.Helper()
	if got.status != http.StatusOK || got.Access == "" {
		f.t.Errorf("answer: %d %s\n%s", got.status, got.body, f.logs)
	}
}
