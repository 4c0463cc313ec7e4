package provider_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	issuer       = "https://id.example.com"
	masterText   = "0123456789abcdef0123456789abcdef"
	webSecret    = "web-secret-with-256-bits-of-chance"
	robotSecret  = "robot secret: 100% odd+chars/é"
	ada          = id.User("0190a000-0000-7000-8000-00000000000a")
	acme         = id.Organization("0190b000-0000-7000-8000-00000000000b")
	browser      = id.Session("0190c000-0000-7000-8000-00000000000c")
	webRedirect  = "https://app.example.com/cb"
	verifierText = "a-code-verifier-of-at-least-43-characters-012345"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// people are the subjects; a missing one is gone.
type people struct {
	mu   sync.Mutex
	byID map[id.User]provider.Subject
}

func (p *people) Subject(_ context.Context, user id.User, organization id.Organization) (provider.Subject, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	subject, known := p.byID[user]
	if !known || organization != acme {
		return provider.Subject{}, store.ErrNotFound
	}
	return subject, nil
}

func (p *people) remove(user id.User) { p.mu.Lock(); defer p.mu.Unlock(); delete(p.byID, user) }

// database is what the fixture needs of a storage.
type database interface {
	provider.Store
	Ephemeral() sqldb.Ephemeral
	CreateOrganization(ctx context.Context, scope tenancy.Scope, organization tenancy.Organization) error
	UpdateOrganization(ctx context.Context, scope tenancy.Scope, organization tenancy.Organization) error
	Organization(ctx context.Context, scope tenancy.Scope, organization id.Organization) (tenancy.Organization, error)
}

type fixture struct {
	*provider.Provider
	t         testing.TB
	db        database
	ephemeral session.Store
	clock     *clock
	people    *people
	handler   http.Handler
	logs      *bytes.Buffer
	config    provider.Config
}

// open makes a provider on a fresh SQLite file.
func open(t testing.TB) *fixture {
	t.Helper()
	return openOn(t, "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"))
}

func openOn(t testing.TB, databaseURL string) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, logs: &bytes.Buffer{}}
	f.people = &people{byID: map[id.User]provider.Subject{ada: {
		Username: "ada", Name: "Ada Lovelace", GivenName: "Ada", FamilyName: "Lovelace", Email: "ada@acme.example", EmailVerified: true,
		Phone: "+31201234567", Website: "https://ada.example", BirthDate: "1815-12-10", Language: "en-GB", OrganizationSlug: "acme", OrganizationName: "Acme", Role: "manager", Groups: []string{"Operator"},
		Permissions: []string{"users.change_user", "users.view_user"}, UpdatedAt: f.clock.now.Add(-time.Hour),
	}}}
	logger := slog.New(slog.NewTextHandler(&lockedWriter{to: f.logs}, nil))
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(databaseURL), Now: f.clock.Now, Logger: logger})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	must(t, db.Migrate(t.Context()))
	keys, err := seal.NewKeys(secret.New(masterText))
	must(t, err)
	f.db, f.ephemeral = db, db.Ephemeral()
	f.config = provider.Config{
		Issuer: issuer, Store: db, Ephemeral: f.ephemeral, Keys: keys, Subjects: f.people, Now: f.clock.Now, Logger: logger,
	}
	for _, client := range clients() {
		must(t, db.SaveClient(t.Context(), client))
	}
	signingKeys.give(t, f)
	f.restart()
	signingKeys.take(t, f)
	return f
}

// restart makes the provider anew, as a second node or a new process would.
func (f *fixture) restart() {
	f.t.Helper()
	f.Provider = f.another()
	router := chi.NewRouter()
	f.Mount(router)
	f.handler = router
}

func (f *fixture) another() *provider.Provider {
	f.t.Helper()
	p, err := provider.New(f.t.Context(), f.config)
	must(f.t, err)
	return p
}

type lockedWriter struct {
	mu sync.Mutex
	to *bytes.Buffer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// keyring keeps the signing keys of the first provider for the others: making RSA keys takes a while.
type keyring struct {
	mu   sync.Mutex
	keys []provider.SigningKey
}

var signingKeys keyring

func (k *keyring) give(t testing.TB, f *fixture) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.keys {
		must(t, f.db.CreateSigningKey(t.Context(), key))
	}
}

func (k *keyring) take(t testing.TB, f *fixture) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		var err error
		k.keys, err = f.db.SigningKeys(t.Context())
		must(t, err)
	}
}

func clients() []provider.Client {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	all := []string{"openid", "profile", "email", "phone", "offline_access", "groups", "permissions"}
	registered := []provider.Client{
		{
			ID: "web", Name: "Web", Secrets: []provider.ClientSecret{{Hash: secret.Hash(webSecret)}}, RedirectURIs: []string{webRedirect, "https://app.example.com/cb2?x=1"},
			GrantTypes: []string{"authorization_code", "refresh_token"}, Scopes: all, Audience: []string{"https://api.example.com"}, Enabled: true, Created: at, Modified: at,
		},
		{
			ID: "spa", Name: "Spa", AuthMethod: provider.AuthNone, RedirectURIs: []string{"https://spa.example.com/", "http://127.0.0.1/cb", "http://[::1]/cb?a=b", "com.example.app:/cb"},
			GrantTypes: []string{"authorization_code", "refresh_token", "client_credentials"}, Scopes: all, IDTokenAlg: "ES256", Enabled: true, Created: at, Modified: at,
		},
		{
			ID: "short", Name: "No refresh", Secrets: []provider.ClientSecret{{Hash: secret.Hash(webSecret)}}, RedirectURIs: []string{webRedirect},
			GrantTypes: []string{"authorization_code"}, Scopes: []string{"openid"}, Enabled: true, Created: at, Modified: at,
		},
		{
			ID: "robot: nr 1", Name: "Robot", Secrets: []provider.ClientSecret{{Hash: secret.Hash(robotSecret)}}, GrantTypes: []string{"client_credentials"},
			Scopes: []string{"read", "write", "openid"}, Audience: []string{"https://api.example.com"}, Enabled: true, Created: at, Modified: at,
		},
		{
			ID: "nocode", Name: "No code", Secrets: []provider.ClientSecret{{Hash: secret.Hash(webSecret)}}, RedirectURIs: []string{webRedirect}, GrantTypes: []string{"client_credentials"},
			Enabled: true, Created: at, Modified: at,
		},
		{
			ID: "tv", Name: "Television", AuthMethod: provider.AuthNone, GrantTypes: []string{deviceGrantType, "refresh_token"}, Scopes: all, Enabled: true, Created: at, Modified: at,
		},
		{
			ID: "printer", Name: "Printer", Secrets: []provider.ClientSecret{{Hash: secret.Hash(webSecret)}}, GrantTypes: []string{deviceGrantType}, Scopes: []string{"openid"},
			Enabled: true, Created: at, Modified: at,
		},
		{ID: "nosecret", GrantTypes: []string{"client_credentials"}, Enabled: true, Created: at, Modified: at},
		{ID: "off", Secrets: []provider.ClientSecret{{Hash: secret.Hash(webSecret)}}, RedirectURIs: []string{webRedirect}, GrantTypes: []string{"authorization_code", "client_credentials"}, Created: at, Modified: at},
	}
	for i := range registered {
		registered[i].Version = 1
		if registered[i].AuthMethod == "" {
			registered[i].AuthMethod = provider.AuthBasic
		}
	}
	return registered
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// form builds parameters from pairs.
func form(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request is a good authorization request of "web"; pairs replace parameters, "" removes one.
func request(pairs ...string) url.Values {
	values := form("client_id", "web", "redirect_uri", webRedirect, "response_type", "code", "scope", "openid profile email offline_access groups permissions",
		"state", "a state", "nonce", "n1", "code_challenge", challengeOf(verifierText), "code_challenge_method", "S256")
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			values.Del(pairs[i])
		}
	}
	return values
}

func (f *fixture) authorization() provider.Authorization {
	return provider.Authorization{
		User: ada, Organization: acme, Session: browser, AuthTime: f.clock.Now().Add(-time.Minute), ACR: "urn:gatehouse:acr:mfa", AMR: []string{"pwd", "otp", "mfa"},
	}
}

// code signs Ada in for a request and returns the code.
func (f *fixture) code(params url.Values) string {
	f.t.Helper()
	response, err := f.Complete(f.t.Context(), params, f.authorization())
	must(f.t, err)
	answer, err := url.Parse(response.URL)
	must(f.t, err)
	return answer.Query().Get("code")
}

// redeem is a good code exchange of "web"; pairs as in request.
func redeem(code string, pairs ...string) url.Values {
	values := form("grant_type", "authorization_code", "code", code, "redirect_uri", webRedirect, "code_verifier", verifierText,
		"client_id", "web", "client_secret", webSecret)
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			values.Del(pairs[i])
		}
	}
	return values
}

func refreshing(token string, pairs ...string) url.Values {
	values := form("grant_type", "refresh_token", "refresh_token", token, "client_id", "web", "client_secret", webSecret)
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return values
}

// answer is what the token endpoint said.
type answer struct {
	status  int
	header  http.Header
	body    string
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	Scope   string `json:"scope"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Error   string `json:"error"`
}

func (f *fixture) post(values url.Values) answer { return f.send(postForm(values.Encode())) }

func postForm(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, provider.TokenPath, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func (f *fixture) send(r *http.Request) answer {
	recorder := httptest.NewRecorder()
	f.handler.ServeHTTP(recorder, r)
	a := answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	_ = json.Unmarshal(recorder.Body.Bytes(), &a)
	return a
}

// tokens signs Ada in at "web" and returns her tokens.
func (f *fixture) tokens(pairs ...string) answer {
	f.t.Helper()
	got := f.post(redeem(f.code(request(pairs...))))
	if got.status != http.StatusOK {
		f.t.Fatalf("code exchange: %d %s", got.status, got.body)
	}
	return got
}

func (f *fixture) wantError(got answer, status int, code string) {
	f.t.Helper()
	if got.status != status || got.Error != code {
		f.t.Errorf("answer is %d %s, want %d %s", got.status, got.body, status, code)
	}
	if got.Access != "" || got.Refresh != "" || got.ID != "" {
		f.t.Errorf("an error carries tokens: %s", got.body)
	}
}

func (f *fixture) wantDead(access string) {
	f.t.Helper()
	if _, err := f.VerifyAccessToken(f.t.Context(), access); err == nil {
		f.t.Error("the access token is still good")
	}
	if got := f.userinfo(access); got.status != http.StatusUnauthorized {
		f.t.Errorf("userinfo answers %d", got.status)
	}
}

func (f *fixture) wantAlive(access string) {
	f.t.Helper()
	if _, err := f.VerifyAccessToken(f.t.Context(), access); err != nil {
		f.t.Errorf("the access token is refused: %v", err)
	}
}

func (f *fixture) userinfo(access string) answer {
	r := httptest.NewRequest(http.MethodGet, provider.UserinfoPath, nil)
	r.Header.Set("Authorization", "Bearer "+access)
	return f.send(r)
}

// payload decodes the claims of a JWT without checking anything.
func payload(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	return decodePart(t, parts[1])
}

func header(t testing.TB, token string) map[string]any {
	t.Helper()
	return decodePart(t, strings.Split(token, ".")[0])
}

func decodePart(t testing.TB, part string) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	must(t, err)
	var claims map[string]any
	must(t, json.Unmarshal(raw, &claims))
	return claims
}

// golden compares with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
