package oidc_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/connectors"
	"gatehouse/connectors/connectortest"
)

func TestKeysAreFetchedOnce(t *testing.T) {
	f := newFixture(t)
	for range 3 {
		f.mustSignIn(t)
	}
	if n := f.Requests(connectortest.JWKS); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestKeyRotation(t *testing.T) {
	f := newFixture(t)
	f.mustSignIn(t)
	f.RotateKeys(t, "second")
	f.clock.advance(time.Minute)
	f.mustSignIn(t)
	if n := f.Requests(connectortest.JWKS); n != 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// Rotation without kids, or under the same kid, works as well.
func TestKeyRotationWithoutKid(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Sign: connectortest.WithKeyID("")})
	f.mustSignIn(t)
	f.RotateKeys(t, "first")
	f.clock.advance(time.Minute)
	f.mustSignIn(t)
}

func TestUnknownKeysDoNotHammerTheProvider(t *testing.T) {
	f := newFixture(t)
	f.mustSignIn(t)
	f.clock.advance(time.Minute)
	f.Behave(connectortest.Behaviour{Sign: connectortest.WithKeyID("nobody")})
	for range 5 {
		f.refused(t, connectors.ReasonInvalid)
	}
	if n := f.Requests(connectortest.JWKS); n != 2 {
		t.Errorf("the keys were fetched %d times, want twice", n)
	}
}

func TestWithdrawnKeyIsForgotten(t *testing.T) {
	f := newFixture(t)
	f.mustSignIn(t)
	f.Behave(connectortest.Behaviour{Keys: keepOnly(t, "ES256")})
	f.clock.advance(59 * time.Minute)
	f.mustSignIn(t)
	f.clock.advance(2 * time.Minute)
	f.refused(t, connectors.ReasonInvalid)
}

// keepOnly publishes only the key of one algorithm.
func keepOnly(t *testing.T, alg string) func(map[string]any) {
	return func(document map[string]any) {
		kept := []any{}
		for _, key := range document["keys"].([]any) {
			if key, ok := key.(jose.JSONWebKey); ok && key.Algorithm == alg {
				kept = append(kept, key)
			}
		}
		if len(kept) == 0 {
			t.Errorf("no key of %s", alg)
		}
		document["keys"] = kept
	}
}

// An algorithm in the key binds it (RFC 7517 section 4.4).
func TestKeyOfAnotherAlgorithm(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Sign: connectortest.With("PS256"), Claims: without("at_hash"), Keys: func(document map[string]any) {
		keys := document["keys"].([]any)
		for i, key := range keys {
			if key, ok := key.(jose.JSONWebKey); ok && key.KeyID == "first-rsa" {
				key.Algorithm = "RS256"
				keys[i] = key
			}
		}
	}})
	f.refused(t, connectors.ReasonInvalid)
}

func TestUselessKeySets(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, keys := range map[string]any{
		"no keys": []any{}, "null": nil, "not a list": "keys", "nonsense": []any{1, "x", nil},
		"a symmetric key": []any{map[string]any{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "first-rsa"}},
		"a weak RSA key":  []any{jose.JSONWebKey{Key: weak.Public(), KeyID: "first-rsa"}},
		"a private key":   []any{jose.JSONWebKey{Key: weak, KeyID: "first-rsa"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.Behave(connectortest.Behaviour{Keys: set("keys", keys)})
			f.refused(t, connectors.ReasonUnavailable)
		})
	}
}

func TestManyKeys(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Keys: func(document map[string]any) {
		keys := document["keys"].([]any)
		for range 100 {
			keys = append(keys, json.RawMessage(`{"kty":"OKP","crv":"Ed448","x":"AA"}`))
		}
		document["keys"] = keys
	}})
	f.mustSignIn(t)
}
