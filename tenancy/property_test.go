package tenancy_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// machine does random operations by random actors. What it knows of the installation it reads back after each step.
type machine struct {
	*fixture
	t             *testing.T
	clock         time.Time
	sql           *sql.DB
	users         []id.User
	organizations []id.Organization
	groups        []id.Group
	tokens        []string // of invitations

	before state
}

// TestInvariants: whatever is done by whomever, what an installation relies on stays true.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := newMachine(t)
		defer func() { _, _ = m.db.Close(), m.sql.Close() }()
		for range 40 {
			m.step(r)
		}
	})
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{fixture: newFixture(t), t: t, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	m.Now = func() time.Time { return m.clock }
	m.sql = must(sql.Open("sqlite", "file:"+m.path))(t)
	m.organizations = []id.Organization{m.organization(t, "acme"), m.organization(t, "bolt")}
	administrator := tenancy.DefaultGroups()[1]
	administrator.Permissions = append(administrator.Permissions, tenancy.AddGroup, tenancy.ChangeGroup, tenancy.DeleteGroup, tenancy.AddEmailAddress)
	m.groups = []id.Group{
		m.group(t, administrator), m.group(t, tenancy.DefaultGroups()[0]),
		m.group(t, tenancy.Group{Name: "Desk", Organization: m.organizations[0], Permissions: []tenancy.Permission{tenancy.ChangeUser, tenancy.ViewAuditEvent}}),
	}
	m.users = []id.User{m.user(t, tenancy.NewUser{Username: "root", Superuser: true}), m.user(t, tenancy.NewUser{Username: "other", Superuser: true})}
	for i, organization := range m.organizations {
		for j, role := range []tenancy.Role{tenancy.Owner, tenancy.Manager, tenancy.Member} {
			user := m.user(t, tenancy.NewUser{Username: fmt.Sprintf("u%d%d", i, j)})
			m.member(t, organization, user, role)
			must(m.AddEmail(t.Context(), system(), user, fmt.Sprintf("%s@example.org", []string{"ann", "bob", "eve"}[j])))(t)
			m.users = append(m.users, user)
			if role != tenancy.Member {
				if err := m.db.AddToGroup(t.Context(), system(), m.groups[0], user); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	m.before = m.read(t)
	return m
}

// step does one operation and looks whether everything is still right.
func (m *machine) step(r *rapid.T) {
	m.clock = m.clock.Add(2 * time.Minute)
	actors := m.users
	if rapid.Bool().Draw(r, "powerful") { // superusers, an owner, a manager
		actors = m.users[:4]
	}
	actor := rapid.SampledFrom(actors).Draw(r, "actor")
	scope, err := m.Scope(m.t.Context(), actor)
	if err != nil {
		return // gone or disabled: he does nothing
	}
	all := m.operations()
	name := rapid.SampledFrom(sortedKeys(all)).Draw(r, "operation")
	m.events = nil
	err = all[name](m.t.Context(), r, scope)
	if got := outcome(err); len(got) > 1 && !expected(err) {
		r.Fatalf("%s: %v", name, err)
	}
	after := m.read(m.t)
	switch changed := !after.same(m.before); {
	case err != nil && changed:
		r.Fatalf("%s failed with %v and changed something:\n%v\n%v", name, err, m.before, after)
	case err == nil && changed && len(m.events) == 0:
		r.Fatalf("%s changed something and recorded nothing", name)
	}
	m.check(r, name, scope, after)
	m.before = after
}

// expected are refusals that outcome has no letter for.
func expected(err error) bool {
	return slices.ContainsFunc([]error{
		tenancy.ErrLastSuperuser, tenancy.ErrLastSignIn, tenancy.ErrInvitationGone, tenancy.ErrDisabled, tenancy.ErrBadLink, errStale,
	}, func(e error) bool { return errors.Is(err, e) })
}

type step = func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error

func (m *machine) anyUser(r *rapid.T) id.User { return rapid.SampledFrom(m.users).Draw(r, "user") }
func (m *machine) anyOrganization(r *rapid.T) id.Organization {
	return rapid.SampledFrom(m.organizations).Draw(r, "organization")
}

func (m *machine) anyGroup(r *rapid.T) id.Group { return rapid.SampledFrom(m.groups).Draw(r, "group") }

func anyRole(r *rapid.T) tenancy.Role {
	return rapid.SampledFrom([]tenancy.Role{tenancy.Member, tenancy.Manager, tenancy.Manager, tenancy.Owner}).Draw(r, "role")
}

func anyPermissions(r *rapid.T) []tenancy.Permission {
	all := []tenancy.Permission{tenancy.ChangeUser, tenancy.AddOrganization, tenancy.ViewAuditEvent, tenancy.ViewGroup, tenancy.AddGroup}
	return rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, 3, func(p tenancy.Permission) tenancy.Permission { return p }).Draw(r, "permissions")
}

// anyName is one of few, so that they meet: names that are equal once normalised, and one that is an address.
func anyName(r *rapid.T) string {
	return rapid.SampledFrom([]string{"carl", "CARL", "zoë", "zoe\u0308", "ann@example.org", "straße", "eve", "+390212345678"}).Draw(r, "name")
}

func anyEmail(r *rapid.T) string {
	return rapid.SampledFrom([]string{"", "ann@example.org", "Ann@Example.ORG", "bob@example.org", "eve@example.org"}).Draw(r, "email")
}

// membership is one that a user has, or of nobody.
func (m *machine) membership(ctx context.Context, r *rapid.T) id.Membership {
	held, err := m.db.Memberships(ctx, system(), m.anyUser(r))
	if err != nil || len(held) == 0 {
		return id.New[id.Membership]()
	}
	return rapid.SampledFrom(held).Draw(r, "membership").ID
}

func (m *machine) email(ctx context.Context, r *rapid.T, user id.User) id.Email {
	emails, err := m.db.Emails(ctx, user)
	if err != nil || len(emails) == 0 {
		return id.New[id.Email]()
	}
	return rapid.SampledFrom(emails).Draw(r, "address").ID
}
