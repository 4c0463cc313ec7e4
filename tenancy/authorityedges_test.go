package tenancy_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// edge is one case that no row of the matrices has.
type edge struct {
	name  string
	scope tenancy.Scope
	run   act
	want  string
}

func (f *fixture) checkEdges(t *testing.T, edges []edge) {
	t.Helper()
	for _, e := range edges {
		if got := outcome(e.run(t.Context(), f.Directory, e.scope)); got != e.want {
			t.Errorf("%s: %s, want %s", e.name, got, e.want)
		}
	}
}

func readUser(user id.User) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.User(ctx, scope, user)
		return err
	}
}

// TestAccountEdges: superusers whom something narrows, or who manage what is disabled.
func TestAccountEdges(t *testing.T) {
	w := newTown(t)
	narrow := func(user id.User, permissions ...tenancy.Permission) tenancy.Scope {
		return w.scope(t, user).Narrow(tenancy.Limits{Via: "token:1", Permissions: permissions})
	}
	w.member(t, w.disabled, w.super, tenancy.Manager)
	name := func() tenancy.UserChange { return tenancy.UserChange{FirstName: to(string(id.New[id.User]()))} }
	plain := w.user(t, tenancy.NewUser{Username: "plain"})
	w.member(t, w.organization(t, "plain"), plain, tenancy.Owner)
	lonely := w.user(t, tenancy.NewUser{Username: "lonely"})
	w.group(t, tenancy.Group{Name: "Readers", Permissions: []tenancy.Permission{tenancy.ViewUser}}, lonely)
	w.checkEdges(t, []edge{
		{"oneself, by a token to view", narrow(lonely, tenancy.ViewUser), readUser(lonely), "+"},
		{"somebody of the disabled organization, by a superuser who manages that", w.scope(t, w.super), update(w.inDisabled, name()), "+"},
		{"the owner, by a superuser's token", narrow(w.super, tenancy.ChangeUser), update(plain, name()), "+"},
		{"staff, by the token of a superuser who is none", narrow(w.super, tenancy.ChangeUser), update(w.staff, name()), "+"},
		{"staff without group but with a permission", w.scope(t, w.super), update(w.direct, tenancy.UserChange{Staff: to(true)}), "+"},
		{"one's own name", w.scope(t, w.onlyA), update(w.onlyA, tenancy.UserChange{Username: to("another")}), "+"},
	})
}

// TestOrganizationEdges: permissions make nobody act on what his tenant does not decide, and count only where they are given.
func TestOrganizationEdges(t *testing.T) {
	w := newTown(t)
	w.group(t, tenancy.Group{Name: "All", Permissions: []tenancy.Permission{
		tenancy.AddOrganization, tenancy.ChangeOrganization, tenancy.DeleteOrganization, tenancy.DeleteOwner,
	}}, w.owner)
	half := w.user(t, tenancy.NewUser{Username: "half"}) // owns b, may change and see c alone
	c := w.organization(t, "cold")
	w.raw(t, `DELETE FROM memberships WHERE organization_id = $1 AND role = 'owner'`, string(w.b))
	w.member(t, w.b, half, tenancy.Owner)
	w.member(t, c, half, tenancy.Manager)
	w.group(t, tenancy.Group{Name: "Cold", Organization: c, Permissions: []tenancy.Permission{tenancy.ChangeOrganization}}, half)
	narrow := w.scope(t, w.super).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.ChangeOrganization}})
	limit := tenancy.OrganizationChange{MaxUsers: to(77)}
	bySlug := func(slug string) act {
		return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.OrganizationBySlug(ctx, scope, slug)
			return err
		}
	}
	nobody := w.scope(t, w.loner)
	w.checkEdges(t, []edge{
		{"an owner with every permission creates one", w.scope(t, w.owner), func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.CreateOrganization(ctx, scope, tenancy.Organization{Name: "New", Slug: "new"})
			return err
		}, "F"},
		{"… ensures one", w.scope(t, w.owner), func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.EnsureOrganization(ctx, scope, tenancy.Organization{Name: "New", Slug: "new"})
			return err
		}, "F"},
		{"… ensures his own", w.scope(t, w.owner), func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.EnsureOrganization(ctx, scope, tenancy.Organization{Name: "acme", Slug: "acme"})
			return err
		}, "F"},
		{"… deletes his own", w.scope(t, w.owner), deleteOrganization(w.a), "F"},
		{"… looks what is in his own", w.scope(t, w.owner), func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.OrganizationContents(ctx, scope, w.a)
			return err
		}, "F"},
		{"… removes himself as owner", w.scope(t, w.owner), func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return d.RemoveOwner(ctx, scope, w.a)
		}, "F"},
		{"… limits his own", w.scope(t, w.owner), updateOrganization(w.a, limit), "F"},
		{"a superuser's token to change limits one", narrow, updateOrganization(w.a, limit), "F"},
		{"an owner who may change another one disables his", w.scope(t, half), setActive(w.b, false), "F"},
		{"… reads his by slug", w.scope(t, half), bySlug("bolt"), "F"},
		{"… reads the other by slug", w.scope(t, half), bySlug("cold"), "+"},
		{"who may see none asks for none by slug", nobody, bySlug("none"), "F"},
		{"an owner without permissions gives his to another", w.scope(t, half), transfer(w.b, w.membership(t, w.b, w.onlyB)), "+"},
		{"a policy in words", system(), func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.CreateOrganization(ctx, scope, tenancy.Organization{Name: "Open", Slug: "open", FactorPolicy: tenancy.FactorOptional})
			return err
		}, "+"},
		{"the owner becomes a manager, which he is", system(), changeRole(w.a, w.owner, tenancy.Manager), "+"},
	})
	if role := w.role(t, w.a, w.owner); role != tenancy.Owner {
		t.Errorf("the owner is %s now", role)
	}
}

// TestTheProgramInvites: nobody stands behind its invitations, and they are good.
func TestTheProgramInvites(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	f.member(t, a, f.user(t, tenancy.NewUser{Username: "owner"}), tenancy.Owner)
	must(f.Invite(t.Context(), system(), tenancy.NewInvitation{Organization: a, Email: "ada@x.example", Role: tenancy.Manager}))(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	letter := must(f.outbox.messages[len(f.outbox.messages)-1].Letter(f.Keys))(t)
	_, token, _ := strings.Cut(letter.Data["link"], "token=")
	must(f.AcceptInvitation(t.Context(), f.scope(t, ada), token))(t)
	if role := f.role(t, a, ada); role != tenancy.Manager {
		t.Errorf("became %q", role)
	}
}

func TestTokenEdges(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	member, root := f.user(t, tenancy.NewUser{Username: "member", Organization: a}), f.user(t, tenancy.NewUser{Username: "root", Superuser: true})
	if _, _, err := f.CreateAPIToken(t.Context(), f.scope(t, member), tenancy.NewAPIToken{Name: "x", Organization: a}); err != nil {
		t.Errorf("a member's for his organization: %v", err)
	}
	f.Settings.MaxTokenLifetime = time.Hour
	if _, _, err := f.CreateAPIToken(t.Context(), f.scope(t, member), tenancy.NewAPIToken{Name: "x", Expires: f.Now().Add(time.Minute)}); err != nil {
		t.Errorf("a short one: %v", err)
	}
	many := make([]tenancy.Permission, 501)
	for i := range many {
		many[i] = tenancy.Permission("app.view_" + strings.Repeat("x", i+1))
	}
	if _, _, err := f.CreateAPIToken(t.Context(), f.scope(t, root), tenancy.NewAPIToken{Name: "x", Permissions: many}); err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("501 permissions: %v", err)
	}
}

func TestAddressEdges(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Email: "ada@x.example"})
	added := must(f.AddEmail(t.Context(), system(), ada, "other@x.example"))(t)
	f.events = nil
	if err := f.SetEmailVerified(t.Context(), system(), ada, added.ID, false); err != nil || len(f.events) > 0 {
		t.Errorf("what is so already: %v, %v", err, f.events)
	}
	emails := must(f.Emails(t.Context(), system(), ada))(t)
	primary := emails[slices.IndexFunc(emails, func(e tenancy.EmailAddress) bool { return e.Primary })]
	if err := f.DeleteEmail(t.Context(), system(), ada, primary.ID); err != nil {
		t.Fatal(err)
	}
	if user := must(f.db.User(t.Context(), ada))(t); user.Email != "" {
		t.Errorf("an address that nobody confirmed became the primary one: %s", user.Email)
	}
}
