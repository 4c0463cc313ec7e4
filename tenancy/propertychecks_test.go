package tenancy_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gatehouse/tenancy"
)

type row = map[string]string

// state is the tables, row by row as texts.
type state map[string][]row

func (m *machine) read(t *testing.T) state {
	t.Helper()
	s := state{}
	for _, table := range []string{
		"users", "identifiers", "email_addresses", "organizations", "memberships", "groups", "group_permissions", "group_members", "user_permissions",
		"invitations", "api_tokens",
	} {
		s[table] = m.table(t, table)
	}
	return s
}

func (m *machine) table(t *testing.T, name string) []row {
	t.Helper()
	rows := must(m.sql.QueryContext(t.Context(), "SELECT * FROM "+name))(t)
	defer rows.Close()
	columns := must(rows.Columns())(t)
	var found []row
	for rows.Next() {
		values, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		read := row{}
		for i, column := range columns {
			read[column] = fmt.Sprint(values[i])
		}
		found = append(found, read)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

func (s state) same(other state) bool {
	for table, rows := range s {
		if !slices.EqualFunc(rows, other[table], maps.Equal[row, row]) {
			return false
		}
	}
	return true
}

// where are the rows with these values.
func (s state) where(table string, pairs ...string) []row {
	return slices.DeleteFunc(slices.Clone(s[table]), func(r row) bool {
		for i := 0; i < len(pairs); i += 2 {
			if r[pairs[i]] != pairs[i+1] {
				return true
			}
		}
		return false
	})
}

const yes, none = "1", "<nil>" // as SQLite says true, and nothing

func (m *machine) check(r *rapid.T, name string, scope tenancy.Scope, after state) {
	if len(after.where("users", "superuser", yes, "active", yes, "expiration_date", "")) == 0 {
		r.Fatalf("%s left no superuser", name)
	}
	for _, o := range after["organizations"] {
		members := after.where("memberships", "organization_id", o["id"])
		if owners := after.where("memberships", "organization_id", o["id"], "role", "owner"); len(owners) > 1 {
			r.Fatalf("%s made %d owners", name, len(owners))
		}
		limit := 0
		_, _ = fmt.Sscan(o["max_users"], &limit)
		if limit > 0 && len(members) > max(limit, len(m.before.where("memberships", "organization_id", o["id"]))) {
			r.Fatalf("%s made %d members of %d", name, len(members), limit)
		}
		before := m.before.where("organizations", "id", o["id"], "active", "0")
		if len(before) == 1 && o["active"] == "0" {
			m.checkDisabled(r, name, o["id"], after)
		}
	}
	checkIdentifiers(r, name, after)
	m.checkGained(r, name, scope, after)
}

// checkDisabled: what is a disabled organization's is there as it was, or gone.
func (m *machine) checkDisabled(r *rapid.T, name, organization string, after state) {
	for _, table := range []string{"organizations", "memberships", "groups", "invitations"} {
		column := map[bool]string{true: "id", false: "organization_id"}[table == "organizations"]
		before := m.before.where(table, column, organization)
		for _, now := range after.where(table, column, organization) {
			if !slices.ContainsFunc(before, func(old row) bool { return maps.Equal(old, now) }) {
				r.Fatalf("%s changed %s of a disabled organization: %v", name, table, now)
			}
		}
	}
	for _, g := range after.where("groups", "organization_id", organization) {
		for _, table := range []string{"group_members", "group_permissions"} {
			if len(after.where(table, "group_id", g["id"])) > len(m.before.where(table, "group_id", g["id"])) {
				r.Fatalf("%s added to %s of a disabled organization", name, table)
			}
		}
	}
}

// checkIdentifiers: the one namespace is exactly what accounts say, and the primary address is written the same in both places.
func checkIdentifiers(r *rapid.T, name string, after state) {
	want := map[string]string{}
	claim := func(user, text string) {
		value, err := tenancy.Normalise(text)
		if holder, taken := want[value]; err != nil || (taken && holder != user) {
			r.Fatalf("%s: %q is an identifier of two, or none: %v", name, text, err)
		}
		want[value] = user
	}
	for _, u := range after["users"] {
		for _, text := range []string{u["username"], u["email"], u["phone"]} {
			if text != "" {
				claim(u["id"], text)
			}
		}
		primary := after.where("email_addresses", "user_id", u["id"], "is_primary", yes)
		switch {
		case u["email"] == "" && len(primary) == 0:
		case len(primary) != 1 || primary[0]["email"] != u["email"] || primary[0]["verified"] != u["email_verified"]:
			r.Fatalf("%s: primary addresses %v of %v", name, primary, u)
		}
	}
	for _, e := range after.where("email_addresses", "verified", yes) {
		claim(e["user_id"], e["email"])
	}
	got := map[string]string{}
	for _, i := range after["identifiers"] {
		got[i["value"]] = i["user_id"]
	}
	if !maps.Equal(got, want) {
		r.Fatalf("%s: identifiers %v, want %v", name, got, want)
	}
}

// held are the permissions of a user: "permission" everywhere, "permission in organization" there.
func (s state) held(user string) map[string]bool {
	found := map[string]bool{}
	for _, p := range s.where("user_permissions", "user_id", user) {
		found[p["permission"]] = true
	}
	for _, member := range s.where("group_members", "user_id", user) {
		for _, g := range s.where("groups", "id", member["group_id"]) {
			for _, p := range s.where("group_permissions", "group_id", g["id"]) {
				place := ""
				if g["organization_id"] != none {
					place = " in " + g["organization_id"]
				}
				found[p["permission"]+place] = true
			}
		}
	}
	return found
}

// may reports whether a user holds what he gives; who may change something may view it.
func (s state) may(user, gained string) bool {
	if len(s.where("users", "id", user, "superuser", yes)) > 0 {
		return true
	}
	permission, _, _ := strings.Cut(gained, " in ")
	changing := strings.Replace(gained, ".view_", ".change_", 1)
	held := s.held(user)
	return held[gained] || held[permission] || held[changing] || held[strings.Replace(permission, ".view_", ".change_", 1)]
}

// checkGained: nobody has a permission more that the one who gave it did not hold. Of an invitation that is who invited.
func (m *machine) checkGained(r *rapid.T, name string, scope tenancy.Scope, after state) {
	giver := string(scope.Actor())
	for _, i := range after.where("invitations", "state", "accepted") {
		if len(m.before.where("invitations", "id", i["id"], "state", "open")) > 0 {
			giver = i["invited_by"]
		}
	}
	for _, u := range after["users"] {
		before := m.before.held(u["id"])
		for gained := range after.held(u["id"]) {
			if !before[gained] && !m.before.may(giver, gained) {
				r.Fatalf("%s gave %s what the giver does not hold: %s", name, u["username"], gained)
			}
		}
		was := m.before.where("users", "id", u["id"], "superuser", yes)
		if u["superuser"] == yes && len(was) == 0 && len(m.before.where("users", "id", giver, "superuser", yes)) == 0 {
			r.Fatalf("%s made a superuser", name)
		}
	}
}
