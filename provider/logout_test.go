package provider_test

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/provider"
)

const (
	home      = "https://app.example.com/bye"
	homeQuery = "https://app.example.com/bye?from=id&x="
	tellWeb   = "https://app.example.com/backchannel"
)

// leaving lets "web" and "spa" return from signing out, and be told of it.
func leaving(t testing.TB) *fixture {
	t.Helper()
	f := open(t)
	f.letLeave()
	return f
}

func (f *fixture) letLeave() {
	t := f.t
	t.Helper()
	for _, client := range []id.Client{"web", "spa", "short"} {
		stored, err := f.db.Client(t.Context(), client)
		must(t, err)
		stored.PostLogout, stored.BackchannelLogoutURI = []string{home, homeQuery, "com.example.app:/bye"}, tellWeb
		stored.UserinfoAlg = "RS256"
		if client == "short" {
			stored.IDTokenAlg = "EdDSA"
		}
		must(t, f.db.SaveClient(t.Context(), stored))
	}
	f.restart()
}

// hint is an ID token of Ada at "web".
func (f *fixture) hint() string { return f.tokens().ID }

// spaHint is one of the public client, which is signed with ES256.
func (f *fixture) spaHint() string {
	f.t.Helper()
	got := f.post(form("grant_type", "authorization_code", "client_id", "spa", "redirect_uri", "https://spa.example.com/", "code_verifier", verifierText,
		"code", f.code(request("client_id", "spa", "redirect_uri", "https://spa.example.com/"))))
	if header(f.t, got.ID)["alg"] != "ES256" {
		f.t.Fatalf("no ES256: %s", got.body)
	}
	return got.ID
}

func TestParseLogout(t *testing.T) {
	f := leaving(t)
	web, spa := f.hint(), f.spaHint()
	short := f.post(redeem(f.code(request("client_id", "short", "scope", "openid")), "client_id", "short")).ID
	if header(t, short)["alg"] != "EdDSA" {
		t.Fatalf("no EdDSA: %s", short)
	}
	f.clock.advance(30 * 24 * time.Hour) // hints may have expired
	for name, test := range map[string]struct {
		params         url.Values
		client         id.Client
		redirect       string
		hinted, refuse bool
	}{
		"nothing":                          {form(), "", "", false, false},
		"state alone":                      {form("state", "s"), "", "", false, false},
		"hint of RS256":                    {form("id_token_hint", web, "post_logout_redirect_uri", home, "state", "a b&c"), "web", home + "?state=a+b%26c", true, false},
		"hint of ES256":                    {form("id_token_hint", spa, "post_logout_redirect_uri", home), "spa", home, true, false},
		"hint of EdDSA":                    {form("id_token_hint", short, "post_logout_redirect_uri", home), "short", home, true, false},
		"hint and its client":              {form("id_token_hint", web, "client_id", "web"), "web", "", true, false},
		"hint and another client":          {form("id_token_hint", web, "client_id", "spa"), "", "", false, true},
		"client alone":                     {form("client_id", "web", "post_logout_redirect_uri", home, "state", "s"), "web", home + "?state=s", false, false},
		"unknown client":                   {form("client_id", "nobody"), "", "", false, true},
		"disabled client":                  {form("client_id", "off"), "", "", false, true},
		"no client":                        {form("post_logout_redirect_uri", home), "", "", false, true},
		"a query is kept":                  {form("client_id", "web", "post_logout_redirect_uri", homeQuery, "state", "s"), "web", homeQuery + "&state=s", false, false},
		"an app":                           {form("client_id", "web", "post_logout_redirect_uri", "com.example.app:/bye", "state", "s"), "web", "com.example.app:/bye?state=s", false, false},
		"a query is added":                 {form("id_token_hint", web, "post_logout_redirect_uri", home+"?foo=bar"), "", "", false, true},
		"a slash is added":                 {form("id_token_hint", web, "post_logout_redirect_uri", home+"/"), "", "", false, true},
		"a fragment is added":              {form("id_token_hint", web, "post_logout_redirect_uri", home+"#x"), "", "", false, true},
		"a user is added":                  {form("id_token_hint", web, "post_logout_redirect_uri", "https://app.example.com@evil.example/bye"), "", "", false, true},
		"no scheme":                        {form("id_token_hint", web, "post_logout_redirect_uri", "//app.example.com/bye"), "", "", false, true},
		"a backslash":                      {form("id_token_hint", web, "post_logout_redirect_uri", `https:\\app.example.com/bye`), "", "", false, true},
		"a redirect URI of signing in":     {form("id_token_hint", web, "post_logout_redirect_uri", webRedirect), "", "", false, true},
		"locales and a hint of the person": {form("ui_locales", "de en", "logout_hint", "ada", "client_id", "web"), "web", "", false, false},
	} {
		got, err := f.ParseLogout(t.Context(), test.params)
		var refused *provider.LogoutError
		if test.refuse {
			if !errors.As(err, &refused) || got.Redirect != "" {
				t.Errorf("%s: %v, to %q", name, err, got.Redirect)
			}
			continue
		}
		if err != nil || got.Client.ID != test.client || got.Redirect != test.redirect || got.Hinted() != test.hinted {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if about := got.About(browser, ada); about != test.hinted || got.About("another", ada) || got.About(browser, "another") {
			t.Errorf("%s: is about the session: %v", name, about)
		}
	}
}

// TestLogoutHintsThatAreNone: what is no ID token of ours, signed by a key of ours, makes a page.
func TestLogoutHintsThatAreNone(t *testing.T) {
	f := leaving(t)
	tokens := f.tokens()
	parts := strings.Split(tokens.ID, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
	_, logout, err := f.LogoutToken(t.Context(), provider.Participant{Client: "web", User: ada, Session: browser})
	must(t, err)
	other := leaving(t)
	other.config.Issuer = "https://other.example.com"
	other.restart()
	for name, hint := range map[string]string{
		"nonsense": "x", "algorithm none": none, "an access token": tokens.Access, "a logout token": logout, "a refresh token": tokens.Refresh,
		"signed userinfo": f.userinfo(tokens.Access).body, "no signature": parts[0] + "." + parts[1] + ".", "another one's claims": parts[0] + "." + strings.Split(f.spaHint(), ".")[1] + "." + parts[2],
		"another issuer with the same keys": other.hint(), "too long": tokens.ID + strings.Repeat("x", 20000),
	} {
		for _, more := range []url.Values{form(), form("client_id", "web", "post_logout_redirect_uri", home)} {
			more.Set("id_token_hint", hint)
			var refused *provider.LogoutError
			if got, err := f.ParseLogout(t.Context(), more); !errors.As(err, &refused) || got.Redirect != "" {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
	}
	twice := url.Values{"client_id": {"web", "spa"}}
	var refused *provider.LogoutError
	if _, err := f.ParseLogout(t.Context(), twice); !errors.As(err, &refused) {
		t.Errorf("a repeated parameter: %v", err)
	}
}

func TestLogoutToken(t *testing.T) {
	f := leaving(t)
	before := f.tokens()
	told := provider.Participant{Client: "web", User: ada, Session: browser}
	uri, token, err := f.LogoutToken(t.Context(), told)
	must(t, err)
	if uri != tellWeb {
		t.Errorf("goes to %s", uri)
	}
	if got := header(t, token); got["typ"] != "logout+jwt" || got["alg"] != "RS256" || got["kid"] != header(t, before.ID)["kid"] {
		t.Errorf("header %v", got)
	}
	claims, now := payload(t, token), float64(f.clock.Now().Unix())
	jti := claims["jti"]
	delete(claims, "jti")
	want := map[string]any{
		"iss": issuer, "aud": "web", "sub": string(ada), "sid": string(browser), "iat": now, "exp": now + 120,
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Error(diff)
	}
	if got := payload(t, before.ID); got["sub"] != claims["sub"] || got["sid"] != claims["sid"] {
		t.Errorf("the ID token names %v, %v", got["sub"], got["sid"])
	}
	_, again, err := f.LogoutToken(t.Context(), told)
	must(t, err)
	if text, _ := jti.(string); len(text) < 20 || payload(t, again)["jti"] == jti {
		t.Errorf("jti %v, then %v", jti, payload(t, again)["jti"])
	}
	if _, token, err = f.LogoutToken(t.Context(), provider.Participant{Client: "spa", User: ada, Session: browser}); err != nil || header(t, token)["alg"] != "ES256" {
		t.Errorf("for a client of ES256: %v", err)
	}
	if _, err := f.VerifyAccessToken(t.Context(), token); err == nil {
		t.Error("a logout token is taken for an access token")
	}
}
