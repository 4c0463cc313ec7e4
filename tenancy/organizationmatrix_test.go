package tenancy_test

import (
	"context"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

func ptr[T any](value T) *T { return &value }

// everybody is requesters and two API tokens that only read: the superuser's, and the owner's for a alone.
func (w *town) everybody(t *testing.T) []requester {
	t.Helper()
	reading := []tenancy.Permission{tenancy.ViewOrganization, tenancy.ViewMembership, tenancy.ViewGroup, tenancy.ViewUser}
	return append(w.requesters,
		requester{"superuser's token", w.scope(t, w.super).Narrow(tenancy.Limits{Via: "token:1", Permissions: reading})},
		requester{"owner's token", w.scope(t, w.owner).Narrow(tenancy.Limits{Via: "token:2", Organization: w.a, Permissions: reading})},
	)
}

// checkMatrix runs operations by everybody. Whoever may do it leaves a record, unless it only reads.
func (w *town) checkMatrix(t *testing.T, reads bool, operations []operation) {
	t.Helper()
	requesters := w.everybody(t)
	for _, o := range operations {
		if len(o.want) != len(requesters) {
			t.Fatalf("%s: %d columns", o.name, len(o.want))
		}
		for i, r := range requesters {
			result, events := w.try(t, o, r)
			if want := o.want[i : i+1]; result != want {
				t.Errorf("%s by %s: %s, want %s", o.name, r.name, result, want)
			}
			if (events > 0) != (result == "+" && !reads) {
				t.Errorf("%s by %s (%s): %d audit events", o.name, r.name, result, events)
			}
		}
	}
}

func (w *town) membership(t *testing.T, organization id.Organization, user id.User) tenancy.Membership {
	t.Helper()
	for _, m := range must(w.db.Memberships(t.Context(), system(), user))(t) {
		if m.Organization == organization {
			return m
		}
	}
	t.Fatalf("%s is not in %s", user, organization)
	return tenancy.Membership{}
}

func updateOrganization(organization id.Organization, change tenancy.OrganizationChange) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.UpdateOrganization(ctx, scope, organization, change)
		return err
	}
}

func setActive(organization id.Organization, active bool) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.SetOrganizationActive(ctx, scope, organization, active, 0)
		return err
	}
}

func deleteOrganization(organization id.Organization) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.DeleteOrganization(ctx, scope, organization)
		return err
	}
}

func changeMembership(m tenancy.Membership, role tenancy.Role) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.ChangeMembership(ctx, scope, m.ID, tenancy.MembershipChange{Role: role})
		return err
	}
}

func removeMember(m tenancy.Membership) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		return d.RemoveMember(ctx, scope, m.ID)
	}
}

func transfer(organization id.Organization, to tenancy.Membership) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.TransferOwnership(ctx, scope, organization, to.ID)
		return err
	}
}

// Columns: system, superuser, owner, manager | bare, member, both | other, nowhere, of the disabled one | superuser's token, owner's token.
func TestOrganizationMatrix(t *testing.T) {
	w := newTown(t)
	rename := tenancy.OrganizationChange{Name: ptr("New")}
	w.checkMatrix(t, false, []operation{
		{"update a", "++++" + "FN+" + "NNN" + "FF", updateOrganization(w.a, rename)},
		{"update the disabled one", "IINN" + "FNN" + "NNI" + "FF", updateOrganization(w.disabled, rename)},
		{"limit a", "++FF" + "FNF" + "NNN" + "FF", updateOrganization(w.a, tenancy.OrganizationChange{MaxUsers: ptr(3)})},
		{"disable a", "+++F" + "FNF" + "NNN" + "FF", setActive(w.a, false)},
		{"enable the disabled one", "++NN" + "FNN" + "NNF" + "FF", setActive(w.disabled, true)},
		{"delete a", "++FF" + "FFF" + "FFF" + "FF", deleteOrganization(w.a)},
		{"delete the disabled one", "++FF" + "FFF" + "FFF" + "FF", deleteOrganization(w.disabled)},
		{"create one", "++FF" + "FFF" + "FFF" + "FF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.CreateOrganization(ctx, scope, tenancy.Organization{Name: "New", Slug: "new"})
			return err
		}},
		{"remove a's owner", "++FF" + "FFF" + "FFF" + "FF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return d.RemoveOwner(ctx, scope, w.a)
		}},
	})
	w.checkMatrix(t, true, []operation{
		{"read a", "++++" + "FN+" + "NNN" + "++", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Organization(ctx, scope, w.a)
			return err
		}},
		{"what a contains", "++FF" + "FFF" + "FFF" + "FF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.OrganizationContents(ctx, scope, w.a)
			return err
		}},
	})
}

func TestMembershipMatrix(t *testing.T) {
	w := newTown(t)
	onlyA, onlyB, super := w.membership(t, w.a, w.onlyA), w.membership(t, w.b, w.onlyB), w.membership(t, w.a, w.super)
	owner, manager := w.membership(t, w.a, w.owner), w.membership(t, w.a, w.manager)
	inDisabled := w.membership(t, w.disabled, w.inDisabled)
	w.checkMatrix(t, false, []operation{
		{"promote", "++++" + "FN+" + "NNN" + "FF", changeMembership(onlyA, tenancy.Manager)},
		{"promote to owner", "IIII" + "FII" + "III" + "FF", changeMembership(onlyA, tenancy.Owner)},
		{"demote the owner", "IIII" + "FNI" + "NNN" + "FF", changeMembership(owner, tenancy.Member)},
		{"promote a superuser", "++NN" + "FNN" + "NNN" + "FF", changeMembership(super, tenancy.Manager)},
		{"promote in the disabled one", "IINN" + "FNN" + "NNI" + "FF", changeMembership(inDisabled, tenancy.Manager)},
		{"remove", "++++" + "FN+" + "NNN" + "FF", removeMember(onlyA)},
		{"remove from the disabled one", "++NN" + "FNN" + "NN+" + "FF", removeMember(inDisabled)},
		{"remove the owner", "IIII" + "FNI" + "NNN" + "FF", removeMember(owner)},
		{"remove a superuser", "++NN" + "FNN" + "NNN" + "FF", removeMember(super)},
		{"remove b's member", "++NN" + "FN+" + "+NN" + "FF", removeMember(onlyB)},
		{"transfer to a manager", "+++F" + "FNF" + "NNN" + "FF", transfer(w.a, manager)},
		{"transfer to a member", "+++F" + "FNF" + "NNN" + "FF", transfer(w.a, onlyA)},
		{"transfer to another organization's member", "IIIF" + "FNF" + "NNN" + "FF", transfer(w.a, onlyB)},
		{"transfer to a superuser", "++IF" + "FNF" + "NNN" + "FF", transfer(w.a, super)},
		{"transfer in the disabled one", "IINN" + "FNN" + "NNF" + "FF", transfer(w.disabled, inDisabled)},
	})
	read := func(user id.User, m tenancy.Membership) act {
		return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, one := d.Membership(ctx, scope, m.ID)
			if _, all := d.MembershipsOf(ctx, scope, user); outcome(one) != outcome(all) {
				t.Errorf("one %v, all %v", one, all)
			}
			return one
		}
	}
	w.checkMatrix(t, true, []operation{
		{"read", "++++" + "FN+" + "NNN" + "++", read(w.onlyA, onlyA)},
		{"read a superuser's", "++NN" + "FNN" + "NNN" + "+N", read(w.super, super)},
	})
}
