package tenancy_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// overtaken is a store in which somebody else became the owner a moment ago, as often as times says. PostgreSQL does that to
// transactions at the same moment; SQLite has them wait.
type overtaken struct {
	tenancy.Store
	times *int
}

func (o overtaken) InTx(ctx context.Context, work func(tx tenancy.Store) error) error {
	return o.Store.InTx(ctx, func(tx tenancy.Store) error { return work(overtaken{tx, o.times}) })
}

func (o overtaken) conflict(role tenancy.Role) error {
	if role != tenancy.Owner || *o.times == 0 {
		return nil
	}
	*o.times--
	return &store.Conflict{Field: "owner"}
}

func (o overtaken) AddMembership(ctx context.Context, scope tenancy.Scope, m tenancy.Membership) error {
	if err := o.conflict(m.Role); err != nil {
		return err
	}
	return o.Store.AddMembership(ctx, scope, m)
}

func (o overtaken) SetRole(ctx context.Context, scope tenancy.Scope, m id.Membership, from, to tenancy.Role, now time.Time) error {
	if err := o.conflict(to); err != nil {
		return err
	}
	return o.Store.SetRole(ctx, scope, m, from, to, now)
}

func (o overtaken) UpdateUser(ctx context.Context, u tenancy.User) error {
	if *o.times > 0 {
		*o.times--
		return store.ErrStale
	}
	return o.Store.UpdateUser(ctx, u)
}

// TestOvertakenChange: who has not seen a version does not care, unless it happens again and again; who has is told.
func TestOvertakenChange(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	for i, tt := range []struct {
		times   int
		version int64
		want    error
	}{{0, 0, nil}, {4, 0, nil}, {5, 0, store.ErrStale}, {1, 3, store.ErrStale}} {
		f.Store = overtaken{f.db, &tt.times}
		name := strings.Repeat("a", i+1)
		if _, err := f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{FirstName: &name, Version: tt.version}); !errors.Is(err, tt.want) {
			t.Errorf("case %d: %v, want %v", i, err, tt.want)
		}
	}
}

// TestOvertaken: who was overtaken by another owner is asked once more; a transfer says that things have changed.
func TestOvertaken(t *testing.T) {
	w := newTown(t)
	fresh := w.organization(t, "fresh")
	once := func() { one := 1; w.Store = overtaken{w.db, &one} }
	once()
	m, err := w.AddMember(t.Context(), system(), fresh, w.loner, tenancy.Manager)
	if err != nil || m.Role != tenancy.Owner {
		t.Errorf("first manager: %+v, %v", m, err)
	}
	if err := w.RemoveOwner(t.Context(), system(), fresh); err != nil {
		t.Fatal(err)
	}
	m = must(w.AddMember(t.Context(), system(), fresh, w.onlyA, tenancy.Member))(t)
	once()
	if m, err = w.ChangeMembership(t.Context(), system(), m.ID, tenancy.MembershipChange{Role: tenancy.Manager}); err != nil || m.Role != tenancy.Owner {
		t.Errorf("promotion: %+v, %v", m, err)
	}
	once()
	if _, err := w.TransferOwnership(t.Context(), system(), w.a, w.membership(t, w.a, w.onlyA).ID); !errors.Is(err, store.ErrStale) {
		t.Errorf("transfer: %v, want ErrStale", err)
	}
	if role := w.role(t, w.a, w.owner); role != tenancy.Owner {
		t.Errorf("after the transfer that was refused the owner is a %s", role)
	}
}

func (o overtaken) OrganizationBySlug(ctx context.Context, scope tenancy.Scope, slug string) (tenancy.Organization, error) {
	if *o.times > 0 {
		*o.times--
		return tenancy.Organization{}, store.ErrNotFound
	}
	return o.Store.OrganizationBySlug(ctx, scope, slug)
}

// TestEnsuredMeanwhile: whom another node overtook takes what that one has made.
func TestEnsuredMeanwhile(t *testing.T) {
	f := newFixture(t)
	acme := f.organization(t, "acme")
	for _, tt := range []struct {
		times      int
		name, want string
	}{{1, "Acme", "+"}, {2, "Acme", "I"}, {1, "", "I"}} {
		f.Store = overtaken{f.db, &tt.times}
		got, err := f.EnsureOrganization(t.Context(), system(), tenancy.Organization{Name: tt.name, Slug: "acme"})
		if outcome(err) != tt.want || (err == nil && got.ID != acme) {
			t.Errorf("%q: %+v, %v; want %s", tt.name, got, err, tt.want)
		}
	}
}
