package login_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"gatehouse/connectors"
	"gatehouse/provider"
)

func field(t *testing.T, p page, name string) string {
	t.Helper()
	var answer map[string]any
	if err := json.Unmarshal([]byte(p.text), &answer); err != nil {
		t.Fatalf("no JSON: %s", p.text)
	}
	text, _ := answer[name].(string)
	return text
}

func accessClaims(t *testing.T, p page) map[string]any {
	t.Helper()
	parts := strings.Split(field(t, p, "access_token"), ".")
	if len(parts) != 3 {
		t.Fatalf("no access token: %s", p.text)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// TestBadAuthorizeRequests: what cannot be sent back is a page, the rest an error at the client; nothing is written.
func TestBadAuthorizeRequests(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	for name, c := range map[string]struct {
		changes []string
		code    string // at the client; empty: a page
	}{
		"unknown client":        {[]string{"client_id", "nobody"}, ""},
		"client with NUL":       {[]string{"client_id", "har\x00bour"}, ""},
		"broken UTF-8":          {[]string{"state", "\xff\xfe"}, ""},
		"foreign redirect":      {[]string{"redirect_uri", "https://evil.example/"}, ""},
		"redirect with more":    {[]string{"redirect_uri", redirectURI + "/x"}, ""},
		"redirect with query":   {[]string{"redirect_uri", redirectURI + "?x=y"}, ""},
		"no redirect":           {[]string{"redirect_uri", ""}, ""},
		"no response type":      {[]string{"response_type", ""}, "invalid_request"},
		"implicit":              {[]string{"response_type", "token"}, "unsupported_response_type"},
		"no PKCE":               {[]string{"code_challenge", ""}, "invalid_request"},
		"plain PKCE":            {[]string{"code_challenge_method", "plain"}, "invalid_request"},
		"unknown scope":         {[]string{"scope", "openid everything"}, "invalid_scope"},
		"prompt none and login": {[]string{"prompt", "none login"}, "invalid_request"},
		"prompt unknown":        {[]string{"prompt", "dance"}, "invalid_request"},
		"max_age text":          {[]string{"max_age", "soon"}, "invalid_request"},
		"request object":        {[]string{"request", "e30.e30."}, "request_not_supported"},
		"request uri":           {[]string{"request_uri", "https://x.example"}, "request_uri_not_supported"},
		"forged hint, silent":   {[]string{"id_token_hint", "e30.e30.e30", "prompt", "none"}, "login_required"},
		"nobody, prompt none":   {[]string{"prompt", "none"}, "login_required"},
	} {
		t.Run(name, func(t *testing.T) {
			var p page
			written := h.counted(func() { p = b.get(h.authorizeURL("harbour", c.changes...)) })
			for _, statement := range written {
				if strings.HasPrefix(statement, "INSERT") || strings.HasPrefix(statement, "UPDATE") {
					t.Errorf("something was written: %s", statement)
				}
			}
			if c.code == "" {
				if p.status != http.StatusBadRequest || p.location != nil {
					t.Errorf("status %d, location %v", p.status, p.location)
				}
				return
			}
			if p.location == nil {
				t.Fatalf("not sent back: %d %s", p.status, visible(p))
			}
			query := p.location.Query()
			if !strings.HasPrefix(p.location.String(), redirectURI) || query.Get("error") != c.code || query.Get("state") != "the-state" || query.Get("iss") != h.url {
				t.Errorf("sent to %s", p.location)
			}
		})
	}
}

func TestRepeatedParameter(t *testing.T) {
	h := newHouse(t)
	p := h.browser().get(h.authorizeURL("harbour") + "&redirect_uri=" + url.QueryEscape("https://evil.example/"))
	wantStatus(t, p, http.StatusBadRequest, "more than once")
}

// TestNothingDurableBeforeSignIn: a visitor leaves no rows behind but those that expire.
func TestNothingDurableBeforeSignIn(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	h.counted(func() {
		flow := b.begin("harbour")
		b.password(flow, "ada", "wrong")
		b.post("/signin/connector", url.Values{"flow": {flow}, "connector": {"up"}})
	})
	if rows := h.durableRows(); len(rows) != 0 {
		t.Errorf("rows were written: %v", rows)
	}
}

func TestTamperedCookies(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	h.code(b.password(b.begin("harbour"), "ada", goodPassword))
	home := must[*url.URL](t)(url.Parse(h.url))
	cookies := b.client.Jar.Cookies(home)
	if len(cookies) != 2 {
		t.Fatalf("cookies = %v", cookies)
	}
	for _, cookie := range cookies {
		flipped := []byte(cookie.Value)
		flipped[0] ^= 1
		cookie.Value, cookie.Path = string(flipped), "/"
	}
	b.client.Jar.SetCookies(home, cookies)
	if p := b.get("/"); p.address.Path != "/signin" {
		t.Errorf("a tampered session is at %s: %s", p.address, visible(p))
	}
}

// TestWeakBrowserCookie: flows are not bound to a secret that somebody else could guess or plant.
func TestWeakBrowserCookie(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	home := must[*url.URL](t)(url.Parse(h.url))
	name := "gatehouse_browser_" + home.Port()
	b.client.Jar.SetCookies(home, []*http.Cookie{{Name: name, Value: "guessed", Path: "/"}})
	b.begin("harbour")
	for _, cookie := range b.client.Jar.Cookies(home) {
		if cookie.Name == name && len(cookie.Value) < 43 {
			t.Errorf("the flow is bound to %q", cookie.Value)
		}
	}
}

func TestCookiesAreGuarded(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour")
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.password(flow, "ada", goodPassword)
	p := b.get("/signin?flow=" + flow)
	header := strings.Join(p.header.Values("Set-Cookie"), "\n")
	for _, attribute := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(header, attribute) {
			t.Errorf("%q lacks %s", header, attribute)
		}
	}
}

func TestCrossSiteForms(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	h.code(b.password(b.begin("harbour"), "ada", goodPassword))
	for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
		if p := b.send(http.MethodPost, "/signout", url.Values{}, header...); p.status != http.StatusForbidden {
			t.Errorf("%v: %d", header, p.status)
		}
	}
	if p := b.get("/"); p.address.Path != "/" {
		t.Error("a foreign form signed the person out")
	}
	// A client may send its request as a form from its own page (OpenID Connect Core section 3.1.2.1).
	path, query, _ := strings.Cut(h.authorizeURL("harbour"), "?")
	h.code(b.send(http.MethodPost, path, must[url.Values](t)(url.ParseQuery(query)), "Origin", "https://client.example", "Sec-Fetch-Site", "cross-site"))
}

func TestLargeAndBrokenForms(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour")
	for _, size := range []int{64 << 10, 1 << 20} {
		large := url.Values{"flow": {flow}, "identifier": {strings.Repeat("x", size)}, "password": {"x"}}
		wantStatus(t, b.post("/signin/password", large), http.StatusRequestEntityTooLarge, "larger")
	}
	for _, name := range []string{"\xff\xfe", "a\x00b", strings.Repeat("é", 5000), "' OR 1=1 --", "<script>alert(1)</script>"} {
		p := b.password(flow, name, "\xff\x00")
		if p.status != http.StatusUnauthorized || strings.Contains(p.text, "<script>alert") {
			t.Errorf("%q: %d", name, p.status)
		}
	}
	if p := b.send(http.MethodPost, "/signin/password?flow="+flow, nil, "Content-Type", "application/x-www-form-urlencoded"); p.status != http.StatusUnauthorized {
		t.Errorf("empty form: %d", p.status)
	}
}

// TestDoubleSubmit: the last step sent twice at once yields one code.
func TestDoubleSubmit(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour")
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if p := b.password(flow, "ada", goodPassword); p.status != http.StatusSeeOther {
		t.Fatalf("password: %d", p.status)
	}
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		codes int
	)
	for range 16 {
		group.Go(func() {
			p := b.get("/signin?flow=" + flow)
			mu.Lock()
			defer mu.Unlock()
			if p.location != nil && p.location.Query().Get("code") != "" {
				codes++
			}
		})
	}
	group.Wait()
	if codes != 1 {
		t.Errorf("%d codes from one sign-in", codes)
	}
}

// TestNothingSecretInTheLog plants secrets in every place and searches the log for them.
func TestNothingSecretInTheLog(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour", "state", "the-state", "login_hint", "planted-hint@x.example")
	b.password(flow, "planted-name@x.example", "planted-password")
	h.upstream.finish = &connectors.Error{Reason: connectors.ReasonInvalid, Err: fmt.Errorf("no tokens in here")}
	state := b.toUpstream(flow, "up")
	b.get("/signin/callback/up?code=planted-code&state=" + state)
	code := h.code(b.password(b.begin("harbour"), "ada", goodPassword))
	tokens := h.exchange("harbour", code)
	h.refresh("harbour", tokens)
	h.exchange("harbour", code)
	h.browser().send(http.MethodGet, provider.UserinfoPath+"?access_token=planted-query", nil, "Authorization", "Bearer planted-bearer")
	log := h.log.String()
	if !strings.Contains(log, "route=/signin/password") || !strings.Contains(log, "request_id=") {
		t.Fatalf("the log has no events:\n%s", log)
	}
	for _, planted := range []string{
		"planted", goodPassword, code, state, flow, field(t, tokens, "access_token"), field(t, tokens, "refresh_token"), clientSecret, "ada@x.example", verifier,
	} {
		if strings.Contains(log, planted) {
			t.Errorf("the log has %q", planted)
		}
	}
}

// TestStatements reports what a sign-in costs, and fails when it grows.
func TestStatements(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	var (
		code   string
		tokens page
	)
	steps := []struct {
		name string
		most int
		work func()
	}{
		{"password sign-in, from the request to the code", 29, func() { code = h.code(b.password(b.begin("harbour"), "ada", goodPassword)) }},
		{"code exchange", 5, func() { tokens = h.exchange("harbour", code) }},
		{"refresh", 4, func() { tokens = h.refresh("harbour", tokens) }},
		{"authorization with a live session", 4, func() { h.code(b.get(h.authorizeURL("harbour"))) }},
		{"userinfo", 2, func() { h.userinfo(tokens) }},
	}
	for _, step := range steps {
		statements := h.counted(step.work)
		writes := 0
		for _, text := range statements {
			if !strings.HasPrefix(text, "SELECT") {
				writes++
			}
		}
		t.Logf("%s: %d statements, %d of them writes", step.name, len(statements), writes)
		if len(statements) > step.most {
			t.Errorf("%s costs %d statements, more than %d:\n%s", step.name, len(statements), step.most, strings.Join(statements, "\n"))
		}
	}
}
