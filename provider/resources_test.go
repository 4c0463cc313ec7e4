package provider_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
)

const (
	firstAPI  = "https://api.example.com"
	secondAPI = "https://billing.example.com/v1"
)

// withResources adds resource parameters.
func withResources(values url.Values, resources ...string) url.Values {
	values["resource"] = resources
	return values
}

// openWithTwo is a provider whose "web" and robot may use two resources.
func openWithTwo(t *testing.T) *fixture {
	f := open(t)
	f.setAudience("web", firstAPI, secondAPI)
	f.setAudience(robot, firstAPI, secondAPI)
	return f
}

func (f *fixture) setAudience(client id.Client, audience ...string) {
	f.t.Helper()
	changed, err := f.db.Client(f.t.Context(), client)
	must(f.t, err)
	changed.Audience = audience
	must(f.t, f.db.SaveClient(f.t.Context(), changed))
	f.clock.advance(5 * time.Second)
}

func (f *fixture) wantAudience(got answer, want ...string) {
	f.t.Helper()
	if got.status != http.StatusOK {
		f.t.Fatalf("answer: %d %s", got.status, got.body)
	}
	token, err := f.VerifyAccessToken(f.t.Context(), got.Access)
	must(f.t, err)
	if !slices.Equal(token.Audience, want) {
		f.t.Errorf("audience %q, want %q", token.Audience, want)
	}
}

// TestResources: what was asked for at authorize bounds every token of the grant; a token request may ask for less (RFC 8707 section 2.2).
func TestResources(t *testing.T) {
	f := openWithTwo(t)
	f.wantAudience(f.post(redeem(f.code(request()))), "web", firstAPI, secondAPI)
	f.wantAudience(f.post(redeem(f.code(withResources(request(), firstAPI, firstAPI, "")))), firstAPI)
	f.wantAudience(f.post(redeem(f.code(request("audience", secondAPI)))), secondAPI)

	both := f.post(withResources(redeem(f.code(withResources(request(), secondAPI, firstAPI))), firstAPI))
	f.wantAudience(both, firstAPI)
	again := f.post(refreshing(both.Refresh))
	f.wantAudience(again, secondAPI, firstAPI)
	f.wantAudience(f.post(withResources(refreshing(again.Refresh), secondAPI)), secondAPI)

	open := f.post(withResources(redeem(f.code(request())), secondAPI))
	f.wantAudience(open, secondAPI)
	f.wantAudience(f.post(refreshing(open.Refresh)), "web", firstAPI, secondAPI)
	f.wantAudience(f.post(withResources(asRobot(), secondAPI, firstAPI)), secondAPI, firstAPI)
	f.wantAudience(f.post(withResources(asRobot("audience", firstAPI+" "+secondAPI), secondAPI)), secondAPI)
}

// TestResourcesBeyondTheGrant: nobody widens what was granted, and an error spends no refresh token.
func TestResourcesBeyondTheGrant(t *testing.T) {
	f := openWithTwo(t)
	granted := f.post(redeem(f.code(withResources(request(), firstAPI))))
	f.wantAudience(granted, firstAPI)
	for _, resource := range []string{secondAPI, "web", "https://other.example.com", firstAPI + "/", strings.ToUpper(firstAPI), firstAPI + "#", "api"} {
		f.wantError(f.post(withResources(refreshing(granted.Refresh), resource)), http.StatusBadRequest, "invalid_target")
		f.wantError(f.post(withResources(refreshing(granted.Refresh), firstAPI, resource)), http.StatusBadRequest, "invalid_target")
		f.wantError(f.post(withResources(redeem(f.code(withResources(request(), firstAPI))), resource)), http.StatusBadRequest, "invalid_target")
	}
	f.wantError(f.post(withResources(asRobot(), "https://other.example.com")), http.StatusBadRequest, "invalid_target")
	f.wantError(f.post(withResources(asRobot(), slices.Repeat([]string{firstAPI}, 11)...)), http.StatusBadRequest, "invalid_request")
	f.wantAudience(f.post(refreshing(granted.Refresh)), firstAPI)
}

// TestResourceTakenFromTheClient: a grant loses what its client loses, and never falls back to everything.
func TestResourceTakenFromTheClient(t *testing.T) {
	f := openWithTwo(t)
	both := f.post(redeem(f.code(withResources(request(), firstAPI, secondAPI))))
	only := f.post(redeem(f.code(withResources(request(), firstAPI))))
	code := f.code(withResources(request(), firstAPI))
	f.setAudience("web", secondAPI)
	f.wantAudience(f.post(refreshing(both.Refresh)), secondAPI)
	f.wantError(f.post(refreshing(only.Refresh)), http.StatusBadRequest, "invalid_target")
	f.wantError(f.post(redeem(code)), http.StatusBadRequest, "invalid_target")
}
