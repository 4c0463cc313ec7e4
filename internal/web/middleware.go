package web

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/secret"
)

// Options are for Defaults.
type Options struct {
	Logger         *slog.Logger
	TrustedProxies []netip.Prefix
	// CrossSite are paths that other sites' pages and programs may send POST requests to. They must not act by cookie.
	CrossSite []string
	Now       func() time.Time
}

const maxBody = 1 << 20

type eventKey struct{}

// event is the one line that the log gets of a request.
type event struct {
	id         string
	mu         sync.Mutex
	attributes []slog.Attr
}

// RequestID is the reference of the request, shown on error pages and in the log; "" outside of Defaults.
func RequestID(r *http.Request) string {
	if e, ok := r.Context().Value(eventKey{}).(*event); ok {
		return e.id
	}
	return ""
}

// Note adds to the request's log event. Never secrets, e-mail addresses or tokens.
func Note(r *http.Request, attributes ...slog.Attr) {
	if e, ok := r.Context().Value(eventKey{}).(*event); ok {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.attributes = append(e.attributes, attributes...)
	}
}

// Defaults surrounds all handlers: request id, log event, recovery from panics, limits, and refusal of cross-site requests.
func Defaults(next http.Handler, o Options) http.Handler {
	crossSite := http.NewCrossOriginProtection()
	crossSite.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Note(r, slog.String("refused", "cross-site request"))
		answer(w, http.StatusForbidden, "This request came from another site and was refused.\n")
	}))
	protected := crossSite.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := &event{id: secret.Token(9)}
		r = r.WithContext(context.WithValue(r.Context(), eventKey{}, e))
		recorder := &statusRecorder{ResponseWriter: w}
		recorder.Header().Set("X-Request-Id", e.id)
		recorder.Header().Set("X-Content-Type-Options", "nosniff")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody) // w itself: it closes the connection behind a body that is too long
		route := chi.NewRouteContext()
		r = r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, route))
		started := o.Now()
		defer func() { o.log(r, e, recorder, route, started, recover()) }()
		if slices.Contains(o.CrossSite, r.URL.Path) {
			next.ServeHTTP(recorder, r)
			return
		}
		protected.ServeHTTP(recorder, r)
	})
}

// log writes the request's event; a panic becomes a 500 first or, where an answer had begun, ends the connection, so that nobody takes
// half a page for a whole one. Paths are logged as routes, because they may hold names.
func (o Options) log(r *http.Request, e *event, w *statusRecorder, route *chi.Context, started time.Time, panicked any) {
	level := slog.LevelInfo
	if panicked != nil {
		level = slog.LevelError
		Note(r, slog.String("panic", fmt.Sprint(panicked)), slog.String("stack", string(debug.Stack())))
		if w.status == 0 {
			answer(w, http.StatusInternalServerError, "Something went wrong. Reference: "+e.id+"\n")
		} else {
			defer panic(http.ErrAbortHandler)
		}
	}
	status := cmp.Or(w.status, http.StatusOK) // what net/http sends for a handler that says nothing
	attributes := []slog.Attr{
		slog.String("request_id", e.id), slog.String("method", r.Method), slog.String("route", pattern(route)),
		slog.Int("status", status), slog.Int64("bytes", w.bytes), slog.Float64("took_ms", milliseconds(o.Now().Sub(started))),
		slog.String("address", ClientAddress(r, o.TrustedProxies)),
	}
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	o.Logger.LogAttrs(r.Context(), level, "request", append(attributes, e.attributes...)...)
}

// milliseconds with microseconds behind the point: one number with its unit in the key, whatever the format of the log.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func pattern(route *chi.Context) string {
	if len(route.RoutePatterns) == 0 {
		return "none"
	}
	return strings.Join(route.RoutePatterns, "")
}

// statusRecorder remembers what was answered.
type statusRecorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader remembers the status.
func (w *statusRecorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // an early hint is not the answer
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (w *statusRecorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
