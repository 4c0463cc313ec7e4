package login_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"gatehouse/session"
)

// beforeTake is a store in which something happens between the reading of a flow and its end.
type beforeTake struct {
	session.Store
	once sync.Once
	work func()
}

func (s *beforeTake) Take(ctx context.Context, key session.Key) (session.Entry, error) {
	if key.Kind == session.KindFlow {
		s.once.Do(s.work)
	}
	return s.Store.Take(ctx, key)
}

// withoutSession is the same browser with its session cookie left out.
func (b *browser) withoutSession() *browser {
	plain, home := b.h.browser(), must[*url.URL](b.h.t)(url.Parse(b.h.url))
	for _, cookie := range b.client.Jar.Cookies(home) {
		if !strings.Contains(cookie.Name, "session") {
			plain.client.Jar.SetCookies(home, []*http.Cookie{cookie})
		}
	}
	return plain
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
	h.handler.Flows.Store = &beforeTake{Store: h.handler.Flows.Store, work: func() {
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
