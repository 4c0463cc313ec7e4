package conformance

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// rpLogoutPlan is oidcc-rp-initiated-logout-certification-test-plan.
func rpLogoutPlan(t *testing.T, r run) {
	t.Run("oidcc-rp-initiated-logout-discovery-endpoint-verification", func(t *testing.T) { r.endpoint(t, "end_session_endpoint") })
	for name, m := range map[string]func(*testing.T, *logout){
		"oidcc-rp-initiated-logout":                                         logoutComplete,
		"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri":            logoutRefused("post_logout_redirect_uri", "https://client.example/elsewhere"),
		"oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri": logoutRefused("post_logout_redirect_uri", postLogoutURI+"?foo=bar"),
		"oidcc-rp-initiated-logout-modified-id-token-hint":                  logoutModifiedHint,
		"oidcc-rp-initiated-logout-bad-id-token-hint":                       logoutBadHint,
		"oidcc-rp-initiated-logout-no-id-token-hint":                        logoutWithoutHint,
		"oidcc-rp-initiated-logout-no-params":                               logoutConfirmed("id_token_hint", "", "post_logout_redirect_uri", "", "state", ""),
		"oidcc-rp-initiated-logout-only-state":                              logoutConfirmed("id_token_hint", "", "post_logout_redirect_uri", ""),
		"oidcc-rp-initiated-logout-no-post-logout-redirect-uri":             logoutConfirmed("post_logout_redirect_uri", ""),
		"oidcc-rp-initiated-logout-no-state":                                logoutWithoutState,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrowser(t)
			m(t, &logout{run: r, b: b, got: r.granted(t, b), state: random()})
		})
	}
}

// logout is somebody who has signed in and a client that wants him to sign out.
type logout struct {
	run
	b     *browser
	got   tokens
	state string
}

func (l *logout) request(t *testing.T, changes ...string) page {
	t.Helper()
	params := url.Values{"id_token_hint": {l.got.ID}, "post_logout_redirect_uri": {postLogoutURI}, "state": {l.state}}
	for i := 0; i+1 < len(changes); i += 2 {
		params.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			params.Del(changes[i])
		}
	}
	return l.b.open(http.MethodGet, l.endpoint(t, "end_session_endpoint")+"?"+params.Encode(), nil)
}

// signedIn asks whether the session lives on, as the suite does with prompt=none.
func (l *logout) signedIn(t *testing.T) bool {
	t.Helper()
	q := l.run.request("prompt", "none")
	answer := l.answered(t, l.visit(l.b, q), q)
	if answer.Has("code") {
		return true
	}
	if code := answer.Get("error"); code != "login_required" && code != "interaction_required" {
		t.Errorf("prompt=none is answered with %q", code)
	}
	return false
}

func logoutComplete(t *testing.T, l *logout) {
	p := l.request(t)
	if p.address.String() != postLogoutURI+"?state="+l.state {
		t.Errorf("the browser goes to %s, not back: %s", p.address, p.text)
	}
	if l.signedIn(t) {
		t.Error("the session lives on")
	}
	if status, _ := l.userinfo(t, http.MethodGet, l.got.Access, nil); status != http.StatusUnauthorized {
		t.Errorf("the access token still works: %d", status)
	}
}

func logoutWithoutState(t *testing.T, l *logout) {
	if p := l.request(t, "state", ""); p.address.String() != postLogoutURI {
		t.Errorf("the browser goes to %s", p.address)
	}
	if l.signedIn(t) {
		t.Error("the session lives on")
	}
}

func logoutRefused(changes ...string) func(*testing.T, *logout) {
	return func(t *testing.T, l *logout) { errorPage(t, l.request(t, changes...)) }
}

// logoutModifiedHint: the hint without its signature, and with alg none.
func logoutModifiedHint(t *testing.T, l *logout) {
	parts := strings.Split(l.got.ID, ".")
	errorPage(t, l.request(t, "id_token_hint", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))+"."+parts[1]+"."))
	if !l.signedIn(t) {
		t.Error("a forged hint has ended the session")
	}
}

// logoutBadHint: the right claims, signed by somebody else.
func logoutBadHint(t *testing.T, l *logout) {
	foreign, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: foreign}, nil)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := jwt.Signed(signer).Claims(l.got.claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	errorPage(t, l.request(t, "id_token_hint", forged))
	if !l.signedIn(t) {
		t.Error("a forged hint has ended the session")
	}
}

// logoutWithoutHint: nobody knows which client asks, so there is no way back to it.
func logoutWithoutHint(t *testing.T, l *logout) {
	if p := l.request(t, "id_token_hint", ""); p.back() {
		t.Errorf("the browser goes to %s", p.address)
	}
	if !l.signedIn(t) {
		t.Error("a link on any page signs people out")
	}
}

// logoutConfirmed ends on a page of the provider; where anybody may have made the link, after a question.
func logoutConfirmed(changes ...string) func(*testing.T, *logout) {
	return func(t *testing.T, l *logout) {
		p := l.request(t, changes...)
		if !slices.Contains(changes, "id_token_hint") {
			if p.back() || p.status != http.StatusOK || l.signedIn(t) {
				t.Errorf("not signed out: %d %s", p.status, p.text)
			}
			return
		}
		if !l.signedIn(t) {
			t.Fatal("signed out before he was asked")
		}
		if len(p.forms) != 1 {
			t.Fatalf("no question: %s", p.text)
		}
		pressed := button{}
		if len(p.forms[0].buttons) > 0 {
			pressed = p.forms[0].buttons[0]
		}
		if p = l.b.submit(p.forms[0], nil, pressed); p.back() || p.status != http.StatusOK || l.signedIn(t) {
			t.Errorf("not signed out: %d %s", p.status, p.text)
		}
	}
}

// backchannelPlan is oidcc-backchannel-rp-initiated-logout-certification-test-plan. told gets what the client "first" is told.
func backchannelPlan(t *testing.T, r run, told <-chan *http.Request) {
	t.Run("oidcc-backchannel-logout-discovery-endpoint-verification", func(t *testing.T) {
		r.endpoint(t, "end_session_endpoint")
		if r.metadata["backchannel_logout_supported"] != true || r.metadata["backchannel_logout_session_supported"] != true {
			t.Error("back-channel logout is not announced")
		}
	})
	t.Run("oidcc-backchannel-rp-initiated-logout", func(t *testing.T) {
		b := newBrowser(t)
		l := &logout{run: r, b: b, got: r.granted(t, b, "client_id", "told"), state: random()}
		logoutComplete(t, l)
		select {
		case call := <-told:
			l.checkLogoutToken(t, call)
		case <-time.After(20 * time.Second):
			t.Fatal("the client is not told")
		}
	})
}

func (l *logout) checkLogoutToken(t *testing.T, call *http.Request) {
	t.Helper()
	if call.Method != http.MethodPost || call.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || len(call.PostForm) != 1 {
		t.Errorf("%s %s with %v", call.Method, call.Header.Get("Content-Type"), call.PostForm)
	}
	token := call.PostForm.Get("logout_token")
	claims := l.verified(t, token, "RS256")
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	now := float64(time.Now().Unix())
	if claims["iss"] != l.url || claims["aud"] != "told" || issued < now-60 || issued > now+5 || expires <= now || expires > now+600 {
		t.Errorf("claims of the logout token: %v", claims)
	}
	if id, _ := claims["jti"].(string); len(id) < 16 {
		t.Errorf("jti %q", id)
	}
	events, _ := json.Marshal(claims["events"])
	if string(events) != `{"http://schemas.openid.net/event/backchannel-logout":{}}` {
		t.Errorf("events %s", events)
	}
	if claims["sub"] != l.got.claims["sub"] || claims["sid"] != l.got.claims["sid"] || claims["sid"] == nil {
		t.Errorf("sub %v, sid %v; the ID token has %v, %v", claims["sub"], claims["sid"], l.got.claims["sub"], l.got.claims["sid"])
	}
	if _, has := claims["nonce"]; has {
		t.Error("the logout token has a nonce")
	}
	header, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if !strings.Contains(string(header), `"logout+jwt"`) {
		t.Errorf("the header is %s", header)
	}
}
