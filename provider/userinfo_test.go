package provider_test

import (
	"crypto/ecdsa"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatehouse/provider"
)

func TestUserinfo(t *testing.T) {
	f := open(t)
	for name, scope := range map[string]string{"all": "", "openid": "openid", "profile": "openid profile", "email": "openid email"} {
		pairs := []string{}
		if scope != "" {
			pairs = []string{"scope", scope}
		}
		got := f.userinfo(f.tokens(pairs...).Access)
		if got.status != http.StatusOK || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
		golden(t, "userinfo_"+name+".json", []byte(got.body+"\n"))
	}
}

// TestUserinfoOfDisabledClient: a client that may not get tokens any more learns nothing by those it has.
func TestUserinfoOfDisabledClient(t *testing.T) {
	f := open(t)
	got := f.tokens()
	changed, err := f.db.Client(t.Context(), "web")
	must(t, err)
	changed.Enabled = false
	must(t, f.db.SaveClient(t.Context(), changed))
	f.clock.advance(4 * time.Second)
	if got := f.userinfo(got.Access); got.status != http.StatusUnauthorized {
		t.Errorf("userinfo answers %d %s", got.status, got.body)
	}
}

func TestUserinfoToken(t *testing.T) {
	f := open(t)
	good := f.tokens().Access
	request := func(method, query, body, authorization string) *http.Request {
		r := httptest.NewRequest(method, provider.UserinfoPath+query, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		return r
	}
	for name, c := range map[string]struct {
		request   *http.Request
		status    int
		challenge string
	}{
		"GET, header":              {request("GET", "", "", "Bearer "+good), 200, ""},
		"POST, header":             {request("POST", "", "", "bearer "+good), 200, ""},
		"POST, body":               {request("POST", "", "access_token="+good, ""), 200, ""},
		"POST, other form":         {request("POST", "", "x=1", "Bearer "+good), 200, ""},
		"none":                     {request("GET", "", "", ""), 401, `Bearer realm="gatehouse"`},
		"query":                    {request("GET", "?access_token="+good, "", ""), 401, `Bearer realm="gatehouse"`},
		"POST, query":              {request("POST", "?access_token="+good, "x=1", ""), 401, `Bearer realm="gatehouse"`},
		"body of a GET":            {request("GET", "", "access_token="+good, ""), 401, `Bearer realm="gatehouse"`},
		"header and body":          {request("POST", "", "access_token="+good, "Bearer "+good), 400, ""},
		"twice in the body":        {request("POST", "", "access_token="+good+"&access_token="+good, ""), 400, ""},
		"basic":                    {request("GET", "", "", "Basic eDp5"), 401, `Bearer realm="gatehouse"`},
		"garbage":                  {request("GET", "", "", "Bearer x"), 401, `Bearer realm="gatehouse", error="invalid_token", error_description="The access token is not valid."`},
		"64 KiB":                   {request("POST", "", "access_token="+strings.Repeat("x", 65<<10), ""), 413, ""},
		"broken UTF-8":             {request("POST", "", "access_token=%ff", ""), 400, ""},
		"without the scope openid": {request("GET", "", "", "Bearer "+f.tokens("scope", "profile").Access), 403, `Bearer realm="gatehouse", error="insufficient_scope", error_description="The access token has no scope openid."`},
	} {
		got := f.send(c.request)
		if got.status != c.status || got.header.Get("WWW-Authenticate") != c.challenge {
			t.Errorf("%s: %d %q %s", name, got.status, got.header.Get("WWW-Authenticate"), got.body)
		}
	}
	_, key := ownKey(t, f, "ES256", provider.KeyCurrent)
	ofClient := signES256(t, header(t, good), changed(payload(t, good), "sid", nil), key.(*ecdsa.PrivateKey))
	if got := f.userinfo(ofClient); got.status != http.StatusForbidden {
		t.Errorf("a token of no session: %d", got.status)
	}
	f.people.remove(ada)
	if got := f.userinfo(good); got.status != http.StatusUnauthorized {
		t.Errorf("user is gone: %d", got.status)
	}
}
