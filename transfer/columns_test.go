package transfer_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
	"gatehouse/transfer"
)

// oneUser has two organizations, one, or none.
func (w *world) oneUser(t *testing.T, organizations ...id.Organization) {
	t.Helper()
	u := tenancy.User{ID: id.New[id.User](), Username: "ada", Phone: "+4912345", Active: true, Custom: map[string]any{"badge": "7"}, Created: moment, Modified: moment, Version: 1}
	check(t, w.db.CreateUser(t.Context(), u))
	for i, organization := range organizations {
		role := []tenancy.Role{tenancy.Owner, tenancy.Member}[i]
		check(t, w.db.AddMembership(t.Context(), system(), tenancy.Membership{ID: id.New[id.Membership](), User: u.ID, Organization: organization, Role: role, Created: moment, Modified: moment}))
	}
}

// TestCells: headers and cells as the described system makes them (reference section 6.1).
func TestCells(t *testing.T) {
	w := newWorld(t)
	w.oneUser(t, w.organization(t, "alpha"), w.organization(t, "beta"))
	single, none := newWorld(t), newWorld(t)
	single.oneUser(t, single.organization(t, "alpha"))
	none.oneUser(t)
	for _, tt := range []struct {
		name                         string
		field                        transfer.Field
		header, two, one, nonePlaces string
	}{
		{"plain", transfer.Field{Name: "username"}, "username", "ada", "ada", "ada"},
		{"missing", transfer.Field{Name: "birth_date"}, "birth_date", "", "", ""},
		{"flag", transfer.Field{Name: "is_active", Header: "Active?"}, "Active?", "True", "True", "True"},
		{"profile", transfer.Field{Name: "profile.phone_number"}, "profile.phone_number", "+4912345", "+4912345", "+4912345"},
		{"custom", transfer.Field{Name: "custom.badge"}, "custom.badge", "7", "7", "7"},
		{"custom, unknown", transfer.Field{Name: "custom.floor"}, "custom.floor", "", "", ""},
		{"custom, two fields", transfer.Field{Name: "custom", Fields: []string{"badge", "floor"}}, "custom (badge, floor)", "(7,)", "(7,)", "(7,)"},
		{"one subfield", transfer.Field{Name: "organizations.slug"}, "organizations.slug", "(alpha,beta)", "alpha", ""},
		{"fields before name", transfer.Field{Name: "organizations.slug", Fields: []string{"role"}}, "organizations.slug (role)", "(owner,member)", "owner", ""},
		{"several subfields", transfer.Field{Name: "organizations", Fields: []string{"slug", "is_admin"}}, "organizations (slug, is_admin)", "(alpha,True)\n(beta,False)", "(alpha,True)", ""},
		{"header of fields", transfer.Field{Name: "organizations", Fields: []string{"slug", "role"}, HeaderFields: []string{"Org", "Role"}}, "organizations (Org, Role)", "(alpha,owner)\n(beta,member)", "(alpha,owner)", ""},
		{"bare relation", transfer.Field{Name: "organizations"}, "organizations", "", "", ""},
	} {
		for i, place := range []struct {
			w    *world
			want string
		}{{w, tt.two}, {single, tt.one}, {none, tt.nonePlaces}} {
			table, err := csv.NewReader(strings.NewReader(place.w.export(t, transfer.Export{Fields: []transfer.Field{{Name: "id"}, tt.field}}))).ReadAll()
			check(t, err)
			if table[0][1] != tt.header || table[1][1] != place.want {
				t.Errorf("%s %d: %q: %q, want %q: %q", tt.name, i, table[0][1], table[1][1], tt.header, place.want)
			}
		}
	}
}

func TestFieldsAreChecked(t *testing.T) {
	w := newWorld(t)
	for _, field := range []transfer.Field{
		{},
		{Name: "nothing"},
		{Name: "username.x"},
		{Name: "username", Fields: []string{"x"}},
		{Name: "organizations.secret"},
		{Name: "profile.nothing"},
		{Name: "organizations", Fields: []string{"slug", "x"}},
		{Name: "organizations", Fields: []string{"slug"}, HeaderFields: []string{"a", "b"}},
	} {
		var out bytes.Buffer
		_, err := transfer.Export{Directory: w.Directory, Scope: system(), Fields: []transfer.Field{field}}.Run(t.Context(), &out)
		if err == nil || out.Len() > 0 {
			t.Errorf("%+v: exported %q", field, out.String())
		}
	}
}

func TestDefaultColumns(t *testing.T) {
	w := newWorld(t)
	const before = "id,username,email,"
	const after = `first_name,last_name,is_staff,is_active,date_joined,expiration_date,phone_number,birth_date,location,notes,language,"organizations (organization_id, is_admin)"` + "\n"
	if got := w.export(t, transfer.Export{}); got != before+after {
		t.Errorf("header %q", got)
	}
	if got := w.export(t, transfer.Export{Options: tenancy.ExportOptions{PasswordHashes: true}}); got != before+"password,"+after {
		t.Errorf("header with hashes %q", got)
	}
	without, err := transfer.Without(transfer.DefaultFields(tenancy.Fields{}), " organizations, notes,location ,birth_date,language,password,bio")
	if err != nil {
		t.Fatal(err)
	}
	if got := w.export(t, transfer.Export{Fields: without}); got != "id,username,email,first_name,last_name,is_staff,is_active,date_joined,expiration_date,phone_number\n" {
		t.Errorf("header with columns left out %q", got)
	}
	if _, err := transfer.Without(nil, "notes,note"); err == nil || !strings.Contains(err.Error(), "note") {
		t.Errorf("a misspelt column to leave out: %v", err)
	}
	if diff := cmp.Diff([]transfer.Field{{Name: "id"}, {Name: "custom.badge"}}, transfer.ParseFields("id, custom.badge,")); diff != "" {
		t.Error(diff)
	}
}

// TestHashesAreAskedFor (reference G23): no way of naming the column gives hashes that were not asked for.
func TestHashesAreAskedFor(t *testing.T) {
	w := newWorld(t)
	_, err := w.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "ada", Password: "correct horse battery"})
	check(t, err)
	for _, format := range []transfer.Format{transfer.CSV, transfer.JSONL} {
		for _, fields := range [][]transfer.Field{nil, {{Name: "password", Header: "x"}, {Name: "id"}}, {{Name: "profile.password"}}, {{Name: "profile", Fields: []string{"id", "password"}}}} {
			if got := w.export(t, transfer.Export{Format: format, Fields: fields}); strings.Contains(got, "argon2") {
				t.Errorf("%s, %v: %s", format, fields, got)
			}
		}
	}
}

func TestNativeTypes(t *testing.T) {
	w := newWorld(t)
	w.oneUser(t, w.organization(t, "alpha"))
	var got map[string]any
	check(t, json.Unmarshal([]byte(w.export(t, transfer.Export{Format: transfer.JSONL})), &got))
	if got["is_active"] != true || got["custom"].(map[string]any)["badge"] != "7" || got["date_joined"] != "2026-03-01T12:00:00.123456Z" ||
		got["organizations"].([]any)[0].(map[string]any)["role"] != "owner" {
		t.Errorf("%v", got)
	}
}

// TestStatementsPerBatch: two, however many users and memberships there are, and one for each end in the audit log.
func TestStatementsPerBatch(t *testing.T) {
	w := newWorld(t)
	alpha := w.organization(t, "alpha")
	for i := range 1100 {
		u := tenancy.User{ID: id.New[id.User](), Username: fmt.Sprint("u", i), Created: moment, Modified: moment, Version: 1}
		check(t, w.db.CreateUser(t.Context(), u))
		m := tenancy.Membership{ID: id.New[id.Membership](), User: u.ID, Organization: alpha, Role: tenancy.Member, Created: moment, Modified: moment}
		check(t, w.db.AddMembership(t.Context(), system(), m))
	}
	w.statements = 0
	if got := w.export(t, transfer.Export{}); strings.Count(got, ",False)") != 1100 {
		t.Error("memberships are missing")
	}
	if w.statements != 2*3+2 {
		t.Errorf("%d statements for 3 batches", w.statements)
	}
}

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.csv")
	check(t, os.WriteFile(path, []byte("old"), 0o644))
	failed := errors.New("full")
	err := transfer.WriteFile(path, func(w io.Writer) error { return failed })
	if kept, _ := os.ReadFile(path); !errors.Is(err, failed) || string(kept) != "old" {
		t.Errorf("%v, %q", err, kept)
	}
	check(t, transfer.WriteFile(path, func(w io.Writer) error { _, err := w.Write([]byte("new")); return err }))
	info, err := os.Stat(path)
	check(t, err)
	entries, err := os.ReadDir(filepath.Dir(path))
	check(t, err)
	if kept, _ := os.ReadFile(path); string(kept) != "new" || info.Mode().Perm() != 0o600 || len(entries) != 1 {
		t.Errorf("%q, %v, %d files", kept, info.Mode(), len(entries))
	}
}
