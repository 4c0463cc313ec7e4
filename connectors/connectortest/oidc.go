package connectortest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/secret"
)

// OIDC is a fake OpenID provider on 127.0.0.1, over real HTTP. It signs in one person without asking and is strict with its client:
// PKCE, nonce, state, redirect URI and client authentication must be right, and a code works once. Behave makes it misbehave.
type OIDC struct {
	URL          string // the issuer
	ClientID     string
	ClientSecret string           // empty: a public client
	Now          func() time.Time // set before use [time.Now]

	server, elsewhere *httptest.Server
	closing           chan struct{}
	closeOnce         sync.Once

	mu        sync.Mutex
	behaviour Behaviour
	keys      Keys
	grants    map[string]grant // by code
	access    map[string]bool  // access tokens
	requests  map[Endpoint]int
	lastAuth  string
	issued    []string
}

// grant is one authorization, until its code is used.
type grant struct {
	nonce, challenge, redirect string
	forced                     bool
}

// Endpoint is a path of the fake provider.
type Endpoint string

// The endpoints. Elsewhere is another host altogether, where RedirectElsewhere leads.
const (
	Discovery  Endpoint = "/.well-known/openid-configuration"
	Authorize  Endpoint = "/authorize"
	Token      Endpoint = "/token"
	JWKS       Endpoint = "/keys"
	Userinfo   Endpoint = "/userinfo"
	EndSession Endpoint = "/logout"
	Elsewhere  Endpoint = "elsewhere"
)

// NewOIDC starts a provider that behaves. It ends with the test.
func NewOIDC(tb testing.TB) *OIDC {
	tb.Helper()
	o := &OIDC{
		ClientID: "gatehouse", ClientSecret: secret.Token(24), Now: time.Now, closing: make(chan struct{}), keys: newKeys(tb, "first"),
		grants: map[string]grant{}, access: map[string]bool{}, requests: map[Endpoint]int{},
	}
	o.issued = []string{o.ClientSecret}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+string(Discovery), o.faulty(Discovery, o.discovery))
	mux.HandleFunc("GET "+string(Authorize), o.faulty(Authorize, o.authorize))
	mux.HandleFunc("POST "+string(Token), o.faulty(Token, o.token))
	mux.HandleFunc("GET "+string(JWKS), o.faulty(JWKS, o.jwks))
	mux.HandleFunc("GET "+string(Userinfo), o.faulty(Userinfo, o.userinfo))
	mux.HandleFunc("GET "+string(EndSession), o.faulty(EndSession, o.endSession))
	o.server = httptest.NewServer(mux)
	o.elsewhere = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.count(Elsewhere)
		mux.ServeHTTP(w, r)
	}))
	o.URL = o.server.URL
	tb.Cleanup(o.Close)
	return o
}

// Close makes the provider unreachable.
func (o *OIDC) Close() {
	o.closeOnce.Do(func() {
		close(o.closing)
		o.server.Close()
		o.elsewhere.Close()
	})
}

// SignIn plays browser and person: it follows an authorization URL and returns the parameters with which the provider sends the
// browser back.
func (o *OIDC) SignIn(t *testing.T, authorization string) url.Values {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Get(authorization)
	if err != nil {
		t.Errorf("open the authorization page: %v", err)
		return nil
	}
	defer response.Body.Close()
	back, err := response.Location()
	if err != nil {
		t.Errorf("the authorization request was refused: %s %s", response.Status, response.Header.Get("X-Reason"))
		return nil
	}
	return back.Query()
}

// Requests counts the requests to an endpoint.
func (o *OIDC) Requests(endpoint Endpoint) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.requests[endpoint]
}

// AllRequests counts the requests to all endpoints.
func (o *OIDC) AllRequests() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	total := 0
	for _, n := range o.requests {
		total += n
	}
	return total
}

// Issued lists every code and token given out, and the client's secret.
func (o *OIDC) Issued() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.issued)
}

// ClientAuthentication is how the client last authenticated: client_secret_basic, client_secret_post or none.
func (o *OIDC) ClientAuthentication() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lastAuth
}

// RotateKeys replaces all keys; kid names the new ones.
func (o *OIDC) RotateKeys(tb testing.TB, kid string) {
	tb.Helper()
	keys := newKeys(tb, kid)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keys = keys
}

// Person is what the provider says about its one person.
func Person() map[string]any {
	return map[string]any{
		"sub": "person-1", "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace", "preferred_username": "ada",
		"email": "ada@example.com", "email_verified": true, "locale": "en-GB", "groups": []string{"engines", "poets"},
	}
}

func (o *OIDC) count(endpoint Endpoint) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests[endpoint]++
}

func (o *OIDC) newToken() string {
	token := secret.Token(24)
	o.issued = append(o.issued, token)
	return token
}

func (o *OIDC) discovery(b Behaviour, w http.ResponseWriter, _ *http.Request) {
	metadata := map[string]any{
		"issuer": o.URL, "authorization_endpoint": o.URL + string(Authorize), "token_endpoint": o.URL + string(Token),
		"jwks_uri": o.URL + string(JWKS), "userinfo_endpoint": o.URL + string(Userinfo), "response_types_supported": []string{"code"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{"none", "HS256", "RS256", "PS256", "ES256", "EdDSA"},
		"authorization_response_iss_parameter_supported": true,
		"end_session_endpoint":                           o.URL + string(EndSession),
	}
	edit(b.Metadata, metadata)
	answer(w, http.StatusOK, metadata)
}

func (o *OIDC) authorize(b Behaviour, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	wrong := err != nil || !back.IsAbs() || q.Get("client_id") != o.ClientID || q.Get("response_type") != "code" ||
		!slices.Contains(strings.Fields(q.Get("scope")), "openid") || q.Get("state") == "" || q.Get("nonce") == "" ||
		q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256"
	if wrong {
		w.Header().Set("X-Reason", "invalid_request")
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	values := url.Values{"state": {q.Get("state")}, "iss": {o.URL}}
	if b.Deny != "" {
		values.Set("error", b.Deny)
		values.Set("error_description", b.DenyText)
	} else {
		values.Set("code", o.newGrant(grant{
			nonce: q.Get("nonce"), challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri"), forced: q.Get("max_age") == "0",
		}))
	}
	if b.Callback != nil {
		b.Callback(values)
	}
	back.RawQuery = values.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

func (o *OIDC) newGrant(g grant) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	code := o.newToken()
	o.grants[code] = g
	return code
}

func (o *OIDC) token(b Behaviour, w http.ResponseWriter, r *http.Request) {
	if b.TokenError != "" {
		answer(w, http.StatusBadRequest, map[string]any{"error": b.TokenError, "error_description": r.PostFormValue("code")})
		return
	}
	if !o.authenticated(r) {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	code := r.PostFormValue("code")
	g, known := o.grants[code]
	delete(o.grants, code)
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !known || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != g.redirect ||
		base64.RawURLEncoding.EncodeToString(challenge[:]) != g.challenge {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "no code " + code})
		return
	}
	accessToken := o.newToken()
	o.access[accessToken] = true
	tokens := map[string]any{
		"access_token": accessToken, "token_type": "Bearer", "expires_in": 300, "refresh_token": o.newToken(),
		"id_token": o.idToken(b, g, accessToken),
	}
	edit(b.Tokens, tokens)
	answer(w, http.StatusOK, tokens)
}

func (o *OIDC) authenticated(r *http.Request) bool {
	clientID, password, basic := r.BasicAuth()
	method := "client_secret_basic"
	if !basic {
		clientID, password, method = r.PostFormValue("client_id"), r.PostFormValue("client_secret"), "client_secret_post"
	}
	if password == "" {
		method = "none"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lastAuth = method
	return clientID == o.ClientID && password == o.ClientSecret && !(basic && r.PostForm.Has("client_secret"))
}

func (o *OIDC) idToken(b Behaviour, g grant, accessToken string) string {
	now := o.Now()
	signedIn := now.Add(-time.Hour)
	if g.forced {
		signedIn = now
	}
	claims := Person()
	maps.Copy(claims, map[string]any{
		"iss": o.URL, "aud": o.ClientID, "exp": now.Add(5 * time.Minute).Unix(), "iat": now.Unix(), "nonce": g.nonce,
		"auth_time": signedIn.Unix(), "acr": "urn:example:silver", "amr": []string{"pwd", "otp"}, "sid": "upstream-session",
		"at_hash": hashHalf(accessToken),
	})
	edit(b.Claims, claims)
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	sign := b.Sign
	if sign == nil {
		sign = With("RS256")
	}
	token := sign(o.keys, payload)
	o.issued = append(o.issued, token)
	return token
}

// hashHalf is at_hash for the algorithms over SHA-256 (OpenID Connect Core section 3.1.3.6).
func hashHalf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

func (o *OIDC) jwks(b Behaviour, w http.ResponseWriter, _ *http.Request) {
	o.mu.Lock()
	set := map[string]any{"keys": o.keys.public()}
	o.mu.Unlock()
	edit(b.Keys, set)
	answer(w, http.StatusOK, set)
}

func (o *OIDC) userinfo(b Behaviour, w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	o.mu.Lock()
	known := o.access[token]
	o.mu.Unlock()
	if !known {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	claims := Person()
	edit(b.Userinfo, claims)
	answer(w, http.StatusOK, claims)
}

func answer(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(document) // a client that goes away is its own business
}

func edit(change func(map[string]any), document map[string]any) {
	if change != nil {
		change(document)
	}
}
