package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gatehouse/clients"
	"gatehouse/internal/password"
	"gatehouse/internal/web"
	"gatehouse/mfa"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// Problem is an error as clients see it (RFC 9457), with a member for every bad field: {"status": 400, "detail": …, "email": ["…"]}.
// Refused values are never repeated: they may be secrets.
type Problem struct {
	Status  int
	Detail  string
	Fields  map[string][]string
	Members map[string]any // of this kind of problem alone, such as "code"
	Headers http.Header

	cause error
}

// Error is for the log.
func (p *Problem) Error() string {
	if p.cause == nil {
		return p.Detail
	}
	return p.Detail + ": " + p.cause.Error()
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.cause }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.Headers }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// MarshalJSON writes the members flat.
func (p *Problem) MarshalJSON() ([]byte, error) {
	members := map[string]any{}
	for field, texts := range p.Fields {
		members[field] = texts
	}
	for _, name := range []string{"type", "title", "status", "detail"} { // a client's mistake may have these names
		for _, text := range p.Fields[name] {
			others, _ := members[noField].([]string)
			members[noField] = append(slices.Clip(others), name+": "+text)
		}
	}
	maps.Copy(members, p.Members)
	members["type"], members["title"], members["status"], members["detail"] = "about:blank", http.StatusText(p.Status), p.Status, p.Detail
	return json.Marshal(members)
}

// problemSchema is Problem in the reference.
type problemSchema struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail" doc:"What is wrong, for people."`
}

const badInput = "Some fields are not right."

// newProblem is how huma makes errors: what it found wrong with a request, field by field. Its 422 is 400 here, as in the described
// system.
func newProblem(status int, detail string, errs ...error) huma.StatusError {
	p := &Problem{Status: status, Detail: words(detail), cause: errors.Join(errs...)}
	if status == http.StatusBadRequest && len(errs) == 0 { // no body where one is needed
		p.Fields = map[string][]string{noField: {p.Detail}}
	}
	if status == http.StatusUnprocessableEntity || status == http.StatusUnsupportedMediaType || (status == http.StatusBadRequest && len(errs) > 0) {
		p.Status, p.Detail, p.cause = http.StatusBadRequest, badInput, nil
		for _, err := range errs {
			p.add(err)
		}
	}
	return p
}

// problemOf is what clients see of an error of the packages beneath.
func (a *API) problemOf(err error) *Problem {
	var (
		own     *Problem
		invalid *tenancy.Invalid
		closed  *session.TooManyAttempts
		factors *mfa.TooManyAttempts
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &invalid):
		return &Problem{Status: http.StatusBadRequest, Detail: badInput, Fields: invalid.Fields}
	case errors.Is(err, store.ErrNotFound):
		return &Problem{Status: http.StatusNotFound, Detail: "Not found.", cause: err}
	case errors.Is(err, tenancy.ErrForbidden):
		return &Problem{Status: http.StatusForbidden, Detail: "You do not have permission to perform this action.", cause: err}
	case errors.Is(err, tenancy.ErrDisabled):
		return &Problem{Status: http.StatusConflict, Detail: "The account is disabled.", cause: err}
	case errors.Is(err, tenancy.ErrLastSuperuser):
		return &Problem{Status: http.StatusConflict, Detail: "This is the last active superuser: make another one first.", cause: err}
	case errors.Is(err, clients.ErrDeclared):
		return &Problem{Status: http.StatusConflict, Detail: "This client is declared in the configuration file, under clients. Change it there and start again."}
	case errors.Is(err, store.ErrConflict):
		return &Problem{Status: http.StatusConflict, Detail: "That exists already.", cause: err}
	case errors.Is(err, store.ErrStale):
		return &Problem{Status: http.StatusConflict, Detail: "It was changed meanwhile. Read it again and repeat what you did.", cause: err}
	case errors.As(err, &closed):
		return a.tooMany(closed.Until, err)
	case errors.As(err, &factors):
		return a.tooMany(factors.Until, err)
	case errors.Is(err, password.ErrBusy), errors.Is(err, store.ErrUnavailable):
		return &Problem{Status: http.StatusServiceUnavailable, Detail: "Not possible at the moment; try again in a few seconds.", Headers: retryAfter(5 * time.Second), cause: err}
	default:
		return &Problem{Status: http.StatusInternalServerError, Detail: "Something went wrong here. It is not your fault.", cause: err}
	}
}

func (a *API) tooMany(until time.Time, err error) *Problem {
	wait := max(until.Sub(a.Now()), time.Second)
	return &Problem{
		Status: http.StatusTooManyRequests, Detail: "Too many attempts. Nothing is looked at until " + until.UTC().Format(time.RFC3339) + ".",
		Headers: retryAfter(wait), cause: err,
	}
}

func retryAfter(wait time.Duration) http.Header {
	return http.Header{"Retry-After": {strconv.Itoa(int((wait + time.Second - 1) / time.Second))}}
}

var errNotFound = store.ErrNotFound

func isStale(err error) bool { return errors.Is(err, store.ErrStale) }

func unauthorized(detail string, cause error) *Problem {
	return &Problem{Status: http.StatusUnauthorized, Detail: detail, Headers: http.Header{"Www-Authenticate": {"Bearer"}}, cause: cause}
}

// note tells the log why a request failed; whoever sent it learns it from the answer.
func note(r *http.Request, p *Problem) {
	if p.cause != nil {
		web.Note(r, slog.String("failure", p.cause.Error()))
	}
	if p.Status >= http.StatusInternalServerError {
		p.Members = map[string]any{"reference": web.RequestID(r)}
	}
}

// problem answers every request with one problem.
func (a *API) problem(status int, detail string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, &Problem{Status: status, Detail: detail}) }
}

func answer(w http.ResponseWriter, p *Problem) {
	maps.Copy(w.Header(), p.Headers)
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	raw, err := p.MarshalJSON()
	if err == nil {
		_, _ = w.Write(raw) //nolint:gosec // JSON, and typed so; if the client is gone, there is nobody to tell
	}
}
