package tenancy_test

import (
	"testing"

	"gatehouse/tenancy"
)

// TestNarrowedTwice: what is narrowed again keeps its limits and gets none wider.
func TestNarrowedTwice(t *testing.T) {
	w := newTown(t)
	once := w.scope(t, w.super).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.ViewUser, tenancy.ViewGroup}})
	twice := once.Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.ViewUser, tenancy.AddUser}})
	for permission, want := range map[tenancy.Permission]bool{tenancy.ViewUser: true, tenancy.ViewGroup: false, tenancy.AddUser: false} {
		if got := twice.Has(permission); got != want {
			t.Errorf("%s: %v", permission, got)
		}
	}
	again := once.Narrow(tenancy.Limits{Via: "session"})
	if again.Superuser() || again.Has(tenancy.AddUser) || !again.Has(tenancy.ViewGroup) {
		t.Error("without new limits the old ones are gone")
	}
	if other := w.scope(t, w.super).Narrow(tenancy.Limits{Organization: w.a}).Narrow(tenancy.Limits{Organization: w.b}); other.Covers(w.a) || other.Covers(w.b) {
		t.Error("limited to two organizations it covers one of them")
	}
}

// TestGivenWhereHeld: what a group of an organization gives somebody he may give on in it.
func TestGivenWhereHeld(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	f.member(t, a, ada, tenancy.Manager)
	f.group(t, tenancy.Group{Name: "makers", Organization: a, Permissions: []tenancy.Permission{tenancy.AddGroup, tenancy.ChangeUser}}, ada)
	for permission, want := range map[tenancy.Permission]string{tenancy.ChangeUser: "+", tenancy.DeleteUser: "I"} {
		_, err := f.CreateGroup(t.Context(), f.scope(t, ada), tenancy.Group{Name: string(permission), Organization: a, Permissions: []tenancy.Permission{permission}})
		if got := outcome(err); got != want {
			t.Errorf("%s: %s, want %s", permission, got, want)
		}
	}
}
