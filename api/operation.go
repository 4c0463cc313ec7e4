package api

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"gatehouse/internal/id"
	"gatehouse/internal/web"
	"gatehouse/tenancy"
)

// access says who may call an operation. It is an argument of every registration, so that none is open by oversight. The permission
// is for the reference: whether the caller holds it where he needs it, package tenancy decides.
type access struct {
	public         bool
	passwordChange bool // also for a token that can do nothing else
	permission     tenancy.Permission
}

// needs is for callers with a permission.
func needs(permission tenancy.Permission) access { return access{permission: permission} }

var (
	anyone   = access{public: true}
	signedIn = access{}
)

// route is the part of an operation that differs from one to the next.
type route struct {
	method string
	path   string // below Prefix, with a final slash
	id     string
	tag    string
	doc    string
	status int // of success; 0 is 200
}

type visitKey struct{}

// visit is one authenticated request. It travels in the context, because huma hands handlers nothing else; only handle reads it.
type visit struct {
	request *http.Request
	caller  caller
}

// handle registers an operation. Who calls is settled before what he sent is looked at.
func handle[I, O any](a *API, r route, who access, work func(ctx context.Context, c caller, in *I) (*O, error)) {
	operation := huma.Operation{
		OperationID: r.id, Method: r.method, Path: r.path, Tags: []string{r.tag}, Summary: r.doc, DefaultStatus: r.status, MaxBodyBytes: maxBody,
		Middlewares: huma.Middlewares{a.enter(who)}, Responses: problems(a.huma, who, r),
	}
	if who.permission != "" {
		operation.Description = "Needs the permission `" + string(who.permission) + "`."
	}
	if !who.public {
		operation.Security = []map[string][]string{{bearerScheme: {}}, {sessionScheme: {}}}
	}
	huma.Register(a.huma, operation, func(ctx context.Context, in *I) (*O, error) {
		v, _ := ctx.Value(visitKey{}).(visit)
		out, err := work(ctx, v.caller, in)
		if err != nil {
			return nil, a.failed(v.request, err)
		}
		return out, nil
	})
}

// enter authenticates the caller.
func (a *API) enter(who access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(ctx)
		v := visit{request: r, caller: caller{address: web.Network(a.Address(r))}}
		if !who.public {
			var err error
			if v.caller, err = a.authenticate(r, who); err != nil {
				answer(w, a.failed(r, err))
				return
			}
		}
		v.caller.path, v.caller.parameters = r.URL.Path, r.URL.Query()
		if err := wellFormed(r, v.caller.parameters); err != nil {
			answer(w, a.failed(r, err))
			return
		}
		next(huma.WithValue(ctx, visitKey{}, v))
	}
}

// wellFormed refuses identifiers in the path that none has, and texts that no database takes.
func wellFormed(r *http.Request, parameters url.Values) error {
	named := chi.RouteContext(r.Context()).URLParams
	for i, name := range named.Keys {
		if _, ok := id.Parse[id.User](named.Values[i]); !ok && name != "app" && name != "client" && name != "*" {
			return errNotFound
		}
	}
	for name, texts := range parameters {
		if text := strings.Join(texts, ""); strings.Contains(text, "\x00") || !utf8.ValidString(text) {
			return fieldProblem(name, "This is no text.")
		}
	}
	return nil
}

func (a *API) failed(r *http.Request, err error) *Problem {
	p := a.problemOf(err)
	note(r, p)
	return p
}

// problems documents which errors an operation answers.
func problems(api huma.API, who access, r route) map[string]*huma.Response {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problemSchema](), true, "Problem")
	answers := map[string]*huma.Response{}
	add := func(status, text string) {
		answers[status] = &huma.Response{Description: text, Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
	}
	add("400", "Some fields are not right; each is a member with a list of reasons.")
	if !who.public {
		add("401", "No valid token or session.")
		add("403", "Not permitted.")
	}
	if strings.Contains(r.path, "{") {
		add("404", "There is no such object, or it is out of the caller's reach.")
	}
	return answers
}
