package tenancy_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

func TestTransferOwnership(t *testing.T) {
	w := newTown(t)
	m := must(w.TransferOwnership(t.Context(), w.scope(t, w.owner), w.a, w.membership(t, w.a, w.onlyA).ID))(t)
	if m.Role != tenancy.Owner || w.role(t, w.a, w.onlyA) != tenancy.Owner || w.role(t, w.a, w.owner) != tenancy.Manager {
		t.Errorf("answered %s, now %s and %s", m.Role, w.role(t, w.a, w.onlyA), w.role(t, w.a, w.owner))
	}
	if diff := cmp.Diff([]audit.Change{{Field: "role", Before: "member", After: "owner"}}, w.changes(t, "owner.set")); diff != "" {
		t.Error(diff)
	}
	events := len(w.events)
	must(w.TransferOwnership(t.Context(), system(), w.a, m.ID))(t) // to himself
	_, err := w.TransferOwnership(t.Context(), w.scope(t, w.owner), w.a, w.membership(t, w.a, w.owner).ID)
	if !errors.Is(err, tenancy.ErrForbidden) || len(w.events) != events {
		t.Errorf("a former owner took it back: %v", err)
	}
}

func TestTransferInAnOwnerlessOrganization(t *testing.T) {
	w := newTown(t)
	if err := w.RemoveOwner(t.Context(), system(), w.a); err != nil || w.role(t, w.a, w.owner) != tenancy.Manager {
		t.Fatal(err, w.role(t, w.a, w.owner))
	}
	if err := w.RemoveOwner(t.Context(), system(), w.a); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed no owner: %v", err)
	}
	_, err := w.TransferOwnership(t.Context(), w.scope(t, w.owner), w.a, w.membership(t, w.a, w.owner).ID)
	if !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("a manager took the ownership: %v", err)
	}
	narrowed := system().Narrow(tenancy.Limits{Organization: w.a}) // acts for nobody, who is not the owner that there is not
	if _, err := w.TransferOwnership(t.Context(), narrowed, w.a, w.membership(t, w.a, w.manager).ID); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("without an owner, for nobody: %v", err)
	}
	must(w.TransferOwnership(t.Context(), system(), w.a, w.membership(t, w.a, w.manager).ID))(t)
	if w.role(t, w.a, w.manager) != tenancy.Owner {
		t.Error("there is no owner yet")
	}
	w.raw(t, `UPDATE users SET active = FALSE WHERE id = $1`, string(w.onlyA))
	_, err = w.TransferOwnership(t.Context(), system(), w.a, w.membership(t, w.a, w.onlyA).ID)
	wantInvalid(t, err, "organization_user")
}

// The owner's API token transfers ownership if it carries the permission to.
func TestTransferByToken(t *testing.T) {
	w := newTown(t)
	to := w.membership(t, w.a, w.manager).ID
	limits := tenancy.Limits{Via: "token:1", Organization: w.a, Permissions: []tenancy.Permission{tenancy.ChangeOrganization}}
	if _, err := w.TransferOwnership(t.Context(), w.scope(t, w.owner).Narrow(limits), w.a, to); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("a token without the permission: %v", err)
	}
	limits.Permissions = append(limits.Permissions, tenancy.ChangeOwner)
	must(w.TransferOwnership(t.Context(), w.scope(t, w.owner).Narrow(limits), w.a, to))(t)
}

// Of many transfers at once there is one owner afterwards, whatever became of each.
func TestTransfersAtOnce(t *testing.T) {
	f := newFixture(t)
	a, users := f.organization(t, "acme"), f.users(t, 16)
	memberships := make([]id.Membership, len(users))
	for i, user := range users {
		memberships[i] = must(f.AddMember(t.Context(), system(), a, user, tenancy.Manager))(t).ID
	}
	for _, err := range atOnce(len(users), func(i int) error {
		if i%5 == 4 {
			return f.RemoveMember(t.Context(), system(), memberships[i])
		}
		_, err := f.TransferOwnership(t.Context(), system(), a, memberships[i])
		return err
	}) {
		if err != nil && !errors.Is(err, store.ErrStale) && outcome(err) != "I" {
			t.Error(err)
		}
	}
	owners := 0
	for _, user := range users {
		if f.role(t, a, user) == tenancy.Owner {
			owners++
		}
	}
	if owners != 1 {
		t.Errorf("%d owners", owners)
	}
}

func TestLeaving(t *testing.T) {
	w := newTown(t)
	w.raw(t, `INSERT INTO group_members (group_id, user_id) VALUES ($1, $2), ($3, $2)`, string(w.ofA), string(w.inBoth), string(w.operators))
	own := w.scope(t, w.inBoth)
	m := w.membership(t, w.a, w.inBoth)
	if found, err := w.Membership(t.Context(), own, m.ID); err != nil || found != m {
		t.Errorf("a member does not see his own membership: %v", err)
	}
	if all, err := w.MembershipsOf(t.Context(), own, w.inBoth); err != nil || len(all) != 2 {
		t.Errorf("a member does not see his own memberships: %v, %v", all, err)
	}
	token := own.Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.ViewUser}})
	if err := w.RemoveMember(t.Context(), token, m.ID); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("a narrowed token left for him: %v", err)
	}
	if err := w.RemoveMember(t.Context(), own, w.membership(t, w.a, w.onlyA).ID); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("a member removed another: %v", err)
	}
	if err := w.RemoveMember(t.Context(), own, m.ID); err != nil {
		t.Fatal(err)
	}
	groups := must(w.db.GroupsOf(t.Context(), system(), w.inBoth))(t)
	if w.role(t, w.a, w.inBoth) != "" || w.role(t, w.b, w.inBoth) == "" || len(groups) != 1 || groups[0].ID != w.operators {
		t.Errorf("role in a %q, in b %q, groups %v", w.role(t, w.a, w.inBoth), w.role(t, w.b, w.inBoth), groups)
	}
	if err := w.RemoveMember(t.Context(), own, m.ID); outcome(err) != "F" { // he holds no permission to remove others
		t.Errorf("left twice: %v", err)
	}
}

func TestChangeMembershipVersion(t *testing.T) {
	w := newTown(t)
	m := w.membership(t, w.a, w.onlyA)
	changed := must(w.ChangeMembership(t.Context(), system(), m.ID, tenancy.MembershipChange{Role: tenancy.Manager, Version: m.Version}))(t)
	if changed.Version != m.Version+1 || changed != w.membership(t, w.a, w.onlyA) {
		t.Errorf("answered %+v, stored %+v", changed, w.membership(t, w.a, w.onlyA))
	}
	_, err := w.ChangeMembership(t.Context(), system(), m.ID, tenancy.MembershipChange{Role: tenancy.Member, Version: m.Version})
	if !errors.Is(err, store.ErrStale) {
		t.Errorf("an old version was changed: %v", err)
	}
}

// One of many operations must not spoil the others: a refused statement ends the transaction.
func TestSecondManagerWithinATransaction(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	f.member(t, a, f.user(t, tenancy.NewUser{Username: "owner"}), tenancy.Owner)
	other := f.user(t, tenancy.NewUser{Username: "other"})
	err := f.Atomically(t.Context(), func(d *tenancy.Directory) error {
		if _, err := d.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "new", Organization: a, Role: tenancy.Manager}); err != nil {
			return err
		}
		_, err := d.AddMember(t.Context(), system(), a, other, tenancy.Manager)
		return err
	})
	if got := f.role(t, a, other); err != nil || got != tenancy.Manager {
		t.Errorf("role %q, %v", got, err)
	}
}
