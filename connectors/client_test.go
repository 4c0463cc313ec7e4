package connectors_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/connectors"
)

func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

func fetch(t *testing.T, client *http.Client, address string) ([]byte, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func TestClientRefusesInsideAddresses(t *testing.T) {
	client := connectors.NewClient(connectors.ClientConfig{Timeout: 200 * time.Millisecond})
	for _, address := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"100.64.0.1", "100.127.255.254", "192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1", "fec0::1", "fc00::1",
		"fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "100::1", "2002:7f00:1::", "2001::1",
		"2001:db8::1", "3fff::1", "5f00::1",
	} {
		t.Run(address, func(t *testing.T) {
			_, err := fetch(t, client, "http://"+net.JoinHostPort(address, "9")+"/")
			if err == nil || !strings.Contains(err.Error(), "not a public one") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestPermits(t *testing.T) {
	none, some := connectors.ClientConfig{}, connectors.ClientConfig{AllowPrivate: append(loopback(), netip.MustParsePrefix("fd00:1::/32"))}
	for _, address := range []string{"1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "::ffff:1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1"} {
		if !none.Permits(netip.MustParseAddr(address)) {
			t.Errorf("%s is public and not permitted", address)
		}
	}
	for _, address := range []string{"127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "fd00:1::5", "1.1.1.1"} {
		if !some.Permits(netip.MustParseAddr(address)) {
			t.Errorf("%s is listed and not permitted", address)
		}
	}
	for _, address := range []string{"10.0.0.1", "fd00:2::5", "fe80::1%lo"} {
		if some.Permits(netip.MustParseAddr(address)) {
			t.Errorf("%s is not listed and permitted", address)
		}
	}
	if none.Permits(netip.Addr{}) {
		t.Error("no address is permitted")
	}
}

// A name that resolves to an inside address is refused when connecting, whatever it resolved to before (DNS rebinding).
func TestClientChecksResolvedAddress(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "inside") })
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	_, err := fetch(t, connectors.NewClient(connectors.ClientConfig{}), "http://localhost:"+port+"/")
	if err == nil || !strings.Contains(err.Error(), "not a public one") {
		t.Errorf("error is %v", err)
	}
}

func TestClientAllowsListedAddresses(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	body, err := fetch(t, connectors.NewClient(connectors.ClientConfig{AllowPrivate: loopback()}), server.URL)
	if err != nil || string(body) != "hello" {
		t.Errorf("got %q, %v", body, err)
	}
	elsewhere := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	if _, err := fetch(t, connectors.NewClient(connectors.ClientConfig{AllowPrivate: elsewhere}), server.URL); err == nil {
		t.Error("an address that is not listed was reached")
	}
}

func TestClientLimitsSize(t *testing.T) {
	const limit = 1000
	client := connectors.NewClient(connectors.ClientConfig{MaxBody: limit, AllowPrivate: loopback()})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.Atoi(r.URL.Query().Get("size"))
		body := strings.Repeat("x", size)
		switch r.URL.Path {
		case "/declared":
			w.Header().Set("Content-Length", strconv.Itoa(size))
			fmt.Fprint(w, body)
		case "/streamed":
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			fmt.Fprint(w, body)
		case "/compressed":
			w.Header().Set("Content-Encoding", "gzip")
			squeezed := gzip.NewWriter(w)
			fmt.Fprint(squeezed, body)
			_ = squeezed.Close()
		}
	})
	for _, path := range []string{"/declared", "/streamed", "/compressed"} {
		t.Run(path, func(t *testing.T) {
			body, err := fetch(t, client, server.URL+path+"?size="+strconv.Itoa(limit))
			if err != nil || len(body) != limit {
				t.Errorf("an answer of the limit: %d bytes, %v", len(body), err)
			}
			for _, size := range []int{limit + 1, 50 * limit} {
				if _, err := fetch(t, client, server.URL+path+"?size="+strconv.Itoa(size)); err == nil || !strings.Contains(err.Error(), "too large") {
					t.Errorf("%d bytes: %v", size, err)
				}
			}
		})
	}
}

func TestClientRedirects(t *testing.T) {
	other := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("another host was asked") })
	var hops int
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/other":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/name":
			http.Redirect(w, r, strings.Replace("http://"+r.Host, "127.0.0.1", "localhost", 1)+"/end", http.StatusFound)
		case "/loop":
			hops++
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/same":
			http.Redirect(w, r, "/end", http.StatusFound)
		default:
			fmt.Fprint(w, "end")
		}
	})
	client := connectors.NewClient(connectors.ClientConfig{AllowPrivate: loopback()})
	for _, path := range []string{"/other", "/name", "/loop"} {
		if _, err := fetch(t, client, server.URL+path); err == nil || !strings.Contains(err.Error(), "redirects") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if hops > 3 {
		t.Errorf("%d redirects were followed", hops)
	}
	if body, err := fetch(t, client, server.URL+"/same"); err != nil || string(body) != "end" {
		t.Errorf("a redirect on the same host: %q, %v", body, err)
	}
}

// From https to http, even on the same host and port, whoever listens in between would read along.
func TestClientDoesNotLeaveTLS(t *testing.T) {
	client := connectors.NewClient(connectors.ClientConfig{})
	first, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://login.example.com/", nil)
	next, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://login.example.com/", nil)
	if err := client.CheckRedirect(next, []*http.Request{first}); err == nil {
		t.Error("followed")
	}
	next.URL.Scheme = "https"
	if err := client.CheckRedirect(next, []*http.Request{first}); err != nil {
		t.Error(err)
	}
}

func TestClientGivesUp(t *testing.T) {
	done := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/drip" { // a header in time, then a body without end
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
		}
		select {
		case <-r.Context().Done():
		case <-done:
		}
	})
	t.Cleanup(func() { close(done) })
	client := connectors.NewClient(connectors.ClientConfig{Timeout: 100 * time.Millisecond, AllowPrivate: loopback()})
	for _, path := range []string{"/hang", "/drip"} {
		began := time.Now()
		_, err := fetch(t, client, server.URL+path)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*time.Second {
			t.Errorf("%s: %v after %v", path, err, time.Since(began))
		}
	}
}

// A proxy from the environment would be asked to resolve and connect, past every check of addresses. The standard library reads the
// environment once for a process, so the test runs itself again with a proxy there.
func TestClientUsesNoProxy(t *testing.T) {
	const inner = "GATEHOUSE_TEST_PROXY"
	if os.Getenv(inner) == "" {
		proxy := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			t.Error("the proxy was asked")
			w.WriteHeader(http.StatusTeapot)
		})
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestClientUsesNoProxy$")
		again.Env = append(os.Environ(), inner+"=1", "HTTP_PROXY="+proxy.URL, "HTTPS_PROXY="+proxy.URL)
		if output, err := again.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, output)
		}
		return
	}
	client := connectors.NewClient(connectors.ClientConfig{Timeout: time.Second, AllowPrivate: loopback()})
	if _, err := fetch(t, client, "http://192.0.2.1/"); err == nil || !strings.Contains(err.Error(), "not a public one") {
		t.Errorf("error is %v", err)
	}
}
