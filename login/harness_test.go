package login_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/connectors"
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/internal/web"
	"gatehouse/login"
	"gatehouse/mfa"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store/sqldb"
	"gatehouse/store/storetest"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

const (
	goodPassword = "granite otter umbrella 7"
	clientSecret = "a client secret of forty-three characters."
	redirectURI  = "https://client.example/callback"
)

// house is a whole Gatehouse over HTTP, on a real database, with a clock that tests set and an upstream that says what they want.
type house struct {
	t         *testing.T
	url, path string // where it is served, and its database
	clock     *storetest.Clock
	db        *sqldb.DB
	directory *tenancy.Directory
	handler   *login.Handler
	provider  *provider.Provider
	upstream  *upstream
	log       *safeBuffer
	notices   notices
	harbour   tenancy.Organization // demands no factor
	castle    tenancy.Organization // demands one
	ada       tenancy.User         // in harbour, with a password

	mu         sync.Mutex
	statements []string
}

// safeBuffer is a log that several goroutines write.
type safeBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// upstream is a connector whose answers the test chooses.
type upstream struct {
	identity connectors.Identity
	begin    error
	finish   error
	finished []connectors.Callback
	keeps    bool  // does not sign out
	leave    error // of signing out
	left     []connectors.LogoutRequest
}

func (u *upstream) Begin(_ context.Context, r connectors.BeginRequest) (connectors.Redirect, error) {
	return connectors.Redirect{URL: "https://upstream.example/?state=" + r.State, Private: []byte("private")}, u.begin
}

func (u *upstream) Finish(_ context.Context, c connectors.Callback) (connectors.Identity, error) {
	u.finished = append(u.finished, c)
	return u.identity, u.finish
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, clock: storetest.NewClock(), upstream: &upstream{}, log: &safeBuffer{}}
	trace := func(text string) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.statements = append(h.statements, text)
	}
	h.path = filepath.Join(t.TempDir(), "test.db")
	h.db = must[*sqldb.DB](t)(sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("sqlite:" + h.path), Now: h.clock.Now, Trace: trace}))
	t.Cleanup(func() { _ = h.db.Close() })
	if err := h.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	h.url = "http://" + server.Listener.Addr().String()
	h.seed()
	server.Config.Handler = h.assemble()
	server.Start()
	t.Cleanup(server.Close)
	return h
}

func (h *house) seed() {
	t, ctx, scope := h.t, h.t.Context(), tenancy.System("test")
	hasher := must[*password.Hasher](t)(password.New(password.Config{MemoryKiB: 64, Passes: 1}))
	h.directory = &tenancy.Directory{Store: h.db, Passwords: hasher, Keys: must[*seal.Keys](t)(seal.NewKeys(seal.NewMaster())), Now: h.clock.Now}
	h.harbour = must[tenancy.Organization](t)(h.directory.CreateOrganization(ctx, scope, tenancy.Organization{Name: "Harbour", Slug: "harbour"}))
	h.castle = must[tenancy.Organization](t)(h.directory.CreateOrganization(ctx, scope, tenancy.Organization{Name: "Castle", Slug: "castle", FactorPolicy: tenancy.FactorRequired}))
	h.ada = h.person("ada", h.harbour)
	for _, c := range []provider.Client{
		{ID: "shared", Name: "Shared Client"},
		{ID: "harbour", Name: "Harbour Client", Organization: h.harbour.ID},
		{ID: "castle", Name: "Castle Client", Organization: h.castle.ID},
		{ID: "stranger", Name: "Stranger", PolicyURI: "https://stranger.example/policy", TermsURI: "https://stranger.example/terms"},
	} {
		c.FirstParty = c.ID != "stranger"
		c.Secrets, c.RedirectURIs, c.Enabled = []provider.ClientSecret{{Hash: secret.Hash(clientSecret)}}, []string{redirectURI}, true
		c.GrantTypes, c.Scopes = []string{"authorization_code", "refresh_token"}, []string{"openid", "offline_access", "permissions"}
		if err := h.db.SaveClient(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
}

func (h *house) person(name string, places ...tenancy.Organization) tenancy.User {
	t, scope := h.t, tenancy.System("test")
	user := must[tenancy.User](t)(h.directory.CreateUser(t.Context(), scope, tenancy.NewUser{Username: name, Email: name + "@x.example", EmailVerified: true, Password: goodPassword}))
	for _, place := range places {
		must[tenancy.Membership](t)(h.directory.AddMember(t.Context(), scope, place.ID, user.ID, tenancy.Member))
	}
	return user
}

func (h *house) assemble() http.Handler {
	t := h.t
	logger := slog.New(slog.NewTextHandler(h.log, nil))
	keys := must[*seal.Keys](t)(seal.NewKeys(seal.NewMaster()))
	ephemeral := h.db.Ephemeral()
	h.provider = must[*provider.Provider](t)(provider.New(t.Context(), provider.Config{
		Issuer: h.url, Store: h.db, Ephemeral: ephemeral, Keys: keys, Subjects: login.Subjects{Directory: h.directory}, Now: h.clock.Now, Logger: logger, Logouts: &h.notices,
	}))
	h.handler = &login.Handler{
		Issuer: h.url, Provider: h.provider, Directory: h.directory, Pages: must[*ui.Renderer](t)(ui.New()), Now: h.clock.Now,
		Connectors: connectors.NewSet([]connectors.Configured{
			{ID: "up", Name: "Upstream", Enabled: true, Provisioning: connectors.ProvisionCreate, JoinOrg: h.harbour.ID, Authoritative: []string{"x.example"}, Connector: h.upstream},
			{ID: "castles", Name: "Castle's own", Enabled: true, Organization: h.castle.ID, Provisioning: connectors.ProvisionLink, Authoritative: []string{"x.example"}, Connector: h.upstream},
			{ID: "off", Name: "Disabled", Provisioning: connectors.ProvisionCreate, Connector: h.upstream},
		}),
		Factors:    &mfa.TOTP{Store: h.db, Attempts: ephemeral, Keys: keys, Now: h.clock.Now, Issuer: "Test"},
		Sessions:   session.New(session.ManagerConfig{Store: ephemeral, Keys: keys, Now: h.clock.Now, Idle: 8 * time.Hour, Absolute: 24 * time.Hour}),
		Flows:      session.Vault[login.Flow]{Kind: session.KindFlow, Store: ephemeral, Keys: keys, Now: h.clock.Now},
		Returns:    session.Vault[login.Return]{Kind: session.KindReturn, Store: ephemeral, Keys: keys, Now: h.clock.Now},
		SetupLinks: session.Vault[login.SetupLink]{Kind: session.KindSetup, Store: ephemeral, Keys: keys, Now: h.clock.Now},
		Attempts:   ephemeral, Passwords: session.Guard{Store: ephemeral, Now: h.clock.Now, Name: "password"}, Cookies: login.NewCookies(must[*url.URL](t)(url.Parse(h.url))),
		Address: func(r *http.Request) string {
			return web.ClientAddress(r, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
		},
		Wrap: plainPages,
	}
	h.directory.Sessions = login.SignOut{Sessions: h.handler.Sessions, Provider: h.provider}
	r := chi.NewRouter()
	h.provider.Mount(r)
	h.handler.Mount(r)
	r.Handle("/static/*", h.handler.Pages.Static())
	return web.Defaults(r, web.Options{Logger: logger, CrossSite: provider.CrossSitePaths(), Now: h.clock.Now})
}

// plainPages shows errors as text.
func plainPages(handle web.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := handle(w, r)
		var page *web.Error
		switch {
		case err == nil:
		case errors.As(err, &page):
			w.WriteHeader(page.Status)
			fmt.Fprintln(w, page.Title, page.Text, page.LinkURL)
		default:
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintln(w, err)
		}
	}
}

// browser keeps cookies and follows redirects within the house.
type browser struct {
	h      *house
	client *http.Client
}

func (h *house) browser() *browser {
	jar := must[*cookiejar.Jar](h.t)(cookiejar.New(nil))
	stay := func(next *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(next.URL.String(), h.url) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &browser{h: h, client: &http.Client{Jar: jar, CheckRedirect: stay, Timeout: 20 * time.Second}}
}

// page is an answer.
type page struct {
	status   int
	text     string
	address  *url.URL // where the browser is
	location *url.URL // where it was sent outside of the house
	header   http.Header
}

func (b *browser) send(method, path string, form url.Values, headers ...string) page {
	t := b.h.t
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	address := path
	if !strings.HasPrefix(path, "http") {
		address = b.h.url + path
	}
	request := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), method, address, body))
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response := must[*http.Response](t)(b.client.Do(request))
	defer response.Body.Close()
	text := must[[]byte](t)(io.ReadAll(response.Body))
	answer := page{status: response.StatusCode, text: string(text), address: response.Request.URL, header: response.Header}
	if to, err := response.Location(); err == nil {
		answer.location = to
	}
	return answer
}

func (b *browser) get(path string) page { return b.send(http.MethodGet, path, nil) }

func (b *browser) post(path string, form url.Values) page { return b.send(http.MethodPost, path, form) }

const verifier = "a-verifier-of-at-least-forty-three-characters-1"

// authorizeURL is a good request, changed by pairs of name and value; an empty value removes the parameter.
func (h *house) authorizeURL(client string, changes ...string) string {
	sum := sha256.Sum256([]byte(verifier))
	params := url.Values{
		"client_id": {client}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {"openid offline_access"}, "state": {"the-state"},
		"nonce": {"the-nonce"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		params.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			params.Del(changes[i])
		}
	}
	return provider.AuthorizePath + "?" + params.Encode()
}

func flowOf(p page) string { return p.address.Query().Get("flow") }

// begin opens the sign-in page for a client and returns the flow.
func (b *browser) begin(client string, changes ...string) string {
	b.h.t.Helper()
	p := b.get(b.h.authorizeURL(client, changes...))
	if p.status != http.StatusOK || flowOf(p) == "" {
		b.h.t.Fatalf("no sign-in page: %d %s at %s", p.status, p.text, p.address)
	}
	return flowOf(p)
}

func (b *browser) password(flow, identifier, plain string) page {
	return b.post("/signin/password", url.Values{"flow": {flow}, "identifier": {identifier}, "password": {plain}})
}

// code is the one in a redirect to the client.
func (h *house) code(p page) string {
	h.t.Helper()
	if p.location == nil || !strings.HasPrefix(p.location.String(), redirectURI+"?") || p.location.Query().Get("code") == "" {
		h.t.Fatalf("no code: %d at %s, location %v: %s", p.status, p.address, p.location, visible(p))
	}
	query := p.location.Query()
	if query.Get("state") != "the-state" || query.Get("iss") != h.url {
		h.t.Errorf("state %q, iss %q", query.Get("state"), query.Get("iss"))
	}
	return query.Get("code")
}

var tags = regexp.MustCompile(`(?s)<[^>]*>|\s+`)

// visible is a page's text.
func visible(p page) string { return strings.TrimSpace(tags.ReplaceAllString(p.text, " ")) }

// exchange redeems a code.
func (h *house) exchange(client, code string) page {
	return h.browser().send(http.MethodPost, provider.TokenPath, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
		"client_id": {client}, "client_secret": {clientSecret},
	})
}

// counted runs work and returns the SQL statements that it cost.
func (h *house) counted(work func()) []string {
	h.mu.Lock()
	h.statements = nil
	h.mu.Unlock()
	work()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.statements
}

// rows counts those of a table that must not be written before somebody has signed in.
func (h *house) durableRows() map[string]int {
	counts := map[string]int{}
	for _, text := range h.statements {
		if strings.HasPrefix(text, "INSERT INTO ") && !strings.HasPrefix(text, "INSERT INTO ephemeral") {
			counts[strings.Fields(text)[2]]++
		}
	}
	return counts
}
