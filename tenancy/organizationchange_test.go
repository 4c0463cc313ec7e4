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

// changes are those of the last event, which has to be this action.
func (f *fixture) changes(t *testing.T, action string) []audit.Change {
	t.Helper()
	if len(f.events) == 0 || f.events[len(f.events)-1].Action != action {
		t.Fatalf("no event %s in %v", action, f.events)
	}
	return f.events[len(f.events)-1].Changes
}

func TestUpdateOrganization(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	f.organization(t, "bolt")
	o := must(f.UpdateOrganization(t.Context(), system(), a, tenancy.OrganizationChange{
		Name: ptr("Acme"), Email: ptr("office@acme.example"), FactorPolicy: ptr(tenancy.FactorRequired), MaxUsers: ptr(7), Version: 1,
	}))(t)
	if diff := cmp.Diff(o, must(f.Organization(t.Context(), system(), a))(t)); diff != "" || o.Version != 2 || o.Name != "Acme" || o.MaxUsers != 7 {
		t.Errorf("answered %+v, stored otherwise: %s", o, diff)
	}
	want := []audit.Change{
		{Field: "name", Before: "acme", After: "Acme"},
		{Field: "email", After: "office@acme.example"},
		{Field: "factor_policy", After: "required"},
		{Field: "max_users", Before: "0", After: "7"},
	}
	if diff := cmp.Diff(want, f.changes(t, "organization.changed")); diff != "" {
		t.Error(diff)
	}
	events := len(f.events)
	must(f.UpdateOrganization(t.Context(), system(), a, tenancy.OrganizationChange{Name: ptr("Acme")}))(t)
	_, err := f.UpdateOrganization(t.Context(), system(), a, tenancy.OrganizationChange{Name: ptr("Other"), Version: 1})
	if !errors.Is(err, store.ErrStale) {
		t.Errorf("an old version was changed: %v", err)
	}
	_, err = f.UpdateOrganization(t.Context(), system(), a, tenancy.OrganizationChange{Slug: ptr("bolt")})
	wantInvalid(t, err, "slug")
	_, err = f.UpdateOrganization(t.Context(), system(), a, tenancy.OrganizationChange{Name: ptr(" "), MaxUsers: ptr(-1), URL: ptr("javascript:x"), FactorPolicy: ptr(tenancy.FactorPolicy("x"))})
	wantInvalid(t, err, "name", "max_users", "url", "factor_policy")
	if len(f.events) != events {
		t.Errorf("%d events of changes that were none", len(f.events)-events)
	}
}

// A manager may send the limit back as it is, in a form of all fields.
func TestOwnLimitUnchanged(t *testing.T) {
	w := newTown(t)
	must(w.UpdateOrganization(t.Context(), w.scope(t, w.owner), w.a, tenancy.OrganizationChange{Name: ptr("New"), MaxUsers: ptr(0)}))(t)
}

func TestSwitchOrganization(t *testing.T) {
	w := newTown(t)
	owner := w.scope(t, w.owner)
	o := must(w.SetOrganizationActive(t.Context(), owner, w.a, false, 0))(t)
	if diff := cmp.Diff([]audit.Change{{Field: "active", Before: "true", After: "false"}}, w.changes(t, "organization.disabled")); diff != "" || o.Active {
		t.Errorf("%+v: %s", o, diff)
	}
	owner = w.scope(t, w.owner) // as the next request loads it
	if _, err := w.Organization(t.Context(), owner, w.a); err != nil {
		t.Errorf("its owner does not see it any more: %v", err)
	}
	_, err := w.SetOrganizationActive(t.Context(), owner, w.a, true, o.Version-1)
	if !errors.Is(err, store.ErrStale) {
		t.Errorf("an old version was switched: %v", err)
	}
	o = must(w.SetOrganizationActive(t.Context(), owner, w.a, true, o.Version))(t)
	events := len(w.events)
	again := must(w.SetOrganizationActive(t.Context(), owner, w.a, true, 0))(t)
	if !o.Active || again.Version != o.Version || len(w.events) != events {
		t.Errorf("enabled %+v, again %+v", o, again)
	}
}

func TestDeleteOrganization(t *testing.T) {
	w := newTown(t)
	got := must(w.DeleteOrganization(t.Context(), w.scope(t, w.super), w.a))(t)
	if got.Memberships != 12 || got.Groups != 1 || got.Homeless != 9 {
		t.Errorf("took %+v with it", got)
	}
	if _, err := w.Organization(t.Context(), system(), w.a); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := w.db.User(t.Context(), w.onlyA); err != nil {
		t.Errorf("an account went with it: %v", err)
	}
	if detail := w.events[len(w.events)-1].Detail; detail["slug"] != "acme" || detail["memberships"] != "12" {
		t.Errorf("recorded %v", detail)
	}
	_, err := w.DeleteOrganization(t.Context(), system(), id.New[id.Organization]())
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted nothing: %v", err)
	}
}

// room adds many at once to an organization that has two members and may have five.
func TestRoom(t *testing.T) {
	for name, add := range map[string]func(f *fixture, a id.Organization, i int, users []id.User) error{
		"members": func(f *fixture, a id.Organization, i int, users []id.User) error {
			_, err := f.AddMember(t.Context(), system(), a, users[i], tenancy.Manager)
			return err
		},
		"new users": func(f *fixture, a id.Organization, i int, _ []id.User) error {
			_, err := f.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "new" + string(rune('a'+i)), Organization: a})
			return err
		},
		"provisioned": func(f *fixture, a id.Organization, i int, _ []id.User) error {
			_, err := f.Provision(t.Context(), system(), tenancy.NewIdentityUser{Connector: "c", Subject: string(rune('a' + i)), Username: "jit", Organization: a})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			a, users := f.organization(t, "acme"), f.users(t, 18)
			f.member(t, a, users[16], tenancy.Member)
			f.member(t, a, users[17], tenancy.Member)
			must(f.UpdateOrganization(t.Context(), system(), a, tenancy.OrganizationChange{MaxUsers: ptr(5)}))(t)
			added := 0
			for _, err := range atOnce(16, func(i int) error { return add(f, a, i, users) }) {
				if err == nil {
					added++
				} else {
					wantInvalid(t, err, "organization")
				}
			}
			if got := must(f.OrganizationContents(t.Context(), system(), a))(t); added != 3 || got.Memberships != 5 {
				t.Errorf("%d were added, there are %d", added, got.Memberships)
			}
		})
	}
}
