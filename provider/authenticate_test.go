package provider_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
)

// TestSeveralSecrets: while one secret replaces another both work, until the old one's end; in either way of showing them.
func TestSeveralSecrets(t *testing.T) {
	f := open(t)
	f.registerSigning(func(c *provider.Client) {
		c.ID, c.AuthMethod = "rotating", provider.AuthPost
		c.Secrets = []provider.ClientSecret{
			{ID: "1", Hash: secret.Hash("old"), Expires: f.clock.Now().Add(time.Hour)},
			{ID: "2", Hash: secret.Hash("new")},
			{ID: "3"},
			{ID: "4", Hash: secret.Hash("gone"), Expires: f.clock.Now()},
		}
	})
	try := func(shown string, status int) {
		t.Helper()
		posted := f.post(form("grant_type", "client_credentials", "client_id", "rotating", "client_secret", shown))
		header := f.send(basic("rotating", shown, "grant_type=client_credentials"))
		if posted.status != status || header.status != status {
			t.Errorf("secret %q: %d in the body, %d in the header", shown, posted.status, header.status)
		}
	}
	try("old", http.StatusOK)
	try("new", http.StatusOK)
	try("gone", http.StatusUnauthorized)
	try("", http.StatusUnauthorized)
	try("old new", http.StatusUnauthorized)
	f.clock.advance(time.Hour)
	try("old", http.StatusUnauthorized)
	try("new", http.StatusOK)
}

// TestBasicReadings: a header is read as the standard says, and as many clients write it; the standard's reading comes first.
func TestBasicReadings(t *testing.T) {
	f := open(t)
	for client, shown := range map[id.Client]string{"raw+client%41": "100%+odd/=", "a b": "first", "a+b": "second"} {
		f.registerSigning(func(c *provider.Client) {
			c.ID, c.AuthMethod, c.Secrets = client, provider.AuthBasic, []provider.ClientSecret{{Hash: secret.Hash(shown)}}
		})
	}
	const body = "grant_type=client_credentials"
	for name, c := range map[string]struct {
		request *http.Request
		status  int
	}{
		"encoded":                     {basic("raw+client%41", "100%+odd/=", body), 200},
		"raw":                         {rawBasic("raw+client%41", "100%+odd/=", body), 200},
		"encoded name, raw secret":    {rawBasic("raw%2Bclient%2541", "100%+odd/=", body), 200},
		"encoded, with its client_id": {basic("raw+client%41", "100%+odd/=", body+"&client_id=raw%2Bclient%2541"), 200},
		"raw, with its client_id":     {rawBasic("raw+client%41", "100%+odd/=", body+"&client_id=raw%2Bclient%2541"), 200},
		"raw, with another client_id": {rawBasic("raw+client%41", "100%+odd/=", body+"&client_id=web"), 400},
		"a name that is another's":    {rawBasic("a+b", "first", body), 200}, // as the standard reads it: "a b"
		"never the other one":         {rawBasic("a+b", "second", body), 401},
		"which encodes":               {basic("a+b", "second", body), 200},
		"colon in the secret":         {basic(robot, robotSecret, body), 200},
		"lower case scheme":           {lower(basic(robot, robotSecret, body)), 200},
		"no colon":                    {withHeader(postForm(body), "Authorization", "Basic cm9ib3Q="), 401},
		"no base64":                   {withHeader(postForm(body), "Authorization", "Basic %%"), 401},
		"no name":                     {rawBasic("", "x", body), 401},
		"public client, empty secret": {basic("spa", "", body), 400},
		"public client, some secret":  {basic("spa", "x", body), 401},
		"secret of another client":    {basic(robot, webSecret, body), 401},
		"secret in the query as well": {withQuery(basic(robot, robotSecret, body), "client_secret=x"), 200},
		"assertion type beside Basic": {basic(robot, robotSecret, body+"&client_assertion_type=x"), 400},
		"assertion beside the secret": {postForm(asRobot("client_assertion", "x").Encode()), 400},
	} {
		t.Run(name, func(t *testing.T) {
			if got := f.send(c.request); got.status != c.status {
				t.Errorf("answer is %d %s, want %d", got.status, got.body, c.status)
			}
		})
	}
}

func lower(r *http.Request) *http.Request {
	return withHeader(r, "Authorization", strings.Replace(r.Header.Get("Authorization"), "Basic", "basic", 1))
}

func withQuery(r *http.Request, query string) *http.Request {
	r.URL.RawQuery = query
	return r
}

func from(address string, r *http.Request) *http.Request {
	r.RemoteAddr = address + ":1234"
	return r
}

// TestClientGuessing: failures of one client from one network close that pair for a while, on every node, and nothing else.
func TestClientGuessing(t *testing.T) {
	f := open(t)
	wrong := func(address string) answer {
		return f.send(from(address, postForm(asRobot("client_secret", "x").Encode())))
	}
	right := func(address string) answer { return f.send(from(address, postForm(asRobot().Encode()))) }
	for range 10 {
		f.wantToken(right("203.0.113.1")) // successes do not count
	}
	for range 50 {
		f.wantError(wrong("203.0.113.1"), http.StatusUnauthorized, "invalid_client")
	}
	closed := wrong("203.0.113.1")
	f.wantError(closed, http.StatusTooManyRequests, "temporarily_unavailable")
	if closed.header.Get("Retry-After") != "300" || closed.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", closed.header)
	}
	f.wantError(right("203.0.113.1"), http.StatusTooManyRequests, "temporarily_unavailable")
	f.wantToken(right("203.0.113.2"))
	f.wantToken(f.send(from("203.0.113.1", postForm(form("grant_type", "client_credentials", "client_id", "nocode", "client_secret", webSecret).Encode()))))
	f.restart()
	f.wantError(wrong("203.0.113.1"), http.StatusUnauthorized, "invalid_client")
	f.wantError(right("203.0.113.1"), http.StatusTooManyRequests, "temporarily_unavailable") // one more try on another node
	f.clock.advance(5 * time.Minute)
	f.wantToken(right("203.0.113.1"))
}

// TestClientGuessingIPv6: a network of IPv6 is one guesser, not 2^64.
func TestClientGuessingIPv6(t *testing.T) {
	f := open(t)
	for i := range 51 {
		got := f.send(from("[2001:db8::"+string(rune('1'+i%8))+"]", postForm(asRobot("client_secret", "x").Encode())))
		if want := map[bool]int{true: http.StatusTooManyRequests, false: http.StatusUnauthorized}[i == 50]; got.status != want {
			t.Errorf("try %d: %d", i, got.status)
		}
	}
	f.wantToken(f.send(from("[2001:db8:1::1]", postForm(asRobot().Encode()))))
}

// TestAuthenticationWritesNothing: a client that proves itself properly costs no look-up in the store of what is short-lived.
func TestAuthenticationWritesNothing(t *testing.T) {
	f := open(t)
	f.config.Ephemeral = nil
	f.restart()
	f.wantToken(f.post(asRobot()))
	recorder := httptest.NewRecorder()
	f.handler.ServeHTTP(recorder, basic(robot, robotSecret, "grant_type=client_credentials"))
	if recorder.Code != http.StatusOK {
		t.Errorf("answer: %d", recorder.Code)
	}
}
