package tenancy_test

import (
	"context"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

func update(user id.User, change tenancy.UserChange) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.UpdateUser(ctx, scope, user, change)
		return err
	}
}

func remove(user id.User) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		return d.DeleteUser(ctx, scope, user)
	}
}

func to[T any](value T) *T { return &value }

// accountWrites are the acts on accounts. The columns are those of writes: system, superuser, owner, manager | bare, member, both |
// other, nowhere, of the disabled one.
func (w *town) accountWrites(t *testing.T) []operation {
	t.Helper()
	name, inactive := tenancy.UserChange{FirstName: to("New")}, tenancy.UserChange{Active: to(false)}
	added := must(w.AddEmail(t.Context(), system(), w.onlyA, "added@x.example"))(t)
	w.raw(t, `DELETE FROM outbox`)
	w.raw(t, `INSERT INTO identities (connector, subject, user_id, created, last_login) VALUES ('c', '1', $1, 0, 0), ('c', '2', $1, 0, 0)`, string(w.onlyA))
	w.save(t)
	onEmail := func(run func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope, user id.User, email id.Email) error) act {
		return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return run(ctx, d, scope, w.onlyA, added.ID)
		}
	}
	return []operation{
		{"name of a's member", "++++" + "FN+" + "NNN", update(w.onlyA, name)},
		{"name of somebody in a and b", "++FF" + "FN+" + "FNN", update(w.inBoth, name)},
		{"name of somebody in a and the disabled one", "++FF" + "FNF" + "NNF", update(w.inDisabled, name)},
		{"name of the owner", "+++F" + "FNF" + "NNN", update(w.owner, name)},
		{"name of a manager", "++++" + "FNF" + "NNN", update(w.manager, name)},
		{"name of somebody who may do more", "++FF" + "FNF" + "NNN", update(w.powerful, name)},
		{"name of a superuser", "++NN" + "FNN" + "NNN", update(w.super, name)},
		{"name of nobody", "NNNN" + "FNN" + "NNN", update(id.New[id.User](), name)},
		{"deactivate a's member", "++++" + "FN+" + "NNN", update(w.onlyA, inactive)},
		{"deactivate the owner", "++FF" + "FNF" + "NNN", update(w.owner, inactive)},
		{"deactivate a manager", "+++F" + "FNF" + "NNN", update(w.manager, inactive)},
		{"expiry of a manager", "+++F" + "FNF" + "NNN", update(w.manager, tenancy.UserChange{Expires: to(tenancy.Date("2030-01-01"))})},
		{"notes about a manager", "+++F" + "FNF" + "NNN", update(w.manager, tenancy.UserChange{Notes: to("x")})},
		{"notes about the owner", "++FF" + "FNF" + "NNN", update(w.owner, tenancy.UserChange{Notes: to("x")})},
		{"make a manager's staff flag go", "++FF" + "FNF" + "NNN", update(w.manager, tenancy.UserChange{Staff: to(false)})},
		{"make staff of a's member in a group", "++FF" + "FNF" + "NNN", update(w.powerful, tenancy.UserChange{Staff: to(true)})},
		{"make staff of a's member in none", "IIFF" + "FNF" + "NNN", update(w.onlyA, tenancy.UserChange{Staff: to(true)})},
		{"make a superuser", "++FF" + "FNF" + "NNN", update(w.onlyA, tenancy.UserChange{Superuser: to(true)})},
		{"address of a's member", "++++" + "FN+" + "NNN", update(w.onlyA, tenancy.UserChange{Email: to("x@x.example")})},
		{"address of somebody in a and b", "++FF" + "FN+" + "FNN", update(w.inBoth, tenancy.UserChange{Email: to("x@x.example")})},
		{"delete a's member", "++++" + "FN+" + "NNN", remove(w.onlyA)},
		{"delete somebody in a and b", "++FF" + "FN+" + "FNN", remove(w.inBoth)},
		{"delete the owner", "++FF" + "FNF" + "NNN", remove(w.owner)},
		{"delete a manager", "++++" + "FNF" + "NNN", remove(w.manager)},
		{"delete nobody", "NNNN" + "FNN" + "NNN", remove(id.New[id.User]())},
		{"add an address", "++FF" + "FFF" + "FFF", onEmail(func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope, user id.User, _ id.Email) error {
			_, err := d.AddEmail(ctx, scope, user, "another@x.example")
			return err
		})},
		{"choose the primary address", "++++" + "FN+" + "NNN", onEmail(func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope, user id.User, email id.Email) error {
			return d.SetPrimaryEmail(ctx, scope, user, email)
		})},
		{"verify an address", "++FF" + "FFF" + "FFF", onEmail(func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope, user id.User, email id.Email) error {
			return d.SetEmailVerified(ctx, scope, user, email, true)
		})},
		{"delete an address", "++++" + "FN+" + "NNN", onEmail(func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope, user id.User, email id.Email) error {
			return d.DeleteEmail(ctx, scope, user, email)
		})},
		{"mail a link again", "++++" + "FN+" + "NNN", onEmail(func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope, user id.User, email id.Email) error {
			return d.SendConfirmation(ctx, scope, user, email)
		})},
		{"somebody else's address", "NNNN" + "FNF" + "NNN", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return d.DeleteEmail(ctx, scope, w.manager, added.ID)
		}},
		{"unlink an identity", "++++" + "FN+" + "NNN", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return d.Unlink(ctx, scope, w.onlyA, "c", "1")
		}},
		{"unlink somebody else's identity", "NNNN" + "FNF" + "NNN", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return d.Unlink(ctx, scope, w.manager, "c", "1")
		}},
	}
}

func (w *town) accountReads() []operation {
	read := func(user id.User) act {
		return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.User(ctx, scope, user)
			return err
		}
	}
	return []operation{
		{"read a's member", "++++" + "FN+" + "NNN", read(w.onlyA)},
		{"read somebody in a and b", "++++" + "FN+" + "+NN", read(w.inBoth)},
		{"read the owner", "++++" + "FN+" + "NNN", read(w.owner)},
		{"read a superuser", "++NN" + "FNN" + "NNN", read(w.super)},
		{"read somebody of no organization", "++NN" + "FNN" + "NNN", read(w.loner)},
		{"read a manager", "++++" + "FN+" + "NNN", read(w.manager)},
		{"read nobody", "NNNN" + "FNN" + "NNN", read(id.New[id.User]())},
		{"addresses of somebody in a and b", "++++" + "FN+" + "+NN", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Emails(ctx, scope, w.inBoth)
			return err
		}},
		{"identities of somebody in a and b", "++++" + "FN+" + "+NN", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Identities(ctx, scope, w.inBoth)
			return err
		}},
	}
}

// TestNarrowedAccounts: a token that is limited to permissions acts on accounts by those alone, its owner's too.
func TestNarrowedAccounts(t *testing.T) {
	f := newFixture(t)
	root := f.user(t, tenancy.NewUser{Username: "root", Superuser: true, Staff: true})
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	other := f.user(t, tenancy.NewUser{Username: "other", Superuser: true})
	narrow := func(user id.User, permissions ...tenancy.Permission) tenancy.Scope {
		return f.scope(t, user).Narrow(tenancy.Limits{Via: "token:1", Permissions: permissions})
	}
	name, super := tenancy.UserChange{FirstName: to("New")}, tenancy.UserChange{Superuser: to(true)}
	for _, tt := range []struct {
		name  string
		scope tenancy.Scope
		run   act
		want  string
	}{
		{"a viewing superuser changes", narrow(root, tenancy.ViewUser), update(ada, name), "F"},
		{"a changing superuser changes", narrow(root, tenancy.ChangeUser), update(ada, name), "+"},
		{"a changing superuser promotes", narrow(root, tenancy.ChangeUser), update(ada, super), "F"},
		{"a changing superuser changes another", narrow(root, tenancy.ChangeUser), update(other, name), "F"},
		{"a changing superuser changes himself", narrow(root, tenancy.ChangeUser), update(root, name), "F"},
		{"a changing superuser sets a password", narrow(root, tenancy.ViewUser), setPassword(ada), "F"},
		{"a changing superuser deletes", narrow(root, tenancy.ChangeUser), remove(ada), "F"},
		{"a viewing member changes himself", narrow(ada, tenancy.ViewUser), update(ada, name), "F"},
		{"a member changes himself", f.scope(t, ada), update(ada, name), "+"},
		{"a member deletes himself", f.scope(t, ada), remove(ada), "F"},
		{"a narrowed superuser verifies", narrow(root, tenancy.ChangeEmailAddress), func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return d.SetEmailVerified(ctx, scope, ada, "x", true)
		}, "F"},
	} {
		if got := outcome(tt.run(t.Context(), f.Directory, tt.scope)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
