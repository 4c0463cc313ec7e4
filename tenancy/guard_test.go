package tenancy_test

import (
	"testing"

	"gatehouse/tenancy"
)

// A superuser's API token that carries one permission does what that permission lets it, and nothing else.
func TestSuperusersTokens(t *testing.T) {
	w := newTown(t)
	super := w.scope(t, w.super)
	with := func(permissions ...tenancy.Permission) tenancy.Scope {
		return super.Narrow(tenancy.Limits{Via: "token:1", Permissions: permissions})
	}
	ctx := t.Context()
	for name, c := range map[string]struct {
		permission tenancy.Permission
		run        func(scope tenancy.Scope) error
	}{
		"create an organization": {tenancy.AddOrganization, func(scope tenancy.Scope) error {
			return ignore(w.CreateOrganization(ctx, scope, tenancy.Organization{Name: "New", Slug: "new"}))
		}},
		"find or create one": {tenancy.AddOrganization, func(scope tenancy.Scope) error {
			return ignore(w.EnsureOrganization(ctx, scope, tenancy.Organization{Name: "acme", Slug: "acme"}))
		}},
		"change one":        {tenancy.ChangeOrganization, func(scope tenancy.Scope) error { return ignore(w.SetOrganizationActive(ctx, scope, w.b, false, 0)) }},
		"what one contains": {tenancy.DeleteOrganization, func(scope tenancy.Scope) error { return ignore(w.OrganizationContents(ctx, scope, w.a)) }},
		"remove an owner":   {tenancy.DeleteOwner, func(scope tenancy.Scope) error { return w.RemoveOwner(ctx, scope, w.a) }},
		"delete a group":    {tenancy.DeleteGroup, func(scope tenancy.Scope) error { return w.DeleteGroup(ctx, scope, w.ofDisabled) }},
		"register": {tenancy.ChangePermission, func(scope tenancy.Scope) error {
			return ignore(w.RegisterPermissions(ctx, scope, "radius", radius, nil))
		}},
		"standing": {tenancy.ViewUser, func(scope tenancy.Scope) error { return ignore(w.Standing(ctx, scope, w.onlyA)) }},
		"invite": {tenancy.AddMembership, func(scope tenancy.Scope) error {
			return ignore(w.Invite(ctx, scope, tenancy.NewInvitation{Organization: w.a, Email: "n@x.example", Role: tenancy.Member}))
		}},
		"delete organization": {tenancy.DeleteOrganization, func(scope tenancy.Scope) error { return ignore(w.DeleteOrganization(ctx, scope, w.b)) }},
	} {
		if got := outcome(c.run(with("users.view_auditevent"))); got != "F" {
			t.Errorf("%s without the permission: %s", name, got)
		}
		if got := outcome(c.run(with(c.permission))); got != "+" && got != "N" { // two of them act on b
			t.Errorf("%s with the permission: %s", name, got)
		}
	}
	everything := with(tenancy.ChangeUser, tenancy.ChangeGroup, tenancy.ViewUser, tenancy.ChangePermission)
	if err := w.SetUserPermissions(ctx, everything, w.onlyA, nil); outcome(err) != "F" {
		t.Errorf("a token gave permissions in every organization: %v", err)
	}
	if err := w.Bootstrap(ctx, everything); outcome(err) != "F" {
		t.Errorf("a token set the installation up: %v", err)
	}
	// A token grants what it carries, not what its owner holds.
	wide := []tenancy.Permission{tenancy.AddOrganization}
	wantInvalid(t, ignore(w.UpdateGroup(ctx, everything, w.ofA, tenancy.GroupChange{Permissions: &wide})), "permissions")
}
