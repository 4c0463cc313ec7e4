package login_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/connectors"
	"gatehouse/tenancy"
)

func TestPasswordAttempts(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour")
	for i := range 12 {
		p := b.password(flow, "Ada", "wrong")
		if want := map[bool]int{true: http.StatusUnauthorized, false: http.StatusTooManyRequests}[i < 10]; p.status != want {
			t.Errorf("attempt %d: %d, want %d", i+1, p.status, want)
		}
	}
	wantStatus(t, b.password(flow, "ada", goodPassword), http.StatusTooManyRequests, "Too many attempts")
	h.clock.Advance(16 * time.Minute)
	h.code(b.password(flow, "ada", goodPassword))
}

// TestSuccessForgets: who gets in may mistype again, as often as before; half a sign-in does not count as one.
func TestSuccessForgets(t *testing.T) {
	h := newHouse(t)
	for range 3 {
		b := h.browser()
		flow := b.begin("harbour")
		for i := range 9 {
			if p := b.password(flow, "ada", "wrong"); p.status != http.StatusUnauthorized {
				t.Fatalf("attempt %d: %d", i+1, p.status)
			}
		}
		h.code(b.password(flow, "ada", goodPassword))
	}
}

// TestUpstreamForgetsNothing: who came in through an upstream has shown no password; those that were tried count on.
func TestUpstreamForgetsNothing(t *testing.T) {
	h := newHouse(t)
	if err := h.directory.LinkIdentity(t.Context(), tenancy.System("test"), tenancy.Identity{Connector: "up", Subject: "s", User: h.ada.ID}); err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	flow := b.begin("harbour")
	for range 9 {
		wantStatus(t, b.password(flow, "ada", "wrong"), http.StatusUnauthorized, "")
	}
	h.upstream.identity = connectors.Identity{Subject: "s"}
	other := h.browser()
	h.code(other.get(callback("up", other.toUpstream(other.begin("harbour"), "up"))))
	wantStatus(t, b.password(flow, "ada", "wrong"), http.StatusUnauthorized, "")
	wantStatus(t, b.password(flow, "ada", goodPassword), http.StatusTooManyRequests, "Too many attempts")
}

// TestStrangerLocksNobodyOut: what is refused for one address does not count for the account, whose owner signs in from another.
func TestStrangerLocksNobodyOut(t *testing.T) {
	h := newHouse(t)
	stranger := h.browser()
	flow := stranger.begin("harbour")
	for range 500 {
		stranger.send(http.MethodPost, "/signin/password", url.Values{"flow": {flow}, "identifier": {"ada"}, "password": {"wrong"}}, "X-Forwarded-For", "192.0.2.1")
	}
	owner := h.browser()
	h.code(owner.send(http.MethodPost, "/signin/password", url.Values{"flow": {owner.begin("harbour")}, "identifier": {"ada"}, "password": {goodPassword}}, "X-Forwarded-For", "192.0.2.2"))
}

// TestAccountHasOneLimit: whichever of its names is tried, and however many addresses try.
func TestAccountHasOneLimit(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	flow := b.begin("harbour")
	statuses := map[int]int{}
	for i := range 60 {
		name := []string{"ada", "ADA@x.example"}[i%2]
		p := b.send(http.MethodPost, "/signin/password", url.Values{"flow": {flow}, "identifier": {name}, "password": {"wrong"}}, "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i+1))
		statuses[p.status]++
	}
	if statuses[http.StatusUnauthorized] != 50 || statuses[http.StatusTooManyRequests] != 10 {
		t.Errorf("answers: %v", statuses)
	}
}

// TestAddressHasALimit: one address does not try a password on everybody; an IPv6 customer has a whole /64 of them.
func TestAddressHasALimit(t *testing.T) {
	for _, form := range []string{"192.0.2.1", "2001:db8:1:2:%x::1"} {
		h := newHouse(t)
		b := h.browser()
		flow := b.begin("harbour")
		refused := 0
		for i := range 310 {
			address := form
			if strings.Contains(form, "%") {
				address = fmt.Sprintf(form, i+1)
			}
			p := b.send(http.MethodPost, "/signin/password", url.Values{"flow": {flow}, "identifier": {fmt.Sprint("name", i)}, "password": {"wrong"}}, "X-Forwarded-For", address)
			if p.status == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused != 10 {
			t.Errorf("%s: %d of 310 were refused, want 10", form, refused)
		}
	}
}
