package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

func testStanding(t *testing.T, w *world) {
	groups := []tenancy.Group{
		{ID: id.New[id.Group](), Name: "Shared", Permissions: []tenancy.Permission{"app.add_x", "app.view_x"}},
		{ID: id.New[id.Group](), Name: "Of A", Organization: w.a.ID, Permissions: []tenancy.Permission{"app.change_x"}},
		{ID: id.New[id.Group](), Name: "Of B", Organization: w.b.ID},
	}
	for i := range groups {
		groups[i].Created, groups[i].Modified, groups[i].Version = noon, noon, 1
		g := groups[i]
		must(t, w.CreateGroup(t.Context(), w.all, g))
		must(t, w.AddToGroup(t.Context(), w.all, g.ID, w.both.ID))
		must(t, w.AddToGroup(t.Context(), w.all, g.ID, w.both.ID))
	}
	standing, err := w.Standing(t.Context(), w.both.ID)
	must(t, err)
	if len(standing.Places) != 2 || len(standing.Groups) != 3 || len(standing.GroupsIn(w.a.ID)) != 2 {
		t.Errorf("places %v, groups %v", standing.Places, standing.Groups)
	}
	for _, g := range standing.Groups {
		for _, wanted := range groups {
			if wanted.ID == g.ID {
				if diff := cmp.Diff(wanted, g); diff != "" {
					t.Error(diff)
				}
			}
		}
	}
	disabled := w.b
	disabled.Active = false
	must(t, w.UpdateOrganization(t.Context(), w.all, disabled))
	standing, err = w.Standing(t.Context(), w.both.ID)
	must(t, err)
	if len(standing.Places) != 1 || standing.Places[0].Organization.ID != w.a.ID || len(standing.Groups) != 2 {
		t.Errorf("after disabling: places %v, groups %v", standing.Places, standing.Groups)
	}
	if len(standing.Disabled) != 1 || standing.Disabled[0].Organization.ID != w.b.ID || len(standing.DisabledGroups) != 1 || standing.DisabledGroups[0].Name != "Of B" {
		t.Errorf("after disabling: disabled places %v, groups %v", standing.Disabled, standing.DisabledGroups)
	}
	_, err = w.Standing(t.Context(), "nobody")
	want(t, err, store.ErrNotFound)
}

// hostileText is what a store that puts several texts into one must still tell apart.
const hostileText = "a|b~c~0|~1~~||\n\t,; '\"\\ è 漢 \x1f|"

// testStandingTexts: organizations and groups come out as they went in, whatever people call them.
func testStandingTexts(t *testing.T, w *world) {
	w.a.Name, w.a.Description, w.a.Email, w.a.URL, w.a.MaxUsers = hostileText, hostileText+"|", "|@x.example", "https://x.example/~a|b", 70
	must(t, w.UpdateOrganization(t.Context(), w.all, w.a))
	w.a.Version++
	w.b.Name, w.b.Active = "|", false
	must(t, w.UpdateOrganization(t.Context(), w.all, w.b))
	w.b.Version++
	groups := map[string][]tenancy.Permission{hostileText: {"app.add_x", "app.view_x"}, "|": nil, "~": {"app.change_x"}}
	for name, permissions := range groups {
		g := tenancy.Group{ID: id.New[id.Group](), Name: name, Permissions: permissions, Created: noon, Modified: noon}
		must(t, w.CreateGroup(t.Context(), w.all, g))
		must(t, w.AddToGroup(t.Context(), w.all, g.ID, w.both.ID))
	}
	must(t, w.SetUserPermissions(t.Context(), w.both.ID, []tenancy.Permission{"app.view_x", "app.add_x"}))
	standing, err := w.Standing(t.Context(), w.both.ID)
	must(t, err)
	wanted := tenancy.Standing{
		Places:   []tenancy.Place{{Organization: w.a, Role: tenancy.Member}},
		Disabled: []tenancy.Place{{Organization: w.b, Role: tenancy.Member}}, Permissions: []tenancy.Permission{"app.add_x", "app.view_x"},
	}
	wanted.User, err = w.User(t.Context(), w.both.ID)
	must(t, err)
	wanted.Groups, err = w.GroupsOf(t.Context(), w.all, w.both.ID)
	must(t, err)
	if diff := cmp.Diff(wanted, standing); diff != "" {
		t.Error(diff)
	}
	for _, g := range standing.Groups {
		if diff := cmp.Diff(groups[g.Name], g.Permissions); diff != "" || len(standing.Groups) != len(groups) {
			t.Errorf("%q: %s", g.Name, diff)
		}
	}
}

func testUserRow(t *testing.T, w *world) {
	ofB := tenancy.Group{ID: id.New[id.Group](), Name: "Of B", Organization: w.b.ID}
	shared := tenancy.Group{ID: id.New[id.Group](), Name: "Shared"}
	for _, g := range []tenancy.Group{ofB, shared} {
		must(t, w.CreateGroup(t.Context(), w.all, g))
		must(t, w.AddToGroup(t.Context(), w.all, g.ID, w.both.ID))
	}
	must(t, w.SetUserPermissions(t.Context(), w.both.ID, []tenancy.Permission{"app.view_x", "app.add_x"}))
	nowhere := w.scope(t, w.both.ID)
	for name, c := range map[string]struct {
		scope  tenancy.Scope
		groups int
	}{"everything": {w.all, 2}, "A": {w.inA, 1}, "B": {w.inB, 2}, "nothing": {nowhere, 0}} {
		wanted := tenancy.UserRow{Permissions: []tenancy.Permission{"app.add_x", "app.view_x"}}
		var err error
		wanted.User, err = w.User(t.Context(), w.both.ID)
		must(t, err)
		wanted.Memberships, err = w.Memberships(t.Context(), c.scope, w.both.ID)
		must(t, err)
		row, err := w.UserRow(t.Context(), c.scope, w.both.ID)
		must(t, err)
		if len(row.Groups) != c.groups {
			t.Errorf("%s: groups %v, want %d", name, row.Groups, c.groups)
		}
		row.Groups = nil
		if diff := cmp.Diff(wanted, row, byOrganization()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	_, err := w.UserRow(t.Context(), w.all, "nobody")
	want(t, err, store.ErrNotFound)
}

// byOrganization compares memberships in whatever order.
func byOrganization() cmp.Option {
	return cmp.Transformer("byOrganization", func(memberships []tenancy.Membership) map[id.Organization]tenancy.Membership {
		found := map[id.Organization]tenancy.Membership{}
		for _, m := range memberships {
			found[m.Organization] = m
		}
		return found
	})
}
