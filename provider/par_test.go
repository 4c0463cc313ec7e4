package provider_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/provider"
	"gatehouse/session"
)

// pushForm is a good request of "web", with its secret; pairs as in request.
func pushForm(pairs ...string) url.Values {
	return request(append([]string{"client_secret", webSecret}, pairs...)...)
}

func pushRequest(values url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, provider.PushPath, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// push pushes a request and returns what the browser brings.
func (f *fixture) push(values url.Values) url.Values {
	f.t.Helper()
	got := f.send(pushRequest(values))
	var answer struct {
		URI     string `json:"request_uri"`
		Expires int    `json:"expires_in"`
	}
	must(f.t, json.Unmarshal([]byte(got.body), &answer))
	if got.status != http.StatusCreated || answer.Expires != 90 || got.header.Get("Cache-Control") != "no-store" {
		f.t.Fatalf("push: %d %v %s", got.status, got.header, got.body)
	}
	if name, found := strings.CutPrefix(answer.URI, "urn:ietf:params:oauth:request_uri:"); !found || len(name) != 43 {
		f.t.Fatalf("request_uri: %s", answer.URI)
	}
	return form("client_id", values.Get("client_id"), "request_uri", answer.URI)
}

// TestPushedRequest: what was pushed counts, without its credentials; of what the browser brings beside it nothing (fosite's pitfall l).
func TestPushedRequest(t *testing.T) {
	f := open(t)
	brought := f.push(pushForm("scope", "openid email", "max_age", "60", "resource", "https://api.example.com"))
	for name, value := range map[string]string{
		"prompt": "none", "scope": "openid permissions", "redirect_uri": "https://evil.example.com/", "state": "another", "max_age": "0", "organization": "x",
		"response_mode": "fragment", "claims": "{", "nonce": "n2", "request": "x.y.z",
	} {
		brought.Set(name, value)
	}
	got, err := f.ParseAuthorize(t.Context(), brought)
	must(t, err)
	if len(got.Prompt) > 0 || strings.Join(got.Scopes, " ") != "openid email" || *got.MaxAge != time.Minute || got.Organization != "" || len(got.Resources) != 1 {
		t.Errorf("request: %+v", got)
	}
	for name := range got.Params {
		if strings.HasPrefix(name, "client_s") || strings.HasPrefix(name, "client_a") || name == "request_uri" {
			t.Errorf("kept: %s", name)
		}
	}
	response, err := f.Complete(t.Context(), got.Params, f.authorization())
	must(t, err)
	if !strings.HasPrefix(response.URL, webRedirect+"?") || !strings.Contains(response.URL, "state=a+state") {
		t.Errorf("answer: %s", response.URL)
	}
	if answer := f.post(redeem(codeIn(t, response.URL))); answer.status != http.StatusOK {
		t.Errorf("code exchange: %s", answer.body)
	}
}

func TestPushWithBasic(t *testing.T) {
	f := open(t)
	r := pushRequest(request("client_id", ""))
	r.SetBasicAuth("web", webSecret)
	if got := f.send(r); got.status != http.StatusCreated {
		t.Errorf("push: %d %s", got.status, got.body)
	}
}

// TestRequestURIIsSpent: unknown, used, expired and foreign ones are one answer, on a page: nobody knows where to send the browser.
func TestRequestURIIsSpent(t *testing.T) {
	f := open(t)
	used := f.push(pushForm())
	_, err := f.ParseAuthorize(t.Context(), used)
	must(t, err)
	_, err = f.ParseAuthorize(t.Context(), used)
	f.wantRefusal(err, "invalid_request_uri", false)

	late := f.push(pushForm())
	f.clock.advance(91 * time.Second)
	_, err = f.ParseAuthorize(t.Context(), late)
	f.wantRefusal(err, "invalid_request_uri", false)

	foreign := f.push(pushForm())
	foreign.Set("client_id", "spa")
	_, err = f.ParseAuthorize(t.Context(), foreign)
	f.wantRefusal(err, "invalid_request_uri", false)
	anonymous := f.push(pushForm())
	anonymous.Del("client_id")
	_, err = f.ParseAuthorize(t.Context(), anonymous)
	f.wantRefusal(err, "invalid_request_uri", false)

	_, err = f.ParseAuthorize(t.Context(), request("request_uri", "urn:ietf:params:oauth:request_uri:x"))
	f.wantRefusal(err, "invalid_request_uri", false)
}

func TestRequestURIIsTakenOnce(t *testing.T) {
	onEachStore(t, func(t *testing.T, f *fixture) {
		brought, won := f.push(pushForm()), 0
		for _, got := range race(16, func() error { _, err := f.ParseAuthorize(t.Context(), brought); return err }) {
			if got == nil {
				won++
				continue
			}
			f.wantRefusal(got, "invalid_request_uri", false)
		}
		if won != 1 {
			t.Errorf("%d took the request", won)
		}
	})
}

// seenEntries shows what is written to the store.
type seenEntries struct {
	session.Store
	text string
}

func (s *seenEntries) Create(ctx context.Context, key session.Key, entry session.Entry) error {
	s.text = string(key.Kind) + " " + key.ID + " " + string(entry.Value)
	return s.Store.Create(ctx, key, entry)
}

// TestPushedRequestAtRest: neither the name of a request nor what it says can be read in the store.
func TestPushedRequestAtRest(t *testing.T) {
	f := open(t)
	seen := &seenEntries{Store: f.ephemeral}
	f.config.Ephemeral = seen
	f.restart()
	name := strings.TrimPrefix(f.push(pushForm()).Get("request_uri"), "urn:ietf:params:oauth:request_uri:")
	for _, bad := range []string{name, "a state", webRedirect, webSecret} {
		if strings.Contains(seen.text, bad) {
			t.Errorf("the store has %q", bad)
		}
	}
	if !strings.HasPrefix(seen.text, string(session.KindPushed)) {
		t.Errorf("stored: %q", seen.text)
	}
}

func TestClientThatMustPush(t *testing.T) {
	f := open(t)
	strict, err := f.db.Client(t.Context(), "web")
	must(t, err)
	strict.RequirePAR = true
	must(t, f.db.SaveClient(t.Context(), strict))
	f.clock.advance(5 * time.Second)
	_, err = f.ParseAuthorize(t.Context(), request())
	f.wantRefusal(err, "invalid_request", true)
	_, err = f.ParseAuthorize(t.Context(), request("gatehouse_pushed", "yes"))
	f.wantRefusal(err, "invalid_request", true)
	got, err := f.ParseAuthorize(t.Context(), f.push(pushForm("gatehouse_pushed", "")))
	must(t, err)
	if _, err := f.Complete(t.Context(), got.Params, f.authorization()); err != nil {
		t.Errorf("pushed: %v", err)
	}
}

// TestPushedClientChanges: between push and browser the client may lose what it needs.
func TestPushedClientChanges(t *testing.T) {
	f := open(t)
	brought := f.push(pushForm())
	moved, err := f.db.Client(t.Context(), "web")
	must(t, err)
	moved.RedirectURIs = []string{"https://new.example.com/cb"}
	must(t, f.db.SaveClient(t.Context(), moved))
	f.clock.advance(5 * time.Second)
	_, err = f.ParseAuthorize(t.Context(), brought)
	f.wantRefusal(err, "invalid_request", false)
}

// crowded counts as if many had been there before.
type crowded struct{ session.Store }

func (c crowded) Hit(ctx context.Context, key session.Key, window time.Duration) (int, time.Time, error) {
	count, ends, err := c.Store.Hit(ctx, key, window)
	return count + 10_000 - 1, ends, err
}

// TestTooManyPushes: whoever proves nothing has a limit for his network; clients that authenticate have none.
func TestTooManyPushes(t *testing.T) {
	f := open(t)
	f.config.Ephemeral = crowded{f.ephemeral}
	f.restart()
	public := request("client_id", "spa", "redirect_uri", "https://spa.example.com/", "resource", "")
	f.push(public)
	got := f.send(pushRequest(public))
	f.wantError(got, http.StatusTooManyRequests, "temporarily_unavailable")
	if got.header.Get("Retry-After") != "600" {
		t.Errorf("Retry-After: %q", got.header.Get("Retry-After"))
	}
	f.push(pushForm())
	f.push(pushForm())
	elsewhere := pushRequest(public)
	elsewhere.RemoteAddr = "198.51.100.7:1"
	if got := f.send(elsewhere); got.status != http.StatusCreated {
		t.Errorf("elsewhere: %d %s", got.status, got.body)
	}
}
