package conformance

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// bcpPlan is what OAuth 2.1 and RFC 9700 (the security best current practice) demand of an authorization server, by section.
func bcpPlan(t *testing.T, r run) {
	for name, m := range map[string]module{
		"rfc9700-2.1-exact-redirect-uri":       registeredRedirectURI,
		"rfc9700-2.1.1-pkce-required":          pkceRequired,
		"rfc9700-2.1.1-pkce-downgrade":         pkceDowngrade,
		"rfc9700-2.1.2-no-implicit":            noImplicit,
		"rfc9700-2.2.2-refresh-token-rotation": refreshRotation,
		"rfc9700-2.3-audience":                 audience,
		"rfc9700-2.4-no-password-grant":        noPasswordGrant,
		"rfc9700-2.5-client-authentication":    clientAuthentication,
		"rfc9700-4.2.4-referrer":               referrer,
		"rfc9700-4.3.2-token-in-address":       tokenInAddress,
		"rfc9700-4.4.2-issuer":                 issuer,
		"rfc9700-4.5-code-of-another-client":   codeOfAnother,
		"rfc9700-4.12-status-303":              status303,
		"rfc9700-4.16-framing":                 framing,
		"rfc6749-3.1-repeated-parameters":      repeated,
		"rfc8252-7.3-loopback-port":            loopback,
		"rfc6749-4.4-client-credentials":       clientCredentials,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m(t, r)
		})
	}
}

func pkceRequired(t *testing.T, r run) {
	for _, q := range []request{
		r.request("code_challenge", ""), r.request("code_challenge_method", "plain"), r.request("code_challenge_method", ""), r.request("code_challenge", "short"),
	} {
		r.refused(t, r.visit(newBrowser(t), q), q, "invalid_request")
	}
}

// pkceDowngrade: a wrong or missing verifier spends the code.
func pkceDowngrade(t *testing.T, r run) {
	for _, verifier := range []string{"", strings.Repeat("x", 43)} {
		b := newBrowser(t)
		q := r.request()
		code := r.answered(t, b.signIn(r.visit(b, q)), q).Get("code")
		wrong := q
		wrong.verifier = verifier
		for _, attempt := range []request{wrong, q} {
			if got := r.redeem(t, code, attempt); got.status != http.StatusBadRequest || got.Error != "invalid_grant" {
				t.Errorf("verifier %q: %d %q", attempt.verifier, got.status, got.Error)
			}
		}
	}
}

func noImplicit(t *testing.T, r run) {
	for _, kind := range []string{"token", "id_token", "id_token token", "code token", "code id_token", "none"} {
		q := r.request("response_type", kind)
		r.refused(t, r.visit(newBrowser(t), q), q, "unsupported_response_type", "unauthorized_client", "invalid_request")
	}
}

// refreshRotation: an old token is a sign of theft, and ends the whole family.
func refreshRotation(t *testing.T, r run) {
	got := r.granted(t, newBrowser(t), "scope", "openid offline_access")
	refresh := func(token string) tokens {
		return r.token(t, "first", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	}
	second := refresh(got.Refresh)
	third := refresh(second.Refresh)
	if second.status != http.StatusOK || third.status != http.StatusOK || second.Refresh == got.Refresh {
		t.Fatalf("%d, %d", second.status, third.status)
	}
	for _, token := range []string{got.Refresh, third.Refresh} {
		if stolen := refresh(token); stolen.Error != "invalid_grant" {
			t.Errorf("%d %q", stolen.status, stolen.Error)
		}
	}
	if status, _ := r.userinfo(t, http.MethodGet, third.Access, nil); status != http.StatusUnauthorized {
		t.Errorf("an access token of the family: %d", status)
	}
}

func audience(t *testing.T, r run) {
	got := r.granted(t, newBrowser(t))
	claims := r.verified(t, got.Access, "ES256")
	if all := texts(claims["aud"]); len(all) == 0 || claims["client_id"] != "first" || claims["iss"] != r.url || claims["jti"] == "" {
		t.Errorf("%v", claims)
	}
}

func noPasswordGrant(t *testing.T, r run) {
	got := r.token(t, "first", url.Values{"grant_type": {"password"}, "username": {person}, "password": {personPassword}})
	if got.status != http.StatusBadRequest || got.Error != "unsupported_grant_type" {
		t.Errorf("%d %q", got.status, got.Error)
	}
}

func clientAuthentication(t *testing.T, r run) {
	form := url.Values{"grant_type": {"client_credentials"}}
	for name, authenticate := range map[string]func(*http.Request){
		"none":           func(*http.Request) {},
		"a wrong secret": func(q *http.Request) { q.SetBasicAuth("robot", "wrong") },
		"no such client": func(q *http.Request) { q.SetBasicAuth("nobody", clientSecret) },
		"another scheme": func(q *http.Request) { q.Header.Set("Authorization", "Bearer "+clientSecret) },
		"in the address": func(q *http.Request) { q.URL.RawQuery = "client_id=robot&client_secret=" + clientSecret },
	} {
		if got := r.tokenAs(t, form, authenticate); got.status != http.StatusUnauthorized || got.Error != "invalid_client" {
			t.Errorf("%s: %d %q", name, got.status, got.Error)
		}
	}
}

// headersOf is the header of the page at the end.
func (r run) headersOf(t *testing.T, q request) http.Header {
	t.Helper()
	b := newBrowser(t)
	p := r.visit(b, q)
	response := b.send(http.MethodGet, p.address.String(), nil, "x")
	return response.Header
}

func referrer(t *testing.T, r run) {
	if policy := r.headersOf(t, r.request()).Get("Referrer-Policy"); policy != "no-referrer" && policy != "same-origin" {
		t.Errorf("Referrer-Policy %q", policy)
	}
}

func framing(t *testing.T, r run) {
	header := r.headersOf(t, r.request())
	if !strings.Contains(header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("%v", header)
	}
	if header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("other sites may read the sign-in page")
	}
}

func tokenInAddress(t *testing.T, r run) {
	got := r.granted(t, newBrowser(t))
	response, err := http.Get(r.endpoint(t, "userinfo_endpoint") + "?access_token=" + got.Access)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusUnauthorized {
		t.Error(response.Status)
	}
}

func issuer(t *testing.T, r run) {
	if r.metadata["authorization_response_iss_parameter_supported"] != true {
		t.Error("the issuer in answers is not announced")
	}
	q := r.request("prompt", "none")
	r.refused(t, r.visit(newBrowser(t), q), q, "login_required") // answered checks iss
}

func codeOfAnother(t *testing.T, r run) {
	b := newBrowser(t)
	q := r.request()
	code := r.answered(t, b.signIn(r.visit(b, q)), q).Get("code")
	stolen := r.token(t, "second", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {q.verifier}})
	if stolen.Error != "invalid_grant" {
		t.Errorf("%d %q", stolen.status, stolen.Error)
	}
}

// status303: the browser must not send the password on to the client.
func status303(t *testing.T, r run) {
	b := newBrowser(t)
	q := r.request()
	p := b.signIn(r.visit(b, q))
	if r.answered(t, p, q); r.mode == "" && p.status != http.StatusSeeOther {
		t.Errorf("status %d", p.status)
	}
}

func repeated(t *testing.T, r run) {
	q := r.request()
	for _, name := range []string{"client_id", "redirect_uri", "scope", "code_challenge", "nonce", "state"} {
		p := newBrowser(t).open(http.MethodGet, r.endpoint(t, "authorization_endpoint")+"?"+q.params.Encode()+"&"+name+"=x", nil)
		if p.isSignIn() || p.fields.Has("code") {
			t.Errorf("%s may be given twice", name)
		}
	}
	form := "grant_type=client_credentials&grant_type=client_credentials"
	response, err := http.Post(r.endpoint(t, "token_endpoint"), "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusBadRequest {
		t.Error(response.Status)
	}
}

func loopback(t *testing.T, r run) {
	b := newBrowser(t)
	if p := r.visit(b, r.request("client_id", "public", "redirect_uri", "http://127.0.0.1:51004/callback")); !p.isSignIn() {
		t.Errorf("another port is refused: %s", p.text)
	}
	for _, bad := range []string{"http://127.0.0.1:51004/other", "http://localhost:51004/callback", "http://evil@127.0.0.1:51004/callback", "https://127.0.0.1:51004/callback"} {
		errorPage(t, r.visit(newBrowser(t), r.request("client_id", "public", "redirect_uri", bad)))
	}
}

func clientCredentials(t *testing.T, r run) {
	got := r.token(t, "robot", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	claims := r.verified(t, got.Access, "ES256")
	if got.Refresh != "" || got.ID != "" || claims["sub"] != "robot" || claims["scope"] != "read" {
		t.Errorf("%v", claims)
	}
	if got := r.token(t, "robot", url.Values{"grant_type": {"client_credentials"}, "scope": {"admin"}}); got.Error != "invalid_scope" {
		t.Errorf("%d %q", got.status, got.Error)
	}
}

// challenge is the S256 form of a verifier, for tests that make requests by hand.
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
