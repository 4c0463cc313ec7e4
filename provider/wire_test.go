package provider_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gatehouse/provider"
)

// wire is an answer as clients get it: status, headers, body. Golden files are made of it.
func wire(name string, got answer) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n%d %s\n", name, got.status, http.StatusText(got.status))
	for _, header := range slices.Sorted(maps.Keys(got.header)) {
		for _, value := range got.header[header] {
			fmt.Fprintf(&b, "%s: %s\n", header, value)
		}
	}
	fmt.Fprintf(&b, "\n%s\n\n", got.body)
	return b.String()
}

// wireCase is a request that is refused; endpoints have a list of them each.
type wireCase struct {
	name    string
	request *http.Request
}

// TestErrorsOnTheWire: every error answer of an endpoint, in one golden file each, and none may be kept by a cache. The token endpoint's are
// in TestTokenErrors, those of authorization requests in TestAuthorizeErrors and in package login.
func TestErrorsOnTheWire(t *testing.T) {
	f := open(t)
	for endpoint, cases := range map[string][]wireCase{
		"userinfo": userinfoErrors(f), "par": pushErrors(), "methods": methodErrors(),
	} {
		t.Run(endpoint, func(t *testing.T) {
			var all bytes.Buffer
			for _, c := range cases {
				got := f.send(c.request)
				if got.status < http.StatusBadRequest || got.status >= http.StatusInternalServerError {
					t.Errorf("%s: %d %s", c.name, got.status, got.body)
				}
				if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%s: %v", c.name, got.header)
				}
				all.WriteString(wire(c.name, got))
			}
			golden(t, endpoint+"_errors.txt", all.Bytes())
		})
	}
}

func userinfoErrors(f *fixture) []wireCase {
	tokens := f.tokens()
	asking := func(authorization string) *http.Request {
		return withHeader(httptest.NewRequest(http.MethodGet, provider.UserinfoPath, nil), "Authorization", authorization)
	}
	posted := postForm("access_token=" + tokens.Access)
	posted.URL.Path = provider.UserinfoPath
	return []wireCase{
		{"no token", httptest.NewRequest(http.MethodGet, provider.UserinfoPath, nil)},
		{"token in the address", httptest.NewRequest(http.MethodGet, provider.UserinfoPath+"?access_token="+tokens.Access, nil)},
		{"garbage", asking("Bearer x.y.z")},
		{"another scheme", asking("Basic eDp5")},
		{"ID token", asking("Bearer " + tokens.ID)},
		{"refresh token", asking("Bearer " + tokens.Refresh)},
		{"without openid", asking("Bearer " + f.tokens("scope", "profile").Access)},
		{"of a client", asking("Bearer " + f.post(asRobot("scope", "read")).Access)},
		{"two tokens", withHeader(posted, "Authorization", "Bearer "+tokens.Access)},
	}
}

func pushErrors() []wireCase {
	twoScopes := pushForm()
	twoScopes["scope"] = []string{"openid", "profile"}
	withBasic := pushRequest(pushForm("client_secret", "", "client_id", "spa"))
	withBasic.SetBasicAuth("web", webSecret)
	return []wireCase{
		{"empty", pushRequest(url.Values{})},
		{"wrong secret", pushRequest(pushForm("client_secret", "wrong"))},
		{"no secret", pushRequest(request())},
		{"unknown client", pushRequest(pushForm("client_id", "nobody"))},
		{"disabled client", pushRequest(pushForm("client_id", "off"))},
		{"client_id not that of the header", withBasic},
		{"request_uri", pushRequest(pushForm("request_uri", "urn:ietf:params:oauth:request_uri:x"))},
		{"request object", pushRequest(pushForm("request", "x.y.z"))},
		{"unregistered redirect", pushRequest(pushForm("redirect_uri", "https://evil.example.com/"))},
		{"no redirect", pushRequest(pushForm("redirect_uri", ""))},
		{"no challenge", pushRequest(pushForm("code_challenge", ""))},
		{"plain challenge", pushRequest(pushForm("code_challenge_method", "plain"))},
		{"implicit", pushRequest(pushForm("response_type", "token"))},
		{"unknown response mode", pushRequest(pushForm("response_mode", "jwt"))},
		{"unregistered scope", pushRequest(pushForm("scope", "openid admin"))},
		{"two scopes", pushRequest(twoScopes)},
		{"unregistered resource", pushRequest(pushForm("resource", "https://other.example.com"))},
		{"claims that are no JSON", pushRequest(pushForm("claims", "{"))},
		{"unknown prompt", pushRequest(pushForm("prompt", "create"))},
		{"client without the grant", pushRequest(pushForm("client_id", "nocode"))},
		{"JSON", withHeader(pushRequest(pushForm()), "Content-Type", "application/json")},
		{"too large", pushRequest(pushForm("x", strings.Repeat("x", 65<<10)))},
	}
}

func methodErrors() []wireCase {
	var cases []wireCase
	for _, path := range openPaths() {
		cases = append(cases, wireCase{"PUT " + path, httptest.NewRequest(http.MethodPut, path, nil)}, wireCase{"OPTIONS " + path + " that is no preflight", httptest.NewRequest(http.MethodOptions, path, nil)})
	}
	return append(cases, wireCase{"GET " + provider.TokenPath, httptest.NewRequest(http.MethodGet, provider.TokenPath, nil)}, wireCase{"GET " + provider.PushPath, httptest.NewRequest(http.MethodGet, provider.PushPath, nil)})
}

// openPaths are the endpoints that scripts of any page may use.
func openPaths() []string {
	return []string{
		provider.TokenPath, provider.UserinfoPath, provider.PushPath, provider.RevokePath, provider.KeysPath, "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
	}
}

// TestCORS: scripts of any page may ask, without cookies, and read what they need; the authorization endpoint is not among them.
func TestCORS(t *testing.T) {
	f := open(t)
	for _, path := range openPaths() {
		preflight := httptest.NewRequest(http.MethodOptions, path, nil)
		preflight.Header.Set("Origin", "https://spa.example.com")
		preflight.Header.Set("Access-Control-Request-Method", "POST")
		preflight.Header.Set("Access-Control-Request-Headers", "authorization, content-type")
		got := f.send(preflight)
		if got.status != http.StatusNoContent || got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type" ||
			got.header.Get("Access-Control-Allow-Credentials") != "" || got.header.Get("Access-Control-Allow-Methods") == "" {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
	}
	good := []*http.Request{postForm(asRobot().Encode()), pushRequest(pushForm()), httptest.NewRequest(http.MethodGet, provider.KeysPath, nil)}
	for _, r := range append(good, withHeader(httptest.NewRequest(http.MethodGet, provider.UserinfoPath, nil), "Authorization", "Bearer "+f.tokens().Access)) {
		got := f.send(r)
		if got.status > http.StatusCreated || got.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(got.header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") {
			t.Errorf("%s: %d %v", r.URL.Path, got.status, got.header)
		}
	}
	if slices.Contains(openPaths(), provider.AuthorizePath) {
		t.Error("authorize is open")
	}
}
