package tenancy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

func TestDefaultGroups(t *testing.T) {
	// The described system's, word for word (openwisp-users, section "Default Groups").
	want := map[string]string{
		"Operator": "users.view_organization",
		"Administrator": "users.add_apikey users.add_organizationuser users.add_user users.change_apikey users.change_emailaddress " +
			"users.change_organization users.change_organizationowner users.change_organizationuser users.change_user users.delete_apikey " +
			"users.delete_emailaddress users.delete_organizationuser users.delete_user users.view_apikey users.view_emailaddress " +
			"users.view_group users.view_organizationuser users.view_user",
	}
	groups := tenancy.DefaultGroups()
	if len(groups) != len(want) {
		t.Errorf("%d groups, want %d", len(groups), len(want))
	}
	for _, group := range groups {
		var codes []string
		for _, permission := range group.Permissions {
			codes = append(codes, string(permission))
		}
		slices.Sort(codes)
		if got := strings.Join(codes, " "); got != want[group.Name] || group.Organization != "" {
			t.Errorf("%s (organization %q): %s\nwant %s", group.Name, group.Organization, got, want[group.Name])
		}
	}
}

func TestBootstrap(t *testing.T) {
	f := newFixture(t)
	for _, err := range atOnce(8, func(int) error { return f.Bootstrap(t.Context(), system()) }) {
		if err != nil {
			t.Fatal(err)
		}
	}
	o := must(f.OrganizationBySlug(t.Context(), system(), "default"))(t)
	if o.Name != "default" || !o.Active {
		t.Errorf("organization %+v", o)
	}
	for _, want := range tenancy.DefaultGroups() {
		got := must(f.GroupByName(t.Context(), system(), want.Name))(t)
		slices.Sort(want.Permissions)
		if !slices.Equal(got.Permissions, want.Permissions) {
			t.Errorf("%s has %v, want %v", want.Name, got.Permissions, want.Permissions)
		}
	}
	if len(f.events) < 3 {
		t.Errorf("%d audit events, want one for each thing made", len(f.events))
	}
}

func TestBootstrapNeverComesBack(t *testing.T) {
	f := newFixture(t)
	if err := f.Bootstrap(t.Context(), system()); err != nil {
		t.Fatal(err)
	}
	f.raw(t, `DELETE FROM groups WHERE name = 'Operator'`)
	f.raw(t, `DELETE FROM group_permissions`)
	f.raw(t, `UPDATE organizations SET slug = 'renamed'`)
	if err := f.Bootstrap(t.Context(), system()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.GroupByName(t.Context(), system(), "Operator"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted group came back: %v", err)
	}
	if group := must(f.GroupByName(t.Context(), system(), "Administrator"))(t); len(group.Permissions) != 0 {
		t.Errorf("removed permissions came back: %v", group.Permissions)
	}
	if _, err := f.OrganizationBySlug(t.Context(), system(), "default"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a renamed organization came back: %v", err)
	}
}

func TestBootstrapNeedsTheProgram(t *testing.T) {
	w := newTown(t)
	for range 2 { // at first, and where everything is made already
		if err := w.Bootstrap(t.Context(), w.scope(t, w.owner)); !errors.Is(err, tenancy.ErrForbidden) {
			t.Errorf("error %v, want ErrForbidden", err)
		}
		if err := w.Bootstrap(t.Context(), system()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBootstrapKeepsWhatIsThere(t *testing.T) {
	f := newFixture(t)
	before := f.organization(t, "default")
	f.group(t, tenancy.Group{Name: "Operator"})
	if err := f.Bootstrap(t.Context(), system()); err != nil {
		t.Fatal(err)
	}
	if o := must(f.OrganizationBySlug(t.Context(), system(), "default"))(t); o.ID != before {
		t.Error("there is another organization now")
	}
	if group := must(f.GroupByName(t.Context(), system(), "Operator"))(t); len(group.Permissions) != 0 {
		t.Errorf("the group was overwritten: %v", group.Permissions)
	}
}

func TestScope(t *testing.T) {
	f := newFixture(t)
	a, b, disabled := f.organization(t, "acme"), f.organization(t, "bolt"), f.organization(t, "closed")
	user := f.user(t, tenancy.NewUser{Username: "ada"})
	f.member(t, a, user, tenancy.Owner)
	f.member(t, b, user, tenancy.Member)
	f.member(t, disabled, user, tenancy.Manager)
	f.disable(t, disabled)
	f.register(t, "a", "b")
	f.group(t, tenancy.Group{Name: "Shared", Permissions: []tenancy.Permission{tenancy.ChangeUser, "a.view_b"}}, user)
	f.group(t, tenancy.Group{Name: "Of a", Organization: a, Permissions: []tenancy.Permission{tenancy.DeleteUser}}, user)
	scope := f.scope(t, user)
	if scope.Everywhere() || scope.Actor() != user || scope.Reason() != "" || !slices.Equal(scope.Organizations(), []id.Organization{a, disabled}) {
		t.Errorf("scope of %s in %v", scope.Actor(), scope.Organizations())
	}
	for organization, want := range map[id.Organization]bool{a: true, b: false, disabled: true, "": false} {
		if scope.Covers(organization) != want {
			t.Errorf("covers %q: %v", organization, !want)
		}
	}
	for permission, want := range map[tenancy.Permission]bool{
		tenancy.ChangeUser: true, tenancy.ViewUser: true, "a.view_b": true, "a.change_b": false, "": false, ".view_": false,
		tenancy.DeleteUser: false, tenancy.AddUser: false, // the first counts in a alone
	} {
		if scope.Has(permission) != want {
			t.Errorf("has %q: %v", permission, !want)
		}
	}
	if !scope.Disabled(disabled) || scope.Disabled(a) {
		t.Error("a disabled organization is taken for an active one, or the other way round")
	}
	for permission, want := range map[tenancy.Permission]bool{tenancy.ViewUser: true, tenancy.ChangeUser: false, tenancy.DeleteUser: false} {
		if scope.HasIn(disabled, permission) != want {
			t.Errorf("has %s in a disabled organization: %v", permission, !want)
		}
	}
	scope.Organizations()[0] = b
	if scope.Covers(b) {
		t.Error("a scope can be changed from outside")
	}
}

func TestScopeOfInactiveUsers(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "ada", Superuser: true, Inactive: true})
	if _, err := f.Scope(t.Context(), user); !errors.Is(err, tenancy.ErrDisabled) {
		t.Errorf("disabled: %v", err)
	}
	if _, err := f.Scope(t.Context(), id.New[id.User]()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nobody: %v", err)
	}
}

func TestCreateOrganizationValidates(t *testing.T) {
	f := newFixture(t)
	f.organization(t, "acme")
	good := tenancy.Organization{Name: "Bolt", Slug: "bolt", Email: "x@example.org", URL: "https://example.org/", Description: "two\nlines", FactorPolicy: tenancy.FactorRequired}
	for _, tt := range []struct {
		field  string
		change func(o *tenancy.Organization)
	}{
		{"name", func(o *tenancy.Organization) { o.Name = " " }},
		{"name", func(o *tenancy.Organization) { o.Name = strings.Repeat("x", 201) }},
		{"slug", func(o *tenancy.Organization) { o.Slug = "" }},
		{"slug", func(o *tenancy.Organization) { o.Slug = "Bolt" }},
		{"slug", func(o *tenancy.Organization) { o.Slug = "acme" }},
		{"slug", func(o *tenancy.Organization) { o.Slug = "../x" }},
		{"slug", func(o *tenancy.Organization) { o.Slug = string(id.New[id.Organization]()) }},
		{"email", func(o *tenancy.Organization) { o.Email = "x" }},
		{"url", func(o *tenancy.Organization) { o.URL = "javascript:alert(1)" }},
		{"url", func(o *tenancy.Organization) { o.URL = "//example.org" }},
		{"description", func(o *tenancy.Organization) { o.Description = "\x00" }},
		{"factor_policy", func(o *tenancy.Organization) { o.FactorPolicy = "sometimes" }},
	} {
		o := good
		tt.change(&o)
		_, err := f.CreateOrganization(t.Context(), system(), o)
		wantInvalid(t, err, tt.field)
	}
	made := must(f.CreateOrganization(t.Context(), system(), good))(t)
	if stored := must(f.Organization(t.Context(), system(), made.ID))(t); stored != made || !made.Active {
		t.Errorf("made %+v, stored %+v", made, stored)
	}
}

func TestEnsureOrganization(t *testing.T) {
	f := newFixture(t)
	made := make([]tenancy.Organization, 16)
	for _, err := range atOnce(len(made), func(i int) error {
		var err error
		made[i], err = f.EnsureOrganization(t.Context(), system(), tenancy.Organization{Name: "Acme", Slug: "acme"})
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	again := must(f.EnsureOrganization(t.Context(), system(), tenancy.Organization{Name: "Other", Slug: "acme"}))(t)
	for _, o := range append(made, again) {
		if o.ID != made[0].ID || o.Name != "Acme" {
			t.Errorf("got %+v and %+v", o, made[0])
		}
	}
}

func TestCreateGroupValidates(t *testing.T) {
	f := newFixture(t)
	f.register(t, "a", "b")
	a, b := f.organization(t, "acme"), f.organization(t, "bolt")
	for field, g := range map[string]tenancy.Group{
		"name":        {},
		"permissions": {Name: "x", Permissions: []tenancy.Permission{"users.add_user", "<b>"}},
	} {
		_, err := f.CreateGroup(t.Context(), system(), g)
		wantInvalid(t, err, field)
	}
	twice := must(f.CreateGroup(t.Context(), system(), tenancy.Group{Name: "Desk", Permissions: []tenancy.Permission{"a.view_b", "a.add_b", "a.view_b"}}))(t)
	if len(twice.Permissions) != 2 {
		t.Errorf("permissions %v", twice.Permissions)
	}
	for i, step := range []struct {
		organization id.Organization
		want         string
	}{{"", "I"}, {a, "+"}, {b, "+"}, {a, "I"}} {
		_, err := f.CreateGroup(t.Context(), system(), tenancy.Group{Name: "Desk", Organization: step.organization})
		if got := outcome(err); got != step.want {
			t.Errorf("step %d: %v, want %s", i+1, err, step.want)
		}
	}
}

func TestStandingOfOrganizationGroups(t *testing.T) {
	f := newFixture(t)
	a, b := f.organization(t, "acme"), f.organization(t, "bolt")
	user := f.user(t, tenancy.NewUser{Username: "ada"})
	f.member(t, a, user, tenancy.Member)
	f.member(t, b, user, tenancy.Manager)
	f.group(t, tenancy.Group{Name: "Shared"}, user)
	f.group(t, tenancy.Group{Name: "Of a", Organization: a}, user)
	f.group(t, tenancy.Group{Name: "Of b", Organization: b}, user)
	standing := must(f.Standing(t.Context(), system(), user))(t)
	for organization, want := range map[id.Organization]string{a: "Of a Shared", b: "Of b Shared"} {
		var names []string
		for _, group := range standing.GroupsIn(organization) {
			names = append(names, group.Name)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != want {
			t.Errorf("groups %s, want %s", got, want)
		}
	}
	if place, found := standing.In(b); !found || place.Role != tenancy.Manager {
		t.Errorf("place %+v, %v", place, found)
	}
	if _, found := standing.In(id.New[id.Organization]()); found {
		t.Error("found in an organization of others")
	}
}

// A store called inside its own transaction, past that transaction, freezes on a pool of one connection.
func TestPoolOfOneConnection(t *testing.T) {
	f := newFixtureWith(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a := f.organization(t, "acme")
	manager, member := f.user(t, tenancy.NewUser{Username: "manager"}), f.user(t, tenancy.NewUser{Username: "member", Organization: a})
	steps := []func() error{
		func() error { return f.Bootstrap(ctx, system()) },
		func() error {
			_, err := f.CreateFirstSuperuser(ctx, tenancy.NewUser{Username: "root", Password: goodPassword})
			return err
		},
		func() error { _, err := f.AddMember(ctx, system(), a, manager, tenancy.Manager); return err },
		func() error {
			return f.AddToGroup(ctx, system(), must(f.GroupByName(ctx, system(), "Administrator"))(t).ID, manager)
		},
		func() error {
			_, err := f.ChangeRole(ctx, f.scope(t, manager), a, member, tenancy.Manager)
			return err
		},
		func() error { return f.SetPassword(ctx, f.scope(t, manager), member, goodPassword) },
		func() error { _, err := f.Authenticate(ctx, "member", goodPassword); return err },
		func() error {
			_, err := f.Provision(ctx, system(), tenancy.NewIdentityUser{Connector: "c", Subject: "s", Username: "member", Organization: a})
			return err
		},
		func() error {
			return f.LinkIdentity(ctx, system(), tenancy.Identity{Connector: "c", Subject: "t", User: member})
		},
		func() error { return f.RecordLogin(ctx, system(), member, "fed", "c", "t") },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i+1, err)
		}
	}
}
