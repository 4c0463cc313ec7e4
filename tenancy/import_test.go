package tenancy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// rowOf is a row that gives the named fields.
func rowOf(user tenancy.User, given ...string) tenancy.ImportRow {
	row := tenancy.ImportRow{User: user, Given: map[string]bool{}}
	for _, name := range given {
		row.Given[name] = true
	}
	return row
}

func (f *fixture) importRow(t *testing.T, row tenancy.ImportRow, o tenancy.ImportOptions) (tenancy.ImportResult, error) {
	t.Helper()
	return f.ImportUser(t.Context(), system(), row, o)
}

func (f *fixture) stored(t *testing.T, user id.User) tenancy.User {
	t.Helper()
	return must(f.db.User(t.Context(), user))(t)
}

func TestImportAndExportAreForSuperusers(t *testing.T) {
	f := newFixture(t)
	organization := f.organization(t, "alpha")
	manager := f.user(t, tenancy.NewUser{Username: "manager"})
	f.member(t, organization, manager, tenancy.Owner)
	f.group(t, tenancy.Group{Name: "all", Permissions: []tenancy.Permission{tenancy.AddUser, tenancy.ChangeUser, tenancy.ViewUser, tenancy.AddMembership}}, manager)
	root := f.user(t, tenancy.NewUser{Username: "root", Superuser: true})
	narrowed := f.scope(t, root).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.AddUser, tenancy.ViewUser, tenancy.ChangeUser}})
	for name, tt := range map[string]struct {
		scope tenancy.Scope
		want  string
	}{"manager": {f.scope(t, manager), "F"}, "superuser": {f.scope(t, root), "+"}, "narrowed token": {narrowed, "F"}, "system": {system(), "+"}} {
		_, err := f.ImportUser(t.Context(), tt.scope, rowOf(tenancy.User{Username: "by-" + name[:4]}, "username"), tenancy.ImportOptions{Organization: organization})
		if outcome(err) != tt.want {
			t.Errorf("import by %s: %v", name, err)
		}
		read := 0
		_, err = f.ExportUsers(t.Context(), tt.scope, tenancy.ExportOptions{Organization: organization}, func(tenancy.ExportedUser) error { read++; return nil })
		if outcome(err) != tt.want || (read > 0) != (tt.want == "+") {
			t.Errorf("export by %s: %v, %d users", name, err, read)
		}
		if found, err := f.FindUser(t.Context(), tt.scope, "Manager"); outcome(err) != tt.want || (found.ID == manager) != (tt.want == "+") {
			t.Errorf("search by %s: %+v, %v", name, found, err)
		}
		if found, err := f.FindUser(t.Context(), tt.scope, string(manager)); outcome(err) != tt.want || (found.ID == manager) != (tt.want == "+") {
			t.Errorf("search for the id by %s: %+v, %v", name, found, err)
		}
	}
}

func TestExportIsRecorded(t *testing.T) {
	f := newFixture(t)
	f.user(t, tenancy.NewUser{Username: "ada", Password: goodPassword})
	f.user(t, tenancy.NewUser{Username: "grace", Password: goodPassword})
	failed := errors.New("the disk is full")
	for _, hashes := range []bool{true, false} {
		f.events = nil
		_, err := f.ExportUsers(t.Context(), system(), tenancy.ExportOptions{PasswordHashes: hashes}, func(u tenancy.ExportedUser) error {
			if (u.PasswordHash != "") != hashes {
				t.Errorf("with hashes %v the hash is %q", hashes, u.PasswordHash)
			}
			if u.Username == "grace" {
				return failed
			}
			return nil
		})
		if !errors.Is(err, failed) {
			t.Errorf("error %v", err)
		}
		var actions []string
		for _, event := range f.events {
			actions = append(actions, event.Action+" "+event.Detail["users"]+" "+event.Detail["password_hashes"])
		}
		want := []string{"users.export_begun 0 " + map[bool]string{true: "true", false: "false"}[hashes], "users.exported 1 " + map[bool]string{true: "true", false: "false"}[hashes]}
		if diff := cmp.Diff(want, actions); diff != "" {
			t.Error(diff)
		}
	}
}

// TestImportMatches: by id, by a proved address, by username; nothing else.
func TestImportMatches(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Email: "ada@x.example", EmailVerified: true})
	unproved := f.user(t, tenancy.NewUser{Username: "grace", Email: "grace@x.example"})
	f.user(t, tenancy.NewUser{Username: "looks@like.example"})
	free := id.New[id.User]()
	for name, tt := range map[string]struct {
		row  tenancy.User
		want id.User
	}{
		"id":                      {tenancy.User{ID: ada, Username: "other"}, ada},
		"address in another case": {tenancy.User{Username: "other", Email: "ADA@x.example"}, ada},
		"id before address":       {tenancy.User{ID: unproved, Username: "other", Email: "ada@x.example"}, unproved},
		"address before username": {tenancy.User{Username: "grace", Email: "ada@x.example"}, ada},
		"username":                {tenancy.User{Username: "Grace"}, unproved},
		"free id, known username": {tenancy.User{ID: free, Username: "ada"}, ada},
	} {
		result, err := f.importRow(t, rowOf(tt.row, "username", "email"), tenancy.ImportOptions{})
		if err != nil || result.Outcome != tenancy.ImportSkipped || result.User != tt.want {
			t.Errorf("%s: %+v, %v; want %s skipped", name, result, err, tt.want)
		}
	}
	for name, email := range map[string]string{"an address that nobody proved": "grace@x.example", "a username that looks like it": "looks@like.example"} {
		result, err := f.importRow(t, rowOf(tenancy.User{Username: "stranger" + email[:2], Email: email}, "username", "email"), tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate})
		if result.Outcome == tenancy.ImportSkipped || result.Outcome == tenancy.ImportUpdated {
			t.Errorf("%s: %+v, %v: taken for the account", name, result, err)
		}
	}
	result, err := f.importRow(t, rowOf(tenancy.User{ID: free, Username: "new"}, "username"), tenancy.ImportOptions{})
	if err != nil || result.User != free {
		t.Errorf("a free id is not kept: %+v, %v", result, err)
	}
}

// TestImportNeverTouchesForeignAccounts (reference G25).
func TestImportNeverTouchesForeignAccounts(t *testing.T) {
	f := newFixture(t)
	alpha, beta := f.organization(t, "alpha"), f.organization(t, "beta")
	foreign := f.user(t, tenancy.NewUser{Username: "foreign", Email: "foreign@x.example", EmailVerified: true, Organization: beta})
	own := f.user(t, tenancy.NewUser{Username: "own", Organization: alpha})
	for _, mode := range []tenancy.OnExisting{tenancy.ExistingSkip, tenancy.ExistingUpdate, tenancy.ExistingFail} {
		before := f.stored(t, foreign)
		_, err := f.importRow(t, rowOf(tenancy.User{Username: "x", Email: "foreign@x.example", FirstName: "Taken", Expires: "2020-01-01"}, "username", "email", "first_name", "expiration_date"),
			tenancy.ImportOptions{Organization: alpha, OnExisting: mode})
		wantInvalid(t, err, "organization")
		if diff := cmp.Diff(before, f.stored(t, foreign)); diff != "" || f.role(t, alpha, foreign) != "" {
			t.Errorf("%s: the account changed: %s", mode, diff)
		}
	}
	result, err := f.importRow(t, rowOf(tenancy.User{Username: "own", FirstName: "New"}, "username", "first_name"), tenancy.ImportOptions{Organization: alpha, OnExisting: tenancy.ExistingUpdate})
	if err != nil || result.Outcome != tenancy.ImportUpdated || f.stored(t, own).FirstName != "New" {
		t.Errorf("a member: %+v, %v", result, err)
	}
}

func TestImportAndPrivilege(t *testing.T) {
	f := newFixture(t)
	root := f.user(t, tenancy.NewUser{Username: "root", Superuser: true, FirstName: "Old"})
	f.user(t, tenancy.NewUser{Username: "staff", Staff: true, FirstName: "Old"})
	update := tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate}
	for _, name := range []string{"root", "staff"} {
		_, err := f.importRow(t, rowOf(tenancy.User{Username: name, FirstName: "New"}, "username", "first_name"), update)
		wantInvalid(t, err, "is_staff")
	}
	result, err := f.importRow(t, rowOf(tenancy.User{Username: "climber", Staff: true, Superuser: true}, "username", "is_staff", "is_superuser"), update)
	if u := f.stored(t, result.User); err != nil || u.Staff || u.Superuser || len(result.Notes) != 1 {
		t.Errorf("privileges without leave: %+v, %+v, %v", u, result, err)
	}
	update.AllowPrivileged = true
	_, err = f.importRow(t, rowOf(tenancy.User{Username: "root", FirstName: "New"}, "username", "first_name"), update)
	if u := f.stored(t, root); err != nil || u.FirstName != "New" || !u.Superuser {
		t.Errorf("a superuser with leave: %+v, %v", u, err)
	}
	result, err = f.importRow(t, rowOf(tenancy.User{Username: "second", Superuser: true}, "username", "is_superuser"), update)
	if err != nil || !f.stored(t, result.User).Superuser {
		t.Errorf("a new superuser with leave: %+v, %v", result, err)
	}
}

// TestImportUpdates: what the row gives is written and recorded, the rest stays.
func TestImportUpdates(t *testing.T) {
	f := newFixture(t)
	f.Settings.Fields = must(tenancy.NewFields([]tenancy.Field{{Name: "badge", Schema: map[string]any{"type": "string"}}}))(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Email: "ada@x.example", EmailVerified: true, FirstName: "Ada", LastName: "Lovelace", Password: goodPassword})
	before := f.stored(t, ada)
	f.events = nil
	row := rowOf(tenancy.User{Username: "ada", FirstName: "Augusta", Email: "new@x.example", PasswordHash: "!unusable", Custom: map[string]any{"badge": "7"}}, "username", "first_name", "email", "password", "custom")
	result, err := f.importRow(t, row, tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate})
	if err != nil || result.Outcome != tenancy.ImportUpdated {
		t.Fatalf("%+v, %v", result, err)
	}
	after := f.stored(t, ada)
	want := before
	want.FirstName, want.Email, want.EmailVerified, want.Version, want.Custom = "Augusta", "new@x.example", false, after.Version, after.Custom
	if diff := cmp.Diff(want, after); diff != "" {
		t.Error(diff)
	}
	wantChanges := []audit.Change{
		{Field: "email", Before: "ada@x.example", After: "new@x.example"},
		{Field: "email_verified", Before: "true", After: "false"},
		{Field: "first_name", Before: "Ada", After: "Augusta"},
		{Field: "custom.badge", After: "7"},
	}
	if len(f.events) != 1 || f.events[0].Action != "user.changed" || cmp.Diff(wantChanges, f.events[0].Changes) != "" {
		t.Errorf("recorded %+v", f.events)
	}
}

// TestImportKeepsNewerPasswords: a second import does not bring an old password back.
func TestImportKeepsNewerPasswords(t *testing.T) {
	f := newFixture(t)
	const djangos = "pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A=" // of "lètmein"
	with, without := f.user(t, tenancy.NewUser{Username: "with", Password: goodPassword}), f.user(t, tenancy.NewUser{Username: "without"})
	hash := f.stored(t, with).PasswordHash
	for _, name := range []string{"with", "without"} {
		must(f.importRow(t, rowOf(tenancy.User{Username: name, PasswordHash: djangos}, "username", "password"), tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate}))(t)
	}
	if f.stored(t, with).PasswordHash != hash {
		t.Error("the import replaced a password")
	}
	if f.stored(t, without).PasswordHash != djangos {
		t.Error("an account without password got none")
	}
	_, err := f.importRow(t, rowOf(tenancy.User{Username: "strange", PasswordHash: "md5$x$y"}, "username"), tenancy.ImportOptions{})
	wantInvalid(t, err, "password")
	result, err := f.importRow(t, rowOf(tenancy.User{Username: "strange", PasswordHash: "md5$x$y"}, "username"), tenancy.ImportOptions{DropPasswords: true})
	if err != nil || f.stored(t, result.User).PasswordHash != "" || len(result.Notes) != 1 {
		t.Errorf("dropped: %+v, %v", result, err)
	}
}

func TestImportMemberships(t *testing.T) {
	f := newFixture(t)
	alpha, off := f.organization(t, "alpha"), f.organization(t, "off")
	f.disable(t, off)
	managing := func(name, slug string, role tenancy.Role, exact bool) tenancy.ImportRow {
		row := rowOf(tenancy.User{Username: name}, "username")
		row.Memberships = []tenancy.ImportMembership{{Slug: slug, Role: role, Exact: exact}}
		return row
	}
	o := tenancy.ImportOptions{Organizations: map[string]id.Organization{"old": alpha}}
	for _, tt := range []struct {
		name, slug string
		role       tenancy.Role
		exact      bool
		want       tenancy.Role
	}{
		{"m", "alpha", tenancy.Member, false, tenancy.Member},
		{"exact", "alpha", tenancy.Manager, true, tenancy.Manager},
		{"first", "old", tenancy.Manager, false, tenancy.Owner},
		{"second", "alpha", tenancy.Manager, false, tenancy.Manager},
		{"third", "alpha", tenancy.Owner, true, tenancy.Manager},
	} {
		result, err := f.importRow(t, managing(tt.name, tt.slug, tt.role, tt.exact), o)
		if err != nil || f.role(t, alpha, result.User) != tt.want {
			t.Errorf("%s: %+v, %v, role %q, want %s", tt.name, result, err, f.role(t, alpha, result.User), tt.want)
		}
	}
	for name, row := range map[string]tenancy.ImportRow{"unknown": managing("u1", "nowhere", tenancy.Member, false), "strange role": managing("u2", "alpha", "king", true)} {
		if _, err := f.importRow(t, row, o); outcome(err) != "I" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := f.importRow(t, managing("u3", "off", tenancy.Member, false), o)
	wantInvalid(t, err, "organization")
	if _, err := f.db.UserByIdentifier(t.Context(), "u3"); outcome(err) != "N" {
		t.Errorf("a refused row left its user behind: %v", err)
	}
	o.CreateOrganizations = true
	_, err = f.importRow(t, managing("u4", "No Slug", tenancy.Member, false), o)
	wantInvalid(t, err, "organizations")
	result := must(f.importRow(t, managing("u5", "fresh", tenancy.Manager, false), o))(t)
	made := must(f.db.OrganizationBySlug(t.Context(), system(), "fresh"))(t)
	if _, ok := id.Parse[id.Organization](string(made.ID)); !ok {
		t.Errorf("made with the id %q", made.ID)
	}
	if f.role(t, made.ID, result.User) != tenancy.Owner || !strings.Contains(result.Notes[0], "fresh") {
		t.Errorf("made %+v, %+v", made, result)
	}
}

// TestImportResumed: only what this import made is taken for its own.
func TestImportResumed(t *testing.T) {
	f := newFixture(t)
	old := f.Now
	f.user(t, tenancy.NewUser{Username: "before"})
	f.Now = func() time.Time { return old().Add(time.Hour) }
	must(f.importRow(t, rowOf(tenancy.User{Username: "ours"}, "username"), tenancy.ImportOptions{}))(t)
	o := tenancy.ImportOptions{OnExisting: tenancy.ExistingFail, Resumed: old().Add(time.Hour)}
	if result, err := f.importRow(t, rowOf(tenancy.User{Username: "ours"}, "username"), o); err != nil || result.Outcome != tenancy.ImportCreated {
		t.Errorf("ours: %+v, %v", result, err)
	}
	_, err := f.importRow(t, rowOf(tenancy.User{Username: "before"}, "username"), o)
	wantInvalid(t, err, "username")
}
