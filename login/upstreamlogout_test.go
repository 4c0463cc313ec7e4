package login_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/connectors"
)

const upstreamEnd = "https://upstream.example/end"

// BeginLogout implements connectors.LogoutInitiator.
func (u *upstream) BeginLogout(_ context.Context, r connectors.LogoutRequest) (string, error) {
	u.left = append(u.left, r)
	if u.keeps || u.leave != nil {
		return "", u.leave
	}
	return upstreamEnd + "?state=" + r.State, nil
}

// throughUpstream signs a new person in through the upstream.
func (h *house) throughUpstream() *browser {
	h.t.Helper()
	h.upstream.identity = connectors.Identity{Subject: "s", Auth: connectors.Authentication{LogoutHint: "the upstream's ID token"}}
	b := h.browser()
	h.code(b.get(callback("up", b.toUpstream(b.begin("harbour"), "up"))))
	return b
}

// TestUpstreamLogout: who signed in through an upstream that signs out goes there first, and then where the client wanted.
func TestUpstreamLogout(t *testing.T) {
	h := leaving(t)
	b := h.throughUpstream()
	hint, _ := b.idToken("harbour", "")
	p := b.get(logoutURL("id_token_hint", hint, "post_logout_redirect_uri", homeURI, "state", "s"))
	if p.location == nil || !strings.HasPrefix(p.location.String(), upstreamEnd) {
		t.Fatalf("sent to %v: %s", p.location, visible(p))
	}
	sent := h.upstream.left[0]
	if sent.Hint != "the upstream's ID token" || sent.ReturnURL != h.url+"/signed-out/upstream" || p.location.Query().Get("state") != sent.State || len(sent.State) < 20 {
		t.Errorf("asked %+v", sent)
	}
	b.wantSignedIn(false) // the upstream may never answer
	stranger := h.browser()
	wantStatus(t, stranger.get("/signed-out/upstream?state="+sent.State), http.StatusOK, "You are signed out")
	wantAway(t, b.get("/signed-out/upstream?state="+sent.State), homeURI+"?state=s")
	wantStatus(t, b.get("/signed-out/upstream?state="+sent.State), http.StatusOK, "You are signed out") // it works once
	wantStatus(t, b.get("/signed-out/upstream?state=&post_logout_redirect_uri=https://evil.example/"), http.StatusOK, "You are signed out")
}

// TestUpstreamLogoutInTime: the way back is open for ten minutes.
func TestUpstreamLogoutInTime(t *testing.T) {
	h := leaving(t)
	b := h.throughUpstream()
	b.post("/signout", url.Values{})
	h.clock.Advance(10*time.Minute + time.Second)
	wantStatus(t, b.get("/signed-out/upstream?state="+h.upstream.left[0].State), http.StatusOK, "You are signed out")
}

// TestUpstreamKeepsNobody: a local sign-in, an upstream that does not sign out and one that cannot be reached: people are signed out here.
func TestUpstreamKeepsNobody(t *testing.T) {
	h := leaving(t)
	local := h.browser()
	local.idToken("harbour", "ada")
	wantStatus(t, local.post("/signout", url.Values{}), http.StatusOK, "You are signed out")
	if len(h.upstream.left) != 0 {
		t.Error("a local sign-in is signed out at the upstream")
	}
	for name, prepare := range map[string]func(){
		"does not": func() { h.upstream.keeps = true },
		"is away": func() {
			h.upstream.leave = &connectors.Error{Reason: connectors.ReasonUnavailable, Err: errors.New("no answer")}
		},
	} {
		h.upstream.keeps, h.upstream.leave = false, nil
		prepare()
		b := h.throughUpstream()
		wantStatus(t, b.post("/signout", url.Values{}), http.StatusOK, "You are signed out")
		b.wantSignedIn(false)
		if len(h.upstream.left) == 0 {
			t.Errorf("%s: was not asked", name)
		}
	}
	if !strings.Contains(h.log.String(), "no answer") {
		t.Error("the log does not say that the upstream was away")
	}
}
