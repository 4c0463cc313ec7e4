package web_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/web"
)

func TestHealth(t *testing.T) {
	away := errors.New("dial postgres://gatehouse:hunter2@db")
	working := func(context.Context) error { return nil }
	for name, test := range map[string]struct {
		checks map[string]func(context.Context) error
		status int
		body   string
	}{
		"nothing to check": {nil, 200, "ready\n"},
		"all well":         {map[string]func(context.Context) error{"database": working, "redis": working}, 200, "ready\n"},
		"one away":         {map[string]func(context.Context) error{"database": func(context.Context) error { return away }, "redis": working}, 503, "database is unavailable\n"},
		"both away, one silent": {map[string]func(context.Context) error{
			"redis":    func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			"database": func(context.Context) error { return away },
		}, 503, "database is unavailable\nredis is unavailable\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			started := time.Now()
			web.Ready(test.checks)(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if w.Code != test.status || w.Body.String() != test.body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, test.status, test.body)
			}
			if took := time.Since(started); took > 2900*time.Millisecond {
				t.Errorf("took %v: a health check of three seconds would fail without a reason", took)
			}
		})
	}
	w := httptest.NewRecorder()
	web.Alive(w, httptest.NewRequest(http.MethodGet, "/healthz", nil))
	if w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d, Cache-Control %q", w.Code, w.Header().Get("Cache-Control"))
	}
}

// start runs web.Serve on loopback until the test ends.
func start(t *testing.T, handler http.Handler) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go func() { _ = web.Serve(ctx, listener, handler, slog.New(slog.DiscardHandler)) }()
	return listener.Addr().String()
}

func TestServeSaysWhyItCannot(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := web.Serve(context.Background(), listener, http.NotFoundHandler(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no error of a closed listener")
	}
}

// TestServeLimitsHeaders: neither endless headers nor slow ones hold a connection.
func TestServeLimitsHeaders(t *testing.T) {
	address := start(t, http.NotFoundHandler())
	conn := dial(t, address)
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("a", 80<<10))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "431") {
		t.Errorf("80 KiB of headers: %q, %v", line, err)
	}
	slow := dial(t, address)
	fmt.Fprint(slow, "GET / HTTP/1.1\r\nHost: x\r\n")
	if err := slow.SetReadDeadline(time.Now().Add(8 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, slow); err != nil {
		t.Errorf("headers that do not end keep the connection: %v", err)
	}
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s:\n%s", what, d)
	}
}
