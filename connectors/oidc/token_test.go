package oidc_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"gatehouse/connectors"
	"gatehouse/connectors/connectortest"
	"gatehouse/connectors/oidc"
)

// set and without edit the claims about to be signed.
func set(name string, value any) func(map[string]any) {
	return func(claims map[string]any) { claims[name] = value }
}

func without(name string) func(map[string]any) {
	return func(claims map[string]any) { delete(claims, name) }
}

func all(edits ...func(map[string]any)) func(map[string]any) {
	return func(claims map[string]any) {
		for _, edit := range edits {
			edit(claims)
		}
	}
}

// in is the time that a claim gives, from now.
func in(d time.Duration) int64 { return time.Now().Add(d).Unix() }

// The names of OpenID's conformance modules for relying parties are in brackets.
func TestBadClaims(t *testing.T) {
	tests := map[string]func(map[string]any){
		"wrong nonce [nonce-invalid]":        set("nonce", "another"),
		"no nonce":                           without("nonce"),
		"empty nonce":                        set("nonce", ""),
		"nonce not a text":                   set("nonce", true),
		"wrong issuer [invalid-iss]":         set("iss", "https://evil.example"),
		"no issuer":                          without("iss"),
		"wrong audience [invalid-aud]":       set("aud", "another-client"),
		"no audience [missing-aud]":          without("aud"),
		"empty audience":                     set("aud", []string{}),
		"audience like ours":                 set("aud", "gatehouse2"),
		"several audiences without azp":      set("aud", []string{"gatehouse", "another"}),
		"another authorized party":           set("azp", "another"),
		"authorized party not a text":        set("azp", 5),
		"several audiences, azp another":     all(set("aud", []string{"gatehouse", "another"}), set("azp", "another")),
		"expired":                            set("exp", in(-61*time.Second)),
		"no expiry":                          without("exp"),
		"expiry not a number":                set("exp", "tomorrow"),
		"expiry beyond reason":               set("exp", 1e300),
		"issued in the future":               set("iat", in(70*time.Second)),
		"issued in milliseconds":             set("iat", time.Now().UnixMilli()),
		"no time of issue [missing-iat]":     without("iat"),
		"not valid yet":                      set("nbf", in(70*time.Second)),
		"wrong at_hash [invalid-athash]":     set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"),
		"empty at_hash":                      set("at_hash", ""),
		"no subject [missing-sub]":           without("sub"),
		"empty subject":                      set("sub", ""),
		"subject not a text":                 set("sub", 17),
		"subject too long":                   set("sub", strings.Repeat("x", 513)),
		"subject with a control character":   set("sub", "person\x001"),
		"subject with a line break":          set("sub", "person\n1"),
		"subject under a name in capitals":   set("SUB", "person-2"),
		"nonce under a name in odd case":     set("nonCe", "another"),
		"subject under a name with a long s": set("ſub", "person-2"),
		"more than 64 KiB":                   set("essay", strings.Repeat("x", 65<<10)),
	}
	f := newFixture(t)
	// Userinfo could refuse for another reason.
	f.Behave(connectortest.Behaviour{Metadata: without("userinfo_endpoint")})
	f.mustSignIn(t)
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{Claims: edit})
			f.refused(t, connectors.ReasonInvalid)
		})
	}
}

func TestGoodClaims(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Metadata: without("userinfo_endpoint")})
	f.mustSignIn(t)
	for name, edit := range map[string]func(map[string]any){
		"audience as a list":               set("aud", []string{"gatehouse"}),
		"several audiences with azp":       all(set("aud", []string{"gatehouse", "another"}), set("azp", "gatehouse")),
		"expired within the skew":          set("exp", in(-55*time.Second)),
		"issued within the skew":           set("iat", in(55*time.Second)),
		"valid within the skew":            set("nbf", in(55*time.Second)),
		"times with fractions":             all(set("exp", float64(in(time.Minute))+0.5), set("iat", float64(in(0))+0.25)),
		"no at_hash [missing-athash]":      without("at_hash"),
		"the longest subject":              set("sub", strings.Repeat("é", 256)),
		"no auth_time, acr, amr, sid":      all(without("auth_time"), without("acr"), without("amr"), without("sid")),
		"acr, amr and auth_time odd":       all(set("acr", 2), set("amr", "pwd"), set("auth_time", "today")),
		"e-mail verified as nothing known": set("email_verified", nil),
	} {
		t.Run(name, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{Claims: edit})
			f.mustSignIn(t)
		})
	}
}

// With a skew beyond the library's own leeway, nothing must get stricter.
func TestClockSkew(t *testing.T) {
	f := newFixture(t)
	f.open(t, func(s *oidc.Settings) { s.ClockSkew = "10m" })
	for _, edit := range []func(map[string]any){
		set("exp", in(-9*time.Minute)), set("iat", in(9*time.Minute)), set("nbf", in(9*time.Minute)), set("nbf", in(0)),
	} {
		f.Behave(connectortest.Behaviour{Claims: edit})
		f.mustSignIn(t)
	}
	f.open(t, func(s *oidc.Settings) { s.ClockSkew = "0s" })
	for _, edit := range []func(map[string]any){set("exp", in(-2*time.Second)), set("iat", in(5*time.Second)), set("nbf", in(5*time.Second))} {
		f.Behave(connectortest.Behaviour{Claims: edit})
		f.refused(t, connectors.ReasonInvalid)
	}
}

func TestSignatures(t *testing.T) {
	f := newFixture(t)
	f.mustSignIn(t)
	tests := map[string]connectortest.Signer{
		"alg none [idtoken-sig-none]":               connectortest.Unsigned,
		"HS256 with the published key":              connectortest.HMACWithPublicKey,
		"HS256 with the secret [invalid-sig-hs256]": connectortest.HMACWith(f.ClientSecret + f.ClientSecret),
		"a stranger's key [invalid-sig-rs256]":      connectortest.Forged(t),
		"a stranger's key in the header":            connectortest.Embedded(t),
		"claims changed":                            connectortest.Tampered,
		"JSON serialization":                        connectortest.JSONForm,
		"algorithm not offered":                     connectortest.With("RS512"),
		"kid of nobody":                             connectortest.WithKeyID("nobody"),
		"kid of an encryption key":                  connectortest.WithKeyID("first-rsa-enc"),
		"no token at all":                           func(connectortest.Keys, []byte) string { return "" },
		"not a token":                               func(connectortest.Keys, []byte) string { return "a.b.c.d" },
		"many dots":                                 func(connectortest.Keys, []byte) string { return strings.Repeat(".", 100_000) },
	}
	for name, sign := range tests {
		t.Run(name, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{Sign: sign})
			f.refused(t, connectors.ReasonInvalid)
		})
	}
	for _, alg := range []string{"RS256", "PS256", "ES256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{Sign: connectortest.With(alg), Claims: without("at_hash")})
			f.mustSignIn(t)
		})
	}
	t.Run("no kid [kid-absent]", func(t *testing.T) {
		f.Behave(connectortest.Behaviour{Sign: connectortest.WithKeyID("")})
		f.mustSignIn(t)
	})
}

// Where a provider offers nothing safe, the default of the specification is meant, not what it offers.
func TestOnlyUnsafeAlgorithmsOffered(t *testing.T) {
	f := newFixture(t)
	offer := set("id_token_signing_alg_values_supported", []string{"none", "HS256"})
	f.Behave(connectortest.Behaviour{Metadata: offer})
	f.mustSignIn(t)
	for _, sign := range []connectortest.Signer{connectortest.Unsigned, connectortest.HMACWithPublicKey, connectortest.With("ES256")} {
		f.Behave(connectortest.Behaviour{Metadata: offer, Sign: sign})
		f.refused(t, connectors.ReasonInvalid)
	}
}

func TestTokenAnswers(t *testing.T) {
	f := newFixture(t)
	for name, test := range map[string]struct {
		edit func(map[string]any)
		want connectors.Reason
	}{
		"no ID token":         {without("id_token"), connectors.ReasonInvalid},
		"ID token not a text": {set("id_token", 1), connectors.ReasonInvalid},
		"no access token":     {without("access_token"), connectors.ReasonUnavailable},
		"nothing":             {func(tokens map[string]any) { maps.DeleteFunc(tokens, func(string, any) bool { return true }) }, connectors.ReasonUnavailable},
		"error with 200":      {set("error", "invalid_grant"), connectors.ReasonInvalid},
		"other access token":  {set("access_token", "someone-else's"), connectors.ReasonInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{Tokens: test.edit})
			f.refused(t, test.want)
		})
	}
}

func TestForceLogin(t *testing.T) {
	f := newFixture(t)
	if _, err := f.signInWith(t, true); err != nil {
		t.Fatalf("a fresh sign-in: %v", err)
	}
	for name, edit := range map[string]func(map[string]any){
		"older than the flow": set("auth_time", in(-2*time.Minute)),
		"time not given":      without("auth_time"),
		"time not a number":   set("auth_time", "now"),
	} {
		t.Run(name, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{Claims: edit})
			_, err := f.signInWith(t, true)
			connectortest.Refused(t, err, connectors.ReasonInvalid, f.Issued())
		})
	}
	t.Run("older within the skew", func(t *testing.T) {
		f.Behave(connectortest.Behaviour{Claims: set("auth_time", in(-50*time.Second))})
		if _, err := f.signInWith(t, true); err != nil {
			t.Error(err)
		}
	})
	f.open(t, func(s *oidc.Settings) { s.AllowMissingAuthTime = true })
	t.Run("not given, and believed", func(t *testing.T) {
		f.Behave(connectortest.Behaviour{Claims: without("auth_time")})
		if _, err := f.signInWith(t, true); err != nil {
			t.Error(err)
		}
		f.Behave(connectortest.Behaviour{Claims: set("auth_time", in(-2*time.Minute))})
		if _, err := f.signInWith(t, true); err == nil {
			t.Error("an old sign-in passed")
		}
	})
}
