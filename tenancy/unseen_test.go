package tenancy_test

import (
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// TestSuperusersStayUnseen: whoever does not see superusers does not learn their identifiers from what they did either.
func TestSuperusersStayUnseen(t *testing.T) {
	w := newTown(t)
	w.group(t, tenancy.Group{Name: "Auditors", Permissions: []tenancy.Permission{tenancy.ViewAuditEvent}}, w.manager)
	root, manager := w.scope(t, w.super), w.scope(t, w.manager)
	open := must(w.Invite(t.Context(), root, tenancy.NewInvitation{Organization: w.a, Email: "guest@x.example", Role: tenancy.Member}))(t)
	must(w.Invite(t.Context(), manager, tenancy.NewInvitation{Organization: w.a, Email: "other@x.example", Role: tenancy.Member}))(t)
	other := w.user(t, tenancy.NewUser{Username: "third", Superuser: true})
	must(w.AddMember(t.Context(), root, w.a, other, tenancy.Member))(t)
	must(w.CreateUser(t.Context(), root, tenancy.NewUser{Username: "second", Superuser: true, Organization: w.a}))(t)
	for _, tt := range []struct {
		scope tenancy.Scope
		shown bool
	}{{root, true}, {manager, false}} {
		inviters, all := map[id.User]int{}, must(w.ListInvitations(t.Context(), tt.scope, tenancy.InvitationFilter{Organization: w.a}, tenancy.Query{}))(t)
		for _, i := range all.Items {
			inviters[i.InvitedBy]++
		}
		if (inviters[w.super] == 1) != tt.shown || inviters[w.manager] != 1 {
			t.Errorf("inviters %v", inviters)
		}
		if one := must(w.Invitation(t.Context(), tt.scope, open.ID))(t); (one.InvitedBy == w.super) != tt.shown {
			t.Errorf("inviter %q", one.InvitedBy)
		}
		events := must(w.ListAuditEvents(t.Context(), tt.scope, tenancy.AuditFilter{Organization: w.a}, tenancy.Query{Size: 100}))(t)
		byRoot, aboutRoot, hisOwn := 0, 0, 0
		for _, e := range events.Items {
			if e.Actor == w.super || (e.Via != "" && e.Actor == "") {
				byRoot++
			}
			if found, err := w.User(t.Context(), root, id.User(e.Object)); e.Detail["user"] == string(other) || (err == nil && found.Superuser) {
				aboutRoot++
			}
			if e.Actor == w.manager {
				hisOwn++
			}
			if e.Actor == "" && e.Reason == "" {
				t.Errorf("by nobody: %+v", e)
			}
		}
		if (byRoot > 0) != tt.shown || (aboutRoot > 0) != tt.shown || hisOwn != 1 {
			t.Errorf("shown %v: %d by the superuser, %d about superusers, %d by the manager", tt.shown, byRoot, aboutRoot, hisOwn)
		}
		found := must(w.ListAuditEvents(t.Context(), tt.scope, tenancy.AuditFilter{Actor: w.super}, tenancy.Query{}))(t)
		if (found.Count > 0) != tt.shown || (len(found.Items) > 0) != tt.shown {
			t.Errorf("shown %v: %d found by the superuser", tt.shown, found.Count)
		}
	}
	later := w.Now().Add(time.Hour)
	w.Now = func() time.Time { return later }
	if again := must(w.Resend(t.Context(), manager, open.ID))(t); again.InvitedBy != "" {
		t.Errorf("sent again: %q", again.InvitedBy)
	}
}

// TestOwnDeedsAreSeen: a superuser's token for one organization hides other superusers from its bearer, not himself.
func TestOwnDeedsAreSeen(t *testing.T) {
	f := newFixture(t)
	acme := f.organization(t, "acme")
	root, other := f.user(t, tenancy.NewUser{Username: "root", Superuser: true}), f.user(t, tenancy.NewUser{Username: "other", Superuser: true})
	f.member(t, acme, root, tenancy.Manager)
	scope := must(f.Scope(t.Context(), root))(t)
	must(f.CreateGroup(t.Context(), scope, tenancy.Group{Name: "Mine", Organization: acme}))(t)
	must(f.CreateGroup(t.Context(), must(f.Scope(t.Context(), other))(t), tenancy.Group{Name: "Others", Organization: acme}))(t)
	narrow := scope.Narrow(tenancy.Limits{Organization: acme})
	if narrow.Everywhere() {
		t.Fatal("the scope is not narrow")
	}
	page := must(f.ListAuditEvents(t.Context(), narrow, tenancy.AuditFilter{Action: "group.created"}, tenancy.Query{Size: 10}))(t)
	actors := map[string]int{}
	for _, event := range page.Items {
		actors[string(event.Actor)]++
	}
	if len(page.Items) != 2 || actors[string(root)] != 1 || actors[""] != 1 {
		t.Errorf("by %v", actors)
	}
}
