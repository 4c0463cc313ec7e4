package provider_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/provider"
)

// wantRefusal checks an *AuthorizeError, and whether it goes back to the client or stays on a page.
func (f *fixture) wantRefusal(err error, code string, back bool) {
	f.t.Helper()
	var refused *provider.AuthorizeError
	if !errors.As(err, &refused) {
		f.t.Errorf("error is %v, want an AuthorizeError", err)
		return
	}
	if refused.Code != code || (refused.URL != "") != back {
		f.t.Errorf("refused with %+v, want %s", refused, code)
	}
}

func TestParseAuthorize(t *testing.T) {
	f := open(t)
	hint := f.tokens().ID
	params := request("scope", "openid organization:acme profile offline_access", "prompt", "login consent", "max_age", "60", "acr_values", "a b",
		"login_hint", "ada", "ui_locales", "de en", "id_token_hint", hint, "unknown", "x", "display", "popup", "response_mode", "query")
	got, err := f.ParseAuthorize(t.Context(), params)
	must(t, err)
	age := time.Minute
	want := provider.AuthorizeRequest{
		Client: clients()[0], Scopes: []string{"openid", "profile", "offline_access"}, Prompt: []string{"login", "consent"}, MaxAge: &age,
		ACRValues: []string{"a", "b"}, LoginHint: "ada", UILocales: []string{"de", "en"}, Organization: "acme", IDTokenHintSubject: string(ada),
	}
	kept := got.Params
	got.Params = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if kept.Has("unknown") || kept.Has("display") || kept.Get("state") != "a state" {
		t.Errorf("kept: %v", kept)
	}
	if _, err := f.ParseAuthorize(t.Context(), kept); err != nil {
		t.Errorf("what was kept is refused: %v", err)
	}
}

func TestAuthorizeAccepts(t *testing.T) {
	f := open(t)
	for name, params := range map[string]url.Values{
		"no state": request("state", ""), "short state": request("state", "x"), "odd state": request("state", "ä \"\\&=#+%"), "no nonce": request("nonce", ""), "no scope": request("scope", ""),
		"max_age 0": request("max_age", "0"), "empty parameters": func() url.Values { v := request(); v.Set("request", ""); v.Set("prompt", ""); return v }(),
		"same organization twice": request("organization", "acme", "scope", "openid organization:acme"),
		"hint of a stranger":      request("id_token_hint", "x.y.z"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := f.ParseAuthorize(t.Context(), params); err != nil {
				t.Fatal(err)
			}
			response, err := f.Complete(t.Context(), params, f.authorization())
			must(t, err)
			answer, err := url.Parse(response.URL)
			must(t, err)
			query := answer.Query()
			if query.Get("iss") != issuer || query.Get("state") != params.Get("state") || query.Has("state") != params.Has("state") || len(query.Get("code")) != 43 || query.Has("scope") {
				t.Errorf("answer: %s", response.URL)
			}
		})
	}
}

// TestAuthorizeErrors: each refusal, in one golden file: where it goes and with which words.
func TestAuthorizeErrors(t *testing.T) {
	f := open(t)
	accessToken := f.tokens().Access
	repeated := func(name string) url.Values {
		values := request()
		values[name] = []string{request().Get(name), request().Get(name)}
		return values
	}
	eleven := request()
	eleven["resource"] = slices.Repeat([]string{"https://api.example.com"}, 11)
	cases := []struct {
		name   string
		params url.Values
	}{
		{"nothing", url.Values{}},
		{"no client", request("client_id", "")},
		{"unknown client", request("client_id", "nobody")},
		{"disabled client", request("client_id", "off")},
		{"client with NUL", request("client_id", "web\x00")},
		{"no redirect", request("redirect_uri", "")},
		{"unregistered redirect", request("redirect_uri", "https://evil.example.com/")},
		{"repeated redirect", repeated("redirect_uri")},
		{"repeated client", repeated("client_id")},
		{"repeated state", repeated("state")},
		{"broken UTF-8", request("state", "\xff")},
		{"NUL", request("nonce", "\x00")},
		{"too long", request("state", strings.Repeat("x", 5000))},
		{"client without the grant", request("client_id", "nocode")},
		{"no response type", request("response_type", "")},
		{"implicit", request("response_type", "token")},
		{"hybrid", request("response_type", "code id_token")},
		{"response type in capitals", request("response_type", "CODE")},
		{"unknown response mode", request("response_mode", "jwt")},
		{"form_post and more wrong", request("response_mode", "form_post", "prompt", "create")},
		{"fragment and more wrong", request("response_mode", "fragment", "prompt", "create")},
		{"form_post to an app", request("client_id", "spa", "redirect_uri", "com.example.app:/cb", "response_mode", "form_post")},
		{"no challenge", request("code_challenge", "")},
		{"no method", request("code_challenge_method", "")},
		{"plain", request("code_challenge_method", "plain")},
		{"challenge too short", request("code_challenge", "x")},
		{"challenge with odd characters", request("code_challenge", strings.Repeat("=", 43))},
		{"request object", request("request", "x.y.z")},
		{"request URI", request("request_uri", "https://app.example.com/request")},
		{"pushed request", request("request_uri", "urn:ietf:params:oauth:request_uri:x")},
		{"registration", request("registration", "{}")},
		{"unregistered scope", request("scope", "openid admin")},
		{"scope in capitals", request("scope", "OPENID")},
		{"unregistered audience", request("audience", "https://other.example.com")},
		{"two organizations", request("scope", "openid organization:a organization:b")},
		{"another organization in the scope", request("organization", "a", "scope", "openid organization:b")},
		{"unknown prompt", request("prompt", "create")},
		{"none and more", request("prompt", "none login")},
		{"max_age no number", request("max_age", "soon")},
		{"max_age negative", request("max_age", "-1")},
		{"max_age enormous", request("max_age", "99999999999999999999")},
		{"silent with a foreign hint", request("prompt", "none", "id_token_hint", "x.y.z")},
		{"silent with an access token as hint", request("prompt", "none", "id_token_hint", accessToken)},
		{"claims that are no JSON", request("claims", "{")},
		{"claims that are a list", request("claims", "[]")},
		{"claims that are null", request("claims", "null")},
		{"claims and more", request("claims", "{} {}")},
		{"claims of another form", request("claims", `{"userinfo":{"email":true}}`)},
		{"claims too long", request("claims", `{"userinfo":{"`+strings.Repeat("x", 2048)+`":null}}`)},
		{"too many claims", request("claims", `{"id_token":{`+manyClaims(41)+`}}`)},
		{"too many values", request("claims", `{"id_token":{"name":{"values":[`+strings.Repeat("1,", 20)+`1]}}}`)},
		{"two subjects", request("claims", `{"id_token":{"sub":{"value":"a"}},"userinfo":{"sub":{"value":"b"}}}`)},
		{"subject that is a number", request("claims", `{"id_token":{"sub":{"value":1}}}`)},
		{"essential acr that is unknown", request("claims", `{"id_token":{"acr":{"essential":true,"values":["urn:mace:incommon:iap:silver"]}}}`)},
		{"unregistered resource", request("resource", "https://other.example.com")},
		{"relative resource", request("resource", "/api")},
		{"resource with a fragment", request("resource", "https://api.example.com#x")},
		{"resource with an empty fragment", request("resource", "https://api.example.com#")},
		{"eleven resources", eleven},
		{"too long in sum", request("scope", "openid "+strings.Repeat("x", 4000), "nonce", strings.Repeat("x", 4000), "login_hint", strings.Repeat("x", 4000), "id_token_hint", strings.Repeat("x", 16000))},
		{"redirect with query", request("redirect_uri", "https://app.example.com/cb2?x=1", "prompt", "create", "state", "ä&")},
	}
	var all bytes.Buffer
	for _, c := range cases {
		_, err := f.ParseAuthorize(t.Context(), c.params)
		var refused *provider.AuthorizeError
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		fmt.Fprintf(&all, "# %s\n%s: %s\n%s\n", c.name, refused.Code, refused.Description, refused.URL)
		if refused.Form != nil {
			fmt.Fprintf(&all, "POST %s\n", refused.Form.Encode())
		}
		all.WriteString("\n")
		if _, completed := f.Complete(t.Context(), c.params, f.authorization()); completed == nil {
			t.Errorf("%s: Complete accepts it", c.name)
		}
	}
	golden(t, "authorize_errors.txt", all.Bytes())
}

func manyClaims(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"c%d":null,`, i)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func TestRefuse(t *testing.T) {
	f := open(t)
	response, err := f.Refuse(t.Context(), request("prompt", "none"), "login_required", "Nobody is signed in.")
	must(t, err)
	const want = webRedirect + "?error=login_required&error_description=Nobody+is+signed+in.&iss=https%3A%2F%2Fid.example.com&state=a+state"
	if response.URL != want {
		t.Errorf("answer: %s", response.URL)
	}
	_, err = f.Refuse(t.Context(), request("redirect_uri", "https://evil.example.com"), "login_required", "")
	f.wantRefusal(err, "invalid_request", false)
	_, err = f.Refuse(t.Context(), request("client_id", "nobody"), "login_required", "")
	f.wantRefusal(err, "invalid_request", false)
}

func TestCompleteNeedsSomebody(t *testing.T) {
	f := open(t)
	if response, err := f.Complete(t.Context(), request(), provider.Authorization{}); err == nil {
		t.Errorf("a code for nobody: %s", response.URL)
	}
}

// TestExpiredHint: an ID token says who, also when it has expired.
func TestExpiredHint(t *testing.T) {
	f := open(t)
	hint := f.tokens().ID
	f.clock.advance(24 * time.Hour)
	got, err := f.ParseAuthorize(t.Context(), request("id_token_hint", hint, "prompt", "none"))
	must(t, err)
	if got.IDTokenHintSubject != string(ada) {
		t.Errorf("subject: %q", got.IDTokenHintSubject)
	}
}

// TestHintOfAnotherIssuer: keys may stay when the installation moves to another address; its old ID tokens are of another issuer.
func TestHintOfAnotherIssuer(t *testing.T) {
	f := open(t)
	f.config.Issuer = "https://old.example.com"
	f.restart()
	hint := f.tokens().ID
	f.config.Issuer = issuer
	f.restart()
	got, err := f.ParseAuthorize(t.Context(), request("id_token_hint", hint))
	must(t, err)
	if got.IDTokenHintSubject != "" {
		t.Errorf("subject: %q", got.IDTokenHintSubject)
	}
	_, err = f.ParseAuthorize(t.Context(), request("id_token_hint", hint, "prompt", "none"))
	f.wantRefusal(err, "login_required", true)
}

func TestRedirectURIs(t *testing.T) {
	f := open(t)
	const (
		web = "web"
		spa = "spa"
	)
	for _, c := range []struct {
		client, redirect string
		accepted         bool
	}{
		{web, webRedirect, true},
		{web, "https://app.example.com/cb2?x=1", true},
		{web, "https://app.example.com/cb/", false},
		{web, "https://app.example.com/cb?", false},
		{web, "https://app.example.com/cb?x", false},
		{web, "https://app.example.com/cb#", false},
		{web, "https://app.example.com/cb#x", false},
		{web, "https://app.example.com/CB", false},
		{web, "https://APP.example.com/cb", false},
		{web, "HTTPS://app.example.com/cb", false},
		{web, "http://app.example.com/cb", false},
		{web, "https://app.example.com:443/cb", false},
		{web, "https://app.example.com./cb", false},
		{web, "https://app.example.com/%63b", false},
		{web, "https://app.example.com//cb", false},
		{web, "https://app.example.com/./cb", false},
		{web, "https://app.example.com/x/../cb", false},
		{web, "https://app.example.com/cb;x", false},
		{web, "https://app.example.com/cb%00", false},
		{web, "https://app.example.com/cb ", false},
		{web, " https://app.example.com/cb", false},
		{web, "https://app.example.com/cb\t", false},
		{web, "https://app.example.com/cb%0d%0aSet-Cookie:x", false},
		{web, "https://app.example.com\\@evil.example.com/cb", false},
		{web, "https://app.example.com@evil.example.com/cb", false},
		{web, "https://user@app.example.com/cb", false},
		{web, "https://user:password@app.example.com/cb", false},
		{web, "https://app.example.com.evil.example.com/cb", false},
		{web, "https://evil.example.com/https://app.example.com/cb", false},
		{web, "https://evil.example.com/?https://app.example.com/cb", false},
		{web, "//app.example.com/cb", false},
		{web, "/cb", false},
		{web, "app.example.com/cb", false},
		{web, "https://app.example.com", false},
		{web, "https://app.example.com/cb2?x=1&y=2", false},
		{web, "https://app.example.com/cb2?x=%31", false},
		{web, "javascript:alert(1)//https://app.example.com/cb", false},
		{web, "data:text/html,x", false},
		{web, "", false},
		{spa, "https://spa.example.com/", true},
		{spa, "https://spa.example.com", false},
		{spa, "http://127.0.0.1/cb", true},
		{spa, "http://127.0.0.1:5000/cb", true},
		{spa, "http://127.0.0.1:1/cb", true},
		{spa, "http://127.0.0.1:65535/cb", true},
		{spa, "http://127.0.0.1:65536/cb", false},
		{spa, "http://127.0.0.1:0/cb", false},
		{spa, "http://127.0.0.1:080/cb", false},
		{spa, "http://127.0.0.1:/cb", false},
		{spa, "http://127.0.0.1:80@evil.example.com/cb", false},
		{spa, "http://127.0.0.1:5000/%63b", false},
		{spa, "http://127.0.0.1:5000/cb?x", false},
		{spa, "http://127.0.0.1:5000/cb#", false},
		{spa, "http://127.0.0.1:5000/CB", false},
		{spa, "http://127.0.0.1:5000/cb/", false},
		{spa, "http://evil@127.0.0.1:5000/cb", false},
		{spa, "http://@127.0.0.1:5000/cb", false},
		{spa, "https://127.0.0.1:5000/cb", false},
		{spa, "HTTP://127.0.0.1:5000/cb", false},
		{spa, "http://127.0.0.2:5000/cb", false},
		{spa, "http://127.1:5000/cb", false},
		{spa, "http://2130706433:5000/cb", false},
		{spa, "http://0x7f.0.0.1:5000/cb", false},
		{spa, "http://127.0.0.1.evil.example.com:5000/cb", false},
		{spa, "http://localhost:5000/cb", false},
		{spa, "http://[::1]:5000/cb?a=b", true},
		{spa, "http://[::1]/cb?a=b", true},
		{spa, "http://[::1]:5000/cb", false},
		{spa, "http://[0:0:0:0:0:0:0:1]:5000/cb?a=b", false},
		{spa, "http://[::ffff:127.0.0.1]:5000/cb", false},
		{spa, "com.example.app:/cb", true},
		{spa, "com.example.app:/cb/x", false},
		{spa, "com.example.app://cb", false},
		{spa, webRedirect, false},
	} {
		_, err := f.ParseAuthorize(t.Context(), request("client_id", c.client, "redirect_uri", c.redirect))
		if accepted := err == nil; accepted != c.accepted {
			t.Errorf("%s at %q: %v", c.client, c.redirect, err)
		}
		if err != nil {
			f.wantRefusal(err, "invalid_request", false)
		}
	}
}

// TestRegisteredNonsense: some targets are refused even if somebody registered them.
func TestRegisteredNonsense(t *testing.T) {
	f := open(t)
	bad := []string{"javascript:alert(1)", "data:text/html,x", "http://app.example.com/cb", "https://a@app.example.com/", "https://app.example.com/#x", "https:///cb", "relative"}
	must(t, f.db.SaveClient(t.Context(), provider.Client{
		ID: "careless", AuthMethod: provider.AuthNone, RedirectURIs: bad, GrantTypes: []string{"authorization_code"}, Scopes: []string{"openid"}, Enabled: true,
		Created: f.clock.Now(), Modified: f.clock.Now(),
	}))
	for _, redirect := range bad {
		_, err := f.ParseAuthorize(t.Context(), request("client_id", "careless", "scope", "openid", "redirect_uri", redirect))
		f.wantRefusal(err, "invalid_request", false)
	}
}
