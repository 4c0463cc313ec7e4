package web_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/internal/web"
)

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for name, c := range map[string]struct {
		peer string
		xff  []string
		want string
	}{
		"direct":                  {"203.0.113.7:1234", nil, "203.0.113.7"},
		"header from a stranger":  {"203.0.113.7:1234", []string{"198.51.100.1"}, "203.0.113.7"},
		"through a proxy":         {"10.1.2.3:1", []string{"198.51.100.1"}, "198.51.100.1"},
		"spoofed before a proxy":  {"10.1.2.3:1", []string{"6.6.6.6, 198.51.100.1"}, "198.51.100.1"},
		"two proxies":             {"10.1.2.3:1", []string{"6.6.6.6, 198.51.100.1", "10.9.9.9"}, "198.51.100.1"},
		"nonsense":                {"10.1.2.3:1", []string{"6.6.6.6, <script>"}, "10.1.2.3"},
		"empty":                   {"10.1.2.3:1", []string{""}, "10.1.2.3"},
		"only proxies":            {"10.1.2.3:1", []string{"10.4.4.4"}, "10.4.4.4"},
		"IPv4 in IPv6":            {"[::ffff:10.1.2.3]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		"IPv6 proxy, IPv6 client": {"[::1]:1", []string{"2001:db8::5"}, "2001:db8::5"},
		"no peer":                 {"@", []string{"198.51.100.1"}, "0.0.0.0"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		for _, value := range c.xff {
			r.Header.Add("X-Forwarded-For", value)
		}
		if got := web.ClientAddress(r, trusted); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// site is a small program inside Defaults.
func site(t *testing.T) (http.Handler, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	r := chi.NewRouter()
	r.Get("/hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		web.Note(r, slog.String("noted", "yes"))
		_, _ = w.Write([]byte(web.RequestID(r)))
	})
	r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("at the disco") })
	r.Post("/form", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	r.Post("/token", func(http.ResponseWriter, *http.Request) {})
	return web.Defaults(r, web.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), CrossSite: []string{"/token"}, Now: time.Now}), &log
}

func serve(handler http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestRequestEvent(t *testing.T) {
	handler, log := site(t)
	r := httptest.NewRequest(http.MethodGet, "/hello/secret-name?token=secret-query", nil)
	r.Header.Set("X-Request-Id", "chosen outside")
	w := serve(handler, r)
	id := w.Header().Get("X-Request-Id")
	if id == "" || id == "chosen outside" || w.Body.String() != id {
		t.Errorf("request id = %q, handler saw %q", id, w.Body)
	}
	line := log.String()
	for _, want := range []string{"request_id=" + id, "route=/hello/{name}", "status=200", "noted=yes", "method=GET", "address=192.0.2.1"} {
		if !strings.Contains(line, want) {
			t.Errorf("%q lacks %s", line, want)
		}
	}
	if strings.Contains(line, "secret") || strings.Count(line, "\n") != 1 {
		t.Errorf("log = %q", line)
	}
}

func TestPanic(t *testing.T) {
	handler, log := site(t)
	w := serve(handler, httptest.NewRequest(http.MethodGet, "/panic", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "disco") || !strings.Contains(w.Body.String(), w.Header().Get("X-Request-Id")) {
		t.Errorf("answer = %d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "disco") || !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("log = %s", log)
	}
}

func TestCrossSite(t *testing.T) {
	handler, _ := site(t)
	for _, c := range []struct {
		path, header, value string
		want                int
	}{
		{"/form", "Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		{"/form", "Sec-Fetch-Site", "same-site", http.StatusForbidden},
		{"/form", "Sec-Fetch-Site", "same-origin", http.StatusOK},
		{"/form", "Origin", "https://evil.example", http.StatusForbidden},
		{"/form", "Origin", "null", http.StatusForbidden},
		{"/form", "X", "a client that is no browser", http.StatusOK},
		{"/token", "Origin", "https://app.example", http.StatusOK},
	} {
		r := httptest.NewRequest(http.MethodPost, c.path, nil)
		r.Header.Set(c.header, c.value)
		if w := serve(handler, r); w.Code != c.want {
			t.Errorf("%s %s: %s: %d, want %d", c.path, c.header, c.value, w.Code, c.want)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	handler, _ := site(t)
	r := httptest.NewRequest(http.MethodPost, "/form", strings.NewReader("x="+strings.Repeat("y", 1<<20)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if w := serve(handler, r); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status = %d", w.Code)
	}
}

func TestReady(t *testing.T) {
	fine := func(context.Context) error { return nil }
	broken := func(context.Context) error { return errors.New("secret cause") }
	for _, c := range []struct {
		checks map[string]func(context.Context) error
		status int
		text   string
	}{
		{map[string]func(context.Context) error{"database": fine}, http.StatusOK, "ready"},
		{map[string]func(context.Context) error{"database": fine, "redis": broken}, http.StatusServiceUnavailable, "redis is unavailable"},
	} {
		w := serve(web.Ready(c.checks), httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

// TestShutdown: a request in progress is answered, later ones are not taken.
func TestShutdown(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	began, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-finish
		_, _ = w.Write([]byte("done"))
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(ctx, listener, handler, slog.New(slog.DiscardHandler)) }()
	answered := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		var body bytes.Buffer
		_, _ = body.ReadFrom(response.Body)
		answered <- body.String()
	}()
	<-began
	stop()
	time.Sleep(50 * time.Millisecond)
	close(finish)
	if got := <-answered; got != "done" {
		t.Errorf("the request in progress got %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
	if response, err := http.Get("http://" + listener.Addr().String()); err == nil {
		response.Body.Close()
		t.Error("a request after the end was answered")
	}
}

func TestErrorKeepsItsCause(t *testing.T) {
	cause := errors.New("cause")
	err := error(&web.Error{Title: "Title", Err: cause})
	if !errors.Is(err, cause) || err.Error() != "Title: cause" || (&web.Error{Title: "Title"}).Error() != "Title" {
		t.Errorf("error = %v", err)
	}
}

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "nonsense": "nonsense",
	} {
		if got := web.Network(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
