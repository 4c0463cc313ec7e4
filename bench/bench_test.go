package bench_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/provider"
	"gatehouse/store/sqldb"
)

const (
	issuer       = "https://id.example.com"
	clientSecret = "a-client-secret-with-256-bits-of-chance"
	redirect     = "https://app.example.com/cb"
	verifier     = "a-code-verifier-of-at-least-43-characters-012345"
	user         = id.User("0190a000-0000-7000-8000-00000000000a")
	organization = id.Organization("0190b000-0000-7000-8000-00000000000b")
)

// BenchmarkSignature is the unit: one ES256 signature, and nothing else.
func BenchmarkSignature(b *testing.B) {
	sign := signature(b)
	for b.Loop() {
		sign()
	}
}

// BenchmarkClientCredentials is the token endpoint for a client acting as itself: one signature, no statement.
func BenchmarkClientCredentials(b *testing.B) {
	onEach(b, func(b *testing.B, s *server, send sender) {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {clientSecret}, "scope": {"read"}}.Encode()
		send(b, form) // warm
		s.measure(b, func() { send(b, form) })
	})
}

// BenchmarkRefresh rotates one refresh token again and again: one conditional UPDATE each, and the table stays as it is.
func BenchmarkRefresh(b *testing.B) {
	for _, scope := range []string{"profile offline_access", "openid profile offline_access"} {
		name := "access_token"
		if strings.HasPrefix(scope, "openid") {
			name = "access_and_id_token"
		}
		b.Run(name, func(b *testing.B) {
			onEach(b, func(b *testing.B, s *server, send sender) {
				form := url.Values{"grant_type": {"refresh_token"}, "client_id": {"web"}, "client_secret": {clientSecret}}
				form.Set("refresh_token", s.signIn(b, send, scope))
				s.measure(b, func() { form.Set("refresh_token", send(b, form.Encode()).Refresh) })
				s.wantOneGrant(b)
			})
		})
	}
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// sender posts a form to the token endpoint.
type sender func(b *testing.B, form string) tokens

// onEach runs a benchmark on each database, in the process and over loopback.
func onEach(b *testing.B, run func(b *testing.B, s *server, send sender)) {
	databases := map[string]func(testing.TB) string{
		"sqlite":   func(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "gatehouse.db") },
		"postgres": testenv.Postgres,
	}
	for _, name := range []string{"sqlite", "postgres"} {
		b.Run(name, func(b *testing.B) {
			s := open(b, databases[name](b))
			b.Run("process", func(b *testing.B) { run(b, s, s.inProcess) })
			b.Run("loopback", func(b *testing.B) { run(b, s, s.overLoopback) })
		})
	}
}

func TestMain(m *testing.M) { testenv.Main(m) }

type server struct {
	*provider.Provider
	db         *sqldb.DB
	handler    http.Handler
	listening  *httptest.Server
	statements atomic.Int64
	sign       func()
	header     http.Header
	endpoint   *url.URL
}

// subject is Ada, always.
type subject struct{}

// Subject implements provider.Subjects.
func (subject) Subject(context.Context, id.User, id.Organization) (provider.Subject, error) {
	return provider.Subject{Username: "ada", OrganizationSlug: "acme", Role: "manager", Groups: []string{"Operator"}, Permissions: []string{"users.view_user"}}, nil
}

func open(b *testing.B, database string) *server {
	s := &server{sign: signature(b), header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, endpoint: &url.URL{Path: provider.TokenPath}}
	logger := slog.New(slog.DiscardHandler)
	var err error
	s.db, err = sqldb.Open(b.Context(), sqldb.Options{
		URL: secret.New(database), Now: time.Now, Logger: logger, Trace: func(string) { s.statements.Add(1) },
	})
	must(b, err)
	b.Cleanup(func() { _ = s.db.Close() })
	must(b, s.db.Migrate(b.Context()))
	keys, err := seal.NewKeys(secret.New(strings.Repeat("k", 32)))
	must(b, err)
	for _, client := range []provider.Client{
		{ID: "robot", Secrets: []provider.ClientSecret{{Hash: secret.Hash(clientSecret)}}, GrantTypes: []string{"client_credentials"}, Scopes: []string{"read"}, Enabled: true},
		{
			ID: "web", Secrets: []provider.ClientSecret{{Hash: secret.Hash(clientSecret)}}, RedirectURIs: []string{redirect}, GrantTypes: []string{"authorization_code", "refresh_token"},
			Scopes: []string{"openid", "profile", "offline_access"}, Enabled: true,
		},
	} {
		must(b, s.db.SaveClient(b.Context(), client))
	}
	s.Provider, err = provider.New(b.Context(), provider.Config{
		Issuer: issuer, Store: s.db, Ephemeral: s.db.Ephemeral(), Keys: keys, Subjects: subject{}, Now: time.Now, Logger: logger,
	})
	must(b, err)
	router := chi.NewRouter()
	s.Mount(router)
	s.handler = router
	s.listening = httptest.NewServer(router) // 127.0.0.1
	b.Cleanup(s.listening.Close)
	return s
}

// measure runs the work b.N times and makes as many signatures in turn with it.
func (s *server) measure(b *testing.B, work func()) {
	const turn = 50
	var working, signing time.Duration
	statements := s.statements.Load()
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += turn {
		count := min(turn, b.N-done)
		start := time.Now()
		for range count {
			work()
		}
		working += time.Since(start)
		b.StopTimer()
		start = time.Now()
		for range count {
			s.sign()
		}
		signing += time.Since(start)
		b.StartTimer()
	}
	b.StopTimer()
	b.ReportMetric(float64(working)/float64(signing), "x_sig")
	b.ReportMetric(float64(s.statements.Load()-statements)/float64(b.N), "sql/op")
}

// signIn returns a first refresh token.
func (s *server) signIn(b *testing.B, send sender, scope string) string {
	return s.signInAs(b, send, scope, user, organization).Refresh
}

func (s *server) signInAs(b *testing.B, send sender, scope string, user id.User, organization id.Organization) tokens {
	sum := sha256.Sum256([]byte(verifier))
	response, err := s.Complete(b.Context(), url.Values{
		"client_id": {"web"}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {scope},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}, provider.Authorization{User: user, Organization: organization, Session: id.New[id.Session](), AuthTime: time.Now(), AMR: []string{"pwd"}})
	must(b, err)
	answered, err := url.Parse(response.URL)
	must(b, err)
	return send(b, url.Values{
		"grant_type": {"authorization_code"}, "code": {answered.Query().Get("code")}, "redirect_uri": {redirect}, "code_verifier": {verifier},
		"client_id": {"web"}, "client_secret": {clientSecret},
	}.Encode())
}

// wantOneGrant checks that the rotations left one row each sign-in, then removes it.
func (s *server) wantOneGrant(b *testing.B) {
	removed, err := s.db.DeleteExpiredGrants(b.Context(), time.Now().Add(1000*24*time.Hour), 1_000_000)
	must(b, err)
	if removed != 1 {
		b.Fatalf("%d rows after the rotations of one grant", removed)
	}
	b.ReportMetric(float64(removed), "rows")
}

// answer is an http.ResponseWriter that keeps the body.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header            { return a.header }
func (a *answer) WriteHeader(status int)         { a.status = status }
func (a *answer) Write(body []byte) (int, error) { return a.body.Write(body) }
func (s *server) request(form string) *http.Request {
	return &http.Request{
		Method: http.MethodPost, URL: s.endpoint, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: s.header, Host: "id.example.com",
		Body: io.NopCloser(strings.NewReader(form)), ContentLength: int64(len(form)), RemoteAddr: "127.0.0.1:1", RequestURI: provider.TokenPath,
	}
}

func (s *server) inProcess(b *testing.B, form string) tokens {
	a := &answer{header: http.Header{}}
	s.handler.ServeHTTP(a, s.request(form))
	return read(b, a.status, a.body.Bytes(), strings.Contains(form, "refresh") || strings.Contains(form, "code"))
}

func (s *server) overLoopback(b *testing.B, form string) tokens {
	response, err := s.listening.Client().Post(s.listening.URL+provider.TokenPath, "application/x-www-form-urlencoded", strings.NewReader(form))
	must(b, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(b, err)
	return read(b, response.StatusCode, body, true)
}

func read(b *testing.B, status int, body []byte, decode bool) tokens {
	if status != http.StatusOK {
		b.Fatalf("answer: %d %s", status, body)
	}
	var got tokens
	if decode {
		must(b, json.Unmarshal(body, &got))
	}
	return got
}

func signature(b *testing.B) func() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(b, err)
	digest := sha256.Sum256([]byte("what is signed"))
	return func() {
		if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
