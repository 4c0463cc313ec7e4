package api_test

import (
	"net/http"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/tenancy"
)

// limited is somebody who manages two organizations, with a browser and a token that are good for the first alone.
type limited struct {
	*town
	user    id.User
	here    tenancy.Membership
	browser secret.Text
	token   string
}

func newLimited(t *testing.T) *limited {
	t.Helper()
	l := &limited{town: newTown(t)}
	acme := l.things[own].organization
	l.user = l.person("limited", map[id.Organization]tenancy.Role{acme: tenancy.Manager, l.things[foreign].organization: tenancy.Manager})
	administrators := must(l.directory.GroupByName(t.Context(), system(), "Administrator"))(t).ID
	if err := l.db.AddToGroup(t.Context(), system(), administrators, l.user); err != nil {
		t.Fatal(err)
	}
	for _, m := range must(l.db.Memberships(t.Context(), system(), l.user))(t) {
		if m.Organization == acme {
			l.here = m
		}
	}
	var err error
	if l.browser, _, err = l.sessions.Start(t.Context(), session.Session{User: l.user, Organization: acme, AMR: []string{"fed"}, AuthTime: l.clock.Now()}); err != nil {
		t.Fatal(err)
	}
	l.token = l.narrow(l.user, tenancy.NewAPIToken{Organization: acme})
	return l
}

// want is the status of the same request by browser, which may be signed out, and by token.
func (l *limited) want(t *testing.T, what, method, path string, body any, signedOut bool, status int) {
	t.Helper()
	r := l.request(method, path, "", body)
	r.Header.Set(sessionHeader, l.browser.Reveal())
	byBrowser := status
	if signedOut {
		byBrowser = http.StatusUnauthorized
	}
	if got := l.send(r); got.status != byBrowser {
		t.Errorf("%s: by browser %d, want %d: %s", what, got.status, byBrowser, got.raw)
	}
	if got := l.do(method, path, l.token, body); got.status != status {
		t.Errorf("%s: by token %d, want %d: %s", what, got.status, status, got.raw)
	}
}

// TestLimitedToWhatIsGone: what is good for one organization is good for nothing when that is left, disabled or deleted; browsers that are good for a
// disabled one alone are signed out.
func TestLimitedToWhatIsGone(t *testing.T) {
	for name, tt := range map[string]struct {
		end          func(l *limited, t *testing.T) error
		read, change int
	}{
		"nothing": {func(*limited, *testing.T) error { return nil }, http.StatusOK, http.StatusOK},
		"left": {func(l *limited, t *testing.T) error {
			return l.directory.RemoveMember(t.Context(), system(), l.here.ID)
		}, http.StatusNotFound, http.StatusNotFound},
		"a member": {func(l *limited, t *testing.T) error {
			_, err := l.directory.ChangeMembership(t.Context(), system(), l.here.ID, tenancy.MembershipChange{Role: tenancy.Member})
			return err
		}, http.StatusNotFound, http.StatusNotFound},
		"disabled": {func(l *limited, t *testing.T) error {
			_, err := l.directory.SetOrganizationActive(t.Context(), system(), l.here.Organization, false, 0)
			return err
		}, http.StatusOK, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLimited(t)
			if err := tt.end(l, t); err != nil {
				t.Fatal(err)
			}
			signedOut := name == "disabled"
			mine, other := "/users/user/"+string(l.things[own].user)+"/", "/users/user/"+string(l.things[foreign].user)+"/"
			l.want(t, "read", http.MethodGet, mine, nil, signedOut, tt.read)
			l.want(t, "change", http.MethodPatch, mine, fields{"first_name": "x"}, signedOut, tt.change)
			l.want(t, "read the other organization's", http.MethodGet, other, nil, signedOut, http.StatusNotFound)
		})
	}
}

// TestDeletedOrganizationTakesTokens: its tokens go with it, and a browser that was good for it alone is signed out.
func TestDeletedOrganizationTakesTokens(t *testing.T) {
	l := newLimited(t)
	must(l.directory.DeleteOrganization(t.Context(), system(), l.here.Organization))(t)
	l.do(http.MethodGet, "/users/user/", l.token, nil).want(t, http.StatusUnauthorized)
	r := l.request(http.MethodGet, "/users/user/"+string(l.things[foreign].user)+"/", "", nil)
	r.Header.Set(sessionHeader, l.browser.Reveal())
	l.send(r).want(t, http.StatusUnauthorized)
}

// TestDeactivatedSessionsStayEnded: whoever is active again signs in again.
func TestDeactivatedSessionsStayEnded(t *testing.T) {
	for _, path := range []string{"PATCH", "bulk"} {
		t.Run(path, func(t *testing.T) {
			l := newLimited(t)
			super := l.requesters[6].token
			for _, active := range []bool{false, true} {
				if path == "PATCH" {
					l.do(http.MethodPatch, "/users/user/"+string(l.user)+"/", super, fields{"is_active": active}).want(t, http.StatusOK)
				} else {
					action := map[bool]string{true: "activate", false: "deactivate"}[active]
					l.do(http.MethodPost, "/users/user/bulk/", super, fields{"action": action, "users": []id.User{l.user}}).want(t, http.StatusOK)
				}
				r := l.request(http.MethodGet, "/users/user/", "", nil)
				r.Header.Set(sessionHeader, l.browser.Reveal())
				l.send(r).want(t, http.StatusUnauthorized)
			}
		})
	}
}
