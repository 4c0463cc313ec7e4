package provider_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

const robot = "robot: nr 1"

func asRobot(pairs ...string) url.Values {
	values := form("grant_type", "client_credentials", "client_id", robot, "client_secret", robotSecret)
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			values.Del(pairs[i])
		}
	}
	return values
}

func basic(user, password, body string) *http.Request {
	r := postForm(body)
	r.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
	return r
}

func TestClientCredentials(t *testing.T) {
	f := open(t)
	got := f.post(asRobot("scope", "read write organization:acme"))
	if got.status != http.StatusOK || got.Scope != "read write" || got.Refresh != "" || got.ID != "" || got.Expires != 600 || got.Type != "Bearer" {
		t.Fatalf("answer: %d %s", got.status, got.body)
	}
	token, err := f.VerifyAccessToken(t.Context(), got.Access)
	must(t, err)
	if token.Subject != robot || token.Client != robot || token.Session != "" || fmt.Sprint(token.Audience) != "["+robot+" https://api.example.com]" {
		t.Errorf("token: %+v", token)
	}
	if none := f.post(asRobot()); none.status != http.StatusOK || none.Scope != "" {
		t.Errorf("without scope: %d %s", none.status, none.body)
	}
	if got := f.userinfo(got.Access); got.status != http.StatusForbidden {
		t.Errorf("userinfo of a client: %d %s", got.status, got.body)
	}
}

func TestClientOfOrganization(t *testing.T) {
	f := open(t)
	f.saveClientOf(acme)
	got := f.post(form("grant_type", "client_credentials", "client_id", "theirs", "client_secret", webSecret))
	if got.status != http.StatusOK || payload(t, got.Access)["org_id"] != string(acme) {
		t.Errorf("answer: %d %s", got.status, got.body)
	}
	given := f.authorization()
	if _, err := f.Complete(t.Context(), request("client_id", "theirs", "scope", "openid"), given); err != nil {
		t.Errorf("in its organization: %v", err)
	}
	given.Organization = id.New[id.Organization]()
	_, err := f.Complete(t.Context(), request("client_id", "theirs", "scope", "openid"), given)
	f.wantRefusal(err, "access_denied", true)
}

func TestClientAuthentication(t *testing.T) {
	f := open(t)
	body := "grant_type=client_credentials"
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		code    string
	}{
		"basic, percent-encoded":      {basic(robot, robotSecret, body), 200, ""},
		"basic, same client_id too":   {basic(robot, robotSecret, body+"&client_id="+url.QueryEscape(robot)), 200, ""},
		"basic, empty secret in body": {basic(robot, robotSecret, body+"&client_secret="), 200, ""},
		"post":                        {postForm(asRobot().Encode()), 200, ""},
		"basic and another client_id": {basic(robot, robotSecret, body+"&client_id=web"), 400, "invalid_request"},
		"basic and secret in body":    {basic(robot, robotSecret, body+"&client_secret=x"), 400, "invalid_request"},
		"basic, wrong secret":         {basic(robot, "wrong", body), 401, "invalid_client"},
		"basic, hash as secret":       {basic(robot, secret.Hash(robotSecret), body), 401, "invalid_client"},
		"basic, no secret":            {basic(robot, "", body), 401, "invalid_client"},
		"basic, unknown":              {basic("nobody", robotSecret, body), 401, "invalid_client"},
		"basic, disabled":             {basic("off", webSecret, body), 401, "invalid_client"},
		"basic, broken encoding":      {rawBasic("%zz", "x", body), 401, "invalid_client"},
		"basic, NUL":                  {rawBasic("%00", "x", body), 401, "invalid_client"},
		"basic, not UTF-8":            {rawBasic("%ff", "x", body), 401, "invalid_client"},
		"two Authorization headers":   {twice(basic(robot, robotSecret, body)), 401, "invalid_client"},
		"bearer":                      {withHeader(postForm(asRobot().Encode()), "Authorization", "Bearer x"), 401, "invalid_client"},
		"post, wrong secret":          {postForm(asRobot("client_secret", "wrong").Encode()), 401, "invalid_client"},
		"post, no secret":             {postForm(asRobot("client_secret", "").Encode()), 401, "invalid_client"},
		"nobody":                      {postForm(body), 401, "invalid_client"},
		"client without stored hash":  {postForm(asRobot("client_id", "nosecret", "client_secret", "").Encode()), 401, "invalid_client"},
		"empty hash, some secret":     {postForm(asRobot("client_id", "nosecret").Encode()), 401, "invalid_client"},
		"assertion":                   {postForm(asRobot("client_assertion", "x.y.z", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer").Encode()), 400, "invalid_request"},
		"public with a secret":        {postForm(refreshing("x", "client_id", "spa").Encode()), 401, "invalid_client"},
		"public, client credentials":  {postForm(asRobot("client_id", "spa", "client_secret", "").Encode()), 400, "unauthorized_client"},
		"grant not registered":        {postForm(asRobot("client_id", "web", "client_secret", webSecret).Encode()), 400, "unauthorized_client"},
		"secret in the query":         {inQuery(asRobot()), 401, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			got := f.send(c.request)
			if got.status != c.status || got.Error != c.code {
				t.Errorf("answer is %d %s, want %d %s", got.status, got.body, c.status, c.code)
			}
			if challenged := strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic "); challenged != (c.status == 401) {
				t.Errorf("WWW-Authenticate: %q", got.header.Get("WWW-Authenticate"))
			}
		})
	}
}

func rawBasic(user, password, body string) *http.Request {
	r := postForm(body)
	r.SetBasicAuth(user, password)
	return r
}

func twice(r *http.Request) *http.Request {
	r.Header.Add("Authorization", r.Header.Get("Authorization"))
	return r
}

func withHeader(r *http.Request, name, value string) *http.Request {
	r.Header.Set(name, value)
	return r
}

func inQuery(values url.Values) *http.Request {
	r := postForm("grant_type=client_credentials")
	r.URL.RawQuery = values.Encode()
	return r
}

// TestTokenErrors: every error of the token endpoint, as clients see it, in one golden file. None is a 500.
func TestTokenErrors(t *testing.T) {
	f := open(t)
	refreshToken := f.tokens().Refresh
	const urlencoded = "application/x-www-form-urlencoded"
	cases := []struct{ name, kind, body string }{
		{"empty body", urlencoded, ""},
		{"no grant type", urlencoded, asRobot("grant_type", "").Encode()},
		{"unknown grant type", urlencoded, asRobot("grant_type", "password").Encode()},
		{"two grant types", urlencoded, asRobot("grant_type", "client_credentials refresh_token").Encode()},
		{"repeated parameter", urlencoded, asRobot().Encode() + "&scope=read&scope=write"},
		{"NUL", urlencoded, asRobot().Encode() + "&scope=%00"},
		{"broken UTF-8", urlencoded, asRobot().Encode() + "&scope=%ff%fe"},
		{"broken encoding", urlencoded, asRobot().Encode() + "&scope=%z"},
		{"NUL in a name", urlencoded, asRobot().Encode() + "&%00=1"},
		{"too large", urlencoded, asRobot().Encode() + "&x=" + strings.Repeat("x", 64<<10)},
		{"no content type", "", asRobot().Encode()},
		{"JSON", "application/json", `{"grant_type":"client_credentials"}`},
		{"multipart", "multipart/form-data; boundary=x", "--x--"},
		{"scope not registered", urlencoded, asRobot("scope", "read admin").Encode()},
		{"scope in other case", urlencoded, asRobot("scope", "READ").Encode()},
		{"openid without a user", urlencoded, asRobot("scope", "openid").Encode()},
		{"resource not registered", urlencoded, asRobot("resource", "https://other.example.com").Encode()},
		{"resource that is no URI", urlencoded, asRobot("resource", "api").Encode()},
		{"resource beyond the grant", urlencoded, refreshing(refreshToken, "resource", "https://other.example.com").Encode()},
		{"wrong secret", urlencoded, asRobot("client_secret", "wrong").Encode()},
		{"audience not registered", urlencoded, asRobot("audience", "https://other.example.com").Encode()},
		{"unknown client", urlencoded, asRobot("client_id", "nobody").Encode()},
		{"grant type not registered", urlencoded, redeem("x", "grant_type", "client_credentials").Encode()},
		{"no code", urlencoded, redeem("", "code", "").Encode()},
		{"unknown code", urlencoded, redeem("x").Encode()},
		{"no verifier", urlencoded, redeem(f.code(request()), "code_verifier", "").Encode()},
		{"wrong verifier", urlencoded, redeem(f.code(request()), "code_verifier", strings.Repeat("x", 50)).Encode()},
		{"wrong redirect", urlencoded, redeem(f.code(request()), "redirect_uri", "https://evil.example.com").Encode()},
		{"no refresh token", urlencoded, refreshing("", "refresh_token", "").Encode()},
		{"unknown refresh token", urlencoded, refreshing("x").Encode()},
		{"scope beyond the grant", urlencoded, refreshing(refreshToken, "scope", "openid admin").Encode()},
	}
	var all bytes.Buffer
	for _, c := range cases {
		r := httptest.NewRequest(http.MethodPost, provider.TokenPath, strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		got := f.send(r)
		if got.status >= http.StatusInternalServerError || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v", c.name, got.status, got.header)
		}
		all.WriteString(wire(c.name, got))
	}
	golden(t, "token_errors.txt", all.Bytes())
	for _, word := range []string{webSecret, robotSecret, refreshToken, verifierText} {
		if strings.Contains(f.logs.String(), word) {
			t.Error("a secret stands in the log")
		}
	}
}

func TestMethods(t *testing.T) {
	f := open(t)
	for path, allowed := range map[string]string{
		provider.TokenPath: "POST", provider.PushPath: "POST", provider.UserinfoPath: "GET, POST", provider.KeysPath: "GET, HEAD",
		"/.well-known/openid-configuration": "GET, HEAD", "/.well-known/oauth-authorization-server": "GET, HEAD",
	} {
		got := f.send(httptest.NewRequest(http.MethodDelete, path, nil))
		if got.status != http.StatusMethodNotAllowed || got.header.Get("Allow") != allowed {
			t.Errorf("%s: %d, Allow: %q", path, got.status, got.header.Get("Allow"))
		}
	}
}

// TestClientChanges: a change is seen within seconds, and no request asks the database while nothing changed.
func TestClientChanges(t *testing.T) {
	f := open(t)
	if got := f.post(asRobot()); got.status != http.StatusOK {
		t.Fatalf("answer: %s", got.body)
	}
	changed, err := f.db.Client(t.Context(), robot)
	must(t, err)
	changed.Enabled = false
	must(t, f.db.SaveClient(t.Context(), changed))
	f.clock.advance(4 * 1e9)
	f.wantError(f.post(asRobot()), http.StatusUnauthorized, "invalid_client")
}

// TestDisabledOrganization: its clients get nothing, not even as themselves, until it is enabled again.
func TestDisabledOrganization(t *testing.T) {
	f := open(t)
	f.saveClientOf(acme)
	asking := form("grant_type", "client_credentials", "client_id", "theirs", "client_secret", webSecret)
	if got := f.post(asking); got.status != http.StatusOK {
		t.Fatalf("answer: %d %s", got.status, got.body)
	}
	code := f.code(request("client_id", "theirs", "scope", "openid"))
	f.setOrganization(acme, false)
	f.clock.advance(4 * time.Second)
	f.wantError(f.post(asking), http.StatusUnauthorized, "invalid_client")
	f.wantError(f.post(redeem(code, "client_id", "theirs")), http.StatusUnauthorized, "invalid_client")
	_, err := f.ParseAuthorize(t.Context(), request("client_id", "theirs", "scope", "openid"))
	f.wantRefusal(err, "invalid_request", false)
	f.setOrganization(acme, true)
	f.clock.advance(4 * time.Second)
	if got := f.post(asking); got.status != http.StatusOK {
		t.Errorf("enabled again: %d %s", got.status, got.body)
	}
}

func (f *fixture) setOrganization(organization id.Organization, active bool) {
	f.t.Helper()
	scope := tenancy.System("test")
	changed, err := f.db.Organization(f.t.Context(), scope, organization)
	must(f.t, err)
	changed.Active = active
	must(f.t, f.db.UpdateOrganization(f.t.Context(), scope, changed))
}

func (f *fixture) saveClientOf(organization id.Organization) {
	f.t.Helper()
	f.createOrganization(organization)
	must(f.t, f.db.SaveClient(f.t.Context(), provider.Client{
		ID: "theirs", Organization: organization, Secrets: []provider.ClientSecret{{Hash: secret.Hash(webSecret)}}, RedirectURIs: []string{webRedirect},
		GrantTypes: []string{"client_credentials", "authorization_code"}, Scopes: []string{"openid"}, Enabled: true, Created: f.clock.Now(), Modified: f.clock.Now(),
	}))
}

func asJSON(t testing.TB, value any) []byte {
	t.Helper()
	raw, err := json.MarshalIndent(value, "", "  ")
	must(t, err)
	return append(raw, '\n')
}
