package tenancy_test

import (
	"context"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// TestNothingToDo: what is so already is no error, and leaves no record.
func TestNothingToDo(t *testing.T) {
	w := newTown(t)
	for name, run := range map[string]func() error{
		"in the group already": func() error { return w.AddToGroup(t.Context(), system(), w.builders, w.powerful) },
		"not in the group":     func() error { return w.RemoveFromGroup(t.Context(), system(), w.builders, w.onlyA) },
		"the group's own name": func() error {
			_, err := w.UpdateGroup(t.Context(), system(), w.ofA, tenancy.GroupChange{Name: to("Desk")})
			return err
		},
	} {
		w.events = nil
		if err := run(); err != nil || len(w.events) > 0 {
			t.Errorf("%s: %v, %v", name, err, w.events)
		}
	}
}

// TestCreationEdges: who may create accounts, but not everything that comes with them.
func TestCreationEdges(t *testing.T) {
	w := newTown(t)
	adder := w.user(t, tenancy.NewUser{Username: "adder"})
	w.member(t, w.a, adder, tenancy.Manager)
	w.group(t, tenancy.Group{Name: "Adders", Permissions: []tenancy.Permission{tenancy.AddUser}}, adder)
	local := w.user(t, tenancy.NewUser{Username: "local"})
	w.member(t, w.a, local, tenancy.Manager)
	w.member(t, w.disabled, local, tenancy.Manager)
	w.group(t, tenancy.Group{Name: "Local", Organization: w.a, Permissions: []tenancy.Permission{tenancy.AddUser, tenancy.AddMembership}}, local)
	both := w.user(t, tenancy.NewUser{Username: "manages-both"}) // may put people into both, and create and change them in b alone
	w.member(t, w.a, both, tenancy.Manager)
	w.member(t, w.b, both, tenancy.Manager)
	w.group(t, tenancy.Group{Name: "Members", Permissions: []tenancy.Permission{tenancy.AddMembership}}, both)
	w.group(t, tenancy.Group{Name: "B", Organization: w.b, Permissions: []tenancy.Permission{tenancy.AddUser, tenancy.ChangeUser}}, both)
	empty := w.group(t, tenancy.Group{Name: "Empty", Organization: w.a})
	narrow := w.scope(t, w.super).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.AddUser}})
	w.checkEdges(t, []edge{
		{"in a, with users.add_user in b", w.scope(t, both), createUser(tenancy.NewUser{Organization: w.a}), "F"},
		{"into a group of a, with users.change_user in b", w.scope(t, both), addToGroup(empty, w.onlyA), "F"},
		{"a superuser's token, nowhere", narrow, createUser(tenancy.NewUser{}), "+"},
		{"staff without a group", w.scope(t, w.super), createUser(tenancy.NewUser{Staff: true}), "I"},
		{"without users.add_organizationuser, elsewhere", w.scope(t, adder), createUser(tenancy.NewUser{Organization: w.b}), "F"},
		{"in a disabled organization, with permissions elsewhere", w.scope(t, local), createUser(tenancy.NewUser{Organization: w.disabled}), "F"},
	})
	if _, err := w.CreateUser(t.Context(), w.scope(t, w.super), tenancy.NewUser{Username: "second", Staff: true, Superuser: true}); err != nil {
		t.Errorf("staff who needs no group: %v", err)
	}
}

// TestInvitationEdges: groups are promised by those who could give them, and what is void is not mailed again.
func TestInvitationEdges(t *testing.T) {
	f := newFixture(t)
	now := f.Now()
	f.Now = func() time.Time { return now }
	a := f.organization(t, "acme")
	inviter := f.user(t, tenancy.NewUser{Username: "inviter"})
	f.member(t, a, inviter, tenancy.Manager)
	f.group(t, tenancy.Group{Name: "Inviters", Permissions: []tenancy.Permission{tenancy.AddMembership}}, inviter)
	empty := f.group(t, tenancy.Group{Name: "Empty", Organization: a})
	n := tenancy.NewInvitation{Organization: a, Email: "ada@x.example", Role: tenancy.Member}
	open := must(f.Invite(t.Context(), f.scope(t, inviter), n))(t)
	if err := f.Revoke(t.Context(), system(), open.ID); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	n.Email, n.Groups = "bob@x.example", []id.Group{empty}
	f.checkEdges(t, []edge{
		{"into a group without users.change_user", f.scope(t, inviter), func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Invite(ctx, scope, n)
			return err
		}, "I"},
		{"a void one once more", system(), func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Resend(ctx, scope, open.ID)
			return err
		}, "I"},
	})
}

// TestFirstSuperuserOfATakenName: the installation is not set up because somebody has the name.
func TestFirstSuperuserOfATakenName(t *testing.T) {
	f := newFixture(t)
	f.user(t, tenancy.NewUser{Username: "ada"})
	_, err := f.CreateFirstSuperuser(t.Context(), tenancy.NewUser{Username: "ada", Password: goodPassword})
	wantInvalid(t, err, "username")
}

// TestPendingAddressIsRecorded: nothing of the account changes yet, and still somebody asked for it.
func TestPendingAddressIsRecorded(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	f.events = nil
	must(f.UpdateUser(t.Context(), f.scope(t, ada), ada, tenancy.UserChange{Email: to("ada@x.example")}))(t)
	if len(f.events) != 1 || f.events[0].Detail["pending_email"] != "ada@x.example" {
		t.Errorf("events %+v", f.events)
	}
}
