package tenancy_test

import (
	"testing"

	"gatehouse/tenancy"
)

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
