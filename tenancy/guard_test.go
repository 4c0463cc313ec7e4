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

// What a group of one organization gives counts there, whatever else its members manage.
func TestPermissionsOfOneOrganization(t *testing.T) {
	w := newTown(t)
	both := w.user(t, tenancy.NewUser{Username: "of-both"})
	w.member(t, w.a, both, tenancy.Manager)
	w.member(t, w.b, both, tenancy.Manager)
	w.group(t, tenancy.Group{Name: "Everything in a", Organization: w.a, Permissions: []tenancy.Permission{
		tenancy.ChangeOrganization, tenancy.ViewOrganization, tenancy.AddMembership, tenancy.ChangeMembership, tenancy.DeleteMembership,
		tenancy.ViewMembership, tenancy.AddGroup, tenancy.ChangeGroup,
	}}, both)
	inA, inB := w.membership(t, w.a, w.onlyA), w.membership(t, w.b, w.onlyB)
	scope := w.scope(t, both)
	for name, c := range map[string]struct{ a, b act }{
		"update":  {updateOrganization(w.a, tenancy.OrganizationChange{Name: ptr("New")}), updateOrganization(w.b, tenancy.OrganizationChange{Name: ptr("New")})},
		"add":     {addMember(w.a, w.onlyB, tenancy.Member), addMember(w.b, w.onlyA, tenancy.Member)},
		"promote": {changeMembership(inA, tenancy.Manager), changeMembership(inB, tenancy.Manager)},
		"remove":  {removeMember(inA), removeMember(inB)},
		"group":   {createGroup(w.a), createGroup(w.b)},
		"invite": {
			invite(tenancy.NewInvitation{Organization: w.a, Email: "n@x.example", Role: tenancy.Member}),
			invite(tenancy.NewInvitation{Organization: w.b, Email: "n@x.example", Role: tenancy.Member}),
		},
	} {
		if got := outcome(c.b(t.Context(), w.Directory, scope)); got != "F" {
			t.Errorf("%s in b: %s", name, got)
		}
		if got := outcome(c.a(t.Context(), w.Directory, scope)); got != "+" {
			t.Errorf("%s in a: %s", name, got)
		}
		w.restore(t)
	}
}

// No API token is made for a disabled organization, which its managers still see, nor with what nobody registered.
func TestTokensOfDisabledOrganizations(t *testing.T) {
	w := newTown(t)
	for _, owner := range []tenancy.Scope{w.requesters[9].scope, w.scope(t, w.super)} {
		_, _, err := w.CreateAPIToken(t.Context(), owner, tenancy.NewAPIToken{Name: "t", Organization: w.disabled})
		wantInvalid(t, err, "organization")
	}
	_, _, err := w.CreateAPIToken(t.Context(), w.scope(t, w.super), tenancy.NewAPIToken{Name: "t", Permissions: []tenancy.Permission{"radius.view_nas"}})
	wantInvalid(t, err, "permissions")
}
