package tenancy_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/store"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const asked tenancy.Permission = "app.change_device"

// nodes are two processes on one database: what changes here must show there with the next request.
type nodes struct {
	here, there  *tenancy.Directory
	ada          id.User // manages the organization, is in the group, which gives what is asked
	token        string
	tokenID      id.APIToken
	organization id.Organization
	group        id.Group
}

func node(t *testing.T, url string, keys *seal.Keys) *tenancy.Directory {
	t.Helper()
	db := must(sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(url), Now: time.Now}))(t)
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &tenancy.Directory{Store: db, Passwords: hasher(t, 64), Keys: keys, Now: time.Now}
}

// fresh makes people of their own for one change, so that a database serves all of them.
func (n nodes) fresh(t *testing.T) nodes {
	t.Helper()
	name, ctx, d := id.New[string](), t.Context(), n.here
	must(d.RegisterPermissions(ctx, system(), "app", []tenancy.ModelDefinition{{Name: "device"}}, nil))(t)
	n.organization = must(d.CreateOrganization(ctx, system(), tenancy.Organization{Name: name, Slug: "o-" + name}))(t).ID
	n.group = must(d.CreateGroup(ctx, system(), tenancy.Group{Name: name, Permissions: []tenancy.Permission{asked}}))(t).ID
	must(d.CreateUser(ctx, system(), tenancy.NewUser{Username: "owner-" + name, Organization: n.organization, Role: tenancy.Manager}))(t)
	n.ada = must(d.CreateUser(ctx, system(), tenancy.NewUser{Username: "ada-" + name, Organization: n.organization, Role: tenancy.Manager, Groups: []id.Group{n.group}}))(t).ID
	token, text, err := d.CreateAPIToken(ctx, must(d.Scope(ctx, n.ada))(t), tenancy.NewAPIToken{User: n.ada, Name: "job"})
	n.token, n.tokenID = must(text, err)(t).Reveal(), token.ID
	return n
}

// bySession, byToken and inTokens are the ways to ask the other node whether Ada may do what is asked in the organization.
func (n nodes) bySession(t *testing.T) bool {
	scope, err := n.there.Scope(t.Context(), n.ada)
	return may(t, n, scope, err)
}

func (n nodes) byToken(t *testing.T) bool {
	scope, _, err := n.there.AuthenticateToken(t.Context(), n.token)
	return may(t, n, scope, err)
}

func may(t *testing.T, n nodes, scope tenancy.Scope, err error) bool {
	t.Helper()
	if errors.Is(err, tenancy.ErrDisabled) || errors.Is(err, tenancy.ErrBadToken) || errors.Is(err, store.ErrNotFound) {
		return false
	}
	return must(scope, err)(t).HasIn(n.organization, asked)
}

func (n nodes) inTokens(t *testing.T) bool {
	standing, err := n.there.Standing(t.Context(), system(), n.ada)
	if errors.Is(err, store.ErrNotFound) {
		return false
	}
	place, _ := must(standing, err)(t).In(n.organization)
	return n.there.MaySignIn(standing.User) && place.Role.AtLeast(tenancy.Manager) && (slices.Contains(standing.Permissions, asked) ||
		slices.ContainsFunc(standing.GroupsIn(n.organization), func(g tenancy.Group) bool { return slices.Contains(g.Permissions, asked) }))
}

func (n nodes) membership(t *testing.T) id.Membership {
	t.Helper()
	return must(n.here.Store.Memberships(t.Context(), system(), n.ada))(t)[0].ID
}

// changes are what takes from Ada what she may do.
func (n nodes) changes(t *testing.T) map[string]func() error {
	ctx := t.Context()
	return map[string]func() error{
		"permission out of the group": func() error {
			_, err := n.here.UpdateGroup(ctx, system(), n.group, tenancy.GroupChange{Permissions: &[]tenancy.Permission{}})
			return err
		},
		"out of the group": func() error { return n.here.RemoveFromGroup(ctx, system(), n.group, n.ada) },
		"group deleted":    func() error { return n.here.DeleteGroup(ctx, system(), n.group) },
		"membership ended": func() error { return n.here.RemoveMember(ctx, system(), n.membership(t)) },
		"user deleted":     func() error { return n.here.DeleteUser(ctx, system(), n.ada) },
		"user deactivated": func() error {
			return ignored(n.here.UpdateUser(ctx, system(), n.ada, tenancy.UserChange{Active: to(false)}))
		},
		"role":              func() error { return ignored(n.here.ChangeRole(ctx, system(), n.organization, n.ada, tenancy.Member)) },
		"organization off":  func() error { return ignored(n.here.SetOrganizationActive(ctx, system(), n.organization, false, 0)) },
		"organization gone": func() error { return ignored(n.here.DeleteOrganization(ctx, system(), n.organization)) },
	}
}

func ignored[T any](_ T, err error) error { return err }

// onNodes runs a test on two nodes over one database of each engine.
func onNodes(t *testing.T, run func(t *testing.T, n nodes)) {
	for engine, url := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") },
		"PostgreSQL": func(t *testing.T) string { return testenv.Postgres(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			address, keys := url(t), must(seal.NewKeys(seal.NewMaster()))(t)
			run(t, nodes{here: node(t, address, keys), there: node(t, address, keys)})
		})
	}
}

// TestChangesShowOnEveryNode: nothing of what somebody may do outlives, on any node, the request in which it was taken from him.
func TestChangesShowOnEveryNode(t *testing.T) {
	onNodes(t, func(t *testing.T, all nodes) {
		for name := range (nodes{}).changes(t) {
			n := all.fresh(t)
			if !n.bySession(t) || !n.byToken(t) || !n.inTokens(t) {
				t.Fatalf("%s: she may not even before", name)
			}
			if err := n.changes(t)[name](); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if session, token, tokens := n.bySession(t), n.byToken(t), n.inTokens(t); session || token || tokens {
				t.Errorf("%s: she may still: by session %t, by token %t, in access tokens %t", name, session, token, tokens)
			}
		}
	})
}

// TestGiftsShowOnEveryNode: nor does anybody wait for what he was given.
func TestGiftsShowOnEveryNode(t *testing.T) {
	onNodes(t, func(t *testing.T, all nodes) {
		n := all.fresh(t)
		must(n.here.UpdateGroup(t.Context(), system(), n.group, tenancy.GroupChange{Permissions: &[]tenancy.Permission{}}))(t)
		if n.bySession(t) || n.byToken(t) {
			t.Fatal("she may without a permission")
		}
		if err := n.here.SetUserPermissions(t.Context(), system(), n.ada, []tenancy.Permission{asked}); err != nil {
			t.Fatal(err)
		}
		if !n.bySession(t) || !n.byToken(t) || !n.inTokens(t) {
			t.Error("a permission of her own does not show")
		}
		if err := n.here.RevokeAPIToken(t.Context(), system(), "", n.tokenID); err != nil {
			t.Fatal(err)
		}
		if n.byToken(t) || !n.bySession(t) {
			t.Error("a revoked token is still good")
		}
	})
}

// TestRegistrationsShowOnEveryNode: a superuser holds what was registered a moment ago, and it can be granted.
func TestRegistrationsShowOnEveryNode(t *testing.T) {
	onNodes(t, func(t *testing.T, n nodes) {
		root := must(n.here.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "root", Superuser: true, Staff: true}))(t)
		holds := func() bool {
			held := must(n.there.EffectivePermissions(t.Context(), system(), root.ID, ""))(t)
			return slices.ContainsFunc(held, func(e tenancy.Effective) bool { return e.Permission == asked })
		}
		if holds() {
			t.Fatal("registered before")
		}
		must(n.here.RegisterPermissions(t.Context(), system(), "app", []tenancy.ModelDefinition{{Name: "device"}}, nil))(t)
		if !holds() {
			t.Error("the registration does not show")
		}
		must(n.there.CreateGroup(t.Context(), system(), tenancy.Group{Name: "devices", Permissions: []tenancy.Permission{asked}}))(t)
	})
}
