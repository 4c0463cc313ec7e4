package tenancy_test

import (
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

func (f *fixture) users(t *testing.T, n int) []id.User {
	t.Helper()
	users := make([]id.User, n)
	for i := range users {
		users[i] = f.user(t, tenancy.NewUser{Username: "user" + string(rune('a'+i))})
	}
	return users
}

func TestFirstManagerOwns(t *testing.T) {
	f := newFixture(t)
	a, users := f.organization(t, "acme"), f.users(t, 4)
	for i, step := range []struct{ give, want tenancy.Role }{
		{tenancy.Member, tenancy.Member}, {tenancy.Manager, tenancy.Owner}, {tenancy.Manager, tenancy.Manager}, {tenancy.Member, tenancy.Member},
	} {
		m := must(f.AddMember(t.Context(), system(), a, users[i], step.give))(t)
		if stored := f.role(t, a, users[i]); m.Role != step.want || stored != step.want {
			t.Errorf("added as %s: answered %s, stored %s, want %s", step.give, m.Role, stored, step.want)
		}
	}
}

func TestPromotionInAnOwnerlessOrganization(t *testing.T) {
	f := newFixture(t)
	a, users := f.organization(t, "acme"), f.users(t, 3)
	for _, user := range users {
		f.member(t, a, user, tenancy.Member)
	}
	for i, want := range []tenancy.Role{tenancy.Owner, tenancy.Manager} {
		m := must(f.ChangeRole(t.Context(), system(), a, users[i], tenancy.Manager))(t)
		if stored := f.role(t, a, users[i]); m.Role != want || stored != want {
			t.Errorf("promotion %d: answered %s, stored %s, want %s", i+1, m.Role, stored, want)
		}
	}
	m := must(f.ChangeRole(t.Context(), system(), a, users[1], tenancy.Member))(t)
	if stored := f.role(t, a, users[1]); m.Role != tenancy.Member || stored != tenancy.Member {
		t.Errorf("demotion: answered %s, stored %s", m.Role, stored)
	}
	before := len(f.events)
	if m := must(f.ChangeRole(t.Context(), system(), a, users[1], tenancy.Member))(t); m.Role != tenancy.Member || len(f.events) != before {
		t.Errorf("the role he has: %s, %d events; want no event", m.Role, len(f.events)-before)
	}
}

func TestManagerStaysManagerWhenAskedAgain(t *testing.T) {
	f := newFixture(t)
	a, users := f.organization(t, "acme"), f.users(t, 1)
	f.member(t, a, users[0], tenancy.Manager) // an organization that lost its owner
	m := must(f.ChangeRole(t.Context(), system(), a, users[0], tenancy.Manager))(t)
	if stored := f.role(t, a, users[0]); m.Role != stored || stored != tenancy.Manager {
		t.Errorf("answered %s, stored %s, want manager", m.Role, stored)
	}
}

func TestOneOwnerOfManyFirstManagers(t *testing.T) {
	for name, give := range map[string]func(f *fixture, a id.Organization, user id.User) error{
		"added": func(f *fixture, a id.Organization, user id.User) error {
			_, err := f.AddMember(t.Context(), system(), a, user, tenancy.Manager)
			return err
		},
		"promoted": func(f *fixture, a id.Organization, user id.User) error {
			_, err := f.ChangeRole(t.Context(), system(), a, user, tenancy.Manager)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			a, users := f.organization(t, "acme"), f.users(t, 16)
			if name == "promoted" {
				for _, user := range users {
					f.member(t, a, user, tenancy.Member)
				}
			}
			for _, err := range atOnce(len(users), func(i int) error { return give(f, a, users[i]) }) {
				if err != nil {
					t.Error(err)
				}
			}
			roles := map[tenancy.Role]int{}
			for _, user := range users {
				roles[f.role(t, a, user)]++
			}
			if roles[tenancy.Owner] != 1 || roles[tenancy.Manager] != 15 {
				t.Errorf("roles %v, want one owner and 15 managers", roles)
			}
		})
	}
}

func TestSameMemberAtOnce(t *testing.T) {
	f := newFixture(t)
	a, user := f.organization(t, "acme"), f.users(t, 1)[0]
	added := 0
	for _, err := range atOnce(16, func(int) error {
		_, err := f.AddMember(t.Context(), system(), a, user, tenancy.Member)
		return err
	}) {
		if err == nil {
			added++
		} else {
			wantInvalid(t, err, "membership")
		}
	}
	if added != 1 {
		t.Errorf("added %d times", added)
	}
}

// TestManagersWithinTransaction: a manager is made in an organization that has an owner also as part of something larger.
func TestManagersWithinTransaction(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	for i, want := range []tenancy.Role{tenancy.Owner, tenancy.Manager} {
		var user tenancy.User
		err := f.Atomically(t.Context(), func(d *tenancy.Directory) error {
			var err error
			user, err = d.CreateUser(t.Context(), system(), tenancy.NewUser{Username: []string{"first", "second"}[i], Organization: a, Role: tenancy.Manager})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if role := f.role(t, a, user.ID); role != want {
			t.Errorf("%s is %q, want %q", user.Username, role, want)
		}
	}
}
