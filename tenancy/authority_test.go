package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// town is the installation of the authority matrix: organizations a, b and a disabled one; requesters, and users to act on.
type town struct {
	*fixture
	a, b, disabled id.Organization
	requesters     []requester
	saved          string // the database as newTown made it

	super, owner, manager id.User
	onlyA, onlyB, loner   id.User // plain members, and somebody of no organization
	inBoth, inDisabled    id.User // of a and b; of a and the disabled one
	staff                 id.User // of a
	powerful, direct      id.User // of a; may add organizations, by a group or by a permission of his own

	operators, builders id.Group // shared
	ofA, ofDisabled     id.Group
}

type requester struct {
	name  string
	scope tenancy.Scope
}

func newTown(t *testing.T) *town {
	t.Helper()
	f := newFixture(t)
	w := &town{fixture: f, a: f.organization(t, "acme"), b: f.organization(t, "bolt"), disabled: f.organization(t, "closed")}
	w.super = f.user(t, tenancy.NewUser{Username: "super", Superuser: true})
	f.member(t, w.a, w.super, tenancy.Member)
	w.owner = f.user(t, tenancy.NewUser{Username: "owner", Staff: true})
	f.member(t, w.a, w.owner, tenancy.Owner)
	w.manager = f.user(t, tenancy.NewUser{Username: "manager", Staff: true})
	f.member(t, w.a, w.manager, tenancy.Manager)
	bare := f.user(t, tenancy.NewUser{Username: "bare", Staff: true})
	f.member(t, w.a, bare, tenancy.Manager)
	member := f.user(t, tenancy.NewUser{Username: "member", Staff: true})
	f.member(t, w.a, member, tenancy.Member)
	both := f.user(t, tenancy.NewUser{Username: "both"}) // not staff
	f.member(t, w.a, both, tenancy.Manager)
	f.member(t, w.b, both, tenancy.Manager)
	other := f.user(t, tenancy.NewUser{Username: "other", Staff: true})
	f.member(t, w.b, other, tenancy.Manager)
	nowhere := f.user(t, tenancy.NewUser{Username: "nowhere", Staff: true})
	closed := f.user(t, tenancy.NewUser{Username: "closed-manager", Staff: true})
	f.member(t, w.disabled, closed, tenancy.Manager)

	f.group(t, tenancy.DefaultGroups()[1], w.owner, w.manager, member, both, other, nowhere, closed)
	w.operators = f.group(t, tenancy.DefaultGroups()[0])
	w.targets(t)
	f.disable(t, w.disabled)
	w.requesters = []requester{
		{"system", system()},
		{"superuser", f.scope(t, w.super)},
		{"owner", f.scope(t, w.owner)},
		{"manager", f.scope(t, w.manager)},
		{"manager without permissions", f.scope(t, bare)},
		{"member with permissions", f.scope(t, member)},
		{"manager of both, not staff", f.scope(t, both)},
		{"manager of the other", f.scope(t, other)},
		{"staff of no organization", f.scope(t, nowhere)},
		{"manager of the disabled one", f.scope(t, closed)},
	}
	w.save(t)
	return w
}

// save makes the database as it is now the one that restore brings back.
func (w *town) save(t *testing.T) {
	t.Helper()
	w.saved = filepath.Join(t.TempDir(), "saved.db")
	w.raw(t, `VACUUM INTO $1`, w.saved)
}

func (w *town) targets(t *testing.T) {
	t.Helper()
	user := func(name string, staff bool, organizations ...id.Organization) id.User {
		user := w.user(t, tenancy.NewUser{Username: name, Staff: staff})
		for _, organization := range organizations {
			w.member(t, organization, user, tenancy.Member)
		}
		return user
	}
	w.onlyA, w.onlyB, w.inBoth = user("only-a", false, w.a), user("only-b", false, w.b), user("in-both", false, w.a, w.b)
	w.inDisabled, w.staff, w.powerful = user("in-disabled", false, w.a, w.disabled), user("staff", true, w.a), user("powerful", false, w.a)
	w.loner, w.direct = user("loner", false), user("direct", false, w.a)
	w.raw(t, `INSERT INTO user_permissions (user_id, permission) VALUES ($1, $2)`, string(w.direct), string(tenancy.AddOrganization))
	w.builders = w.group(t, tenancy.Group{Name: "Builders", Permissions: []tenancy.Permission{tenancy.AddOrganization}}, w.powerful)
	w.ofA = w.group(t, tenancy.Group{Name: "Desk", Organization: w.a, Permissions: []tenancy.Permission{tenancy.ChangeUser}})
	w.ofDisabled = w.group(t, tenancy.Group{Name: "Desk", Organization: w.disabled})
}

type operation struct {
	name string
	want string // one letter per requester, see outcome
	run  func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error
}

type act = func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error

func createUser(n tenancy.NewUser) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		n.Username = "fresh"
		_, err := d.CreateUser(ctx, scope, n)
		return err
	}
}

func addMember(organization id.Organization, user id.User, role tenancy.Role) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.AddMember(ctx, scope, organization, user, role)
		return err
	}
}

func changeRole(organization id.Organization, user id.User, role tenancy.Role) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.ChangeRole(ctx, scope, organization, user, role)
		return err
	}
}

func setPassword(user id.User) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		return d.SetPassword(ctx, scope, user, goodPassword)
	}
}

func addToGroup(group id.Group, user id.User) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		return d.AddToGroup(ctx, scope, group, user)
	}
}

func createGroup(organization id.Organization) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.CreateGroup(ctx, scope, tenancy.Group{Name: "New", Organization: organization})
		return err
	}
}

// writes are the columns of requesters: system, superuser, owner, manager | bare, member, both | other, nowhere, of the disabled one.
func (w *town) writes() []operation {
	return []operation{
		{"create a user in a", "++++" + "FN+" + "NNN", createUser(tenancy.NewUser{Organization: w.a})},
		{"create a user in the disabled one", "IINN" + "FNN" + "NNI", createUser(tenancy.NewUser{Organization: w.disabled})},
		{"create a user nowhere", "++II" + "FII" + "III", createUser(tenancy.NewUser{})},
		{"create staff", "++FF" + "FFF" + "FFF", createUser(tenancy.NewUser{Organization: w.a, Staff: true, Groups: []id.Group{w.operators}})},
		{"create staff without a group", "+IFF" + "FFF" + "FFF", createUser(tenancy.NewUser{Organization: w.a, Staff: true})},
		{"create a user in a group", "++++" + "FN+" + "NNN", createUser(tenancy.NewUser{Organization: w.a, Groups: []id.Group{w.operators, w.ofA}})},
		{"create a user in a group that may do more", "++FF" + "FNF" + "NNN", createUser(tenancy.NewUser{Organization: w.a, Groups: []id.Group{w.builders}})},
		{"create a user of b in a's group", "IINN" + "FNI" + "INN", createUser(tenancy.NewUser{Organization: w.b, Groups: []id.Group{w.ofA}})},
		{"create a manager", "++++" + "FN+" + "NNN", createUser(tenancy.NewUser{Organization: w.a, Role: tenancy.Manager})},
		{"create an owner", "IIII" + "FNI" + "NNN", createUser(tenancy.NewUser{Organization: w.a, Role: tenancy.Owner})},
		{"create a superuser", "++FF" + "FFF" + "FFF", createUser(tenancy.NewUser{Organization: w.a, Superuser: true})},
		{"create an organization", "++FF" + "FFF" + "FFF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.CreateOrganization(ctx, scope, tenancy.Organization{Name: "New", Slug: "new"})
			return err
		}},
		{"add b's member to a", "++NN" + "FN+" + "NNN", addMember(w.a, w.onlyB, tenancy.Member)},
		{"add somebody of no organization to a", "++NN" + "FNN" + "NNN", addMember(w.a, w.loner, tenancy.Member)},
		{"add a superuser to b", "++NN" + "FNN" + "NNN", addMember(w.b, w.super, tenancy.Member)},
		{"add nobody to a", "NNNN" + "FNN" + "NNN", addMember(w.a, id.New[id.User](), tenancy.Member)},
		{"add a's member to a again", "IIII" + "FNI" + "NNN", addMember(w.a, w.onlyA, tenancy.Manager)},
		{"add to the disabled one", "IINN" + "FNN" + "NNI", addMember(w.disabled, w.onlyA, tenancy.Member)},
		{"add an owner", "IIII" + "FII" + "III", addMember(w.a, w.onlyB, tenancy.Owner)},
		{"promote a member", "++++" + "FN+" + "NNN", changeRole(w.a, w.onlyA, tenancy.Manager)},
		{"promote to owner", "IIII" + "FII" + "III", changeRole(w.a, w.onlyA, tenancy.Owner)},
		{"demote a manager", "++++" + "FN+" + "NNN", changeRole(w.a, w.manager, tenancy.Member)},
		{"demote the owner", "IIII" + "FNI" + "NNN", changeRole(w.a, w.owner, tenancy.Member)},
		{"promote a superuser", "++NN" + "FNN" + "NNN", changeRole(w.a, w.super, tenancy.Manager)},
		{"promote somebody else's member", "NNNN" + "FNN" + "NNN", changeRole(w.a, w.onlyB, tenancy.Manager)},
		{"promote in the disabled one", "IINN" + "FNN" + "NNI", changeRole(w.disabled, w.inDisabled, tenancy.Manager)},
		{"password of a's member", "++++" + "FN+" + "NNN", setPassword(w.onlyA)},
		{"password of somebody in a and b", "++FF" + "FN+" + "FNN", setPassword(w.inBoth)},
		{"password of somebody in a and the disabled one", "++FF" + "FNF" + "NNF", setPassword(w.inDisabled)},
		{"password of the owner", "+++F" + "FNF" + "NNN", setPassword(w.owner)},
		{"password of a manager", "++++" + "FNF" + "NNN", setPassword(w.manager)},
		{"password of staff", "++++" + "FNF" + "NNN", setPassword(w.staff)},
		{"password of somebody who may do more", "++FF" + "FNF" + "NNN", setPassword(w.powerful)},
		{"password of somebody who may do more by himself", "++FF" + "FNF" + "NNN", setPassword(w.direct)},
		{"password of a superuser", "++NN" + "FNN" + "NNN", setPassword(w.super)},
		{"password of somebody of no organization", "++NN" + "FNN" + "NNN", setPassword(w.loner)},
		{"password of nobody", "NNNN" + "FNN" + "NNN", setPassword(id.New[id.User]())},
		{"a's member into a shared group", "++++" + "FN+" + "NNN", addToGroup(w.operators, w.onlyA)},
		{"somebody in a and b into a shared group", "++FF" + "FN+" + "FNN", addToGroup(w.operators, w.inBoth)},
		{"a's member into a group that may do more", "++FF" + "FNF" + "FNF", addToGroup(w.builders, w.onlyA)},
		{"a's member into a's group", "++++" + "FN+" + "NNN", addToGroup(w.ofA, w.onlyA)},
		{"somebody in a and b into a's group", "++++" + "FN+" + "NNN", addToGroup(w.ofA, w.inBoth)},
		{"b's member into a's group", "IINN" + "FNI" + "NNN", addToGroup(w.ofA, w.onlyB)},
		{"the owner into a's group", "+++F" + "FNF" + "NNN", addToGroup(w.ofA, w.owner)},
		{"a superuser into a's group", "++NN" + "FNN" + "NNN", addToGroup(w.ofA, w.super)},
		{"somebody into a group of the disabled one", "IINN" + "FNN" + "NNI", addToGroup(w.ofDisabled, w.inDisabled)},
		{"create a shared group", "++FF" + "FFF" + "FFF", createGroup("")},
		{"create a group of a without users.add_group", "++FF" + "FFF" + "FFF", createGroup(w.a)},
		{"create a group of the disabled one", "IIFF" + "FFF" + "FFF", createGroup(w.disabled)},
		{"link an identity", "++FF" + "FFF" + "FFF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return d.LinkIdentity(ctx, scope, tenancy.Identity{Connector: "c", Subject: "s", User: w.onlyA})
		}},
		{"provision", "++FF" + "FFF" + "FFF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Provision(ctx, scope, tenancy.NewIdentityUser{Connector: "c", Subject: "s", Username: "jit", Organization: w.a})
			return err
		}},
	}
}

func (w *town) reads() []operation {
	organization := func(organization id.Organization, slug string) act {
		return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Organization(ctx, scope, organization)
			if _, bySlug := d.OrganizationBySlug(ctx, scope, slug); outcome(err) != outcome(bySlug) {
				return fmt.Errorf("by id %w, by slug %w", err, bySlug)
			}
			return err
		}
	}
	return []operation{
		{"read a", "++++" + "FN+" + "NNN", organization(w.a, "acme")},
		{"read the disabled one", "++NN" + "FNN" + "NN+", organization(w.disabled, "closed")},
		{"read none", "NNNN" + "FNN" + "NNN", organization(id.New[id.Organization](), "none")},
		{"read a shared group", "++++" + "F++" + "+++", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.GroupByName(ctx, scope, "Operator")
			return err
		}},
		{"standing of a's member", "++FF" + "FFF" + "FFF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Standing(ctx, scope, w.onlyA)
			return err
		}},
		{"standing of the owner", "+++F" + "FFF" + "FFF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Standing(ctx, scope, w.owner)
			return err
		}},
		{"user by e-mail", "NNFF" + "FFF" + "FFF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, _, err := d.UserByEmail(ctx, scope, "nobody@example.org")
			return err
		}},
		{"name of an account", "++FF" + "FFF" + "FFF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.AccountName(ctx, scope, "nobody@example.org")
			return err
		}},
		{"user by identity", "NNFF" + "FFF" + "FFF", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.UserByIdentity(ctx, scope, "c", "s")
			return err
		}},
	}
}

// try runs an operation and takes it back. events is how many audit events it wrote.
func (w *town) try(t *testing.T, o operation, r requester) (result string, events int) {
	t.Helper()
	w.events = nil
	result = outcome(o.run(t.Context(), w.Directory, r.scope))
	for _, event := range w.events {
		if event.Actor != r.scope.Actor() || event.Reason != r.scope.Reason() || event.Action == "" || event.Object == "" {
			t.Errorf("%s by %s: event %+v does not say who did what", o.name, r.name, event)
		}
	}
	events = len(w.events)
	if events > 0 {
		w.restore(t)
	}
	return result, events
}

// restore brings back the database of newTown.
func (w *town) restore(t *testing.T) {
	t.Helper()
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"-wal", "-shm"} {
		if err := os.Remove(w.path + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	saved := must(os.ReadFile(w.saved))(t)
	if err := os.WriteFile(w.path, saved, 0o600); err != nil {
		t.Fatal(err)
	}
	w.open(t, 0)
}

func TestAuthorityMatrix(t *testing.T) {
	w := newTown(t)
	check := func(o operation, eventsIfDone int) {
		if len(o.want) != len(w.requesters) {
			t.Fatalf("%s: %d columns", o.name, len(o.want))
		}
		for i, r := range w.requesters {
			result, events := w.try(t, o, r)
			if want := o.want[i : i+1]; result != want {
				t.Errorf("%s by %s: %s, want %s", o.name, r.name, result, want)
			}
			if want := map[bool]int{true: eventsIfDone}[result == "+"]; events != want {
				t.Errorf("%s by %s (%s): %d audit events, want %d", o.name, r.name, result, events, want)
			}
		}
	}
	for _, o := range append(w.writes(), w.accountWrites(t)...) {
		check(o, 1)
	}
	for _, o := range append(w.reads(), w.accountReads()...) {
		check(o, 0)
	}
}

func TestEverythingNeedsAScope(t *testing.T) {
	w := newTown(t)
	for _, o := range slices.Concat(w.writes(), w.reads(), w.accountWrites(t), w.accountReads()) {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: ran without a scope", o.name)
				}
			}()
			_ = o.run(t.Context(), w.Directory, tenancy.Scope{}) // panics
		}()
	}
}

func TestGroupsOfOrganizationsOnly(t *testing.T) {
	f := newFixture(t)
	a, b := f.organization(t, "acme"), f.organization(t, "bolt")
	manager := f.user(t, tenancy.NewUser{Username: "manager"})
	f.member(t, a, manager, tenancy.Manager)
	f.group(t, tenancy.Group{Name: "Makers", Permissions: []tenancy.Permission{tenancy.AddGroup}}, manager)
	for organization, want := range map[id.Organization]string{"": "I", a: "+", b: "N"} {
		_, err := f.CreateGroup(t.Context(), f.scope(t, manager), tenancy.Group{Name: "New", Organization: organization})
		if got := outcome(err); got != want {
			t.Errorf("in %q: %v, want %s", organization, err, want)
		}
	}
}

func TestCreatingMembersNeedsBothPermissions(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	manager := f.user(t, tenancy.NewUser{Username: "manager"})
	f.member(t, a, manager, tenancy.Manager)
	f.group(t, tenancy.Group{Name: "Makers", Permissions: []tenancy.Permission{tenancy.AddUser}}, manager)
	_, err := f.CreateUser(t.Context(), f.scope(t, manager), tenancy.NewUser{Username: "fresh", Organization: a})
	if got := outcome(err); got != "F" {
		t.Errorf("without users.add_organizationuser: %v", err)
	}
}
