// Package api is the REST interface below /api/v1/: users, organizations and what ties them, for administrators' programs and sibling
// services. It decides nothing: package tenancy does. Here requests become its calls, and its answers and refusals become JSON.
//
// Paths, methods, fields and paging are those of the described system, so that its clients keep working; what is new follows the same
// manner. Errors are problem documents (RFC 9457) in which every bad field is also a member of its own.
package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"gatehouse/clients"
	"gatehouse/internal/seal"
	"gatehouse/mfa"
	"gatehouse/session"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

// Prefix is below which everything of this package is.
const Prefix = "/api/v1"

// Config is what the API needs. All fields are required.
type Config struct {
	Issuer    string // public base URL, no trailing slash
	Version   string // of the program, for the reference
	Directory *tenancy.Directory
	Clients   *clients.Registry
	Factors   *mfa.TOTP
	Sessions  *session.Manager
	Ephemeral session.Store
	Keys      *seal.Keys
	Session   func(*http.Request) (session.Session, error) // of the browser; store.ErrNotFound for none
	Address   func(*http.Request) string                   // of the client
	Passwords session.Guard                                // against guessing; the one of the sign-in pages
	Pages     *ui.Renderer
	Now       func() time.Time
}

// API serves the interface.
type API struct {
	Config
	huma   huma.API
	router chi.Router
}

const maxBody = 1 << 20

// New assembles the API. It replaces huma's constructor of errors, how it takes the case of names and what it says of empty lists, all of
// which the whole program shares.
func New(c Config) *API {
	huma.NewError, huma.DefaultArrayNullable, huma.ValidateStrictCasing = newProblem, false, true
	a := &API{Config: c, router: chi.NewRouter()}
	a.huma = humachi.New(a.router, description(c))
	a.router.NotFound(a.problem(http.StatusNotFound, "There is nothing at this address."))
	a.router.MethodNotAllowed(a.otherMethod)
	a.routes()
	a.reference()
	return a
}

// description is the head of the OpenAPI document.
func description(c Config) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Gatehouse REST API", Version: c.Version},
			Servers: []*huma.Server{{URL: Prefix}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					bearerScheme:  {Type: "http", Scheme: "bearer", Description: "An API token; POST users/token/ gives one for a password."},
					sessionScheme: {Type: "apiKey", In: "cookie", Name: "session", Description: "The session of a signed-in browser."},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat, "application/x-www-form-urlencoded": formFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// routes is the whole interface on one page: each line one resource.
func (a *API) routes() {
	a.tokens()
	a.passwords()
	a.users()
	a.bulk()
	a.emails()
	a.apiTokens()
	a.sessions()
	a.clients()
	a.consents()
	a.factors()
	a.organizations()
	a.memberships()
	a.invitations()
	a.groups()
	a.permissions()
	a.audit()
}

// Mount adds the API below Prefix. A final slash is optional.
func (a *API) Mount(r chi.Router) {
	r.Mount(Prefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := chi.RouteContext(r.Context())
		if path := route.RoutePath; path == "" || path[len(path)-1] != '/' {
			route.RoutePath = path + "/"
		}
		if r.Method == http.MethodHead {
			route.RouteMethod = http.MethodGet
		}
		w.Header().Set("Cache-Control", "no-store")
		a.idempotent(a.router).ServeHTTP(w, r)
	}))
}

// otherMethod tells which methods an address takes; OPTIONS, which none handles by itself, is how clients ask for that.
func (a *API) otherMethod(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	path := chi.RouteContext(r.Context()).RoutePath
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if a.router.Match(chi.NewRouteContext(), method, path) {
			allowed = append(allowed, method)
		}
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))
	if r.Method != http.MethodOptions {
		answer(w, &Problem{Status: http.StatusMethodNotAllowed, Detail: "This address does not take such requests."})
		return
	}
	if _, err := a.authenticate(r, signedIn); err != nil {
		answer(w, a.failed(r, err))
		return
	}
	w.WriteHeader(http.StatusOK)
}
