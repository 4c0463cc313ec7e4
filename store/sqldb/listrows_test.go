package sqldb_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/internal/testenv"
	"gatehouse/tenancy"
)

// rows are written past the store, into its database.
func rows(t *testing.T, run func(t *testing.T, s tenancy.Store, insert func(text string, args ...any))) {
	for name, open := range map[string]func(*testing.T) (driver, address, url string){
		"SQLite": func(t *testing.T) (string, string, string) {
			path := filepath.Join(t.TempDir(), "test.db")
			return "sqlite", path, "sqlite:" + path
		},
		"PostgreSQL": func(t *testing.T) (string, string, string) {
			address := testenv.Postgres(t)
			return "pgx", address, address
		},
	} {
		t.Run(name, func(t *testing.T) {
			driver, address, url := open(t)
			s := openAt(t, url)
			raw, err := sql.Open(driver, address)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			run(t, s, func(text string, args ...any) {
				t.Helper()
				if _, err := raw.ExecContext(t.Context(), text, args...); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func openAt(t *testing.T, url string) tenancy.Store { return open(t, url, 0, time.Now) }

var all = tenancy.System("test")

func TestListInvitations(t *testing.T) {
	rows(t, func(t *testing.T, s tenancy.Store, insert func(string, ...any)) {
		for _, o := range []id.Organization{"o1", "o2"} {
			if err := s.CreateOrganization(t.Context(), all, tenancy.Organization{ID: o, Name: "Same", Slug: string(o), Active: true}); err != nil {
				t.Fatal(err)
			}
		}
		const text = `INSERT INTO invitations (id, organization_id, email, value, role, group_ids, invited_by, token_hash, state, accepted_by, sent, created, modified, expires)
			VALUES ($1, $2, $3, $4, 'member', '["g1","g2"]', 'u', $5, $6, '', 2, $7, 8, 9)`
		insert(text, "i1", "o1", "Ada@x.example", "ada@x.example", "h1", "open", 1)
		insert(text, "i2", "o2", "Ada@x.example", "ada@x.example", "h2", "open", 2)
		insert(text, "i3", "o1", "bob@x.example", "bob@x.example", "h3", "revoked", 3)
		for _, c := range []struct {
			filter tenancy.InvitationFilter
			search string
			want   []id.Invitation
		}{
			{tenancy.InvitationFilter{}, "", []id.Invitation{"i3", "i2", "i1"}},
			{tenancy.InvitationFilter{Organization: "o1"}, "", []id.Invitation{"i3", "i1"}},
			{tenancy.InvitationFilter{State: tenancy.InvitationOpen}, "", []id.Invitation{"i2", "i1"}},
			{tenancy.InvitationFilter{Email: "ADA@x.example"}, "", []id.Invitation{"i2", "i1"}},
			{tenancy.InvitationFilter{}, "BOB", []id.Invitation{"i3"}},
		} {
			page, err := s.ListInvitations(t.Context(), all, c.filter, tenancy.Query{Search: c.search, Page: 1, Size: 10})
			var got []id.Invitation
			for _, i := range page.Items {
				got = append(got, i.ID)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
				t.Errorf("%+v: %v %s", c.filter, err, diff)
			}
		}
		page, err := s.ListInvitations(t.Context(), all, tenancy.InvitationFilter{Organization: "o2"}, tenancy.Query{Page: 1, Size: 10})
		wanted := tenancy.Invitation{
			ID: "i2", Organization: "o2", Email: "Ada@x.example", Role: tenancy.Member, Groups: []id.Group{"g1", "g2"}, InvitedBy: "u", State: tenancy.InvitationOpen,
			Sent: 2, Created: time.UnixMicro(2).UTC(), Modified: time.UnixMicro(8).UTC(), Expires: time.UnixMicro(9).UTC(),
		}
		if diff := cmp.Diff([]tenancy.Invitation{wanted}, page.Items); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	})
}

func TestListAPITokens(t *testing.T) {
	rows(t, func(t *testing.T, s tenancy.Store, insert func(string, ...any)) {
		for _, u := range []id.User{"u1", "u2"} {
			if err := s.CreateUser(t.Context(), tenancy.User{ID: u, Username: string(u)}); err != nil {
				t.Fatal(err)
			}
		}
		const text = `INSERT INTO api_tokens (id, user_id, organization_id, name, hash, hint, purpose, method, permissions, created, expires, last_used)
			VALUES ($1, $2, 'o', $3, $4, 'hint', 'api', 'pwd', '["users.view_user"]', $5, 6, 7)`
		insert(text, "t1", "u1", "b", "h1", 1)
		insert(text, "t2", "u2", "c", "h2", 2)
		insert(text, "t3", "u1", "a", "h3", 3)
		for sort, wanted := range map[string][]id.APIToken{"": {"t3", "t1"}, "created": {"t1", "t3"}, "name": {"t3", "t1"}, "-last_used": {"t3", "t1"}} {
			page, err := s.ListAPITokens(t.Context(), "u1", tenancy.Query{Sort: sort, Page: 1, Size: 10})
			var got []id.APIToken
			for _, token := range page.Items {
				got = append(got, token.ID)
			}
			if diff := cmp.Diff(wanted, got); diff != "" || err != nil || page.Count != 2 {
				t.Errorf("%q: %v %s", sort, err, diff)
			}
		}
		page, err := s.ListAPITokens(t.Context(), "u2", tenancy.Query{Page: 1, Size: 10})
		wanted := tenancy.APIToken{
			ID: "t2", User: "u2", Organization: "o", Name: "c", Hint: "hint", Purpose: tenancy.PurposeAPI, Method: "pwd",
			Permissions: []tenancy.Permission{"users.view_user"}, Created: time.UnixMicro(2).UTC(), Expires: time.UnixMicro(6).UTC(), LastUsed: time.UnixMicro(7).UTC(),
		}
		if diff := cmp.Diff([]tenancy.APIToken{wanted}, page.Items); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
	})
}
