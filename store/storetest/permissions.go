package storetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
	"gatehouse/tenancy"
)

func testPermissions(t *testing.T, w *world) {
	add := tenancy.PermissionDefinition{Code: "app.add_x", App: "app", Model: "x", Action: "add", Label: "Can add x"}
	view := tenancy.PermissionDefinition{Code: "app.view_x", App: "app", Model: "x", Action: "view", Label: "Can view x"}
	race(t, nil, func(int) error { return w.PutPermission(context.Background(), view) })
	must(t, w.PutPermission(t.Context(), add))
	add.Label = "Another label"
	must(t, w.PutPermission(t.Context(), add))
	registered := func() []tenancy.PermissionDefinition {
		found, err := w.RegisteredPermissions(t.Context())
		must(t, err)
		return found
	}
	if diff := cmp.Diff([]tenancy.PermissionDefinition{add, view}, registered()); diff != "" {
		t.Error(diff)
	}
	must(t, w.CreateGroup(t.Context(), w.all, tenancy.Group{ID: "g", Name: "Holds one", Organization: w.b.ID, Permissions: []tenancy.Permission{"app.add_x"}}))
	must(t, w.SetUserPermissions(t.Context(), w.ada.ID, []tenancy.Permission{"app.view_x"}))
	for _, held := range []tenancy.Permission{"app.add_x", "app.view_x"} {
		want(t, w.DropPermission(t.Context(), held), store.ErrStale)
	}
	must(t, w.DeleteGroup(t.Context(), w.all, "g"))
	must(t, w.DropPermission(t.Context(), "app.add_x"))
	want(t, w.DropPermission(t.Context(), "app.add_x"), store.ErrStale)
	if diff := cmp.Diff([]tenancy.PermissionDefinition{view}, registered()); diff != "" {
		t.Error(diff)
	}
}

func testUserPermissions(t *testing.T, w *world) {
	must(t, w.SetUserPermissions(t.Context(), w.ada.ID, []tenancy.Permission{"app.view_x", "app.add_x"}))
	must(t, w.SetUserPermissions(t.Context(), w.grace.ID, []tenancy.Permission{"app.view_x"}))
	must(t, w.SetUserPermissions(t.Context(), w.ada.ID, []tenancy.Permission{"app.delete_x", "app.add_x"}))
	found, err := w.UserPermissions(t.Context(), w.ada.ID)
	must(t, err)
	if diff := cmp.Diff([]tenancy.Permission{"app.add_x", "app.delete_x"}, found); diff != "" {
		t.Error(diff)
	}
	found, err = w.UserPermissions(t.Context(), w.grace.ID)
	must(t, err)
	if diff := cmp.Diff([]tenancy.Permission{"app.view_x"}, found); diff != "" {
		t.Errorf("somebody else's: %s", diff)
	}
	must(t, w.SetUserPermissions(t.Context(), w.ada.ID, nil))
	standing, err := w.Standing(t.Context(), w.ada.ID)
	must(t, err)
	if len(standing.Permissions) != 0 {
		t.Errorf("he still holds %v", standing.Permissions)
	}
	want(t, w.SetUserPermissions(t.Context(), "nobody", []tenancy.Permission{"app.add_x"}), store.ErrNotFound)
}
