package tenancy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// TestImportedDates: databases and other programs hold years of four digits.
func TestImportedDates(t *testing.T) {
	f := newFixture(t)
	for year, want := range map[int]string{0: "I", 1: "+", 1999: "+", 9999: "+", 10000: "I"} {
		joined := time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)
		row := rowOf(tenancy.User{Username: "of" + joined.Format("20060102"), Created: joined}, "username", "date_joined")
		result, err := f.importRow(t, row, tenancy.ImportOptions{})
		if outcome(err) != want {
			t.Errorf("year %d: %v, want %s", year, err, want)
		}
		if err == nil && !f.stored(t, result.User).Created.Equal(joined) {
			t.Errorf("year %d: stored as %v", year, f.stored(t, result.User).Created)
		}
	}
	result := must(f.importRow(t, rowOf(tenancy.User{Username: "today"}, "username"), tenancy.ImportOptions{}))(t)
	if created := f.stored(t, result.User).Created; !created.Equal(f.Now()) {
		t.Errorf("without a date: %v", created)
	}
}

// TestImportMatchesProvedAddresses: an address that he proved is his, whatever his primary one is.
func TestImportMatchesProvedAddresses(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Email: "unproved@x.example"})
	proved := must(f.AddEmail(t.Context(), system(), ada, "proved@x.example"))(t)
	if err := f.SetEmailVerified(t.Context(), system(), ada, proved.ID, true); err != nil {
		t.Fatal(err)
	}
	result, err := f.importRow(t, rowOf(tenancy.User{Username: "other", Email: "proved@x.example"}, "username", "email"), tenancy.ImportOptions{})
	if err != nil || result.User != ada || result.Outcome != tenancy.ImportSkipped {
		t.Errorf("%+v, %v", result, err)
	}
}

// TestImportedFlags: with leave a flag is what the row gives, and stays where it gives none.
func TestImportedFlags(t *testing.T) {
	for _, tt := range []struct {
		name                     string
		was                      tenancy.NewUser // nobody without a Username
		row                      tenancy.User
		given                    string
		wantStaff, wantSuperuser bool
	}{
		{"new staff", tenancy.NewUser{}, tenancy.User{Staff: true}, "is_staff", true, false},
		{"new superuser", tenancy.NewUser{}, tenancy.User{Superuser: true}, "is_superuser", false, true},
		{"staff that the row does not name", tenancy.NewUser{Staff: true}, tenancy.User{}, "first_name", true, false},
		{"no staff that the row does not name", tenancy.NewUser{Inactive: true}, tenancy.User{Staff: true}, "first_name", false, false},
		{"staff no longer", tenancy.NewUser{Staff: true}, tenancy.User{}, "is_staff", false, false},
	} {
		f := newFixture(t)
		if !cmp.Equal(tt.was, tenancy.NewUser{}) {
			tt.was.Username = "ada"
			f.user(t, tt.was)
		}
		tt.row.Username, tt.row.FirstName = "ada", "Ada"
		result, err := f.importRow(t, rowOf(tt.row, "username", tt.given), tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate, AllowPrivileged: true})
		if err != nil || len(result.Notes) > 0 {
			t.Fatalf("%s: %+v, %v", tt.name, result, err)
		}
		if u := f.stored(t, result.User); u.Staff != tt.wantStaff || u.Superuser != tt.wantSuperuser {
			t.Errorf("%s: staff %v, superuser %v", tt.name, u.Staff, u.Superuser)
		}
	}
}

// TestFlagsWithoutLeave: each that is left out is told.
func TestFlagsWithoutLeave(t *testing.T) {
	for name, row := range map[string]tenancy.User{"staff": {Staff: true}, "superuser": {Superuser: true}} {
		f := newFixture(t)
		row.Username = "ada"
		result := must(f.importRow(t, rowOf(row, "username", "is_staff", "is_superuser"), tenancy.ImportOptions{}))(t)
		if u := f.stored(t, result.User); u.Staff || u.Superuser || len(result.Notes) != 1 {
			t.Errorf("%s: %+v, notes %q", name, u, result.Notes)
		}
	}
}

// TestRehearsedMembers: who was rehearsed as a member is one to the later rows.
func TestRehearsedMembers(t *testing.T) {
	f := newFixture(t)
	o := tenancy.ImportOptions{Organization: f.organization(t, "alpha"), Rehearsal: tenancy.NewRehearsal()}
	for _, want := range []tenancy.ImportOutcome{tenancy.ImportCreated, tenancy.ImportSkipped} {
		result, err := f.importRow(t, rowOf(tenancy.User{Username: "ada"}, "username"), o)
		if err != nil || result.Outcome != want {
			t.Errorf("%+v, %v; want %s", result, err, want)
		}
	}
}

// TestImportedVerification: what the row says, else for a new address what the operator says; nobody verifies nothing.
func TestImportedVerification(t *testing.T) {
	for _, tt := range []struct {
		name  string
		row   tenancy.User
		given string
		all   bool // EmailsVerified
		want  bool
	}{
		{"by the row", tenancy.User{Email: "ada@x.example", EmailVerified: true}, "email_verified", false, true},
		{"not by the row", tenancy.User{Email: "ada@x.example"}, "email_verified", true, false},
		{"by the operator", tenancy.User{Email: "ada@x.example"}, "notes", true, true},
		{"by nobody", tenancy.User{Email: "ada@x.example"}, "notes", false, false},
		{"no address", tenancy.User{EmailVerified: true}, "email_verified", true, false},
	} {
		f := newFixture(t)
		tt.row.Username = "ada"
		result := must(f.importRow(t, rowOf(tt.row, "username", "email", tt.given), tenancy.ImportOptions{EmailsVerified: tt.all}))(t)
		if got := f.stored(t, result.User).EmailVerified; got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
		again := rowOf(tenancy.User{Username: "ada", Email: tt.row.Email, FirstName: "Ada"}, "username", "email", "first_name")
		must(f.importRow(t, again, tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate, EmailsVerified: !tt.all}))(t)
		if got := f.stored(t, result.User).EmailVerified; got != tt.want {
			t.Errorf("%s, the same address again: %v", tt.name, got)
		}
	}
}

// TestImportOfWhatIsThere: nothing is written where nothing differs, and the outcome says so.
func TestImportOfWhatIsThere(t *testing.T) {
	f := newFixture(t)
	alpha := f.organization(t, "alpha")
	ada := f.user(t, tenancy.NewUser{Username: "ada", Password: goodPassword})
	hash := f.hash(t, ada)
	const djangos = "pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A="
	for _, tt := range []struct {
		name  string
		hash  string
		joins bool
		want  tenancy.ImportOutcome
		notes []string
	}{
		{"nothing", "", false, tenancy.ImportSkipped, []string{"Nothing to change."}},
		{"the same password", hash, false, tenancy.ImportSkipped, []string{"Nothing to change."}},
		{"another password", djangos, false, tenancy.ImportSkipped, []string{"The password stays as it is.", "Nothing to change."}},
		{"a membership", "", true, tenancy.ImportUpdated, nil},
		{"the same membership", "", true, tenancy.ImportSkipped, []string{"Nothing to change."}},
	} {
		f.events = nil
		row := rowOf(tenancy.User{Username: "ada", PasswordHash: tt.hash}, "username", "password")
		if tt.joins {
			row.Memberships = []tenancy.ImportMembership{{Slug: "alpha", Role: tenancy.Member}}
		}
		result, err := f.importRow(t, row, tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate})
		if err != nil || result.Outcome != tt.want || !cmp.Equal(result.Notes, tt.notes) {
			t.Errorf("%s: %+v, %v", tt.name, result, err)
		}
		if (len(f.events) > 0) != (tt.want == tenancy.ImportUpdated) {
			t.Errorf("%s: recorded %+v", tt.name, f.events)
		}
	}
	if f.role(t, alpha, ada) != tenancy.Member || f.hash(t, ada) != hash {
		t.Error("the membership is missing, or the password another one")
	}
}

// TestImportIntoOneOrganization: what the rows say of organizations does not count then.
func TestImportIntoOneOrganization(t *testing.T) {
	f := newFixture(t)
	alpha, beta := f.organization(t, "alpha"), f.organization(t, "beta")
	row := rowOf(tenancy.User{Username: "ada"}, "username")
	row.Memberships = []tenancy.ImportMembership{{Slug: "beta", Role: tenancy.Owner}}
	result := must(f.importRow(t, row, tenancy.ImportOptions{Organization: alpha}))(t)
	if f.role(t, alpha, result.User) != tenancy.Member || f.role(t, beta, result.User) != "" {
		t.Errorf("roles %q and %q", f.role(t, alpha, result.User), f.role(t, beta, result.User))
	}
	_, err := f.importRow(t, rowOf(tenancy.User{Username: "grace"}, "username"), tenancy.ImportOptions{Organization: alpha, Role: tenancy.Owner})
	if outcome(err) != "I" {
		t.Errorf("everybody an owner: %v", err)
	}
}

func TestOrganizationsOfAFile(t *testing.T) {
	f := newFixture(t)
	alpha, beta := f.organization(t, "alpha"), f.organization(t, "beta")
	row := rowOf(tenancy.User{Username: "ada"}, "username")
	row.Memberships = []tenancy.ImportMembership{{Slug: "alpha", Role: tenancy.Member}}
	result := must(f.importRow(t, row, tenancy.ImportOptions{Organizations: map[string]id.Organization{"": beta}}))(t)
	if f.role(t, alpha, result.User) != tenancy.Member || f.role(t, beta, result.User) != "" {
		t.Error("an organization without a name stands for all")
	}
	unknown := id.New[id.Organization]()
	for want, m := range map[string]tenancy.ImportMembership{"nowhere": {Organization: unknown, Slug: "nowhere"}, string(unknown): {Organization: unknown}} {
		row.Username, m.Role = "grace", tenancy.Member
		row.Memberships = []tenancy.ImportMembership{m}
		_, err := f.importRow(t, row, tenancy.ImportOptions{})
		if wantInvalid(t, err, "organizations"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
}

// TestChangedSinceTheInterruption: what somebody has changed meanwhile is no more what the import made.
func TestChangedSinceTheInterruption(t *testing.T) {
	f := newFixture(t)
	made := must(f.importRow(t, rowOf(tenancy.User{Username: "ours"}, "username"), tenancy.ImportOptions{}))(t)
	name := "Changed"
	must(f.UpdateUser(t.Context(), system(), made.User, tenancy.UserChange{FirstName: &name}))(t)
	_, err := f.importRow(t, rowOf(tenancy.User{Username: "ours"}, "username"), tenancy.ImportOptions{OnExisting: tenancy.ExistingFail, Resumed: f.Now()})
	wantInvalid(t, err, "username")
}

// TestImportedValues are text in a table, whatever the field holds.
func TestImportedValues(t *testing.T) {
	f := newFixture(t)
	f.Settings.Fields = must(tenancy.NewFields([]tenancy.Field{
		{Name: "badge", Schema: map[string]any{"type": "string"}}, {Name: "floor", Schema: map[string]any{"type": "integer"}}, {Name: "keys", Schema: map[string]any{"type": "boolean"}},
	}))(t)
	row := rowOf(tenancy.User{Username: "ada", Custom: map[string]any{"badge": "7", "floor": "7", "keys": "True"}}, "username", "custom")
	result := must(f.importRow(t, row, tenancy.ImportOptions{}))(t)
	if diff := cmp.Diff(map[string]any{"badge": "7", "floor": 7.0, "keys": true}, f.stored(t, result.User).Custom); diff != "" {
		t.Error(diff)
	}
	row = rowOf(tenancy.User{Username: "grace", Custom: map[string]any{"floor": "7th", "shoes": "37"}}, "username", "custom")
	_, err := f.importRow(t, row, tenancy.ImportOptions{})
	wantInvalid(t, err, "custom.floor", "custom.shoes")
}
