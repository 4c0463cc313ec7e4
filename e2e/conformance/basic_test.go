package conformance

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestConformance runs all plans against one provider.
func TestConformance(t *testing.T) {
	o := start(t, "")
	t.Run("ConfigOP", func(t *testing.T) { configPlan(t, o) })
	t.Run("BasicOP", func(t *testing.T) { basicPlan(t, run{op: o}) })
	t.Run("FormPostOP", func(t *testing.T) { basicPlan(t, run{op: o, mode: "form_post"}) })
	t.Run("RPInitiatedLogoutOP", func(t *testing.T) { rpLogoutPlan(t, run{op: o}) })
	t.Run("BackChannelLogoutOP", func(t *testing.T) { backchannelPlan(t, run{op: o}, o.told) })
	t.Run("OAuthBCP", func(t *testing.T) { bcpPlan(t, run{op: o}) })
}

type module func(*testing.T, run)

// basicPlan is oidcc-basic-certification-test-plan, and with response_mode=form_post oidcc-formpost-basic-certification-test-plan.
func basicPlan(t *testing.T, r run) {
	for name, m := range map[string]module{
		"oidcc-server": server, "oidcc-response-type-missing": responseTypeMissing, "oidcc-idtoken-signature": server, "oidcc-idtoken-unsigned": unsigned,
		"oidcc-userinfo-get": userinfoGet, "oidcc-userinfo-post-header": userinfoPostHeader, "oidcc-userinfo-post-body": userinfoPostBody,
		"oidcc-ensure-request-without-nonce-succeeds-for-code-flow": accepts("nonce", ""),
		"oidcc-scope-profile": scopeProfile, "oidcc-scope-email": scopeEmail, "oidcc-scope-phone": scopePhone, "oidcc-scope-all": scopeAll,
		"oidcc-alternate-happy-flow": accepts("scope", "email openid"), "oidcc-display-page": accepts("display", "page"), "oidcc-display-popup": accepts("display", "popup"),
		"oidcc-prompt-login": promptLogin, "oidcc-prompt-none-not-logged-in": promptNoneNotLoggedIn, "oidcc-prompt-none-logged-in": promptNoneLoggedIn,
		"oidcc-max-age-1": maxAge1, "oidcc-max-age-10000": maxAge10000,
		"oidcc-ensure-request-with-unknown-parameter-succeeds": accepts("extra", "foobar"),
		"oidcc-id-token-hint": idTokenHint, "oidcc-login-hint": loginHint, "oidcc-ui-locales": accepts("ui_locales", "se en"),
		"oidcc-claims-locales": accepts("claims_locales", "se"), "oidcc-ensure-request-with-acr-values-succeeds": accepts("acr_values", "1 2"),
		"oidcc-codereuse": codeReuse(time.Second), "oidcc-codereuse-30seconds": codeReuse(30 * time.Second),
		"oidcc-ensure-registered-redirect-uri": registeredRedirectURI, "oidcc-ensure-post-request-succeeds": postRequest,
		"oidcc-server-client-secret-post":                                              clientSecretPost,
		"oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported":    requestURI,
		"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": requestObject,
		"oidcc-ensure-request-object-with-redirect-uri":                                requestObjectRedirect,
		"oidcc-claims-essential":                                                       claimsEssential, "oidcc-refresh-token": refreshToken, "oidcc-ensure-request-with-valid-pkce-succeeds": server,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m(t, r)
		})
	}
}

func server(t *testing.T, r run) {
	got := r.granted(t, newBrowser(t))
	r.about(t, got, nil, []string{"name", "email", "phone_number"})
}

// accepts is a module that changes one parameter and expects nothing of it.
func accepts(name, value string) module {
	return func(t *testing.T, r run) { r.granted(t, newBrowser(t), name, value) }
}

func responseTypeMissing(t *testing.T, r run) {
	q := r.request("response_type", "")
	r.refused(t, r.visit(newBrowser(t), q), q, "invalid_request", "unsupported_response_type")
}

func unsigned(t *testing.T, r run) {
	offered, _ := r.metadata["id_token_signing_alg_values_supported"].([]any)
	for _, algorithm := range offered {
		if algorithm == "none" {
			t.Error("unsigned ID tokens are offered")
		}
	}
}

func userinfoGet(t *testing.T, r run) { r.about(t, r.granted(t, newBrowser(t)), nil, nil) }

func userinfoPostHeader(t *testing.T, r run) {
	got := r.granted(t, newBrowser(t))
	if status, claims := r.userinfo(t, http.MethodPost, got.Access, nil); status != http.StatusOK || claims["sub"] != got.claims["sub"] {
		t.Errorf("%d %v", status, claims)
	}
}

func userinfoPostBody(t *testing.T, r run) {
	got := r.granted(t, newBrowser(t))
	if status, claims := r.userinfo(t, http.MethodPost, "", url.Values{"access_token": {got.Access}}); status != http.StatusOK || claims["sub"] != got.claims["sub"] {
		t.Errorf("%d %v", status, claims)
	}
}

func scopeProfile(t *testing.T, r run) {
	claims := r.about(t, r.granted(t, newBrowser(t), "scope", "openid profile"), []string{"name", "given_name", "family_name", "preferred_username", "updated_at"}, []string{"email"})
	if _, number := claims["updated_at"].(float64); !number {
		t.Errorf("updated_at is %v", claims["updated_at"])
	}
}

func scopeEmail(t *testing.T, r run) {
	got := r.granted(t, newBrowser(t), "scope", "openid email")
	claims := r.about(t, got, []string{"email", "email_verified"}, []string{"name"})
	if _, boolean := claims["email_verified"].(bool); !boolean || got.claims["email"] != nil {
		t.Errorf("email_verified is %v, the ID token has %v", claims["email_verified"], got.claims["email"])
	}
}

// scopePhone: the person has none, which is no error.
func scopePhone(t *testing.T, r run) {
	r.about(t, r.granted(t, newBrowser(t), "scope", "openid phone"), nil, []string{"email", "name"})
}

func scopeAll(t *testing.T, r run) {
	r.about(t, r.granted(t, newBrowser(t), "scope", "openid profile email phone"), []string{"name", "email"}, nil)
}

func promptLogin(t *testing.T, r run) {
	b := newBrowser(t)
	first := r.granted(t, b)
	time.Sleep(time.Second)
	q := r.request("prompt", "login")
	p := r.visit(b, q)
	if !p.isSignIn() {
		t.Fatal("nobody is asked to sign in again")
	}
	second := r.exchange(t, b.signIn(p), q)
	later(t, first, second)
}

func later(t *testing.T, first, second tokens) {
	t.Helper()
	before, _ := first.claims["auth_time"].(float64)
	after, _ := second.claims["auth_time"].(float64)
	if before == 0 || after <= before || after < float64(time.Now().Unix())-60 {
		t.Errorf("auth_time %v, then %v", before, after)
	}
}

func promptNoneNotLoggedIn(t *testing.T, r run) {
	q := r.request("prompt", "none")
	r.refused(t, r.visit(newBrowser(t), q), q, "login_required", "interaction_required")
}

func promptNoneLoggedIn(t *testing.T, r run) { twice(t, r, "prompt", "none") }

// twice signs in and asks again: the second time nobody may be asked anything.
func twice(t *testing.T, r run, changes ...string) {
	t.Helper()
	b := newBrowser(t)
	first := r.granted(t, b)
	q := r.request(changes...)
	second := r.exchange(t, r.visit(b, q), q)
	same := func(claims map[string]any) []any { return []any{claims["sub"], claims["auth_time"]} }
	if diff := cmp.Diff(same(first.claims), same(second.claims)); diff != "" {
		t.Error(diff)
	}
}

func maxAge1(t *testing.T, r run) {
	b := newBrowser(t)
	first := r.granted(t, b)
	time.Sleep(2 * time.Second)
	q := r.request("max_age", "1")
	p := r.visit(b, q)
	if !p.isSignIn() {
		t.Fatal("nobody is asked to sign in again")
	}
	later(t, first, r.exchange(t, b.signIn(p), q))
}

func maxAge10000(t *testing.T, r run) { twice(t, r, "max_age", "10000") }

func idTokenHint(t *testing.T, r run) {
	b := newBrowser(t)
	first := r.granted(t, b)
	q := r.request("prompt", "none", "id_token_hint", first.ID)
	second := r.exchange(t, r.visit(b, q), q)
	if first.claims["sub"] != second.claims["sub"] || first.claims["auth_time"] != second.claims["auth_time"] {
		t.Errorf("%v, then %v", first.claims, second.claims)
	}
}

func loginHint(t *testing.T, r run) {
	b := newBrowser(t)
	q := r.request("login_hint", "ada@x.example")
	p := r.visit(b, q)
	if f, found := p.formWith("identifier"); !found || f.fields.Get("identifier") != "ada@x.example" {
		t.Errorf("the hint is not in the form: %v", f.fields)
	}
	r.exchange(t, b.signIn(p), q)
}

func codeReuse(wait time.Duration) module {
	return func(t *testing.T, r run) {
		got := r.granted(t, newBrowser(t), "scope", "openid offline_access", "prompt", "consent")
		time.Sleep(wait)
		if again := r.redeem(t, got.code, got.q); again.status != http.StatusBadRequest || again.Error != "invalid_grant" {
			t.Errorf("a second use: %d %q", again.status, again.Error)
		}
		if status, _ := r.userinfo(t, http.MethodGet, got.Access, nil); status != http.StatusUnauthorized {
			t.Errorf("the access token of a code that was used twice: %d", status)
		}
		if refreshed := r.token(t, "first", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}}); refreshed.Error != "invalid_grant" {
			t.Errorf("its refresh token: %d %q", refreshed.status, refreshed.Error)
		}
	}
}

func registeredRedirectURI(t *testing.T, r run) {
	for _, bad := range []string{redirectURI + "/foobar", redirectURI + "?foo=bar", redirectURI + "#foo", "https://client.example/with?a=b&c=d", "http://client.example/callback", ""} {
		errorPage(t, r.visit(newBrowser(t), r.request("redirect_uri", bad)))
	}
	r.granted(t, newBrowser(t), "redirect_uri", "https://client.example/with?a=b")
}

func postRequest(t *testing.T, r run) {
	b := newBrowser(t)
	q := r.request()
	p := b.open(http.MethodPost, r.endpoint(t, "authorization_endpoint"), q.params)
	r.exchange(t, b.signIn(p), q)
}

func clientSecretPost(t *testing.T, r run) {
	b := newBrowser(t)
	q := r.request()
	code := r.answered(t, b.signIn(r.visit(b, q)), q).Get("code")
	got := r.tokenAs(t, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {q.verifier}, "client_id": {"first"}, "client_secret": {clientSecret},
	}, func(*http.Request) {})
	if got.status != http.StatusOK {
		t.Errorf("%d %s", got.status, got.Error)
	}
}

const noneHeader = "eyJhbGciOiJub25lIn0." // {"alg":"none"}

func requestURI(t *testing.T, r run) {
	q := r.request("request_uri", "https://client.example/request.jwt")
	p := r.visit(newBrowser(t), q)
	if p.back() {
		r.refused(t, p, q, "request_uri_not_supported", "invalid_request_uri")
		return
	}
	errorPage(t, p)
}

func requestObject(t *testing.T, r run) {
	q := r.request("request", noneHeader+"eyJzY29wZSI6Im9wZW5pZCJ9.")
	r.refused(t, r.visit(newBrowser(t), q), q, "request_not_supported")
}

// requestObjectRedirect: an address in a request object is not gone to.
func requestObjectRedirect(t *testing.T, r run) {
	q := r.request("redirect_uri", "", "request", noneHeader+"eyJyZWRpcmVjdF91cmkiOiJodHRwczovL2V2aWwuZXhhbXBsZS8ifQ.")
	errorPage(t, r.visit(newBrowser(t), q))
}

func claimsEssential(t *testing.T, r run) {
	got := r.granted(t, newBrowser(t), "claims", `{"userinfo":{"name":{"essential":true}}}`)
	if claims := r.about(t, got, []string{"name"}, []string{"email"}); got.claims["name"] != nil {
		t.Errorf("the ID token has the name that was asked of userinfo: %v", claims)
	}
}

func refreshToken(t *testing.T, r run) {
	first := r.granted(t, newBrowser(t), "scope", "openid offline_access", "prompt", "consent")
	second := r.granted(t, newBrowser(t), "scope", "openid offline_access", "client_id", "second", "prompt", "consent")
	refresh := func(client, token string) tokens {
		return r.token(t, client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	}
	if stolen := refresh("second", first.Refresh); stolen.status != http.StatusBadRequest || stolen.Error != "invalid_grant" {
		t.Errorf("another client's refresh token: %d %q", stolen.status, stolen.Error)
	}
	for client, got := range map[string]tokens{"first": first, "second": second} {
		fresh := refresh(client, got.Refresh)
		if fresh.status != http.StatusOK || len(fresh.Refresh) < 22 || fresh.Access == got.Access {
			t.Fatalf("%s: %d %s", client, fresh.status, fresh.Error)
		}
		claims := r.verified(t, fresh.ID, "RS256")
		for _, name := range []string{"iss", "sub", "aud", "auth_time"} {
			if diff := cmp.Diff(got.claims[name], claims[name]); diff != "" {
				t.Errorf("%s after a refresh: %s", name, diff)
			}
		}
	}
}
