package provider_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/provider"
)

func encode(t testing.TB, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	must(t, err)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// signES256 makes a JWT with any header, claims and key.
func signES256(t testing.TB, head, claims map[string]any, key *ecdsa.PrivateKey) string {
	t.Helper()
	input := encode(t, head) + "." + encode(t, claims)
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	must(t, err)
	raw := make([]byte, 64)
	r.FillBytes(raw[:32])
	s.FillBytes(raw[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(raw)
}

// ownKey opens the provider's current key of an algorithm, as only a test can.
func ownKey(t testing.TB, f *fixture, algorithm string, state provider.KeyState) (string, crypto.Signer) {
	t.Helper()
	keys, err := f.db.SigningKeys(t.Context())
	must(t, err)
	for _, key := range keys {
		if key.Algorithm != algorithm || key.State != state {
			continue
		}
		raw, err := f.config.Keys.Open(key.Private, "signing_keys", "private", key.ID)
		must(t, err)
		parsed, err := x509.ParsePKCS8PrivateKey(raw)
		must(t, err)
		return key.ID, parsed.(crypto.Signer)
	}
	t.Fatal("no such key")
	return "", nil
}

func changed(of map[string]any, name string, value any) map[string]any {
	copied := maps.Clone(of)
	copied[name] = value
	if value == nil {
		delete(copied, name)
	}
	return copied
}

// TestForgedAccessTokens: what is not an access token of ours, signed by one of our keys for the algorithm it is for, is refused.
func TestForgedAccessTokens(t *testing.T) {
	f := open(t)
	good := f.tokens()
	head, claims := header(t, good.Access), payload(t, good.Access)
	kid, signer := ownKey(t, f, "ES256", provider.KeyCurrent)
	own := signer.(*ecdsa.PrivateKey)
	if token := signES256(t, head, claims, own); func() error { _, err := f.VerifyAccessToken(t.Context(), token); return err }() != nil {
		t.Fatal("the test cannot sign")
	}
	foreign, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	foreignJWK := map[string]any{
		"kty": "EC", "crv": "P-256", "kid": kid, "x": base64.RawURLEncoding.EncodeToString(foreign.X.FillBytes(make([]byte, 32))),
		"y": base64.RawURLEncoding.EncodeToString(foreign.Y.FillBytes(make([]byte, 32))),
	}
	rsaKid, rsaSigner := ownKey(t, f, "RS256", provider.KeyCurrent)
	public, err := x509.MarshalPKIXPublicKey(rsaSigner.Public())
	must(t, err)
	parts := strings.Split(good.Access, ".")
	now := f.clock.Now().Unix()
	for name, forged := range map[string]string{
		"empty":                       "",
		"dots":                        "..",
		"ID token":                    good.ID,
		"refresh token":               good.Refresh,
		"ID token signed with ES256":  signES256(t, changed(head, "typ", "JWT"), claims, own),
		"no type":                     signES256(t, changed(head, "typ", nil), claims, own),
		"type as a list":              signES256(t, changed(head, "typ", []string{"at+jwt"}), claims, own),
		"alg none":                    encode(t, changed(head, "alg", "none")) + "." + parts[1] + ".",
		"alg None":                    encode(t, changed(head, "alg", "None")) + "." + parts[1] + ".",
		"no alg":                      encode(t, changed(head, "alg", nil)) + "." + parts[1] + "." + parts[2],
		"HMAC with a public key":      signHMAC(t, changed(changed(head, "alg", "HS256"), "kid", rsaKid), claims, public),
		"kid of another algorithm":    signES256(t, changed(head, "kid", rsaKid), claims, own),
		"RS256 with the kid of ES256": encode(t, changed(head, "alg", "RS256")) + "." + parts[1] + "." + parts[2],
		"foreign key":                 signES256(t, head, claims, foreign),
		"foreign key in jwk":          signES256(t, changed(head, "jwk", foreignJWK), claims, foreign),
		"foreign key in jwk, no kid":  signES256(t, changed(changed(head, "jwk", foreignJWK), "kid", nil), claims, foreign),
		"foreign key by jku":          signES256(t, changed(head, "jku", "https://evil.example.com/jwks"), claims, foreign),
		"unknown kid":                 signES256(t, changed(head, "kid", "unknown"), claims, own),
		"no kid":                      signES256(t, changed(head, "kid", nil), claims, own),
		"unknown crit":                signES256(t, changed(changed(head, "crit", []string{"x"}), "x", 1), claims, own),
		"other claims":                parts[0] + "." + encode(t, changed(claims, "sub", "mallory")) + "." + parts[2],
		"signature cut":               good.Access[:len(good.Access)-4],
		"signature of zeros":          parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86),
		"signature in DER":            parts[0] + "." + parts[1] + "." + der(t, own, parts),
		"four parts":                  good.Access + ".x",
		"JSON form":                   `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"foreign issuer":              signES256(t, head, changed(claims, "iss", "https://evil.example.com"), own),
		"no issuer":                   signES256(t, head, changed(claims, "iss", nil), own),
		"expired now":                 signES256(t, head, changed(claims, "exp", now), own),
		"no expiry":                   signES256(t, head, changed(claims, "exp", nil), own),
		"no jti":                      signES256(t, head, changed(claims, "jti", nil), own),
		"claims no object":            signES256(t, head, nil, own),
		"1 MiB":                       strings.Repeat("A", 1<<20),
		"signed, but 16 KiB long":     signES256(t, head, changed(claims, "x", strings.Repeat("x", 16<<10)), own),
		"NUL":                         "\x00.\x00.\x00",
	} {
		if _, err := f.VerifyAccessToken(t.Context(), forged); !errors.Is(err, provider.ErrBadToken) {
			t.Errorf("%s: %v", name, err)
		}
		if strings.ContainsRune(forged, 0) {
			continue
		}
		if got := f.userinfo(forged); got.status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo answers %d", name, got.status)
		}
	}
	f.wantAlive(good.Access)
}

func signHMAC(t testing.TB, head, claims map[string]any, key []byte) string {
	t.Helper()
	input := encode(t, head) + "." + encode(t, claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func der(t testing.TB, key *ecdsa.PrivateKey, parts []string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	raw, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	must(t, err)
	return base64.RawURLEncoding.EncodeToString(raw)
}

func TestAccessTokenExpires(t *testing.T) {
	f := open(t)
	got := f.tokens()
	f.clock.advance(10*time.Minute - time.Second)
	f.wantAlive(got.Access)
	f.clock.advance(time.Second)
	f.wantDead(got.Access)
}

func TestVerifiedAccessToken(t *testing.T) {
	f := open(t)
	got, err := f.VerifyAccessToken(t.Context(), f.tokens().Access)
	must(t, err)
	if got.Subject != string(ada) || got.Client != "web" || got.Organization != acme || got.Role != "manager" || got.Session != browser ||
		len(got.Scopes) != 6 || len(got.Permissions) != 2 || len(got.Audience) != 2 || got.ID == "" {
		t.Errorf("token: %+v", got)
	}
}

// TestSignatureSizes: a number of a signature that begins with zeros is as long as the others (RFC 7518 section 3.4). Among so many
// tokens one without such a number is as likely as a guessed key.
func TestSignatureSizes(t *testing.T) {
	f := open(t)
	short := 0
	for range 2000 {
		access := f.post(asRobot()).Access
		raw, err := base64.RawURLEncoding.DecodeString(access[strings.LastIndexByte(access, '.')+1:])
		must(t, err)
		if len(raw) != 64 {
			t.Fatalf("a signature of %d bytes", len(raw))
		}
		if raw[0] == 0 || raw[32] == 0 {
			short++
			if _, err := f.VerifyAccessToken(t.Context(), access); err != nil {
				t.Errorf("%s: %v", access, err)
			}
		}
	}
	if short == 0 {
		t.Error("no number was short")
	}
}
