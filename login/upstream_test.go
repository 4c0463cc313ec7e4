package login_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"gatehouse/connectors"
	"gatehouse/tenancy"
)

// TestUpstreamMustBeFresh: a client that limits the age of the sign-in is not served with an old one from upstream.
func TestUpstreamMustBeFresh(t *testing.T) {
	h := newHouse(t)
	h.upstream.identity = connectors.Identity{Subject: "s"}
	for i, c := range []struct {
		name, value string
		force       bool
	}{{"state", "the-state", false}, {"max_age", "30", true}, {"prompt", "login", true}} {
		b := h.browser()
		h.code(b.get(callback("up", b.toUpstream(b.begin("harbour", c.name, c.value), "up"))))
		if got := h.upstream.finished[i].ForceLogin; got != c.force {
			t.Errorf("%s=%s: forced %v", c.name, c.value, got)
		}
	}
}

// TestUpstreamTime: the age of a sign-in is what the upstream says, but never in the future, where it would not age.
func TestUpstreamTime(t *testing.T) {
	h := newHouse(t)
	now := h.clock.Now()
	for said, want := range map[time.Time]time.Time{now.Add(time.Hour): now, now.Add(-time.Hour): now.Add(-time.Hour), {}: now} {
		h.upstream.identity = connectors.Identity{Subject: "s", Auth: connectors.Authentication{At: said}}
		b := h.browser()
		tokens := h.exchange("harbour", h.code(b.get(callback("up", b.toUpstream(b.begin("harbour"), "up")))))
		if got := claim(t, tokens, "auth_time"); got != strconv.FormatInt(want.Unix(), 10) {
			t.Errorf("said %v: auth_time is %s, want %d", said, got, want.Unix())
		}
	}
}

// TestOwnConnectorNarrowsTheSession: who had a session for all his organizations and signs in through one's own connector has one for
// that alone; a renewed session would be fresh for the others by the word of an upstream that they do not know.
func TestOwnConnectorNarrowsTheSession(t *testing.T) {
	h := newHouse(t)
	both := h.person("both", h.harbour, h.castle)
	if err := h.directory.LinkIdentity(t.Context(), tenancy.System("test"), tenancy.Identity{Connector: "castles", Subject: "s", User: both.ID}); err != nil {
		t.Fatal(err)
	}
	h.upstream.identity = connectors.Identity{Subject: "s"}
	b := h.browser()
	h.code(b.password(b.begin("harbour"), "both", goodPassword))
	h.code(b.confirm(b.get(callback("castles", b.toUpstream(b.begin("castle", "prompt", "login"), "castles")))))
	wantStatus(t, b.get(h.authorizeURL("harbour")), http.StatusForbidden, "not a member")
}

// arrive comes back from the upstream with an identity.
func (h *house) arrive(identity connectors.Identity) page {
	h.t.Helper()
	h.upstream.identity = identity
	b := h.browser()
	return b.get(callback("up", b.toUpstream(b.begin("harbour"), "up")))
}

// TestStaffIsNotLinked: an account that may enter the admin site is never taken over by an address, trusted or not.
func TestStaffIsNotLinked(t *testing.T) {
	h := newHouse(t)
	must[tenancy.User](t)(h.directory.CreateUser(t.Context(), tenancy.System("test"), tenancy.NewUser{Username: "clerk", Email: "clerk@x.example", EmailVerified: true, Staff: true}))
	p := h.arrive(connectors.Identity{Subject: "s", Emails: []connectors.Email{{Address: "clerk@x.example", Verified: true}}})
	wantStatus(t, p, http.StatusOK, "exists already")
}

// TestDisabledAccountUpstream: the upstream vouches for somebody whose account here is disabled.
func TestDisabledAccountUpstream(t *testing.T) {
	h := newHouse(t)
	identity := connectors.Identity{Subject: "s", Emails: []connectors.Email{{Address: "ada@x.example", Verified: true}}}
	h.code(h.arrive(identity))
	ada := must[tenancy.User](t)(h.db.User(t.Context(), h.ada.ID))
	ada.Active = false
	if err := h.db.UpdateUser(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, h.arrive(identity), http.StatusOK, "account here is disabled")
}

// TestAddressOfAnotherDomain: what an upstream says about addresses that it has no authority for is not passed on as verified.
func TestAddressOfAnotherDomain(t *testing.T) {
	h := newHouse(t)
	for address, verified := range map[string]bool{"ceo@elsewhere.example": false, "ceo@x.example": true} {
		h.code(h.arrive(connectors.Identity{Subject: address, Emails: []connectors.Email{{Address: address, Verified: true}}}))
		user := must[tenancy.User](t)(h.directory.UserByIdentity(t.Context(), tenancy.System("test"), "up", address))
		if user.Email != address || user.EmailVerified != verified {
			t.Errorf("%s, verified %v", user.Email, user.EmailVerified)
		}
	}
}
