package tenancy_test

import (
	"errors"
	"strings"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// TestRehearsalOfStoredUsers: later rows meet what earlier ones would have made of users who are here, as they would for real.
func TestRehearsalOfStoredUsers(t *testing.T) {
	const stored = id.User("3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0001")
	row := func(user id.User, username, first string) tenancy.ImportRow {
		return rowOf(tenancy.User{ID: user, Username: username, FirstName: first}, "username", "first_name")
	}
	renamed := row(stored, "augusta", "Ada")
	for _, tt := range []struct {
		name string
		rows []tenancy.ImportRow
		want string
	}{
		{"a name that was given up is free", []tenancy.ImportRow{renamed, row("", "ada", "New")}, "updated created"},
		{"also after another change", []tenancy.ImportRow{renamed, row(stored, "augusta", "A."), row("", "ada", "New")}, "updated updated created"},
		{"the new name is his", []tenancy.ImportRow{renamed, row("", "augusta", "Ada")}, "updated skipped"},
		{"and back again", []tenancy.ImportRow{renamed, row(stored, "ada", "Ada"), row("", "augusta", "New")}, "updated updated created"},
		{"nothing to change", []tenancy.ImportRow{row(stored, "ada", ""), row(stored, "ada", "Ada"), row("", "ada", "Ada")}, "skipped updated skipped"},
		{"a name that is taken", []tenancy.ImportRow{row("", "augusta", ""), renamed}, "created refused"},
	} {
		for _, organization := range []bool{false, true} {
			f := newFixture(t)
			o := tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate}
			must(f.importRow(t, row(stored, "ada", ""), o))(t)
			if organization {
				o.Organization = f.organization(t, "alpha")
				f.member(t, o.Organization, stored, tenancy.Member)
			}
			run := func(o tenancy.ImportOptions) string {
				var outcomes []string
				for _, row := range tt.rows {
					result, err := f.importRow(t, row, o)
					if invalid := (*tenancy.Invalid)(nil); errors.As(err, &invalid) {
						result.Outcome = tenancy.ImportRefused
					} else if err != nil {
						t.Fatal(err)
					}
					outcomes = append(outcomes, string(result.Outcome))
				}
				return strings.Join(outcomes, " ")
			}
			rehearsal := o
			rehearsal.Rehearsal = tenancy.NewRehearsal()
			if rehearsed, real := run(rehearsal), run(o); rehearsed != tt.want || real != tt.want {
				t.Errorf("%s, organization %v: rehearsed %s, really %s, want %s", tt.name, organization, rehearsed, real, tt.want)
			}
		}
	}
}

// TestChangedDuringTheRehearsal: what was rehearsed of a user whom somebody has changed meanwhile is forgotten.
func TestChangedDuringTheRehearsal(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	o := tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate, Rehearsal: tenancy.NewRehearsal()}
	for _, first := range []string{"Augusta", "Countess"} {
		result, err := f.importRow(t, rowOf(tenancy.User{ID: ada, Username: "ada", FirstName: first}, "username", "first_name"), o)
		if err != nil || result.Outcome != tenancy.ImportUpdated {
			t.Errorf("%s: %+v, %v", first, result, err)
		}
		last := "Lovelace " + first
		must(f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{LastName: &last}))(t)
	}
}
