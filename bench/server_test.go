package bench_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
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
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/login"
	"gatehouse/provider"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
)

const (
	issuer       = "https://id.example.com"
	clientSecret = "a-client-secret-with-256-bits-of-chance"
	redirect     = "https://app.example.com/cb"
	verifier     = "a-code-verifier-of-at-least-43-characters-012345"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// onEach runs a benchmark on each database, in the process and over loopback.
func onEach(b *testing.B, run func(b *testing.B, s *server, send sender)) {
	onDatabases(b, func(b *testing.B, s *server) {
		b.Run("process", func(b *testing.B) { run(b, s, s.inProcess) })
		b.Run("loopback", func(b *testing.B) { run(b, s, s.overLoopback) })
	})
}

func onDatabases(b *testing.B, run func(b *testing.B, s *server)) {
	databases := map[string]func(testing.TB) string{
		"sqlite":   func(tb testing.TB) string { return "sqlite:" + filepath.Join(tb.TempDir(), "gatehouse.db") },
		"postgres": testenv.Postgres,
	}
	for _, name := range []string{"sqlite", "postgres"} {
		b.Run(name, func(b *testing.B) { run(b, open(b, databases[name](b))) })
	}
}

// server is a provider with a real directory, which knows one person: a manager of one organization.
type server struct {
	*provider.Provider
	db           *sqldb.DB
	handler      http.Handler
	listening    *httptest.Server
	statements   atomic.Int64
	user         id.User
	organization id.Organization
	clients      int // that BenchmarkProvider has written
}

func open(b *testing.B, database string) *server {
	s := &server{}
	var err error
	s.db, err = sqldb.Open(b.Context(), sqldb.Options{URL: secret.New(database), Now: time.Now, Trace: func(string) { s.statements.Add(1) }})
	must(b, err)
	b.Cleanup(func() { _ = s.db.Close() })
	must(b, s.db.Migrate(b.Context()))
	keys, err := seal.NewKeys(secret.New(strings.Repeat("k", 32)))
	must(b, err)
	s.register(b)
	s.Provider, err = provider.New(b.Context(), provider.Config{
		Issuer: issuer, Store: s.db, Ephemeral: s.db.Ephemeral(), Keys: keys, Subjects: login.Subjects{Directory: s.directory(b, keys)}, Now: time.Now,
		Logger: slog.New(slog.DiscardHandler),
	})
	must(b, err)
	router := chi.NewRouter()
	s.Mount(router)
	router.Get(emptyPath, func(http.ResponseWriter, *http.Request) {})
	s.handler = router
	s.listening = httptest.NewServer(router) // 127.0.0.1
	b.Cleanup(s.listening.Close)
	return s
}

func (s *server) register(b *testing.B) {
	proof := []provider.ClientSecret{{Hash: secret.Hash(clientSecret)}}
	robot := provider.Client{ID: "robot", Secrets: proof, GrantTypes: []string{"client_credentials"}, Scopes: []string{"read"}, Enabled: true}
	web := provider.Client{
		ID: "web", Secrets: proof, RedirectURIs: []string{redirect}, GrantTypes: []string{"authorization_code", "refresh_token"},
		Scopes: []string{"openid", "profile", "offline_access"}, Enabled: true,
	}
	other := web
	other.ID, other.IDTokenAlg = "web-es256", "ES256"
	for _, client := range []provider.Client{robot, web, other} {
		must(b, s.db.SaveClient(b.Context(), client))
	}
}

func (s *server) directory(b *testing.B, keys *seal.Keys) *tenancy.Directory {
	system := tenancy.System("bench")
	hasher, err := password.New(password.Config{MemoryKiB: 64, Passes: 1})
	must(b, err)
	directory := &tenancy.Directory{Store: s.db, Passwords: hasher, Keys: keys, Now: time.Now}
	must(b, directory.Bootstrap(b.Context(), system))
	organization, err := directory.OrganizationBySlug(b.Context(), system, "default")
	must(b, err)
	person, err := directory.CreateUser(b.Context(), system, tenancy.NewUser{Username: "ada", Email: "ada@x.example", Organization: organization.ID, Role: tenancy.Manager})
	must(b, err)
	s.user, s.organization = person.ID, organization.ID
	return directory
}

// sender posts a form to an endpoint and returns the body of the answer.
type sender func(b *testing.B, path, form string) []byte

// answer is an http.ResponseWriter that keeps the body.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header            { return a.header }
func (a *answer) WriteHeader(status int)         { a.status = status }
func (a *answer) Write(body []byte) (int, error) { return a.body.Write(body) }

func (s *server) inProcess(b *testing.B, path, form string) []byte {
	a := &answer{header: http.Header{}, status: http.StatusOK}
	s.handler.ServeHTTP(a, &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: path}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: formHeader(), Host: "id.example.com",
		Body: io.NopCloser(strings.NewReader(form)), ContentLength: int64(len(form)), RemoteAddr: "127.0.0.1:1", RequestURI: path,
	})
	return fine(b, a.status, a.body.Bytes())
}

func formHeader() http.Header {
	return http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
}

func (s *server) overLoopback(b *testing.B, path, form string) []byte {
	response, err := s.listening.Client().Post(s.listening.URL+path, "application/x-www-form-urlencoded", strings.NewReader(form))
	must(b, err)
	return whole(b, response)
}

// fetch gets a document over a connection that is kept, and does no more with the answer than to wait for all of it: its length is
// always the same. So it is the server that is measured, not a client.
func (s *server) fetch(b *testing.B, path string) func() {
	connection, err := net.Dial("tcp", s.listening.Listener.Addr().String())
	must(b, err)
	b.Cleanup(func() { _ = connection.Close() })
	ask := []byte("GET " + path + " HTTP/1.1\r\nHost: id.example.com\r\n\r\n")
	_, err = connection.Write(ask)
	must(b, err)
	seen := &count{from: connection}
	response, err := http.ReadResponse(bufio.NewReader(seen), nil)
	must(b, err)
	whole(b, response)
	all := make([]byte, seen.bytes)
	return func() {
		_, err := connection.Write(ask)
		must(b, err)
		_, err = io.ReadFull(connection, all)
		must(b, err)
	}
}

// count counts what is read.
type count struct {
	from  io.Reader
	bytes int
}

func (c *count) Read(target []byte) (int, error) {
	read, err := c.from.Read(target)
	c.bytes += read
	return read, err
}

func whole(b *testing.B, response *http.Response) []byte {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	must(b, err)
	return fine(b, response.StatusCode, body)
}

func fine(b *testing.B, status int, body []byte) []byte {
	if status != http.StatusOK {
		b.Fatalf("answer: %d %s", status, body)
	}
	return body
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
