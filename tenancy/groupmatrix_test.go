package tenancy_test

import (
	"context"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// empower lets everybody who is an Administrator hold more, everywhere.
func (w *town) empower(t *testing.T, permissions ...tenancy.Permission) {
	t.Helper()
	masters := w.group(t, tenancy.Group{Name: "Masters", Permissions: permissions})
	w.raw(t, `INSERT INTO group_members (group_id, user_id) SELECT $1, gm.user_id FROM group_members gm JOIN groups g ON g.id = gm.group_id
		WHERE g.name = 'Administrator'`, string(masters))
	for i, r := range w.requesters {
		if r.scope.Actor() != "" {
			w.requesters[i].scope = w.scope(t, r.scope.Actor())
		}
	}
	w.saved += "+"
	w.raw(t, `VACUUM INTO $1`, w.saved)
}

func updateGroup(group id.Group, change tenancy.GroupChange) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.UpdateGroup(ctx, scope, group, change)
		return err
	}
}

func deleteGroup(group id.Group) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		return d.DeleteGroup(ctx, scope, group)
	}
}

func removeFromGroup(group id.Group, user id.User) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		return d.RemoveFromGroup(ctx, scope, group, user)
	}
}

func setUserGroups(user id.User, groups ...id.Group) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		return d.SetUserGroups(ctx, scope, user, groups)
	}
}

// Columns: system, superuser, owner, manager | bare, member, both | other, nowhere, of the disabled one | superuser's token, owner's token.
func TestGroupMatrix(t *testing.T) {
	w := newTown(t)
	mighty := w.group(t, tenancy.Group{Name: "Mighty", Organization: w.a, Permissions: []tenancy.Permission{tenancy.AddOrganization}})
	w.empower(t, tenancy.AddGroup, tenancy.ChangeGroup, tenancy.DeleteGroup)
	rename, empty := tenancy.GroupChange{Name: ptr("New")}, tenancy.GroupChange{Permissions: &[]tenancy.Permission{}}
	more := tenancy.GroupChange{Permissions: &[]tenancy.Permission{tenancy.AddOrganization}}
	w.checkMatrix(t, false, []operation{
		{"create one of a", "++++" + "FN+" + "NNN" + "FF", createGroup(w.a)},
		{"create one of the disabled one", "IINN" + "FNN" + "NNI" + "FF", createGroup(w.disabled)},
		{"create a shared one", "++II" + "FII" + "III" + "FF", createGroup("")},
		{"update a's", "++++" + "FN+" + "NNN" + "FF", updateGroup(w.ofA, rename)},
		{"update a shared one", "++FF" + "FNF" + "FNF" + "FF", updateGroup(w.operators, rename)},
		{"update the disabled one's", "IINN" + "FNN" + "NNI" + "FF", updateGroup(w.ofDisabled, rename)},
		{"give one more than you hold", "++II" + "FNI" + "NNN" + "FF", updateGroup(w.ofA, more)},
		{"take from one more than you hold", "++FF" + "FNF" + "NNN" + "FF", updateGroup(mighty, empty)},
		{"delete a's", "++++" + "FN+" + "NNN" + "FF", deleteGroup(w.ofA)},
		{"delete one that may do more", "++FF" + "FNF" + "NNN" + "FF", deleteGroup(mighty)},
		{"delete a shared one", "++FF" + "FNF" + "FNF" + "FF", deleteGroup(w.operators)},
		{"delete the disabled one's", "++NN" + "FNN" + "NN+" + "FF", deleteGroup(w.ofDisabled)},
	})
	read := func(group id.Group) act {
		return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Group(ctx, scope, group)
			return err
		}
	}
	w.checkMatrix(t, true, []operation{
		{"read a's", "++++" + "FN+" + "NNN" + "++", read(w.ofA)},
		{"read a shared one", "++++" + "FN+" + "+N+" + "++", read(w.operators)},
		{"read the disabled one's", "++NN" + "FNN" + "NN+" + "+N", read(w.ofDisabled)},
		{"permissions", "++++" + "F++" + "+++" + "++", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Permissions(ctx, scope)
			return err
		}},
	})
}

func TestGroupMemberMatrix(t *testing.T) {
	w := newTown(t)
	w.raw(t, `INSERT INTO group_members (group_id, user_id) VALUES ($1, $2), ($1, $3), ($4, $5), ($6, $2)`,
		string(w.ofA), string(w.onlyA), string(w.owner), string(w.ofDisabled), string(w.inDisabled), string(w.operators))
	w.empower(t)
	w.checkMatrix(t, false, []operation{
		{"out of a's", "++++" + "FN+" + "NNN" + "FF", removeFromGroup(w.ofA, w.onlyA)},
		{"out of a shared one", "++++" + "FN+" + "NNN" + "FF", removeFromGroup(w.operators, w.onlyA)},
		{"the owner out of a's", "+++F" + "FNF" + "NNN" + "FF", removeFromGroup(w.ofA, w.owner)},
		{"out of the disabled one's", "++NN" + "FNN" + "NN+" + "FF", removeFromGroup(w.ofDisabled, w.inDisabled)},
		{"out of all", "++++" + "FN+" + "NNN" + "FF", setUserGroups(w.onlyA)},
		{"into others", "++++" + "FN+" + "INN" + "FF", setUserGroups(w.inBoth, w.ofA)},
		{"into one that may do more", "++FF" + "FNF" + "NNN" + "FF", setUserGroups(w.onlyA, w.ofA, w.operators, w.builders)},
		{"into another organization's", "IIII" + "FNI" + "NNN" + "FF", setUserGroups(w.onlyA, w.ofA, w.operators, "none")},
		{"permissions of his own", "++FF" + "FFF" + "FFF" + "FF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return d.SetUserPermissions(ctx, scope, w.onlyA, []tenancy.Permission{tenancy.ViewUser})
		}},
		{"register permissions", "++FF" + "FFF" + "FFF" + "FF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.RegisterPermissions(ctx, scope, "radius", []tenancy.ModelDefinition{{Name: "nas"}}, nil)
			return err
		}},
	})
	reads := map[string]act{
		"groups": func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return ignore(d.GroupsOf(ctx, scope, w.onlyA))
		},
		"effective permissions": func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return ignore(d.EffectivePermissions(ctx, scope, w.onlyA, w.a))
		},
	}
	for name, run := range reads {
		w.checkMatrix(t, true, []operation{{name, "++++" + "FN+" + "NNN" + "++", run}})
	}
}

// Who sees a user of two organizations sees what he may do in his own.
func TestEffectivePermissionsElsewhere(t *testing.T) {
	w := newTown(t)
	if err := ignore(w.EffectivePermissions(t.Context(), w.scope(t, w.manager), w.inBoth, w.b)); outcome(err) != "N" {
		t.Errorf("in another organization: %v", err)
	}
	if err := ignore(w.EffectivePermissions(t.Context(), system(), w.inBoth, "none")); outcome(err) != "N" {
		t.Errorf("everywhere, in an organization that is not there: %v", err)
	}
	must(w.EffectivePermissions(t.Context(), w.scope(t, w.inBoth), w.inBoth, w.b))(t)
	w.raw(t, `INSERT INTO group_members (group_id, user_id) SELECT id, $1 FROM groups`, string(w.inBoth))
	for name, c := range map[string]struct {
		by   id.User
		want int
	}{"himself": {w.inBoth, 5}, "a manager": {w.manager, 4}} { // of the disabled organization is the fifth
		if groups := must(w.GroupsOf(t.Context(), w.scope(t, c.by), w.inBoth))(t); len(groups) != c.want {
			t.Errorf("%s sees %d groups, want %d", name, len(groups), c.want)
		}
	}
}
