package verify_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"gatehouse/verify"
	"gatehouse/verify/verifytest"
)

const api = "https://api.example.com"

func good() verifytest.Token {
	return verifytest.Token{
		User: "ada", Audience: []string{"other", api}, Role: verify.Manager, Scopes: []string{"openid", "read"},
		Permissions: []string{"lines.view_line"}, Groups: []string{"Operators"},
	}
}

func TestVerify(t *testing.T) {
	issuer := verifytest.New(t)
	token, err := issuer.Verifier(api).Verify(t.Context(), issuer.Sign(good()))
	if err != nil {
		t.Fatal(err)
	}
	user, ok := token.User()
	if !ok || user != "ada" || token.Client() != "client-1" || token.ID() == "" || token.Session() != "session-1" || token.AuthTime().IsZero() {
		t.Errorf("%+v", token)
	}
	here, there := verify.ID("org-1"), verify.ID("org-2")
	for name, holds := range map[string]bool{
		"in":                   token.In(here) && token.In(verify.Slug("harbour")),
		"not in another":       !token.In(there) && !token.In(verify.Slug("castle")) && !token.In(verify.Organization{}),
		"an id is no slug":     !token.In(verify.Slug("org-1")) && !token.In(verify.ID("harbour")),
		"permitted":            token.Permitted("lines.view_line", here),
		"not elsewhere":        !token.Permitted("lines.view_line", there) && !token.HasRole(verify.Member, there),
		"not something else":   !token.Permitted("lines.change_line", here),
		"roles include":        token.HasRole(verify.Member, here) && token.HasRole(verify.Manager, here) && !token.HasRole(verify.Owner, here),
		"no role of this name": !token.HasRole("", here) && !token.HasRole("admin", here),
		"scopes":               token.HasScope("read") && !token.HasScope("rea") && !token.HasScope(""),
	} {
		if !holds {
			t.Error(name)
		}
	}
}

func TestZeroTokenGrantsNothing(t *testing.T) {
	var token verify.Token
	_, user := token.User()
	if user || token.In(verify.ID("")) || token.HasScope("") || token.HasRole("", verify.ID("")) || token.Permitted("", verify.Organization{}) {
		t.Error("the zero token is good for something")
	}
}

func TestClientAsItself(t *testing.T) {
	issuer := verifytest.New(t)
	token, err := issuer.Verifier(api).Verify(t.Context(), issuer.Sign(verifytest.Token{AsClient: true, Organization: "-", Audience: []string{api}}))
	if err != nil {
		t.Fatal(err)
	}
	if user, ok := token.User(); ok || token.Client() != "client-1" || token.OrganizationID() != "" {
		t.Errorf("user %q", user)
	}
}

// TestRefuses: each token has one thing wrong.
func TestRefuses(t *testing.T) {
	issuer, foreign := verifytest.New(t), verifytest.New(t)
	change := func(change func(*verifytest.Token)) string {
		token := good()
		change(&token)
		return issuer.Sign(token)
	}
	claim := func(name string, value any) string {
		return change(func(token *verifytest.Token) { token.Extra = map[string]any{name: value} })
	}
	header := func(name string, value any) string {
		return change(func(token *verifytest.Token) { token.Header = map[string]any{name: value} })
	}
	valid := issuer.Sign(good())
	parts := strings.Split(valid, ".")
	for name, token := range map[string]string{
		"empty": "", "no JWT": "gat_opaque", "long": strings.Repeat("x", 20_000),
		"an ID token":            header("typ", "JWT"),
		"a logout token":         header("typ", "logout+jwt"),
		"unsigned":               base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt","kid":"key-1"}`)) + "." + parts[1] + ".",
		"HMAC with a public key": hmacOf(t, issuer, parts[1]),
		"a changed claim":        parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{}`)) + "." + parts[2],
		"another's signature":    parts[0] + "." + parts[1] + "." + strings.Split(foreign.Sign(good()), ".")[2],
		"another issuer's":       foreign.Sign(good()),
		"of another issuer":      claim("iss", foreign.URL),
		"another audience":       change(func(token *verifytest.Token) { token.Audience = []string{"https://other.example.com"} }),
		"no audience":            change(func(token *verifytest.Token) { token.Audience = nil }),
		"expired":                change(func(token *verifytest.Token) { token.Lifetime = -time.Minute }),
		"without end":            claim("exp", 0),
		"from the future":        claim("iat", time.Now().Add(time.Hour).Unix()),
		"not yet":                claim("nbf", time.Now().Add(time.Hour).Unix()),
		"without subject":        claim("sub", ""), "without client": claim("client_id", ""), "without name": claim("jti", ""),
		"claims of other types": claim("aud", 7),
	} {
		if _, err := issuer.Verifier(api).Verify(t.Context(), token); !errors.Is(err, verify.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// hmacOf signs with the bytes of the published key, as a verifier that trusts the header's algorithm would.
func hmacOf(t *testing.T, issuer *verifytest.Issuer, payload string) string {
	t.Helper()
	response, err := http.Get(issuer.URL + "/oauth2/jwks")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(set.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: public, KeyID: "key-1"}},
		&jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"typ": "at+jwt"}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// TestOwnKeyInHeader: a key that the token brings along is not looked at.
func TestOwnKeyInHeader(t *testing.T) {
	issuer, foreign := verifytest.New(t), verifytest.New(t)
	token := good()
	token.Extra = map[string]any{"iss": issuer.URL}
	token.Header = map[string]any{"jku": foreign.URL + "/oauth2/jwks"}
	if _, err := issuer.Verifier(api).Verify(t.Context(), foreign.Sign(token)); !errors.Is(err, verify.ErrInvalid) {
		t.Error(err)
	}
}

func TestOrganizations(t *testing.T) {
	issuer := verifytest.New(t)
	token := issuer.Sign(good())
	none := issuer.Sign(verifytest.Token{AsClient: true, Organization: "-", Audience: []string{api}})
	for name, test := range map[string]struct {
		of       verify.Organizations
		token    string
		accepted bool
	}{
		"every": {verify.EveryOrganization(), token, true}, "every, none": {verify.EveryOrganization(), none, true},
		"by id":   {verify.Only(verify.ID("org-2"), verify.ID("org-1")), token, true},
		"by slug": {verify.Only(verify.Slug("harbour")), token, true},
		"another": {verify.Only(verify.ID("org-2"), verify.Slug("org-1")), token, false},
		"none":    {verify.Only(verify.ID("org-1")), none, false},
	} {
		v, err := verify.New(verify.Config{Issuer: issuer.URL, Audience: api, Organizations: test.of})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), test.token); (err == nil) != test.accepted {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfig(t *testing.T) {
	fine := verify.Config{Issuer: "https://id.example.com", Audience: api, Organizations: verify.EveryOrganization()}
	if _, err := verify.New(fine); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*verify.Config){
		"no issuer":           func(c *verify.Config) { c.Issuer = "" },
		"plain http":          func(c *verify.Config) { c.Issuer = "http://id.example.com" },
		"a query":             func(c *verify.Config) { c.Issuer = "https://id.example.com/?a" },
		"a user":              func(c *verify.Config) { c.Issuer = "https://a@id.example.com" },
		"no audience":         func(c *verify.Config) { c.Audience = "" },
		"no organizations":    func(c *verify.Config) { c.Organizations = verify.Organizations{} },
		"only none":           func(c *verify.Config) { c.Organizations = verify.Only() },
		"only a nameless one": func(c *verify.Config) { c.Organizations = verify.Only(verify.ID("")) },
		"a wild clock":        func(c *verify.Config) { c.Skew = time.Hour },
		"no secret":           func(c *verify.Config) { c.Introspection = &verify.Introspection{ClientID: "a"} },
	} {
		c := fine
		change(&c)
		if _, err := verify.New(c); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestClaim(t *testing.T) {
	issuer := verifytest.New(t)
	token := good()
	token.Extra = map[string]any{"badge": 7}
	verified, err := issuer.Verifier(api).Verify(t.Context(), issuer.Sign(token))
	if err != nil {
		t.Fatal(err)
	}
	var (
		badge int
		text  string
	)
	if found, err := verified.Claim("badge", &badge); !found || err != nil || badge != 7 {
		t.Error(found, err, badge)
	}
	if found, err := verified.Claim("badge", &text); !found || err == nil {
		t.Error(found, err)
	}
	if found, err := verified.Claim("none", &text); found || err != nil {
		t.Error(found, err)
	}
}

func serve(v *verify.Verifier, authorization []string, checks ...verify.Check) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.Handle("/{organization}/", v.Require(checks...)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := verify.FromContext(r.Context()); ok {
			w.WriteHeader(http.StatusTeapot)
		}
	})))
	request := httptest.NewRequest(http.MethodGet, "/org-1/?access_token=x", http.NoBody)
	request.Header["Authorization"] = authorization
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, request)
	return answer
}

func TestRequire(t *testing.T) {
	issuer := verifytest.New(t)
	v := issuer.Verifier(api)
	bearer := []string{"bearer " + issuer.Sign(good())}
	robot := []string{"Bearer " + issuer.Sign(verifytest.Token{AsClient: true, Audience: []string{api}})}
	here := verify.PathID("organization")
	there := verify.Always(verify.ID("org-2"))
	for name, test := range map[string]struct {
		authorization []string
		check         verify.Check
		status        int
		challenge     string
	}{
		"no check":         {bearer, verify.By(func(*http.Request, *verify.Token) bool { return true }), 418, ""},
		"no token":         {nil, verify.ByUser(), 401, "Bearer"},
		"two":              {append(bearer, bearer...), verify.ByUser(), 401, "Bearer"},
		"Basic":            {[]string{"Basic eDp5"}, verify.ByUser(), 401, "Bearer"},
		"bad token":        {[]string{"Bearer x"}, verify.ByUser(), 401, `Bearer error="invalid_token"`},
		"scope":            {bearer, verify.Scope("read"), 418, ""},
		"no scope":         {bearer, verify.Scope("wri\"te"), 403, `Bearer error="insufficient_scope", scope="write"`},
		"permission":       {bearer, verify.Permission("lines.view_line", here), 418, ""},
		"not there":        {bearer, verify.Permission("lines.view_line", there), 403, ""},
		"role":             {bearer, verify.HasRole(verify.Manager, here), 418, ""},
		"role not there":   {bearer, verify.HasRole(verify.Member, there), 403, ""},
		"organization":     {bearer, verify.InOrganization(here), 418, ""},
		"another's":        {bearer, verify.InOrganization(there), 404, ""},
		"no user":          {robot, verify.ByUser(), 403, ""},
		"the zero check":   {bearer, verify.Check{}, 403, ""},
		"slug in the path": {bearer, verify.InOrganization(verify.PathSlug("organization")), 404, ""},
	} {
		answer := serve(v, test.authorization, test.check)
		if answer.Code != test.status || answer.Header().Get("WWW-Authenticate") != test.challenge {
			t.Errorf("%s: %d %q", name, answer.Code, answer.Header().Get("WWW-Authenticate"))
		}
	}
}

func TestUnavailable(t *testing.T) {
	issuer := verifytest.New(t)
	token := issuer.Sign(good())
	issuer.Down(true)
	v := issuer.Verifier(api)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, verify.ErrUnavailable) {
		t.Error(err)
	}
	if answer := serve(v, []string{"Bearer " + token}); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Error(answer.Code)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := issuer.Verifier(api).Verify(ended, token); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
