package bench_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/api"
	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/internal/testenv"
	"gatehouse/internal/web"
	"gatehouse/mfa"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

// BenchmarkREST measures single requests to the REST API with ten thousand users, for profiles (-cpuprofile), and what is in each of
// them: to learn what somebody may do.
func BenchmarkREST(b *testing.B) {
	d := openDirectory(b, "pgx", testenv.Postgres(b), testenv.People{Users: fewUsers, Organizations: fewTenants})
	r := d.overHTTP(b)
	for name, run := range map[string]func() int{
		"page":       r.list(r.root, url.Values{}),
		"permission": r.permissions(r.sibling),
		"user":       r.one(r.sibling, r.member),
		"scope":      d.scoped(b),
		"version":    d.version(b),
	} {
		b.Run(name, func(b *testing.B) {
			run()
			f := &figure{}
			for b.Loop() {
				f.once(d, work{run: run})
			}
			slices.Sort(f.taken)
			b.ReportMetric(float64(f.percentile(10).Microseconds()), "µs-p10")
			b.ReportMetric(float64(f.percentile(50).Microseconds()), "µs-p50")
			b.ReportMetric(float64(f.statements)/float64(b.N), "statements/op")
		})
	}
}

// rest is the directory as programs see it: over loopback, with everything that is around a request.
type rest struct {
	*directory
	b             *testing.B
	url           string
	client        *http.Client
	root, sibling string // tokens: of a superuser; of one who manages three organizations
	member        id.User
	organization  id.Organization
}

func (d *directory) overHTTP(b *testing.B) *rest {
	db, isDB := d.Store.(*sqldb.DB)
	keys, err := seal.NewKeys(seal.NewMaster())
	must(b, err)
	d.Keys = keys
	d.Passwords, err = password.New(password.Config{MemoryKiB: 64, Passes: 1})
	must(b, err)
	pages, err := ui.New()
	must(b, err)
	if !isDB {
		b.Fatal("the directory is not on a database")
	}
	router := chi.NewRouter()
	api.New(api.Config{
		Issuer: issuer, Version: "bench", Directory: &d.Directory, Keys: keys, Pages: pages, Now: time.Now, Ephemeral: db.Ephemeral(),
		Factors:   &mfa.TOTP{Store: db, Attempts: db.Ephemeral(), Keys: keys, Now: time.Now, Issuer: "Gatehouse"},
		Sessions:  session.New(session.ManagerConfig{Store: db.Ephemeral(), Keys: keys, Now: time.Now, Idle: time.Hour, Absolute: time.Hour}),
		Session:   func(*http.Request) (session.Session, error) { return session.Session{}, store.ErrNotFound },
		Address:   func(*http.Request) string { return "192.0.2.1" },
		Passwords: session.Guard{Store: db.Ephemeral(), Now: time.Now, Name: "password"},
	}).Mount(router)
	listener := httptest.NewServer(web.Defaults(router, web.Options{Logger: slog.New(slog.DiscardHandler), Now: time.Now}))
	b.Cleanup(listener.Close)
	r := &rest{directory: d, b: b, url: listener.URL + api.Prefix, client: listener.Client()}
	r.askers(b)
	return r
}

// askers gives tokens to those who ask, and finds somebody to ask about: a member of organization 1, one of the three.
func (r *rest) askers(b *testing.B) {
	root, err := r.CreateUser(b.Context(), tenancy.System("bench"), tenancy.NewUser{Username: "bench-root", Superuser: true, Staff: true})
	must(b, err)
	r.root, r.sibling = r.token(root.ID), r.token(r.manager3)
	r.organization = id.Organization(r.people.Identifier(testenv.OrganizationPrefix, 1))
	page, err := r.ListUsers(b.Context(), tenancy.System("bench"), tenancy.UserFilter{Organization: r.organization, Role: tenancy.Member}, tenancy.Query{})
	must(b, err)
	r.member = page.Items[0].ID
}

func (r *rest) token(user id.User) string {
	_, text, err := r.IssueToken(r.b.Context(), user, tenancy.MethodPassword)
	must(r.b, err)
	return text.Reveal()
}

// reply is as much of an answer as is looked at.
type reply struct {
	Next    string            `json:"next"`
	ID      string            `json:"id"`
	Results []json.RawMessage `json:"results"`
}

func (r *rest) ask(token, path string) reply {
	request, err := http.NewRequestWithContext(r.b.Context(), http.MethodGet, r.url+path, nil)
	must(r.b, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := r.client.Do(request)
	must(r.b, err)
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	must(r.b, err)
	var a reply
	if err := json.Unmarshal(raw, &a); err != nil || response.StatusCode != http.StatusOK {
		r.b.Fatalf("%s: %d %v %.300s", path, response.StatusCode, err, raw)
	}
	return a
}

func (r *rest) list(token string, q url.Values) func() int {
	return func() int { return len(r.ask(token, "/users/user/?"+q.Encode()).Results) }
}

// permissions is the question of a sibling: may that user do this here?
func (r *rest) permissions(token string) func() int {
	path := "/users/user/" + string(r.member) + "/effective-permissions/?organization=" + string(r.organization)
	return func() int { return len(r.ask(token, path).Results) }
}

func (r *rest) one(token string, user id.User) func() int {
	return func() int {
		if a := r.ask(token, "/users/user/"+string(user)+"/"); a.ID != string(user) {
			r.b.Fatalf("user %q, want %q", a.ID, user)
		}
		return 1
	}
}

// works are the requests that are measured, as those of directory.
func (r *rest) works() []work {
	deep := min(deepPage, r.people.Users/10)
	get := func(q url.Values) func() int { return r.list(r.root, q) }
	before := r.ask(r.root, "/users/user/?page="+strconv.Itoa(deep-1))
	next, err := url.Parse(before.Next)
	must(r.b, err)
	organization := r.people.Identifier(testenv.OrganizationPrefix, 7)
	return []work{
		{"page 1", get(url.Values{})},
		{"page 5,000 by number", get(url.Values{"page": {strconv.Itoa(deep)}})},
		{"page 5,000 by cursor", get(next.Query())},
		{"search: a full name (1 in 10,000)", get(url.Values{"search": {"giulia rossini"}})},
		{"search: a first name (1 in 20)", get(url.Values{"search": {"giulia"}})},
		{"search: of an address, 1 hit", get(url.Values{"search": {"rossini" + strconv.Itoa(r.rossini()) + "@"}})},
		{"search: of an address, common part", get(url.Values{"search": {"4711@mail"}})},
		{"of an organization", get(url.Values{"organization": {organization}})},
		{"manager of 3", r.list(r.sibling, url.Values{})},
		{"manager of 3, search", r.list(r.sibling, url.Values{"search": {"ross"}})},
		{"one user", r.one(r.sibling, r.member)},
		{"permission check", r.permissions(r.sibling)},
	}
}
