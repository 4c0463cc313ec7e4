package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

func testOrganizations(t *testing.T, w *world) {
	found, err := w.Organization(t.Context(), w.inA, w.a.ID)
	must(t, err)
	if diff := cmp.Diff(w.a, found); diff != "" {
		t.Error(diff)
	}
	wantConflict(t, w.CreateOrganization(t.Context(), w.all, newOrganization("alpha")), "slug")
	changed := w.a
	changed.Name, changed.Active, changed.Modified = "New", false, noon.Add(time.Second)
	must(t, w.UpdateOrganization(t.Context(), w.all, changed))
	want(t, w.UpdateOrganization(t.Context(), w.all, changed), store.ErrStale)
	changed.Version = 2
	found, err = w.OrganizationBySlug(t.Context(), w.all, "alpha")
	must(t, err)
	if diff := cmp.Diff(changed, found); diff != "" {
		t.Error(diff)
	}
}

// testForeignOrganization: what is not within the scope is not there.
func testForeignOrganization(t *testing.T, w *world) {
	_, err := w.Organization(t.Context(), w.inA, w.b.ID)
	want(t, err, store.ErrNotFound)
	_, err = w.OrganizationBySlug(t.Context(), w.inA, "beta")
	want(t, err, store.ErrNotFound)
	want(t, w.UpdateOrganization(t.Context(), w.inA, w.b), store.ErrStale)
	want(t, w.CreateOrganization(t.Context(), w.inA, newOrganization("gamma")), store.ErrNotFound)
	m := tenancy.Membership{ID: id.New[id.Membership](), User: w.ada.ID, Organization: w.b.ID, Role: tenancy.Member, Created: noon, Modified: noon}
	want(t, w.AddMembership(t.Context(), w.inA, m), store.ErrNotFound)
	nowhere := w.scope(t, w.both.ID) // a member manages nothing
	_, err = w.Organization(t.Context(), nowhere, w.a.ID)
	want(t, err, store.ErrNotFound)
}

func testMemberships(t *testing.T, w *world) {
	for _, c := range []struct {
		scope tenancy.Scope
		want  []id.Organization
	}{{w.all, []id.Organization{w.a.ID, w.b.ID}}, {w.inA, []id.Organization{w.a.ID}}, {w.inB, []id.Organization{w.b.ID}}, {w.scope(t, w.both.ID), nil}} {
		found, err := w.Memberships(t.Context(), c.scope, w.both.ID)
		must(t, err)
		var got []id.Organization
		for _, m := range found {
			got = append(got, m.Organization)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Error(diff)
		}
	}
	again := tenancy.Membership{ID: id.New[id.Membership](), User: w.both.ID, Organization: w.a.ID, Role: tenancy.Manager, Created: noon, Modified: noon}
	wantConflict(t, w.AddMembership(t.Context(), w.all, again), "membership")
	again.User = "nobody"
	want(t, w.AddMembership(t.Context(), w.all, again), store.ErrNotFound)
}

func testOneOwner(t *testing.T, w *world) {
	second := newUser("second", "")
	must(t, w.CreateUser(t.Context(), second))
	m := tenancy.Membership{ID: id.New[id.Membership](), User: second.ID, Organization: w.a.ID, Role: tenancy.Owner, Created: noon, Modified: noon}
	wantConflict(t, w.AddMembership(t.Context(), w.all, m), "owner")
	m.Organization = w.b.ID
	must(t, w.AddMembership(t.Context(), w.all, m))
}
