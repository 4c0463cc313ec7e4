// Package verifytest is an issuer for the unit tests of services that use package verify: it publishes keys on loopback and signs whatever
// token a test wants.
package verifytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/verify"
)

// Issuer answers like a Gatehouse: discovery, keys and introspection. It ends with its test.
type Issuer struct {
	URL string

	t        testing.TB
	mu       sync.Mutex
	keys     []key
	made     int
	revoked  map[string]bool
	requests map[string]int
	down     bool
}

type key struct {
	id      string
	private *ecdsa.PrivateKey
}

// Token is what an access token says. Empty fields take the values in brackets.
type Token struct {
	User         string // ["user-1"]; the client itself with AsClient
	AsClient     bool   // the client acts as itself: no user, no session
	Client       string // ["client-1"]
	Audience     []string
	Organization string // id ["org-1"]; "-" for none
	Slug         string // ["harbour"]
	Role         verify.Role
	Scopes       []string
	Permissions  []string
	Groups       []string
	Lifetime     time.Duration  // [10 min]; negative: expired
	Extra        map[string]any // further claims; they replace the others, to make bad tokens
	Header       map[string]any // of the JWS beside alg and kid ["typ": "at+jwt"]
}

// New starts an issuer on loopback.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t, revoked: map[string]bool{}, requests: map[string]int{}}
	i.Rotate()
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// Rotate signs with a new key from now on; the old ones stay published.
func (i *Issuer) Rotate() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, key{id: "key-" + strconv.Itoa(len(i.keys)+1), private: private})
}

// Withdraw publishes no key but the newest any more.
func (i *Issuer) Withdraw() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[len(i.keys)-1:]
}

// Down makes the issuer answer 503 from now on, or work again.
func (i *Issuer) Down(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Revoke makes introspection call a token inactive.
func (i *Issuer) Revoke(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.revoked[token] = true
}

// Requests counts what was asked for at a path, such as "/oauth2/jwks".
func (i *Issuer) Requests(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests[path]
}

// Sign makes a token.
func (i *Issuer) Sign(token Token) string {
	i.t.Helper()
	payload, err := json.Marshal(i.claims(token))
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	newest := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	header := map[jose.HeaderKey]any{"typ": "at+jwt"}
	for name, value := range token.Header {
		header[jose.HeaderKey(name)] = value
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: newest.private, KeyID: newest.id}},
		&jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		i.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		i.t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		i.t.Fatal(err)
	}
	return compact
}

func (i *Issuer) claims(token Token) map[string]any {
	i.mu.Lock()
	i.made++
	number := i.made
	i.mu.Unlock()
	now := time.Now() //nolint:forbidigo // the verifiers under test have the real clock, too
	lifetime := token.Lifetime
	if lifetime == 0 {
		lifetime = 10 * time.Minute
	}
	client := or(token.Client, "client-1")
	claims := map[string]any{
		"iss": i.URL, "sub": client, "client_id": client, "aud": token.Audience, "jti": "token-" + strconv.Itoa(number),
		"iat": min(now.Unix(), now.Add(lifetime).Unix()), "exp": now.Add(lifetime).Unix(), "scope": strings.Join(token.Scopes, " "),
	}
	if token.Organization != "-" {
		claims["org_id"], claims["org_slug"] = or(token.Organization, "org-1"), or(token.Slug, "harbour")
	}
	if !token.AsClient {
		claims["sub"], claims["sid"], claims["auth_time"] = or(token.User, "user-1"), "session-1", now.Unix()
		claims["org_role"], claims["permissions"], claims["groups"] = token.Role, token.Permissions, token.Groups
	}
	maps.Copy(claims, token.Extra)
	return claims
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// Verifier trusts this issuer, for an audience and tokens of every organization.
func (i *Issuer) Verifier(audience string) *verify.Verifier {
	i.t.Helper()
	v, err := verify.New(verify.Config{Issuer: i.URL, Audience: audience, Organizations: verify.EveryOrganization()})
	if err != nil {
		i.t.Fatal(err)
	}
	return v
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests[r.URL.Path]++
	switch {
	case i.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == "/.well-known/openid-configuration":
		i.answer(w, map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/oauth2/jwks", "introspection_endpoint": i.URL + "/oauth2/introspect"})
	case r.URL.Path == "/oauth2/jwks":
		var set jose.JSONWebKeySet
		for _, k := range i.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: crypto.PublicKey(&k.private.PublicKey), KeyID: k.id, Algorithm: "ES256", Use: "sig"})
		}
		i.answer(w, set)
	case r.URL.Path == "/oauth2/introspect" && r.Method == http.MethodPost:
		i.introspect(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// introspect believes every caller that shows a secret.
func (i *Issuer) introspect(w http.ResponseWriter, r *http.Request) {
	if _, shown, ok := r.BasicAuth(); !ok || shown == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	token := r.PostFormValue("token")
	answer := map[string]any{"active": false}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err == nil && !i.revoked[token] && json.Unmarshal(parsed.UnsafePayloadWithoutVerification(), &answer) == nil {
		answer["active"], answer["token_type"] = true, "Bearer"
	}
	i.answer(w, answer)
}

func (i *Issuer) answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(body); err != nil {
		i.t.Error(fmt.Errorf("answer: %w", err))
	}
}
