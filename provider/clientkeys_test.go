package provider_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/connectors"
	"gatehouse/provider"
)

// publisher serves the keys of a client.
type publisher struct {
	*httptest.Server
	fetches atomic.Int64
	body    atomic.Pointer[func(http.ResponseWriter, *http.Request)]
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fetches.Add(1)
		(*p.body.Load())(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) answer(with func(http.ResponseWriter, *http.Request)) { p.body.Store(&with) }

func (p *publisher) publish(t *testing.T, keys ...clientKey) {
	raw := keySet(t, keys...)
	p.answer(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(raw) })
}

func outgoing(allowed ...string) *http.Client {
	c := connectors.ClientConfig{Timeout: time.Second}
	for _, prefix := range allowed {
		c.AllowPrivate = append(c.AllowPrivate, netip.MustParsePrefix(prefix))
	}
	return connectors.NewClient(c)
}

// publishing is a provider with a client whose keys are at a publisher.
func publishing(t *testing.T) (*fixture, *publisher) {
	t.Helper()
	f, p := open(t), newPublisher(t)
	f.config.Outgoing = outgoing("127.0.0.0/8")
	f.restart()
	f.registerSigning(func(c *provider.Client) { c.JWKSURI = p.URL + "/keys" })
	return f, p
}

func (f *fixture) assert(key clientKey) answer {
	f.t.Helper()
	algorithm := jose.ES256
	if key.KeyID == "ed" {
		algorithm = jose.EdDSA
	}
	return f.post(asserting(f.good().signed(f.t, key, algorithm)))
}

// TestPublishedKeys: they are fetched once for many, looked at again when a new key is shown, and in the background when they are old.
func TestPublishedKeys(t *testing.T) {
	f, p := publishing(t)
	keys := madeKeys()
	p.publish(t, keys["p256"])
	race(16, func() answer { got := f.assert(keys["p256"]); f.wantToken(got); return got })
	if n := p.fetches.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	p.publish(t, keys["ed"])
	f.clock.advance(9 * time.Second)
	f.wantError(f.assert(keys["ed"]), http.StatusUnauthorized, "invalid_client") // a stranger with fresh kids causes no flood
	f.clock.advance(time.Second)
	f.wantToken(f.assert(keys["ed"]))
	f.wantToken(f.assert(keys["p256"])) // gone from the set, and good for the five minutes since it was seen
	f.clock.advance(5 * time.Minute)
	f.wantToken(f.assert(keys["ed"]))
	f.wantError(f.assert(keys["p256"]), http.StatusUnauthorized, "invalid_client")
	deadline := time.Now().Add(5 * time.Second)
	for p.fetches.Load() < 3 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if n := p.fetches.Load(); n < 3 {
		t.Errorf("old keys were fetched %d times", n)
	}
}

// TestPublisherAway: keys that were seen stay good for an hour; then, and without any, nobody can say. Tries become rare.
func TestPublisherAway(t *testing.T) {
	f, p := publishing(t)
	key := madeKeys()["p256"]
	away := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	p.answer(away)
	got := f.assert(key)
	f.wantError(got, http.StatusServiceUnavailable, "temporarily_unavailable")
	if got.header.Get("Retry-After") == "" || strings.Contains(got.body, p.URL) {
		t.Errorf("answer: %v %s", got.header, got.body)
	}
	for range 60 {
		f.wantError(f.assert(key), http.StatusServiceUnavailable, "temporarily_unavailable")
		f.clock.advance(5 * time.Second)
	}
	if n := p.fetches.Load(); n < 3 || n > 6 { // after 20, 40, 80, 160 seconds
		t.Errorf("tried %d times in five minutes", n)
	}
	p.publish(t, key)
	f.clock.advance(5 * time.Minute)
	f.wantToken(f.assert(key))
	p.answer(away)
	f.clock.advance(59 * time.Minute)
	f.wantToken(f.assert(key))
	f.clock.advance(2 * time.Minute)
	f.wantError(f.assert(key), http.StatusServiceUnavailable, "temporarily_unavailable")
}

// TestBadPublishers: whatever stands at the address, nobody gets in by it, and nothing fails.
func TestBadPublishers(t *testing.T) {
	keys := madeKeys()
	good := string(keySet(t, keys["p256"]))
	elsewhere := newPublisher(t)
	elsewhere.publish(t, keys["p256"])
	private, err := json.Marshal(map[string]any{"keys": []any{keys["p256"]}})
	must(t, err)
	symmetric := `{"keys":[{"kty":"oct","kid":"p256","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]}`
	body := func(text string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, *http.Request)
		status int
	}{
		"HTML":         {body("<html>"), 503},
		"too large":    {body(good[:len(good)-1] + strings.Repeat(" ", 1<<20) + "}"), 503},
		"redirect":     {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, 503},
		"to itself":    {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, 503},
		"slow":         {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 503},
		"too many":     {body(`{"keys":[` + strings.Repeat(`{"kty":"x"},`, 100) + good[9:]), 503},
		"no keys":      {body(`{}`), 401},
		"private":      {body(string(private)), 401},
		"symmetric":    {body(symmetric), 401},
		"encryption":   {body(strings.Replace(good, `"kty"`, `"use":"enc","kty"`, 1)), 401},
		"another alg":  {body(strings.Replace(good, `"kty"`, `"alg":"ES384","kty"`, 1)), 401},
		"unknown type": {body(strings.Replace(good, `[`, `[{"kty":"AKP","kid":"new"},`, 1)), 200},
		"named alg":    {body(strings.Replace(good, `"kty"`, `"alg":"ES256","use":"sig","kty"`, 1)), 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, p := publishing(t)
			p.answer(c.answer)
			if got := f.assert(keys["p256"]); got.status != c.status {
				t.Errorf("answer: %d %s\n%s", got.status, got.body, f.logs)
			}
		})
	}
	if elsewhere.fetches.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// TestPrivatePublishers: an address inside is not reached unless the operator says so, and plain http only on this machine.
func TestPrivatePublishers(t *testing.T) {
	f, p := publishing(t)
	key := madeKeys()["p256"]
	p.publish(t, key)
	f.config.Outgoing = outgoing()
	f.restart()
	f.wantError(f.assert(key), http.StatusServiceUnavailable, "temporarily_unavailable")
	f.config.Outgoing = nil
	f.restart()
	f.wantError(f.assert(key), http.StatusServiceUnavailable, "temporarily_unavailable")
	f.config.Outgoing = &http.Client{Transport: anywhere{p.Listener.Addr().String()}}
	f.restart()
	for _, uri := range []string{"http://keys.example.com/", "ftp://127.0.0.1/", "//127.0.0.1/", "http://", "%"} {
		f.registerSigning(func(c *provider.Client) { c.JWKSURI = uri })
		f.wantError(f.assert(key), http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	if n := p.fetches.Load(); n != 0 {
		t.Errorf("fetched %d times", n)
	}
	f.registerSigning(func(c *provider.Client) { c.JWKSURI = "https://keys.example.com/" })
	f.wantToken(f.assert(key))
}

// anywhere sends every request to one address.
type anywhere struct{ to string }

func (a anywhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", a.to
	return http.DefaultTransport.RoundTrip(r)
}
