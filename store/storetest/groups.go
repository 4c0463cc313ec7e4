package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
	"gatehouse/tenancy"
)

func testUpdateGroup(t *testing.T, w *world) {
	groups := w.lookAlikeGroups(t)
	shared, ofA, ofB := groups[0], groups[1], groups[2]
	for _, g := range []tenancy.Group{shared, ofB} {
		want(t, w.UpdateGroup(t.Context(), w.inA, g), store.ErrStale)
	}
	ofA.Name, ofA.Permissions, ofA.Modified = "Other", []tenancy.Permission{"app.delete_x", "app.view_x"}, noon.Add(time.Minute)
	if won := race(t, store.ErrStale, func(int) error { return w.UpdateGroup(context.Background(), w.inA, ofA) }); won != 1 {
		t.Errorf("%d changed one version", won)
	}
	ofA.Version = 2
	found, err := w.Group(t.Context(), w.inA, ofA.ID)
	must(t, err)
	if diff := cmp.Diff(ofA, found); diff != "" {
		t.Error(diff)
	}
	for _, g := range []tenancy.Group{shared, ofB} {
		found, err := w.Group(t.Context(), w.all, g.ID)
		must(t, err)
		if diff := cmp.Diff(g, found); diff != "" {
			t.Errorf("another group: %s", diff)
		}
	}
	second := tenancy.Group{ID: "second", Name: "Second", Organization: w.a.ID, Version: 1}
	must(t, w.CreateGroup(t.Context(), w.all, second))
	second.Name = "Other"
	wantConflict(t, w.UpdateGroup(t.Context(), w.all, second), "name")
}

func testDeleteGroup(t *testing.T, w *world) {
	groups := w.lookAlikeGroups(t)
	shared, ofA, ofB := groups[0], groups[1], groups[2]
	must(t, w.AddToGroup(t.Context(), w.all, ofA.ID, w.both.ID))
	want(t, w.DeleteGroup(t.Context(), w.inA, shared.ID), store.ErrNotFound)
	want(t, w.DeleteGroup(t.Context(), w.inA, ofB.ID), store.ErrNotFound)
	must(t, w.DeleteGroup(t.Context(), w.inA, ofA.ID))
	want(t, w.DeleteGroup(t.Context(), w.inA, ofA.ID), store.ErrNotFound)
	must(t, w.DeleteGroup(t.Context(), w.all, shared.ID))
	found, err := w.GroupsOf(t.Context(), w.all, w.both.ID)
	must(t, err)
	if len(found) != 0 {
		t.Errorf("groups %v", found)
	}
}

func testGroupsOf(t *testing.T, w *world) {
	groups := w.lookAlikeGroups(t)
	for _, g := range groups {
		must(t, w.AddToGroup(t.Context(), w.all, g.ID, w.both.ID))
	}
	of := func(scope tenancy.Scope) []tenancy.Group {
		found, err := w.GroupsOf(t.Context(), scope, w.both.ID)
		must(t, err)
		return found
	}
	if diff := cmp.Diff([]tenancy.Group{groups[0], groups[1]}, of(w.inA)); diff != "" {
		t.Error(diff)
	}
	if nothing := of(w.scope(t, w.both.ID)); len(nothing) != 0 { // who manages nothing sees none
		t.Errorf("groups %v", nothing)
	}
	must(t, w.RemoveFromGroup(t.Context(), w.inA, groups[2].ID, w.both.ID))
	if len(of(w.all)) != 3 {
		t.Error("somebody was taken out of a group that the scope does not see")
	}
	must(t, w.RemoveFromGroup(t.Context(), w.inA, groups[1].ID, w.both.ID))
	must(t, w.RemoveFromGroup(t.Context(), w.inA, groups[1].ID, w.both.ID))
	if diff := cmp.Diff([]tenancy.Group{groups[0]}, of(w.inA)); diff != "" {
		t.Error(diff)
	}
}
