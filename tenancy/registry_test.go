package tenancy_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

var radius = []tenancy.ModelDefinition{{Name: "nas", Label: "access server"}, {Name: "batch", Actions: []string{"view", "run"}}}

func (f *fixture) permissionsOf(t *testing.T, group string) []tenancy.Permission {
	t.Helper()
	return must(f.GroupByName(t.Context(), system(), group))(t).Permissions
}

func TestRegisterPermissions(t *testing.T) {
	f := newFixture(t)
	if err := f.Bootstrap(t.Context(), system()); err != nil {
		t.Fatal(err)
	}
	own := len(must(f.Permissions(t.Context(), system()))(t))
	defaults := map[string][]tenancy.Permission{"Operator": {"radius.view_nas"}, "Administrator": {"radius.view_nas", "radius.run_batch"}}
	done := must(f.RegisterPermissions(t.Context(), system(), "radius", radius, defaults))(t)
	want := tenancy.Registration{
		Added: []tenancy.Permission{"radius.view_nas", "radius.add_nas", "radius.change_nas", "radius.delete_nas", "radius.view_batch", "radius.run_batch"},
		Given: map[string][]tenancy.Permission{"Operator": {"radius.view_nas"}, "Administrator": {"radius.run_batch", "radius.view_nas"}},
	}
	if diff := cmp.Diff(want, done); diff != "" {
		t.Error(diff)
	}
	all := must(f.Permissions(t.Context(), system()))(t)
	if len(all) != own+6 || !slices.Contains(all, tenancy.PermissionDefinition{Code: "radius.run_batch", App: "radius", Model: "batch", Action: "run", Label: "Can run batch"}) {
		t.Errorf("registered %v", all)
	}
	if !slices.Contains(all, tenancy.PermissionDefinition{Code: tenancy.ChangeEmailAddress, App: "users", Model: "emailaddress", Action: "change", Label: "Can change e-mail address"}) {
		t.Errorf("the directory's own are missing in %v", all)
	}
	events := len(f.events)
	again := must(f.RegisterPermissions(t.Context(), system(), "radius", radius, defaults))(t)
	if diff := cmp.Diff(tenancy.Registration{}, again, cmpopts.EquateEmpty()); diff != "" || len(f.events) != events {
		t.Errorf("the second time %d events, %s", len(f.events)-events, diff)
	}
}

// What the operator took away does not come back, whatever happens to the registration.
func TestDefaultsAreGivenOnce(t *testing.T) {
	f := newFixture(t)
	if err := f.Bootstrap(t.Context(), system()); err != nil {
		t.Fatal(err)
	}
	defaults := map[string][]tenancy.Permission{"Operator": {"radius.view_nas"}}
	register := func(models []tenancy.ModelDefinition, defaults map[string][]tenancy.Permission) tenancy.Registration {
		t.Helper()
		return must(f.RegisterPermissions(t.Context(), system(), "radius", models, defaults))(t)
	}
	register(radius, defaults)
	g := must(f.GroupByName(t.Context(), system(), "Operator"))(t)
	must(f.UpdateGroup(t.Context(), system(), g.ID, tenancy.GroupChange{Permissions: &[]tenancy.Permission{"radius.add_nas"}}))(t)
	register(radius, defaults)
	if got := f.permissionsOf(t, "Operator"); !slices.Equal(got, []tenancy.Permission{"radius.add_nas"}) {
		t.Errorf("the group has %v", got)
	}
	done := register(nil, nil)
	if !slices.Equal(done.Kept, []tenancy.Permission{"radius.add_nas"}) || len(done.Removed) != 5 {
		t.Errorf("registering nothing did %+v", done)
	}
	register(radius, defaults)
	if got := f.permissionsOf(t, "Operator"); !slices.Equal(got, []tenancy.Permission{"radius.add_nas"}) {
		t.Errorf("after the application came back the group has %v", got)
	}
	if err := f.DeleteGroup(t.Context(), system(), g.ID); err != nil {
		t.Fatal(err)
	}
	more := map[string][]tenancy.Permission{"Operator": {"radius.view_nas", "radius.run_batch"}}
	register(radius, more)
	f.group(t, tenancy.Group{Name: "Operator"})
	register(radius, more)
	if got := f.permissionsOf(t, "Operator"); len(got) != 0 {
		t.Errorf("another group of that name has %v", got)
	}
}

// TestDefaultsThatAreHeld: what the group has already is not given, and nothing is recorded of it.
func TestDefaultsThatAreHeld(t *testing.T) {
	f := newFixture(t)
	f.register(t, "radius", "nas")
	f.group(t, tenancy.Group{Name: "Operator", Permissions: []tenancy.Permission{"radius.view_nas"}})
	f.events = nil
	done := must(f.RegisterPermissions(t.Context(), system(), "radius", []tenancy.ModelDefinition{{Name: "nas"}}, map[string][]tenancy.Permission{"Operator": {"radius.view_nas"}}))(t)
	if len(done.Given) > 0 || len(f.events) > 0 {
		t.Errorf("given %v, recorded %+v", done.Given, f.events)
	}
}

// TestRegistrationIsForAll: a permission that counts in every organization does not make somebody see every organization.
func TestRegistrationIsForAll(t *testing.T) {
	w := newTown(t)
	w.group(t, tenancy.Group{Name: "registrars", Permissions: []tenancy.Permission{tenancy.ChangePermission}}, w.owner)
	for name, c := range map[string]struct {
		scope tenancy.Scope
		want  string
	}{
		"superuser":                    {w.scope(t, w.super), "+"},
		"owner with the permission":    {w.scope(t, w.owner), "F"},
		"superuser's token for a":      {w.scope(t, w.super).Narrow(tenancy.Limits{Organization: w.a}), "F"},
		"superuser's token for others": {w.scope(t, w.super).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.ViewPermission}}), "F"},
		"superuser's token for this":   {w.scope(t, w.super).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.ChangePermission}}), "+"},
	} {
		_, err := w.RegisterPermissions(t.Context(), c.scope, "radius", []tenancy.ModelDefinition{{Name: "nas"}}, nil)
		if got := outcome(err); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestRegistrationIsChecked(t *testing.T) {
	f := newFixture(t)
	for name, c := range map[string]struct {
		app      string
		models   []tenancy.ModelDefinition
		defaults map[string][]tenancy.Permission
		field    string
	}{
		"ours":             {app: "users", models: radius, field: "app"},
		"reserved":         {app: "admin", field: "app"},
		"no name":          {app: "", field: "app"},
		"dot":              {app: "a.b", field: "app"},
		"model":            {app: "radius", models: []tenancy.ModelDefinition{{Name: "Nas"}}, field: "models"},
		"action":           {app: "radius", models: []tenancy.ModelDefinition{{Name: "nas", Actions: []string{"view_all"}}}, field: "models"},
		"twice":            {app: "radius", models: []tenancy.ModelDefinition{{Name: "nas"}, {Name: "nas"}}, field: "models"},
		"label":            {app: "radius", models: []tenancy.ModelDefinition{{Name: "nas", Label: "a\nb"}}, field: "models"},
		"long name":        {app: strings.Repeat("a", 41), field: "app"},
		"long model":       {app: "radius", models: []tenancy.ModelDefinition{{Name: strings.Repeat("a", 41)}}, field: "models"},
		"long action":      {app: "radius", models: []tenancy.ModelDefinition{{Name: "nas", Actions: []string{strings.Repeat("a", 41)}}}, field: "models"},
		"long label":       {app: "radius", models: []tenancy.ModelDefinition{{Name: "nas", Label: strings.Repeat("a", 151)}}, field: "models"},
		"many models":      {app: "radius", models: manyModels(), field: "models"},
		"another's":        {app: "radius", models: radius, defaults: map[string][]tenancy.Permission{"Operator": {tenancy.AddUser}}, field: "defaults"},
		"no default group": {app: "radius", models: radius, defaults: map[string][]tenancy.Permission{"Other": nil}, field: "defaults"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.RegisterPermissions(t.Context(), system(), c.app, c.models, c.defaults)
			wantInvalid(t, err, c.field)
		})
	}
}

func manyModels() []tenancy.ModelDefinition {
	models := make([]tenancy.ModelDefinition, 501)
	for i := range models {
		models[i].Name = "m" + strconv.Itoa(i)
	}
	return models
}

// TestPermissionsAreRead: by who reads permissions, or the groups that are made of them, and by nobody else.
func TestPermissionsAreRead(t *testing.T) {
	f := newFixture(t)
	for permission, want := range map[tenancy.Permission]string{tenancy.ViewPermission: "+", tenancy.ViewGroup: "+", tenancy.ViewUser: "F"} {
		user := f.user(t, tenancy.NewUser{Username: strings.ReplaceAll(string(permission), ".", "-")})
		f.group(t, tenancy.Group{Name: string(permission), Permissions: []tenancy.Permission{permission}}, user)
		if _, err := f.Permissions(t.Context(), f.scope(t, user)); outcome(err) != want {
			t.Errorf("%s: %v, want %s", permission, err, want)
		}
	}
}

// TestOwnerOf: who may view the organization sees who owns it.
func TestOwnerOf(t *testing.T) {
	f := newFixture(t)
	a, empty := f.organization(t, "acme"), f.organization(t, "empty")
	owner, manager, bare := f.user(t, tenancy.NewUser{Username: "owner"}), f.user(t, tenancy.NewUser{Username: "manager"}), f.user(t, tenancy.NewUser{Username: "bare"})
	f.member(t, a, owner, tenancy.Owner)
	f.member(t, a, manager, tenancy.Manager)
	f.member(t, a, bare, tenancy.Manager)
	f.group(t, tenancy.Group{Name: "viewers", Permissions: []tenancy.Permission{tenancy.ViewOrganization}}, manager)
	if m := must(f.OwnerOf(t.Context(), f.scope(t, manager), a))(t); m.User != owner {
		t.Errorf("owner %s, want %s", m.User, owner)
	}
	for name, c := range map[string]struct {
		scope        tenancy.Scope
		organization id.Organization
		want         string
	}{
		"without permission": {f.scope(t, bare), a, "F"},
		"elsewhere":          {f.scope(t, manager), empty, "F"},
		"nobody owns it":     {system(), empty, "N"},
	} {
		if _, err := f.OwnerOf(t.Context(), c.scope, c.organization); outcome(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// Nobody is granted what nobody registered, superusers included.
func TestGrantsAreRegistered(t *testing.T) {
	f := newFixture(t)
	unknown := []tenancy.Permission{"radius.view_nas"}
	user := f.user(t, tenancy.NewUser{Username: "ada"})
	group := f.group(t, tenancy.Group{Name: "Given"})
	_, err := f.CreateGroup(t.Context(), system(), tenancy.Group{Name: "New", Permissions: unknown})
	wantInvalid(t, err, "permissions")
	_, err = f.UpdateGroup(t.Context(), system(), group, tenancy.GroupChange{Permissions: &unknown})
	wantInvalid(t, err, "permissions")
	wantInvalid(t, f.SetUserPermissions(t.Context(), system(), user, unknown), "permissions")
	f.register(t, "radius", "nas")
	must(f.UpdateGroup(t.Context(), system(), group, tenancy.GroupChange{Permissions: &unknown}))(t)
	if err := f.SetUserPermissions(t.Context(), system(), user, unknown); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]audit.Change{{Field: "permissions", After: "radius.view_nas"}}, f.changes(t, "user.permissions_changed")); diff != "" {
		t.Error(diff)
	}
	if err := f.SetUserPermissions(t.Context(), system(), "nobody", unknown); outcome(err) != "N" {
		t.Errorf("permissions of nobody: %v", err)
	}
	events := len(f.events)
	if err := f.SetUserPermissions(t.Context(), system(), user, unknown); err != nil || len(f.events) != events {
		t.Errorf("the same once more: %v, %d events", err, len(f.events)-events)
	}
}

func TestUpdateGroup(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	f.group(t, tenancy.Group{Name: "Other", Organization: a})
	group := f.group(t, tenancy.Group{Name: "Desk", Organization: a, Permissions: []tenancy.Permission{tenancy.ViewUser}})
	g := must(f.UpdateGroup(t.Context(), system(), group, tenancy.GroupChange{
		Name: ptr("Office"), Permissions: &[]tenancy.Permission{tenancy.ViewUser, tenancy.AddUser, tenancy.ViewUser}, Version: 1,
	}))(t)
	if diff := cmp.Diff(g, must(f.Group(t.Context(), system(), group))(t)); diff != "" || g.Version != 2 || len(g.Permissions) != 2 {
		t.Errorf("answered %+v: %s", g, diff)
	}
	want := []audit.Change{{Field: "name", Before: "Desk", After: "Office"}, {Field: "permissions", Before: "users.view_user", After: "users.add_user users.view_user"}}
	if diff := cmp.Diff(want, f.changes(t, "group.changed")); diff != "" {
		t.Error(diff)
	}
	_, err := f.UpdateGroup(t.Context(), system(), group, tenancy.GroupChange{Name: ptr("x"), Version: 1})
	if err == nil {
		t.Error("an old version was changed")
	}
	_, err = f.UpdateGroup(t.Context(), system(), group, tenancy.GroupChange{Name: ptr("Other")})
	wantInvalid(t, err, "name")
}

func TestEffectivePermissions(t *testing.T) {
	w := newTown(t)
	w.raw(t, `INSERT INTO group_members (group_id, user_id) VALUES ($1, $2), ($3, $2)`, string(w.ofA), string(w.direct), string(w.operators))
	got := must(w.EffectivePermissions(t.Context(), w.scope(t, w.super), w.direct, w.a))(t)
	want := []tenancy.Effective{
		{Permission: "users.add_organization", Label: "Can add organization", Reasons: []string{"given to the user"}},
		{Permission: "users.change_user", Label: "Can change user", Reasons: []string{"through the group Desk of the organization acme"}},
		{Permission: "users.view_organization", Label: "Can view organization", Reasons: []string{"through the group Operator"}},
		{Permission: "users.view_user", Label: "Can view user", Reasons: []string{"implied by users.change_user"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for organization, want := range map[id.Organization]int{w.b: 2, "": 2} {
		if got := must(w.EffectivePermissions(t.Context(), system(), w.direct, organization))(t); len(got) != want {
			t.Errorf("in %q %v", organization, got)
		}
	}
	w.register(t, "radius", "nas")
	got = must(w.EffectivePermissions(t.Context(), system(), w.super, ""))(t)
	if len(got) != 13*4+4 || got[0].Reasons[0] != "superuser" || got[0].Label == "" {
		t.Errorf("a superuser may %v", got)
	}
}

// TestOwnPermissions: what somebody holds without a group he reads himself, with no permission to read anybody's.
func TestOwnPermissions(t *testing.T) {
	f := newFixture(t)
	ada, bob := f.user(t, tenancy.NewUser{Username: "ada"}), f.user(t, tenancy.NewUser{Username: "bob"})
	own := []tenancy.Permission{tenancy.ViewGroup}
	if err := f.SetUserPermissions(t.Context(), system(), ada, own); err != nil {
		t.Fatal(err)
	}
	scope := must(f.Scope(t.Context(), ada))(t)
	if got := must(f.UserPermissions(t.Context(), scope, ada))(t); !slices.Equal(got, own) {
		t.Errorf("holds %v, want %v", got, own)
	}
	if _, err := f.UserPermissions(t.Context(), scope, bob); outcome(err) != "F" {
		t.Errorf("reads another's: %v", err)
	}
}
