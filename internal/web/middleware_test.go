package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/web"
)

// program is the middleware around a few handlers, and the events that it logs.
type program struct {
	handler http.Handler
	log     bytes.Buffer
}

func newProgram(routes func(chi.Router)) *program {
	s := &program{}
	r := chi.NewRouter()
	routes(r)
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Millisecond); return now }
	s.handler = web.Defaults(r, web.Options{
		Logger: slog.New(slog.NewJSONHandler(&s.log, nil)), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		CrossSite: []string{"/token"}, Now: clock,
	})
	return s
}

func (s *program) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// event is the only one; time is left out.
func (s *program) event(t *testing.T) map[string]any {
	t.Helper()
	if n := strings.Count(s.log.String(), "\n"); n != 1 {
		t.Fatalf("%d events, want 1:\n%s", n, s.log.String())
	}
	var event map[string]any
	if err := json.Unmarshal(s.log.Bytes(), &event); err != nil {
		t.Fatal(err)
	}
	delete(event, "time")
	return event
}

func TestOneEventPerRequest(t *testing.T) {
	var inside string
	s := newProgram(func(r chi.Router) {
		r.Post("/users/{name}", func(w http.ResponseWriter, r *http.Request) {
			inside = web.RequestID(r)
			web.Note(r, slog.String("client", "switchboard"))
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "hello")
		})
	})
	r := httptest.NewRequest(http.MethodPost, "/users/ada@example.com?token=hunter2", strings.NewReader("password=hunter2"))
	r.RemoteAddr = "10.1.1.1:99"
	r.Header.Set("X-Forwarded-For", "203.0.113.1")
	r.Header.Set("X-Request-Id", "hunter2")
	r.Header.Set("Authorization", "Bearer hunter2")
	r.Header.Set("Cookie", "sid=hunter2")
	w := s.send(r)
	given := w.Header().Get("X-Request-Id")
	if given == "" || given == "hunter2" || given != inside {
		t.Errorf("request id: header %q, handler %q", given, inside)
	}
	diff(t, "event", map[string]any{
		"level": "INFO", "msg": "request", "request_id": given, "method": "POST", "route": "/users/{name}", "status": 201.0, "bytes": 5.0,
		"took_ms": 1.0, "address": "203.0.113.1", "client": "switchboard",
	}, s.event(t))
	for _, private := range []string{"hunter2", "ada@"} {
		if strings.Contains(s.log.String(), private) {
			t.Errorf("%q is logged:\n%s", private, s.log.String())
		}
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	s := newProgram(func(r chi.Router) { r.Get("/", func(http.ResponseWriter, *http.Request) {}) })
	seen := map[string]bool{}
	for range 100 {
		seen[s.send(httptest.NewRequest(http.MethodGet, "/", nil)).Header().Get("X-Request-Id")] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d ids for 100 requests", len(seen))
	}
	if outside := web.RequestID(httptest.NewRequest(http.MethodGet, "/", nil)); outside != "" {
		t.Errorf("an id outside of the middleware: %q", outside)
	}
}

func TestStatusOfTheEvent(t *testing.T) {
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		status  float64
		level   string
	}{
		"nothing said":       {func(http.ResponseWriter, *http.Request) {}, 200, "INFO"},
		"text only":          {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }, 200, "INFO"},
		"refused":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, 403, "INFO"},
		"unavailable":        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, 503, "ERROR"},
		"after early hints":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }, 404, "INFO"},
		"flushed underneath": {func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() }, 200, "INFO"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newProgram(func(r chi.Router) { r.Get("/", test.handler) })
			s.send(httptest.NewRequest(http.MethodGet, "/", nil))
			event := s.event(t)
			diff(t, "status, level", []any{test.status, test.level}, []any{event["status"], event["level"]})
		})
	}
}

func TestPanics(t *testing.T) {
	s := newProgram(func(r chi.Router) {
		r.Get("/", func(http.ResponseWriter, *http.Request) { panic("index out of range") })
	})
	w := s.send(httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != 500 || !strings.Contains(w.Body.String(), w.Header().Get("X-Request-Id")) || strings.Contains(w.Body.String(), "index") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	event := s.event(t)
	if event["level"] != "ERROR" || event["panic"] != "index out of range" || !strings.Contains(event["stack"].(string), "middleware_test.go") {
		t.Errorf("event = %v", event)
	}
}

// TestPanicWithinAnAnswer: nobody takes half an answer for a whole one.
func TestPanicWithinAnAnswer(t *testing.T) {
	s := newProgram(func(r chi.Router) {
		r.Get("/", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic("too late")
		})
	})
	address := start(t, s.handler)
	response, err := http.Get("http://" + address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read %q, error %v; want an answer that breaks off", body, err)
	}
}

func TestBodiesAreLimited(t *testing.T) {
	var got error
	s := newProgram(func(r chi.Router) {
		r.Post("/", func(w http.ResponseWriter, r *http.Request) {
			_, got = io.ReadAll(r.Body)
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		})
	})
	s.send(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 1<<20))))
	if got != nil {
		t.Errorf("1 MiB: %v", got)
	}
	s.send(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", 1<<20+1))))
	var tooLong *http.MaxBytesError
	if !errors.As(got, &tooLong) {
		t.Errorf("1 MiB and a byte: %v", got)
	}
}

// TestLongBodiesEndTheConnection: the server does not read on to use it again.
func TestLongBodiesEndTheConnection(t *testing.T) {
	s := newProgram(func(r chi.Router) {
		r.Post("/", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.ReadAll(r.Body) })
	})
	address := start(t, s.handler)
	response, err := http.Post("http://"+address, "text/plain", strings.NewReader(strings.Repeat("x", 1<<20+1)))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if !response.Close {
		t.Error("the connection stays open")
	}
}

func TestCrossSiteRequests(t *testing.T) {
	handled := false
	s := newProgram(func(r chi.Router) {
		for _, path := range []string{"/form", "/token", "/token/more"} {
			r.HandleFunc(path, func(http.ResponseWriter, *http.Request) { handled = true })
		}
	})
	for name, test := range map[string]struct {
		method, path, header, value string
		allowed                     bool
	}{
		"own form":                 {"POST", "/form", "Sec-Fetch-Site", "same-origin", true},
		"typed address":            {"POST", "/form", "Sec-Fetch-Site", "none", true},
		"no browser":               {"POST", "/form", "X-Nothing", "", true},
		"foreign page":             {"POST", "/form", "Sec-Fetch-Site", "cross-site", false},
		"neighbouring subdomain":   {"POST", "/form", "Sec-Fetch-Site", "same-site", false},
		"foreign, old browser":     {"POST", "/form", "Origin", "https://evil.example", false},
		"hidden, old browser":      {"POST", "/form", "Origin", "null", false},
		"own, old browser":         {"POST", "/form", "Origin", "http://example.com", true},
		"other unsafe methods":     {"DELETE", "/form", "Sec-Fetch-Site", "cross-site", false},
		"a link":                   {"GET", "/form", "Sec-Fetch-Site", "cross-site", true},
		"token endpoint":           {"POST", "/token", "Sec-Fetch-Site", "cross-site", true},
		"below the token endpoint": {"POST", "/token/more", "Sec-Fetch-Site", "cross-site", false},
	} {
		t.Run(name, func(t *testing.T) {
			handled = false
			r := httptest.NewRequest(test.method, "http://example.com"+test.path, nil)
			r.Header.Set(test.header, test.value)
			w := s.send(r)
			if handled != test.allowed || (w.Code == http.StatusForbidden) == test.allowed {
				t.Errorf("handled %t, status %d; want %t", handled, w.Code, test.allowed)
			}
		})
	}
}

func TestTypesAreNotGuessed(t *testing.T) {
	s := newProgram(func(r chi.Router) { r.Get("/", func(http.ResponseWriter, *http.Request) {}) })
	if got := s.send(httptest.NewRequest(http.MethodGet, "/", nil)).Header().Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options = %q", got)
	}
}

func TestUnknownRoute(t *testing.T) {
	s := newProgram(func(chi.Router) {})
	s.send(httptest.NewRequest(http.MethodGet, "/nowhere", nil))
	event := s.event(t)
	diff(t, "route, status", []any{"none", 404.0}, []any{event["route"], event["status"]})
}
