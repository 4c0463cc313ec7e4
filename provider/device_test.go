package provider_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/store"
)

const deviceGrantType = "urn:ietf:params:oauth:grant-type:device_code"

// begun is what a device learns when it begins.
type begun struct {
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	URI        string `json:"verification_uri"`
	Complete   string `json:"verification_uri_complete"`
	ExpiresIn  int    `json:"expires_in"`
	Interval   int    `json:"interval"`
}

func (f *fixture) sendDevice(values url.Values) answer {
	r := httptest.NewRequest(http.MethodPost, provider.DevicePath, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return f.send(r)
}

func (f *fixture) begin(pairs ...string) begun {
	f.t.Helper()
	values := form("client_id", "tv", "scope", "openid offline_access")
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	got := f.sendDevice(values)
	if got.status != http.StatusOK {
		f.t.Fatalf("device authorization: %d %s", got.status, got.body)
	}
	var b begun
	must(f.t, json.Unmarshal([]byte(got.body), &b))
	return b
}

func polling(code string, pairs ...string) url.Values {
	values := form("grant_type", deviceGrantType, "device_code", code, "client_id", "tv")
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			values.Del(pairs[i])
		}
	}
	return values
}

func (f *fixture) poll(b begun, code string) {
	f.t.Helper()
	f.wantError(f.post(polling(b.DeviceCode)), http.StatusBadRequest, code)
}

// TestDevice is the whole way: what a device gets is what a browser gets.
func TestDevice(t *testing.T) {
	f := open(t)
	b := f.begin("scope", "openid offline_access permissions organization:acme")
	if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(b.UserCode) || len(b.DeviceCode) != 43 ||
		b.URI != issuer+"/device" || b.Complete != issuer+"/device?user_code="+b.UserCode || b.ExpiresIn != 600 || b.Interval != 5 {
		t.Errorf("answer: %+v", b)
	}
	f.poll(b, "authorization_pending")
	request, err := f.Device(t.Context(), strings.ToLower(" "+strings.ReplaceAll(b.UserCode, "-", " – ")))
	must(t, err)
	if request.Client.ID != "tv" || fmt.Sprint(request.Scopes) != "[openid offline_access permissions]" || request.Organization != "acme" || request.Address != "192.0.2.1" || !request.Asked.Equal(f.clock.Now()) {
		t.Errorf("request: %+v", request)
	}
	must(t, f.ApproveDevice(t.Context(), b.UserCode, f.authorization()))
	got := f.post(polling(b.DeviceCode)) // at once, although the interval is not over
	if got.status != http.StatusOK || got.Scope != "openid offline_access permissions" || got.Refresh == "" || got.ID == "" || got.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("answer: %d %s", got.status, got.body)
	}
	access, idToken := payload(t, got.Access), payload(t, got.ID)
	for name, want := range map[string]any{"sub": string(ada), "sid": string(browser), "org_id": string(acme), "client_id": "tv", "acr": f.authorization().ACR} {
		if access[name] != want {
			t.Errorf("%s is %v", name, access[name])
		}
	}
	if access["grant_id"] == nil || access["permissions"] == nil || idToken["aud"] != "tv" || idToken["at_hash"] != half(got.Access) || idToken["nonce"] != nil {
		t.Errorf("tokens: %v, %v", access, idToken)
	}
	f.poll(b, "invalid_grant")
	f.wantAlive(got.Access) // a device that asks again is no thief
	again := f.post(form("grant_type", "refresh_token", "refresh_token", got.Refresh, "client_id", "tv"))
	f.wantToken(again)
	must(t, f.EndSession(t.Context(), browser))
	f.wantDead(again.Access)
	f.wantError(f.post(form("grant_type", "refresh_token", "refresh_token", again.Refresh, "client_id", "tv")), http.StatusBadRequest, "invalid_grant")
}

// TestDeviceResource: a device asks for one of its resources as a browser's client does (RFC 8707).
func TestDeviceResource(t *testing.T) {
	f := open(t)
	f.saveDeviceClient("tv", func(c *provider.Client) { c.Audience = []string{"https://a.example.com", "https://b.example.com"} })
	b := f.begin("scope", "openid", "resource", "https://b.example.com")
	must(t, f.ApproveDevice(t.Context(), b.UserCode, f.authorization()))
	got := f.post(polling(b.DeviceCode))
	f.wantToken(got)
	if aud := fmt.Sprint(payload(t, got.Access)["aud"]); strings.Contains(aud, "https://a.example.com") || !strings.Contains(aud, "https://b.example.com") {
		t.Errorf("aud is %s", aud)
	}
}

// TestDeviceInterval: every poll that comes too early makes the interval longer, on the server too (RFC 8628 section 3.5).
func TestDeviceInterval(t *testing.T) {
	f := open(t)
	b := f.begin()
	f.poll(b, "authorization_pending")
	for _, step := range []struct {
		wait time.Duration
		code string
	}{
		{5 * time.Second, "authorization_pending"},
		{4 * time.Second, "slow_down"},  // 10 from now on
		{5 * time.Second, "slow_down"},  // 15
		{14 * time.Second, "slow_down"}, // 20
		{20 * time.Second, "authorization_pending"},
		{15 * time.Second, "slow_down"},                                  // 25
		{25*time.Second - 300*time.Millisecond, "authorization_pending"}, // networks are not exact
	} {
		f.clock.advance(step.wait)
		f.poll(b, step.code)
	}
}

func TestDeviceDenied(t *testing.T) {
	f := open(t)
	b := f.begin()
	must(t, f.DenyDevice(t.Context(), b.UserCode))
	f.poll(b, "access_denied")
	f.poll(b, "access_denied")
	if err := f.ApproveDevice(t.Context(), b.UserCode, f.authorization()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("approved after all: %v", err)
	}
}

func TestDeviceExpires(t *testing.T) {
	f := open(t)
	b, approved := f.begin(), f.begin()
	f.clock.advance(10*time.Minute - time.Second)
	if _, err := f.Device(t.Context(), b.UserCode); err != nil {
		t.Errorf("shortly before: %v", err)
	}
	must(t, f.ApproveDevice(t.Context(), approved.UserCode, f.authorization()))
	f.clock.advance(time.Second)
	f.poll(b, "expired_token")
	f.poll(approved, "expired_token")
	for _, err := range []error{f.DenyDevice(t.Context(), b.UserCode), f.ApproveDevice(t.Context(), b.UserCode, f.authorization())} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("decided late: %v", err)
		}
	}
	f.clock.advance(10 * time.Minute)
	f.poll(b, "invalid_grant")
}

// TestDeviceDecisions: who may approve what, and when it is too late.
func TestDeviceDecisions(t *testing.T) {
	f := open(t)
	for _, typed := range []string{"", "BCDF", "BCDF-GHJK", "AAAA-AAAA", strings.Repeat("B", 100)} {
		if _, err := f.Device(t.Context(), typed); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	b := f.begin()
	if _, err := f.Device(t.Context(), b.DeviceCode); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("by its device code: %v", err)
	}
	if err := f.ApproveDevice(t.Context(), b.UserCode, provider.Authorization{}); err == nil {
		t.Error("approved by nobody")
	}
	f.saveDeviceClient("theirs", func(c *provider.Client) { f.createOrganization(acme); c.Organization = acme })
	their := f.begin("client_id", "theirs", "scope", "openid")
	foreign := f.authorization()
	foreign.Organization = id.New[id.Organization]()
	var refused *provider.AuthorizeError
	if err := f.ApproveDevice(t.Context(), their.UserCode, foreign); !errors.As(err, &refused) || refused.Code != "access_denied" {
		t.Errorf("in another organization: %v", err)
	}
	f.setOrganization(acme, false)
	f.clock.advance(4 * time.Second)
	if err := f.ApproveDevice(t.Context(), their.UserCode, f.authorization()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("in a disabled organization: %v", err)
	}
	f.saveDeviceClient("tv", func(c *provider.Client) { c.GrantTypes = []string{"refresh_token"} })
	if err := f.ApproveDevice(t.Context(), b.UserCode, f.authorization()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of a client that may not any more: %v", err)
	}
}

func (f *fixture) saveDeviceClient(client id.Client, change func(*provider.Client)) {
	f.t.Helper()
	c := provider.Client{ID: client, AuthMethod: provider.AuthNone, GrantTypes: []string{deviceGrantType}, Scopes: []string{"openid"}, Enabled: true, Created: f.clock.Now(), Modified: f.clock.Now()}
	change(&c)
	must(f.t, f.db.SaveClient(f.t.Context(), c))
	f.clock.advance(4 * time.Second)
}

// TestDeviceAfterApproval: what ended between approval and poll is felt.
func TestDeviceAfterApproval(t *testing.T) {
	for name, c := range map[string]struct {
		change func(f *fixture)
		status int
		code   string
	}{
		"session ended":   {func(f *fixture) { must(t, f.EndSession(t.Context(), browser)); f.clock.advance(9 * time.Minute) }, 400, "invalid_grant"},
		"user gone":       {func(f *fixture) { f.people.remove(ada) }, 400, "invalid_grant"},
		"client disabled": {func(f *fixture) { f.saveDeviceClient("tv", func(c *provider.Client) { c.Enabled = false }) }, 401, "invalid_client"},
		"grant type gone": {func(f *fixture) { f.saveDeviceClient("tv", func(c *provider.Client) { c.GrantTypes = nil }) }, 400, "unauthorized_client"},
		"short-lived access": {func(f *fixture) {
			must(t, f.EndSession(t.Context(), browser))
			f.clock.advance(9 * time.Minute)
		}, 400, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			if name == "short-lived access" {
				f.config.Lifetimes.Access = time.Minute
				f.restart()
			}
			b := f.begin()
			must(t, f.ApproveDevice(t.Context(), b.UserCode, f.authorization()))
			c.change(f)
			f.wantError(f.post(polling(b.DeviceCode)), c.status, c.code)
		})
	}
}

// TestDeviceErrors: every error of both endpoints, as devices see it.
func TestDeviceErrors(t *testing.T) {
	f := open(t)
	b := f.begin()
	var all bytes.Buffer
	tell := func(name string, got answer) {
		if got.status >= http.StatusInternalServerError || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
		all.WriteString(wire(name, got))
	}
	tell("begin: no client", f.sendDevice(form("scope", "openid")))
	tell("begin: unknown client", f.sendDevice(form("client_id", "nobody")))
	tell("begin: no secret", f.sendDevice(form("client_id", "printer")))
	tell("begin: wrong secret", f.sendDevice(form("client_id", "printer", "client_secret", "x")))
	tell("begin: public client with a secret", f.sendDevice(form("client_id", "tv", "client_secret", "x")))
	tell("begin: grant type not registered", f.sendDevice(form("client_id", "spa")))
	tell("begin: scope not registered", f.sendDevice(form("client_id", "tv", "scope", "openid admin")))
	tell("begin: foreign resource", f.sendDevice(form("client_id", "tv", "resource", "https://other.example.com")))
	tell("begin: no resource", f.sendDevice(form("client_id", "tv", "resource", "x")))
	tell("begin: two organizations", f.sendDevice(form("client_id", "tv", "scope", "openid organization:a", "organization", "b")))
	tell("begin: too long", f.sendDevice(form("client_id", "tv", "scope", strings.Repeat("x", 5000))))
	tell("begin: method", f.send(httptest.NewRequest(http.MethodGet, provider.DevicePath, nil)))
	tell("poll: no code", f.post(polling("")))
	tell("poll: no code at all", f.post(polling("", "device_code", "")))
	tell("poll: unknown code", f.post(polling("x")))
	tell("poll: user code", f.post(polling(b.UserCode)))
	tell("poll: another client's", f.post(polling(b.DeviceCode, "client_id", "printer", "client_secret", webSecret)))
	tell("poll: grant type not registered", f.post(polling(b.DeviceCode, "client_id", "spa")))
	tell("poll: pending", f.post(polling(b.DeviceCode)))
	tell("poll: too early", f.post(polling(b.DeviceCode)))
	must(t, f.DenyDevice(t.Context(), b.UserCode))
	tell("poll: denied", f.post(polling(b.DeviceCode)))
	used, late := f.begin(), f.begin()
	must(t, f.ApproveDevice(t.Context(), used.UserCode, f.authorization()))
	f.wantToken(f.post(polling(used.DeviceCode)))
	tell("poll: used before", f.post(polling(used.DeviceCode)))
	f.clock.advance(10 * time.Minute)
	tell("poll: expired", f.post(polling(late.DeviceCode)))
	for range 100 {
		f.begin()
	}
	tell("begin: too many", f.sendDevice(form("client_id", "tv")))
	golden(t, "device_errors.txt", all.Bytes())
	if text := f.logs.String(); strings.Contains(text, b.DeviceCode) || strings.Contains(text, b.UserCode) {
		t.Error("a code stands in the log")
	}
}

// TestDevicesOfStrangers: with a public client one network has bounded room; a client that authenticates is not concerned.
func TestDevicesOfStrangers(t *testing.T) {
	f := open(t)
	for range 100 {
		f.begin()
	}
	got := f.sendDevice(form("client_id", "tv"))
	f.wantError(got, http.StatusTooManyRequests, "temporarily_unavailable")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	f.begin("client_id", "printer", "client_secret", webSecret, "scope", "openid")
	f.clock.advance(5 * time.Minute)
	f.begin()
}

// TestDeviceCodesAtRest: the store holds neither code, nor a plain hash of the one that is short enough to be tried out.
func TestDeviceCodesAtRest(t *testing.T) {
	f := open(t)
	b := f.begin()
	normal := provider.NormalUserCode(b.UserCode)
	for _, name := range []string{normal, b.UserCode, "user code " + normal} {
		for _, key := range []string{name, secret.Hash(name)} {
			if found, err := f.ephemeral.Any(t.Context(), sessionKey(key)); err != nil || found {
				t.Errorf("the store has %s: %v", key, err)
			}
		}
	}
	entry, err := f.ephemeral.Find(t.Context(), sessionKey(secret.Hash(b.DeviceCode)))
	must(t, err)
	if strings.Contains(string(entry.Value), "tv") {
		t.Error("the device is not sealed")
	}
}
