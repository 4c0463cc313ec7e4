package login_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/connectors"
	"gatehouse/login"
	"gatehouse/mfa"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// beforeTake is a store in which something happens between the reading of an entry and its end.
type beforeTake struct {
	session.Store
	kind session.Kind
	once sync.Once
	work func()
}

func (s *beforeTake) Take(ctx context.Context, key session.Key) (session.Entry, error) {
	if key.Kind == s.kind {
		s.once.Do(s.work)
	}
	return s.Store.Take(ctx, key)
}

// withoutSession is the same browser with its session cookie left out.
func (b *browser) withoutSession() *browser {
	return b.another(func(cookie *http.Cookie) bool { return !strings.Contains(cookie.Name, "session") })
}

// another has the cookies of a browser that are wanted.
func (b *browser) another(wanted func(*http.Cookie) bool) *browser {
	other, home := b.h.browser(), must[*url.URL](b.h.t)(url.Parse(b.h.url))
	for _, cookie := range b.client.Jar.Cookies(home) {
		if wanted(cookie) {
			other.client.Jar.SetCookies(home, []*http.Cookie{cookie})
		}
	}
	return other
}

// TestFlowChangesWhileItEnds: what was decided about one person is not done for another. Mallory's session, second factor included,
// would end the flow; at that moment her browser, leaving the session out, signs kim in with his password alone.
func TestFlowChangesWhileItEnds(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.castle)
	h.person("mallory", h.castle)
	other := h.browser()
	h.code(other.confirm(other.password(other.begin("castle"), "kim", goodPassword)))
	b := h.browser()
	h.code(b.confirm(b.password(b.begin("castle"), "mallory", goodPassword)))
	plain := b.withoutSession()
	flow := plain.begin("castle")
	h.handler.Flows.Store = &beforeTake{Store: h.handler.Flows.Store, kind: session.KindFlow, work: func() {
		wantStatus(t, plain.password(flow, "kim", goodPassword), http.StatusOK, "Enter your code")
	}}
	p := b.get("/signin?flow=" + flow)
	if p.location != nil {
		tokens := h.exchange("castle", p.location.Query().Get("code"))
		t.Errorf("a code that gives %s %s", claim(t, tokens, "sub"), claim(t, tokens, "amr"))
	}
	wantStatus(t, p, http.StatusBadRequest, "no longer valid")
	wantStatus(t, b.get("/"), http.StatusOK, "mallory")
}

// beforeReplace is a store in which something happens between the reading of a flow and its change.
type beforeReplace struct {
	session.Store
	once sync.Once
	work func()
}

func (s *beforeReplace) Replace(ctx context.Context, key session.Key, entry session.Entry) error {
	if key.Kind == session.KindFlow {
		s.once.Do(s.work)
	}
	return s.Store.Replace(ctx, key, entry)
}

// TestFlowEndsWhileAFormIsRead: that is no error of ours, and the page says so.
func TestFlowEndsWhileAFormIsRead(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	h.code(b.password(b.begin("harbour"), "ada", goodPassword))
	plain := b.withoutSession()
	flow := plain.begin("harbour")
	h.handler.Flows.Store = &beforeReplace{Store: h.handler.Flows.Store, work: func() { h.code(b.get("/signin?flow=" + flow)) }}
	wantStatus(t, plain.password(flow, "ada", goodPassword), http.StatusBadRequest, "no longer valid")
}

// twice is a store in which another request has just confirmed the factor.
type twice struct{ mfa.Store }

func (twice) CreateFactor(context.Context, mfa.Factor) error { return &store.Conflict{Field: "name"} }

// TestFactorConfirmedTwice: the form of a new factor that was sent twice shows where the sign-in is, not an error.
func TestFactorConfirmedTwice(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.castle)
	b := h.browser()
	p := b.password(b.begin("castle"), "kim", goodPassword)
	h.handler.Factors.Store = twice{h.handler.Factors.Store}
	wantStatus(t, b.confirm(p), http.StatusOK, "Set up two‑step sign-in")
}

// halfway is a browser with kim's session, good for one factor, in a flow in which he has just shown the other and must pick an
// organization. It returns the secret of his factor too.
func (h *house) halfway() (b *browser, flow, secretText string) {
	h.t.Helper()
	kim := h.person("kim", h.harbour, h.castle)
	if err := h.directory.LinkIdentity(h.t.Context(), tenancy.System("test"), tenancy.Identity{Connector: "up", Subject: "kim", User: kim.ID}); err != nil {
		h.t.Fatal(err)
	}
	b, other := h.browser(), h.browser()
	h.code(b.password(b.begin("harbour"), "kim", goodPassword))
	p := other.password(other.begin("castle"), "kim", goodPassword)
	secretText = secretOn(h.t, p)
	h.code(other.confirm(p))
	h.clock.Advance(30 * time.Second)
	flow = b.begin("shared")
	wantStatus(h.t, b.post("/signin/factor", url.Values{"flow": {flow}, "code": {h.totp(secretText)}}), http.StatusOK, "Choose an organization")
	return b, flow, secretText
}

// TestNewFirstFactorAsksForTheSecond: who signs in anew within a flow shows his factor anew.
func TestNewFirstFactorAsksForTheSecond(t *testing.T) {
	t.Run("password", func(t *testing.T) {
		h := newHouse(t)
		b, flow, _ := h.halfway()
		wantStatus(t, b.withoutSession().password(flow, "kim", goodPassword), http.StatusOK, "Enter your code")
	})
	t.Run("connector", func(t *testing.T) {
		h := newHouse(t)
		h.upstream.identity = connectors.Identity{Subject: "kim"}
		b, flow, _ := h.halfway()
		plain := b.withoutSession()
		wantStatus(t, plain.get(callback("up", plain.toUpstream(flow, "up"))), http.StatusOK, "Enter your code")
	})
}

// TestFactorOfAnotherEndsTheFlow: kim's factor is not written into the session that mallory has by the end of the flow.
func TestFactorOfAnotherEndsTheFlow(t *testing.T) {
	h := newHouse(t)
	h.person("mallory", h.harbour, h.castle)
	b, flow, _ := h.halfway()
	h.code(b.confirm(b.password(b.begin("castle", "prompt", "login"), "mallory", goodPassword)))
	wantStatus(t, b.get("/signin?flow="+flow), http.StatusOK, "Choose an organization")
	p := b.post("/signin/organization", url.Values{"flow": {flow}, "organization": {string(h.harbour.ID)}})
	wantStatus(t, p, http.StatusBadRequest, "no longer valid")
}

// TestSignedOutWhileTheFlowEnds: a factor does not bring back a session that was ended in another tab.
func TestSignedOutWhileTheFlowEnds(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.harbour)
	b := h.browser()
	h.code(b.password(b.begin("harbour"), "kim", goodPassword))
	flow := b.begin("harbour", "claims", `{"id_token":{"acr":{"essential":true,"value":"`+login.ACRMulti+`"}}}`)
	h.handler.Sessions.Store = &beforeTake{Store: h.handler.Sessions.Store, kind: session.KindSession, work: func() {
		other := b.another(func(*http.Cookie) bool { return true })
		wantStatus(t, other.post("/signout", url.Values{}), http.StatusOK, "signed out")
	}}
	wantStatus(t, b.confirm(b.get("/signin?flow="+flow)), http.StatusBadRequest, "no longer valid")
	if p := b.get("/"); p.address.Path != "/signin" {
		t.Errorf("still at %s", p.address)
	}
}

// TestAnotherPersonEndsTheSession: of the person who was signed in before nothing stays.
func TestAnotherPersonEndsTheSession(t *testing.T) {
	h := newHouse(t)
	h.person("kim", h.harbour)
	b := h.browser()
	tokens := h.exchange("harbour", h.code(b.password(b.begin("harbour"), "ada", goodPassword)))
	h.code(b.password(b.begin("harbour", "prompt", "login"), "kim", goodPassword))
	wantStatus(t, h.userinfo(tokens), http.StatusUnauthorized, "invalid_token")
	wantStatus(t, h.refresh("harbour", tokens), http.StatusBadRequest, "invalid_grant")
}
