package transfer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
	"gatehouse/transfer"
)

// openWISP is what the described system's command writes, with the awkward cells that it can hold.
const openWISP = `id,username,email,password,first_name,last_name,is_staff,is_active,date_joined,expiration_date,phone_number,birth_date,location,notes,language,organizations
3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0001,admin,admin@example.org,pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A=,,,True,True,2020-01-02 03:04:05.678901+00:00,,,,,,en,
3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0002,ada,Ada@Example.org,pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A=,Ada,Låst,False,True,2021-01-02 03:04:05+00:00,2026-12-31,+393331234567,1985-12-10,"Pier 4, ""North""","first line
second line",it,"(8f1d3bd5-1f51-4b4b-8d80-70dd4f22aa01,True)
(8f1d3bd5-1f51-4b4b-8d80-70dd4f22aa02,False)"
3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0003,grace,,!Xy0unusable,Grace,,False,False,2021-02-02 03:04:05+00:00,2022-01-01,,,,,en-gb,"(8f1d3bd5-1f51-4b4b-8d80-70dd4f22aa02,True)"
`

func TestImportFromOpenWISP(t *testing.T) {
	w := newWorld(t)
	totals, lines := w.imported(t, transfer.Import{Options: tenancy.ImportOptions{CreateOrganizations: true, EmailsVerified: true}}, openWISP)
	if want := (transfer.Totals{Created: 3}); totals != want {
		t.Fatalf("totals %+v, want %+v\n%s", totals, want, strings.Join(lines, "\n"))
	}
	ada := w.user(t, "ada@example.org")
	want := tenancy.User{
		ID: "3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0002", Username: "ada", Email: "Ada@Example.org", EmailVerified: true, FirstName: "Ada", LastName: "Låst",
		Phone: "+393331234567", Location: `Pier 4, "North"`, Notes: "first line\nsecond line", Language: "it", BirthDate: "1985-12-10", Expires: "2026-12-31",
		PasswordHash: "pbkdf2_sha256$1000$seasalt$JgZryXe2Ga8ysg6XbzkLpTdyPQrHqsinbL9BnnhgX4A=", Active: true,
		Created: time.Date(2021, 1, 2, 3, 4, 5, 0, time.UTC), Modified: moment, Version: 1,
	}
	if diff := cmp.Diff(want, ada); diff != "" {
		t.Error(diff)
	}
	if admin := w.user(t, "admin"); admin.Staff || admin.Superuser {
		t.Error("privileges were imported without being asked for")
	}
	if grace := w.user(t, "grace"); grace.Active || grace.PasswordHash != "" || grace.Expires != "2022-01-01" {
		t.Errorf("grace: %+v", grace)
	}
	standing, err := w.Standing(t.Context(), system(), ada.ID)
	check(t, err)
	roles := map[id.Organization]tenancy.Role{}
	for _, place := range standing.Places {
		roles[place.Organization.ID] = place.Role
	}
	if diff := cmp.Diff(map[id.Organization]tenancy.Role{"8f1d3bd5-1f51-4b4b-8d80-70dd4f22aa01": tenancy.Owner, "8f1d3bd5-1f51-4b4b-8d80-70dd4f22aa02": tenancy.Member}, roles); diff != "" {
		t.Error(diff)
	}
}

// TestImportedPasswordIsReplaced: the hash of Django works once and becomes one of ours.
func TestImportedPasswordIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.imported(t, transfer.Import{Options: tenancy.ImportOptions{CreateOrganizations: true}}, openWISP)
	if _, err := w.Authenticate(t.Context(), "ada", "letmein"); err == nil {
		t.Error("a wrong password signs in")
	}
	_, err := w.Authenticate(t.Context(), "ada", "lètmein")
	check(t, err)
	if hash := w.user(t, "ada").PasswordHash; !strings.HasPrefix(hash, "$argon2id$") {
		t.Errorf("after signing in the hash is %s", hash)
	}
	_, err = w.Authenticate(t.Context(), "ada", "lètmein")
	check(t, err)
	if _, err := w.Authenticate(t.Context(), "grace", "!Xy0unusable"); err == nil {
		t.Error("an unusable password signs in")
	}
}

// TestRoundTrip: an import of our own export into an empty installation makes the same export.
func TestRoundTrip(t *testing.T) {
	for _, format := range []transfer.Format{transfer.CSV, transfer.JSONL} {
		t.Run(string(format), func(t *testing.T) {
			from, to := newWorld(t), newWorld(t)
			from.populate(t)
			hashes := transfer.Export{Format: format, Options: tenancy.ExportOptions{PasswordHashes: true}}
			written := from.export(t, hashes)
			totals, lines := to.imported(t, transfer.Import{Format: format, Options: tenancy.ImportOptions{
				CreateOrganizations: true, AllowPrivileged: true, EmailsVerified: true,
			}}, written)
			if totals.Refused+totals.Skipped+totals.Updated > 0 {
				t.Errorf("%+v\n%s", totals, strings.Join(lines, "\n"))
			}
			if diff := cmp.Diff(written, to.export(t, hashes)); diff != "" {
				t.Error(diff)
			}
			again, lines := to.imported(t, transfer.Import{Format: format, Options: tenancy.ImportOptions{OnExisting: tenancy.ExistingUpdate, AllowPrivileged: true, EmailsVerified: true}}, written)
			if want := (transfer.Totals{Skipped: totals.Created}); again != want {
				t.Errorf("once more: %+v, want %+v\n%s", again, want, strings.Join(lines, "\n"))
			}
		})
	}
}

// populate makes users with everything that a cell could spoil.
func (w *world) populate(t *testing.T) {
	t.Helper()
	alpha, beta := w.organization(t, "alpha"), w.organization(t, "beta")
	for i, u := range []tenancy.User{
		{Username: "plain", Notes: "\tindented"},
		{Username: "@formula", FirstName: "=1+1", LastName: "-2", Notes: "+cmd|' /C calc'!A0\r\nnext\rline\n"},
		{Username: "quoted", FirstName: "'=x", LastName: "''@y", Location: "'plain", Notes: `say "hi", then; go`},
		{Username: "-7", FirstName: "+4912345", LastName: "-7.5", Phone: "+390212345678", Staff: true, Superuser: true},
		{Username: "full", Bio: "b", URL: "https://x.example", Company: "c", BirthDate: "1990-02-03", Expires: "2001-01-01", Language: "pt-BR", Custom: map[string]any{"badge": "7", "floor": 3.0}},
	} {
		if i != 2 {
			u.Email, u.EmailVerified = fmt.Sprintf("=%d@x.example", i), true
		}
		u.ID, u.Active, u.Version, u.Modified = id.New[id.User](), i%2 == 0, 1, moment
		u.Created = moment.Add(time.Duration(i) * time.Second)
		check(t, w.db.CreateUser(t.Context(), u))
		for organization, role := range map[id.Organization]tenancy.Role{alpha: tenancy.Member, beta: tenancy.Manager} {
			if i == 0 && organization == beta {
				role = tenancy.Owner
			}
			m := tenancy.Membership{ID: id.New[id.Membership](), User: u.ID, Organization: organization, Role: role, Created: moment, Modified: moment}
			check(t, w.db.AddMembership(t.Context(), system(), m))
		}
	}
}
