package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

func testMembership(t *testing.T, w *world) {
	inA, inB := w.membership(t, w.both.ID, w.a.ID), w.membership(t, w.both.ID, w.b.ID)
	found, err := w.Membership(t.Context(), w.inA, inA.ID)
	must(t, err)
	if diff := cmp.Diff(inA, found); diff != "" {
		t.Error(diff)
	}
	_, err = w.Membership(t.Context(), w.inA, inB.ID)
	want(t, err, store.ErrNotFound)
	owner, err := w.OwnerOf(t.Context(), w.inA, w.a.ID)
	must(t, err)
	if owner.User != w.ada.ID || owner.Role != tenancy.Owner {
		t.Errorf("owner %+v", owner)
	}
	_, err = w.OwnerOf(t.Context(), w.inB, w.a.ID)
	want(t, err, store.ErrNotFound)
	_, err = w.OwnerOf(t.Context(), w.all, w.b.ID)
	want(t, err, store.ErrNotFound)
}

func testRemoveMembership(t *testing.T, w *world) {
	for _, g := range w.lookAlikeGroups(t) {
		must(t, w.AddToGroup(t.Context(), w.all, g.ID, w.both.ID))
		must(t, w.AddToGroup(t.Context(), w.all, g.ID, w.grace.ID))
	}
	inA := w.membership(t, w.both.ID, w.a.ID)
	want(t, w.RemoveMembership(t.Context(), w.inB, inA), store.ErrStale)
	want(t, w.RemoveMembership(t.Context(), w.all, w.membership(t, w.ada.ID, w.a.ID)), store.ErrStale) // the owner's
	if won := race(t, store.ErrStale, func(int) error { return w.RemoveMembership(context.Background(), w.inA, inA) }); won != 1 {
		t.Errorf("%d removed one membership", won)
	}
	_, err := w.Membership(t.Context(), w.all, inA.ID)
	want(t, err, store.ErrNotFound)
	w.membership(t, w.both.ID, w.b.ID)
	for user, wanted := range map[id.User]int{w.both.ID: 2, w.grace.ID: 3} { // the shared one and that of B; all
		groups, err := w.GroupsOf(t.Context(), w.all, user)
		must(t, err)
		if len(groups) != wanted {
			t.Errorf("groups of %s: %v", user, groups)
		}
	}
}

// lookAlikeGroups are a shared group, one of A and one of B, all of the same name.
func (w *world) lookAlikeGroups(t *testing.T) []tenancy.Group {
	t.Helper()
	var groups []tenancy.Group
	for _, organization := range []id.Organization{"", w.a.ID, w.b.ID} {
		g := tenancy.Group{
			ID: id.New[id.Group](), Name: "Name", Organization: organization, Permissions: []tenancy.Permission{"app.add_x", "app.view_x"},
			Created: noon, Modified: noon, Version: 1,
		}
		must(t, w.CreateGroup(t.Context(), w.all, g))
		groups = append(groups, g)
	}
	return groups
}

// testRoom: however many come at once, no more get in than there is room.
func testRoom(t *testing.T, w *world) {
	const room = 3
	limited := w.b
	limited.MaxUsers = 2 + room // Grace and Both are in
	must(t, w.UpdateOrganization(t.Context(), w.all, limited))
	join := func(organization id.Organization) error {
		u := newUser("racer"+id.New[string](), "")
		if err := w.CreateUser(context.Background(), u); err != nil {
			return err
		}
		m := tenancy.Membership{ID: id.New[id.Membership](), User: u.ID, Organization: organization, Role: tenancy.Member, Created: noon, Modified: noon}
		err := w.AddMembership(context.Background(), w.all, m)
		var conflict *store.Conflict
		if errors.As(err, &conflict) && conflict.Field != "room" {
			t.Errorf("a conflict on %s", conflict.Field)
		}
		return err
	}
	if won := race(t, store.ErrConflict, func(int) error { return join(w.b.ID) }); won != room {
		t.Errorf("%d got in, there was room for %d", won, room)
	}
	must(t, join(w.a.ID)) // has no limit
}

func testDeleteOrganization(t *testing.T, w *world) {
	groups := w.lookAlikeGroups(t)
	contents, err := w.Contents(t.Context(), w.inA, w.a.ID)
	must(t, err)
	if diff := cmp.Diff(tenancy.Contents{Memberships: 2, Homeless: 1, Groups: 1}, contents); diff != "" {
		t.Error(diff)
	}
	_, err = w.Contents(t.Context(), w.inB, w.a.ID)
	want(t, err, store.ErrNotFound)
	want(t, w.DeleteOrganization(t.Context(), w.inB, w.a.ID), store.ErrNotFound)
	must(t, w.DeleteOrganization(t.Context(), w.all, w.a.ID))
	want(t, w.DeleteOrganization(t.Context(), w.all, w.a.ID), store.ErrNotFound)
	memberships, err := w.Memberships(t.Context(), w.all, w.both.ID)
	must(t, err)
	if len(memberships) != 1 || memberships[0].Organization != w.b.ID {
		t.Errorf("memberships %v", memberships)
	}
	for i, wanted := range []error{nil, store.ErrNotFound, nil} {
		_, err := w.Group(t.Context(), w.all, groups[i].ID)
		want(t, err, wanted)
	}
	_, err = w.User(t.Context(), w.ada.ID)
	want(t, err, nil)
}

// testRaceTransfer: of many transfers at once, each demoting and promoting in one transaction, one owner is left.
func testRaceTransfer(t *testing.T, w *world) {
	members := []tenancy.Membership{w.membership(t, w.ada.ID, w.a.ID), w.membership(t, w.both.ID, w.a.ID)}
	for range 3 {
		u := newUser("member"+id.New[string](), "")
		must(t, w.CreateUser(t.Context(), u))
		m := tenancy.Membership{ID: id.New[id.Membership](), User: u.ID, Organization: w.a.ID, Role: tenancy.Member, Created: noon, Modified: noon}
		must(t, w.AddMembership(t.Context(), w.all, m))
		members = append(members, m)
	}
	race(t, store.ErrStale, func(i int) error {
		return w.InTx(context.Background(), func(tx tenancy.Store) error {
			owner, err := tx.OwnerOf(context.Background(), w.all, w.a.ID)
			if err != nil {
				return err
			}
			to, err := tx.Membership(context.Background(), w.all, members[i%len(members)].ID)
			if err != nil || to.ID == owner.ID {
				return err
			}
			if err := tx.SetRole(context.Background(), w.all, owner.ID, tenancy.Owner, tenancy.Manager, noon); err != nil {
				return err
			}
			return tx.SetRole(context.Background(), w.all, to.ID, to.Role, tenancy.Owner, noon)
		})
	})
	owners := 0
	for _, m := range members {
		found, err := w.Membership(t.Context(), w.all, m.ID)
		must(t, err)
		if found.Role == tenancy.Owner {
			owners++
		}
	}
	if owners != 1 {
		t.Errorf("%d owners", owners)
	}
}
