package verify_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/verify"
	"gatehouse/verify/verifytest"
)

const (
	keysPath       = "/oauth2/jwks"
	introspectPath = "/oauth2/introspect"
)

// clock is a time that tests move on.
type clock struct{ ahead atomic.Int64 }

func (c *clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) advance(by time.Duration) { c.ahead.Add(int64(by)) }

func newVerifier(t *testing.T, issuer *verifytest.Issuer, c *clock, introspection *verify.Introspection) *verify.Verifier {
	t.Helper()
	v, err := verify.New(verify.Config{
		Issuer: issuer.URL, Audience: api, Organizations: verify.EveryOrganization(), Introspection: introspection, Now: c.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// long makes a token that outlives the clock's jumps.
func long() verifytest.Token {
	token := good()
	token.Lifetime = 30 * 24 * time.Hour
	return token
}

func TestKeysAreFetchedOnce(t *testing.T) {
	issuer, v := verifytest.New(t), (*verify.Verifier)(nil)
	v = newVerifier(t, issuer, &clock{}, nil)
	token := issuer.Sign(good())
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if _, err := v.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if asked := issuer.Requests(keysPath); asked != 1 {
		t.Errorf("asked %d times for keys", asked)
	}
}

// TestRotation: a new key works at once, an old one until the issuer withdraws it.
func TestRotation(t *testing.T) {
	issuer, c := verifytest.New(t), &clock{}
	v := newVerifier(t, issuer, c, nil)
	before := issuer.Sign(long())
	verifies(t, v, before, nil)
	issuer.Rotate()
	c.advance(10 * time.Second)
	verifies(t, v, issuer.Sign(long()), nil)
	verifies(t, v, before, nil)
	issuer.Withdraw()
	c.advance(6 * time.Minute)
	verifies(t, v, before, nil) // the fetch runs behind this request
	eventually(t, func() bool {
		_, err := v.Verify(t.Context(), before)
		return errors.Is(err, verify.ErrInvalid)
	})
}

func verifies(t *testing.T, v *verify.Verifier, token string, expected error) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, expected) {
		t.Fatalf("%v, want %v", err, expected)
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for range 500 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it does not happen")
}

// TestUnknownKeys: whoever invents key ids makes no storm at the issuer.
func TestUnknownKeys(t *testing.T) {
	issuer, stranger, c := verifytest.New(t), verifytest.New(t), &clock{}
	stranger.Rotate() // a key id that the issuer does not have
	v := newVerifier(t, issuer, c, nil)
	verifies(t, v, issuer.Sign(long()), nil)
	unknown := stranger.Sign(long())
	for range 50 {
		verifies(t, v, unknown, verify.ErrInvalid)
	}
	if asked := issuer.Requests(keysPath); asked != 1 {
		t.Errorf("asked %d times at once", asked)
	}
	for range 3 {
		c.advance(10 * time.Second)
		verifies(t, v, unknown, verify.ErrInvalid)
		verifies(t, v, unknown, verify.ErrInvalid)
	}
	if asked := issuer.Requests(keysPath); asked != 4 {
		t.Errorf("asked %d times in half a minute", asked)
	}
}

// TestIssuerAway: old keys do for a day, attempts become rarer, and everything is well once the issuer is back.
func TestIssuerAway(t *testing.T) {
	issuer, c := verifytest.New(t), &clock{}
	v := newVerifier(t, issuer, c, nil)
	token := issuer.Sign(long())
	verifies(t, v, token, nil)
	issuer.Down(true)
	c.advance(23 * time.Hour)
	verifies(t, v, token, nil)
	c.advance(2 * time.Hour)
	eventually(t, func() bool {
		_, err := v.Verify(t.Context(), token)
		return errors.Is(err, verify.ErrUnavailable)
	})
	before := issuer.Requests("/.well-known/openid-configuration")
	for range 600 { // ten minutes
		c.advance(time.Second)
		verifies(t, v, token, verify.ErrUnavailable)
	}
	if asked := issuer.Requests("/.well-known/openid-configuration") - before; asked > 20 {
		t.Errorf("asked %d times in ten minutes", asked)
	}
	issuer.Down(false)
	c.advance(time.Minute)
	verifies(t, v, token, nil)
}

// TestBadIssuers: documents that lead elsewhere are not believed.
func TestBadIssuers(t *testing.T) {
	honest := verifytest.New(t)
	var document, keys string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case document == "redirect":
			http.Redirect(w, r, honest.URL+r.URL.Path, http.StatusFound)
		case r.URL.Path == keysPath:
			_, _ = w.Write([]byte(keys))
		default:
			_, _ = w.Write([]byte(document))
		}
	}))
	t.Cleanup(server.Close)
	own := `{"issuer":"` + server.URL + `","jwks_uri":"` + server.URL + keysPath + `"}`
	for name, test := range map[string]struct{ document, keys string }{
		"redirects":              {"redirect", ""},
		"calls itself otherwise": {`{"issuer":"` + honest.URL + `","jwks_uri":"` + server.URL + keysPath + `"}`, `{"keys":[]}`},
		"keys elsewhere":         {`{"issuer":"` + server.URL + `","jwks_uri":"` + honest.URL + keysPath + `"}`, ""},
		"introspection elsewhere": {
			`{"issuer":"` + server.URL + `","jwks_uri":"` + server.URL + keysPath + `","introspection_endpoint":"` + honest.URL + `"}`, "",
		},
		"no keys":       {own, `{"keys":[]}`},
		"symmetric key": {own, `{"keys":[{"kty":"oct","kid":"key-1","alg":"HS256","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}]}`},
		"no JSON":       {"<html>", ""},
		"too much":      {own, `{"keys":[` + string(make([]byte, 2<<20))},
	} {
		document, keys = test.document, test.keys
		v, err := verify.New(verify.Config{Issuer: server.URL, Audience: api, Organizations: verify.EveryOrganization()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), honest.Sign(good())); !errors.Is(err, verify.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIntrospection(t *testing.T) {
	issuer, c := verifytest.New(t), &clock{}
	v := newVerifier(t, issuer, c, &verify.Introspection{ClientID: "a b", ClientSecret: "s/%"})
	token := issuer.Sign(long())
	verifies(t, v, token, nil)
	verifies(t, v, "opaque", verify.ErrInvalid)
	issuer.Revoke(token)
	verifies(t, v, token, verify.ErrInvalid)
	other := good()
	other.Audience = []string{"https://other.example.com"}
	verifies(t, v, issuer.Sign(other), verify.ErrInvalid)
	forged := verifytest.New(t).Sign(good())
	before := issuer.Requests(introspectPath)
	verifies(t, v, forged, verify.ErrInvalid)
	if issuer.Requests(introspectPath) != before {
		t.Error("the issuer is asked about a forged token")
	}
	issuer.Down(true)
	verifies(t, v, issuer.Sign(long()), verify.ErrUnavailable)
}

// TestIntrospectionCache: answers are kept for as long as was said, and no longer.
func TestIntrospectionCache(t *testing.T) {
	issuer, c := verifytest.New(t), &clock{}
	v := newVerifier(t, issuer, c, &verify.Introspection{ClientID: "a", ClientSecret: "s", CacheFor: time.Minute})
	token := issuer.Sign(long())
	for range 5 {
		verifies(t, v, token, nil)
	}
	issuer.Revoke(token)
	c.advance(59 * time.Second)
	verifies(t, v, token, nil)
	if asked := issuer.Requests(introspectPath); asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	c.advance(2 * time.Second)
	verifies(t, v, token, verify.ErrInvalid)
	verifies(t, v, token, verify.ErrInvalid)
	if asked := issuer.Requests(introspectPath); asked != 2 {
		t.Errorf("asked %d times", asked)
	}
}

// TestRefreshTokens: what is in force but no access token (RFC 7662 says the same of both) is refused.
func TestRefreshTokens(t *testing.T) {
	issuer := verifytest.New(t)
	server := httptest.NewServer(nil)
	t.Cleanup(server.Close)
	kind := ""
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case introspectPath:
			_, _ = w.Write([]byte(`{"active":true` + kind + `,"iss":"` + server.URL + `","aud":"` + api + `","sub":"u","client_id":"c","jti":"j","exp":9999999999}`))
		case keysPath:
			issuer.ServeHTTP(w, r)
		default:
			_, _ = w.Write([]byte(`{"issuer":"` + server.URL + `","jwks_uri":"` + server.URL + keysPath + `","introspection_endpoint":"` + server.URL + introspectPath + `"}`))
		}
	})
	v, err := verify.New(verify.Config{
		Issuer: server.URL, Audience: api, Organizations: verify.EveryOrganization(), Introspection: &verify.Introspection{ClientID: "a", ClientSecret: "s"},
	})
	if err != nil {
		t.Fatal(err)
	}
	verifies(t, v, "opaque", verify.ErrInvalid)
	kind = `,"token_type":"Bearer"`
	verifies(t, v, "opaque", nil)
}
