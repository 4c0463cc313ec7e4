package conformance

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// run is one plan's way through a module: the same modules run with each response mode.
type run struct {
	*op
	mode string // response_mode, "" = the default
}

func random() string { return rand.Text() + rand.Text() }

// request is an authorization request and what the client remembers of it.
type request struct {
	params   url.Values
	verifier string
}

// request makes a good one, changed by pairs of name and value; an empty value removes the parameter.
func (r run) request(changes ...string) request {
	verifier := random()
	params := url.Values{
		"client_id": {"first"}, "redirect_uri": {redirectURI}, "response_type": {"code"}, "scope": {"openid"}, "state": {random()}, "nonce": {random()},
		"code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	if r.mode != "" {
		params.Set("response_mode", r.mode)
	}
	for i := 0; i+1 < len(changes); i += 2 {
		params.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			params.Del(changes[i])
		}
	}
	return request{params: params, verifier: verifier}
}

func (r run) visit(b *browser, q request) page {
	b.t.Helper()
	return b.open(http.MethodGet, r.endpoint(b.t, "authorization_endpoint")+"?"+q.params.Encode(), nil)
}

// answered checks how the client was answered: by the response mode, with state and issuer.
func (r run) answered(t *testing.T, p page, q request) url.Values {
	t.Helper()
	if !p.back() {
		t.Fatalf("no answer to the client: %d at %s: %s", p.status, p.address, p.text)
	}
	expected := http.MethodGet
	if r.mode == "form_post" {
		expected = http.MethodPost
		if query := p.address.Query(); query.Has("code") || query.Has("error") {
			t.Error("the answer is in the address, too")
		}
	}
	if p.method != expected {
		t.Errorf("the client is called by %s, not %s", p.method, expected)
	}
	if p.fields.Get("state") != q.params.Get("state") || p.fields.Get("iss") != r.url {
		t.Errorf("state %q, iss %q", p.fields.Get("state"), p.fields.Get("iss"))
	}
	return p.fields
}

// refused expects an error at the client.
func (r run) refused(t *testing.T, p page, q request, codes ...string) {
	t.Helper()
	answer := r.answered(t, p, q)
	if !slices.Contains(codes, answer.Get("error")) || answer.Has("code") {
		t.Errorf("the client is told %v, not one of %v", answer, codes)
	}
	for name, values := range answer {
		if !slices.Contains([]string{"error", "error_description", "error_uri", "state", "iss"}, name) || strings.ContainsAny(values[0], "\r\n\t") {
			t.Errorf("unexpected %s=%q", name, values)
		}
	}
}

// errorPage expects a page, because no address can be trusted.
func errorPage(t *testing.T, p page) {
	t.Helper()
	if p.back() || p.status < 400 || p.status > 499 {
		t.Errorf("no error page, but %d at %s: %s", p.status, p.address, p.text)
	}
}

// granted goes the whole way: request, sign-in where asked, tokens.
func (r run) granted(t *testing.T, b *browser, changes ...string) tokens {
	t.Helper()
	q := r.request(changes...)
	p := r.visit(b, q)
	if p.isSignIn() {
		p = b.signIn(p)
	}
	return r.exchange(t, b.agree(p), q)
}

// tokens are an answer of the token endpoint.
type tokens struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
	Refresh   string `json:"refresh_token"`
	ID        string `json:"id_token"`
	Scope     string `json:"scope"`
	Error     string `json:"error"`

	status int
	claims map[string]any // of the ID token
	code   string
	q      request
}

func (r run) exchange(t *testing.T, p page, q request) tokens {
	t.Helper()
	code := r.answered(t, p, q).Get("code")
	if len(code) < 22 { // 128 bits
		t.Fatalf("the code is %q", code)
	}
	got := r.redeem(t, code, q)
	if got.status != http.StatusOK {
		t.Fatalf("the code is not redeemed: %d %s", got.status, got.Error)
	}
	got.code, got.q = code, q
	r.checkTokens(t, got, q)
	got.claims = r.idToken(t, got, q.params.Get("client_id"), q.params.Get("nonce"))
	return got
}

func (r run) redeem(t *testing.T, code string, q request) tokens {
	t.Helper()
	return r.token(t, q.params.Get("client_id"), url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {q.params.Get("redirect_uri")}, "code_verifier": {q.verifier},
	})
}

// token calls the token endpoint with client_secret_basic, and checks form and headers of the answer.
func (r run) token(t *testing.T, client string, form url.Values) tokens {
	t.Helper()
	return r.tokenAs(t, form, func(request *http.Request) { request.SetBasicAuth(url.QueryEscape(client), clientSecret) })
}

func (r run) tokenAs(t *testing.T, form url.Values, authenticate func(*http.Request)) tokens {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.endpoint(t, "token_endpoint"), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	authenticate(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got := tokens{status: response.StatusCode}
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatalf("the token endpoint answers no JSON: %v", err)
	}
	header := response.Header
	if header.Get("Content-Type") != "application/json" || !strings.Contains(header.Get("Cache-Control"), "no-store") {
		t.Errorf("headers of the token endpoint: %v", header)
	}
	if got.status == http.StatusUnauthorized && header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
	return got
}

func (r run) checkTokens(t *testing.T, got tokens, q request) {
	t.Helper()
	if !strings.EqualFold(got.Type, "Bearer") || got.ExpiresIn <= 0 || len(got.Access) < 22 {
		t.Errorf("type %q, expires in %d, access token %q", got.Type, got.ExpiresIn, got.Access)
	}
	if offline := slices.Contains(strings.Fields(q.params.Get("scope")), "offline_access"); offline != (got.Refresh != "") {
		t.Errorf("refresh token %q for scope %q", got.Refresh, q.params.Get("scope"))
	}
}

// idToken validates an ID token as OpenID Connect Core section 3.1.3.7 says, and returns its claims.
func (r run) idToken(t *testing.T, got tokens, client, nonce string) map[string]any {
	t.Helper()
	claims := r.verified(t, got.ID, "RS256")
	now := float64(time.Now().Unix())
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	subject, _ := claims["sub"].(string)
	said, _ := claims["nonce"].(string)
	switch {
	case claims["iss"] != r.url, claims["aud"] != client, subject == "" || len(subject) > 255:
		t.Errorf("iss %v, aud %v, sub %v", claims["iss"], claims["aud"], subject)
	case issued > now+5 || issued < now-60 || expires <= now:
		t.Errorf("iat %v, exp %v, now %v", issued, expires, now)
	case said != nonce:
		t.Errorf("nonce %q, not %q", said, nonce)
	}
	sum := sha256.Sum256([]byte(got.Access))
	if hash := claims["at_hash"]; hash != nil && hash != base64.RawURLEncoding.EncodeToString(sum[:16]) {
		t.Errorf("at_hash %v", hash)
	}
	return claims
}

// verified checks a JWT with the published key that it names.
func (r run) verified(t *testing.T, token, algorithm string) map[string]any {
	t.Helper()
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
	if err != nil {
		t.Fatalf("%q is not signed with %s: %v", token, algorithm, err)
	}
	kid := parsed.Signatures[0].Header.KeyID
	keys := r.keys(t)
	named := keys.Key(kid)
	if kid == "" || len(named) != 1 {
		t.Fatalf("kid %q names %d keys", kid, len(named))
	}
	payload, err := parsed.Verify(named[0])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// userinfo asks for the claims of an access token.
func (r run) userinfo(t *testing.T, method, header string, form url.Values) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.endpoint(t, "userinfo_endpoint"), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if header != "" {
		request.Header.Set("Authorization", "Bearer "+header)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	claims := map[string]any{}
	if err := json.NewDecoder(response.Body).Decode(&claims); err != nil || response.Header.Get("Content-Type") != "application/json" {
		t.Errorf("userinfo answers no JSON: %v", err)
	}
	return response.StatusCode, claims
}

// about checks an answer of userinfo: of the same subject, with these claims and none of those.
func (r run) about(t *testing.T, got tokens, present, absent []string) map[string]any {
	t.Helper()
	status, claims := r.userinfo(t, http.MethodGet, got.Access, nil)
	if status != http.StatusOK || claims["sub"] != got.claims["sub"] {
		t.Fatalf("userinfo: %d, %v", status, claims)
	}
	for _, name := range present {
		if claims[name] == nil {
			t.Errorf("userinfo lacks %s", name)
		}
	}
	for _, name := range absent {
		if claims[name] != nil || got.claims[name] != nil {
			t.Errorf("userinfo or ID token has %s, which nobody asked for", name)
		}
	}
	return claims
}
