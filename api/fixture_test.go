package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/api"
	"gatehouse/clients"
	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/mfa"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/store/sqldb"
	"gatehouse/store/storetest"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

const (
	goodPassword  = "granite otter umbrella 7"
	issuer        = "https://id.example"
	sessionHeader = "X-Test-Session" // stands for the browser's cookie
	addressHeader = "X-Test-Address" // of the client, for those who pretend to be somewhere else
)

// server is the API over HTTP, on a real database and with a clock that tests set.
type server struct {
	path      string // of the database
	t         *testing.T
	url       string
	clock     *storetest.Clock
	db        *sqldb.DB
	directory *tenancy.Directory
	clients   *clients.Registry
	ended     []id.Client // whose tokens of a user have been ended
	factors   *mfa.TOTP
	sessions  *session.Manager
	api       *api.API

	statements statements
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// newServer opens a new installation with the groups and the organization that each begins with.
func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, clock: storetest.NewClock()}
	s.path = filepath.Join(t.TempDir(), "test.db")
	s.db = must(sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("sqlite:" + s.path), Now: s.clock.Now, Trace: s.statements.add}))(t)
	t.Cleanup(func() { _ = s.db.Close() })
	if err := s.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys := must(seal.NewKeys(seal.NewMaster()))(t)
	s.sessions = session.New(session.ManagerConfig{Store: s.db.Ephemeral(), Keys: keys, Now: s.clock.Now, Idle: 24 * time.Hour, Absolute: 7 * 24 * time.Hour})
	s.directory = &tenancy.Directory{
		Store: s.db, Passwords: must(password.New(password.Config{MemoryKiB: 64, Passes: 1}))(t), Keys: keys, Now: s.clock.Now, Sessions: signOut{s.sessions},
	}
	s.clients = &clients.Registry{Store: s.db, Directory: s.directory, Tokens: s, Now: s.clock.Now}
	s.factors = &mfa.TOTP{Store: s.db, Attempts: s.db.Ephemeral(), Keys: keys, Now: s.clock.Now, Issuer: "Gatehouse"}
	s.api = api.New(api.Config{
		Issuer: issuer, Version: "test", Directory: s.directory, Clients: s.clients, Factors: s.factors, Sessions: s.sessions,
		Ephemeral: s.db.Ephemeral(), Keys: keys, Session: s.browser, Address: address,
		Passwords: session.Guard{Store: s.db.Ephemeral(), Now: s.clock.Now, Name: "password"}, Pages: must(ui.New())(t), Now: s.clock.Now,
	})
	if err := s.directory.Bootstrap(t.Context(), system()); err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	s.api.Mount(router)
	listener := httptest.NewServer(router)
	t.Cleanup(listener.Close)
	s.url = listener.URL
	return s
}

func system() tenancy.Scope { return tenancy.System("test") }

// signOut ends sessions for the directory.
type signOut struct{ sessions *session.Manager }

func (o signOut) EndOfUser(ctx context.Context, user id.User, keep id.Session) error {
	headers, err := o.sessions.OfUser(ctx, user)
	for _, h := range headers {
		if h.ID != keep && err == nil {
			err = o.sessions.EndByID(ctx, h.ID)
		}
	}
	return err
}

func (o signOut) EndOneOfUser(ctx context.Context, user id.User, session id.Session) error {
	header, err := o.sessions.Header(ctx, session)
	if err == nil && header.User != user {
		err = store.ErrNotFound
	}
	if err != nil {
		return err
	}
	return o.sessions.EndByID(ctx, session)
}

func (o signOut) EndOfOrganization(ctx context.Context, organization id.Organization) error {
	headers, err := o.sessions.OfOrganization(ctx, organization)
	for _, h := range headers {
		err = errors.Join(err, o.sessions.EndByID(ctx, h.ID))
	}
	return err
}

func (s *server) browser(r *http.Request) (session.Session, error) {
	token := r.Header.Get(sessionHeader)
	if token == "" {
		return session.Session{}, store.ErrNotFound
	}
	return s.sessions.Find(r.Context(), secret.New(token))
}

func address(r *http.Request) string {
	if other := r.Header.Get(addressHeader); other != "" {
		return other
	}
	return "192.0.2.1"
}

// answered is what a request got.
type answered struct {
	status int
	header http.Header
	body   map[string]any // nil if it is not a JSON object
	raw    string
}

// do sends a request: path is below the prefix unless it is a whole address of this API; body is nil, a text that is sent as it is, or
// what is sent as JSON.
func (s *server) do(method, path, token string, body any) answered {
	s.t.Helper()
	return s.send(s.request(method, path, token, body))
}

func (s *server) request(method, path, token string, body any) *http.Request {
	s.t.Helper()
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		content = bytes.NewReader([]byte(b))
	default:
		content = bytes.NewReader(must(json.Marshal(b))(s.t))
	}
	r := must(http.NewRequestWithContext(s.t.Context(), method, s.url+api.Prefix+path, content))(s.t)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

func (s *server) send(r *http.Request) answered {
	s.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response := must(client.Do(r))(s.t)
	defer func() { _ = response.Body.Close() }()
	raw := must(io.ReadAll(response.Body))(s.t)
	a := answered{status: response.StatusCode, header: response.Header, raw: string(raw)}
	_ = json.Unmarshal(raw, &a.body) // a list or no JSON is no object
	return a
}

// want is the answer, which has to have this status.
func (a answered) want(t testing.TB, status int) answered {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.raw)
	}
	return a
}

// text is a member of the answer that is a text.
func (a answered) text(name string) string {
	text, _ := a.body[name].(string)
	return text
}

// results are the rows of a list.
func (a answered) results() []map[string]any {
	list, _ := a.body["results"].([]any)
	rows := make([]map[string]any, len(list))
	for i, row := range list {
		rows[i], _ = row.(map[string]any)
	}
	return rows
}

// below is an absolute address of this API as a path that do takes.
func below(t testing.TB, absolute string) string {
	t.Helper()
	u := must(url.Parse(absolute))(t)
	return u.RequestURI()[len(api.Prefix):]
}

// EndConsent notes whose tokens have been ended.
func (s *server) EndConsent(_ context.Context, _ id.User, client id.Client) error {
	s.ended = append(s.ended, client)
	return nil
}
