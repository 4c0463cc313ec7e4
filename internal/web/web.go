// Package web is the shape of Gatehouse's HTTP handlers and what surrounds all of them: request ids, one log event per request,
// limits, protection against cross-site requests, graceful shutdown.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Handler answers a request or returns why it could not.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Error is an answer that is a page: what people read, and Err for the log.
type Error struct {
	Status     int
	Title      string
	Text       string
	RetryAfter time.Duration // sent as Retry-After where positive
	LinkURL    string        // a way on, may be empty
	LinkText   string
	Err        error
}

// Error is for the log.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Title
	}
	return e.Title + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClientAddress is the address of whoever sent the request: the peer, unless the peer is a trusted proxy; then the last address of
// X-Forwarded-For that is not one. A header from anybody else is ignored.
func ClientAddress(r *http.Request, trusted []netip.Prefix) string {
	address := peer(r)
	if !contains(trusted, address) {
		return address.String()
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = hop.Unmap()
		if !contains(trusted, address) {
			break
		}
	}
	return address.String()
}

// Network is what one customer has: an IPv4 address, or 64 bits of an IPv6 one. Limits per address are limits per network.
func Network(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Is4() {
		return address
	}
	return netip.PrefixFrom(parsed.WithZone(""), 64).Masked().String()
}

func peer(r *http.Request) netip.Addr {
	hostPort, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.IPv4Unspecified()
	}
	return hostPort.Addr().Unmap()
}

func contains(prefixes []netip.Prefix, address netip.Addr) bool {
	for _, prefix := range prefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	shutdownTimeout   = 20 * time.Second
)

// Serve answers requests until ctx ends, then finishes those in progress, for at most 20 seconds.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		return fmt.Errorf("shut down: %w", errors.Join(err, server.Close()))
	}
	return nil
}

// Alive answers /healthz: the process runs.
func Alive(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok\n") }

// Ready answers /readyz: 200 if every check passes, else 503 with the names of those that fail. Causes are for the log only. The checks
// run together and have two seconds.
func Ready(checks map[string]func(context.Context) error) http.HandlerFunc {
	names := slices.Sorted(maps.Keys(checks))
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		failures := make([]error, len(names))
		var running sync.WaitGroup
		for i, name := range names {
			running.Go(func() { failures[i] = checks[name](ctx) })
		}
		running.Wait()
		status, text := http.StatusOK, ""
		for i, name := range names {
			if failures[i] != nil {
				status = http.StatusServiceUnavailable
				text += name + " is unavailable\n"
				Note(r, slog.String(name, failures[i].Error()))
			}
		}
		answer(w, status, cmp.Or(text, "ready\n"))
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client is gone; nobody to tell
}
