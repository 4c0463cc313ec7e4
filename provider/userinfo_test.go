package provider_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/provider"
)

func TestUserinfo(t *testing.T) {
	f := open(t)
	for name, scope := range map[string]string{"all": "", "openid": "openid", "phone": "openid phone", "profile": "openid profile", "email": "openid email"} {
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

// TestSignedUserinfo: a client that wants it gets a JWT for itself, which nobody takes for an ID or access token.
func TestSignedUserinfo(t *testing.T) {
	f := open(t)
	for _, algorithm := range provider.SigningAlgorithms() {
		signing, err := f.db.Client(t.Context(), "web")
		must(t, err)
		signing.UserinfoAlg = algorithm
		must(t, f.db.SaveClient(t.Context(), signing))
		f.clock.advance(5 * time.Second)
		got := f.userinfo(f.tokens().Access)
		if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/jwt" || got.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v %s", got.status, got.header, got.body)
		}
		if alg := header(t, got.body)["alg"]; alg != algorithm {
			t.Errorf("signed with %v", alg)
		}
		claims := payload(t, got.body)
		if claims["iss"] != issuer || claims["aud"] != "web" || claims["sub"] != string(ada) || claims["email"] != "ada@acme.example" || claims["nonce"] != nil {
			t.Errorf("claims: %v", claims)
		}
		f.wantSignedByUs(got.body)
		if answer := f.userinfo(got.body); answer.status != http.StatusUnauthorized {
			t.Errorf("as an access token: %d", answer.status)
		}
		_, err = f.ParseAuthorize(t.Context(), request("id_token_hint", got.body, "prompt", "none"))
		f.wantRefusal(err, "login_required", true)
	}
}

// wantSignedByUs checks a JWT against the published keys.
func (f *fixture) wantSignedByUs(token string) {
	f.t.Helper()
	var published jose.JSONWebKeySet
	must(f.t, json.Unmarshal([]byte(f.send(httptest.NewRequest(http.MethodGet, provider.KeysPath, nil)).body), &published))
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA})
	must(f.t, err)
	keys := published.Key(parsed.Signatures[0].Header.KeyID)
	if len(keys) != 1 {
		f.t.Fatalf("%d keys", len(keys))
	}
	if _, err := parsed.Verify(keys[0]); err != nil {
		f.t.Error(err)
	}
}
