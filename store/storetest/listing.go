package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// listings are the tests of tenancy.Listings.
func listings() map[string]func(*testing.T, *world) {
	return map[string]func(*testing.T, *world){
		"ListUsersScope": testListUsersScope, "ListUsersOfMany": testListUsersOfMany, "ListUsersRow": testListUsersRow, "ListUsersFilters": testListUsersFilters,
		"ListSearch": testListSearch, "ListWalk": testListWalk, "ListWhileInserting": testListWhileInserting, "ListRefuses": testListRefuses,
		"ListOrganizations": testListOrganizations, "ListMemberships": testListMemberships, "ListGroups": testListGroups, "ListRenamedGroup": testListRenamedGroup,
		"ListAuditEvents": testListAuditEvents, "ListIdentities": testListIdentities, "ListInTransaction": testListInTransaction,
	}
}

var firstPage = tenancy.Query{Page: 1, Size: 10}

// user writes another user, with the role in each of the organizations.
func (w *world) user(t *testing.T, u tenancy.User, role tenancy.Role, organizations ...id.Organization) tenancy.User {
	t.Helper()
	must(t, w.CreateUser(context.Background(), u))
	for _, organization := range organizations {
		must(t, w.AddMembership(context.Background(), w.all, tenancy.Membership{
			ID: id.New[id.Membership](), User: u.ID, Organization: organization, Role: role, Created: noon, Modified: noon, Version: 1,
		}))
	}
	return u
}

func usernames(page tenancy.Page[tenancy.UserRow]) []string {
	var found []string
	for _, row := range page.Items {
		found = append(found, row.Username)
	}
	return found
}

// wantUsers checks who is in the first page, by username, and the count.
func (w *world) wantUsers(t *testing.T, scope tenancy.Scope, f tenancy.UserFilter, q tenancy.Query, wanted ...string) {
	t.Helper()
	q.Page, q.Size, q.Sort = 1, 100, "username"
	page, err := w.ListUsers(t.Context(), scope, f, q)
	must(t, err)
	if diff := cmp.Diff(wanted, usernames(page)); diff != "" {
		t.Errorf("%+v %q: %s", f, q.Search, diff)
	}
	if page.Count != len(wanted) || !page.CountExact || page.Next != "" || page.Previous != "" {
		t.Errorf("%+v %q: count %d, exact %v, cursors %q %q", f, q.Search, page.Count, page.CountExact, page.Next, page.Previous)
	}
}

// testListUsersScope: who manages two organizations sees each user once; superusers are seen by nobody else.
func testListUsersScope(t *testing.T, w *world) {
	root := newUser("root", "")
	root.Superuser = true
	w.user(t, root, tenancy.Member, w.a.ID, w.b.ID)
	two := w.user(t, newUser("two", ""), tenancy.Manager, w.a.ID, w.b.ID)
	w.user(t, newUser("nowhere", ""), tenancy.Member)
	for _, c := range []struct {
		scope tenancy.Scope
		want  []string
	}{
		{w.all, []string{"ada", "both", "grace", "nowhere", "root", "two"}},
		{w.inA, []string{"ada", "both", "two"}},
		{w.inB, []string{"both", "grace", "two"}},
		{w.scope(t, two.ID), []string{"ada", "both", "grace", "two"}},
		{w.scope(t, w.both.ID), nil}, // a member
		{w.scope(t, root.ID), []string{"ada", "both", "grace", "nowhere", "root", "two"}},
	} {
		w.wantUsers(t, c.scope, tenancy.UserFilter{}, tenancy.Query{}, c.want...)
	}
	w.wantUsers(t, w.inA, tenancy.UserFilter{Superuser: new(true)}, tenancy.Query{})
	w.wantUsers(t, w.inA, tenancy.UserFilter{Organization: w.b.ID}, tenancy.Query{})
	w.wantUsers(t, w.inA, tenancy.UserFilter{Organization: w.b.ID, Role: tenancy.Member}, tenancy.Query{})
	w.wantUsers(t, w.inA, tenancy.UserFilter{Role: tenancy.Manager}, tenancy.Query{}, "two")
	w.wantUsers(t, w.inB, tenancy.UserFilter{Role: tenancy.Owner}, tenancy.Query{}) // Ada, elsewhere
}

// testListUsersOfMany: who manages many organizations sees what who manages few would.
func testListUsersOfMany(t *testing.T, w *world) {
	root := newUser("root", "")
	root.Superuser = true
	w.user(t, root, tenancy.Member, w.a.ID)
	organizations := []id.Organization{w.a.ID}
	for i := range 40 {
		o := newOrganization(fmt.Sprintf("many-%d", i))
		must(t, w.CreateOrganization(t.Context(), w.all, o))
		organizations = append(organizations, o.ID)
	}
	many := w.user(t, newUser("many", ""), tenancy.Manager, organizations...)
	w.wantUsers(t, w.scope(t, many.ID), tenancy.UserFilter{}, tenancy.Query{}, "ada", "both", "many")
	w.wantUsers(t, w.scope(t, many.ID), tenancy.UserFilter{}, tenancy.Query{Search: "grace"})
}

// testListUsersRow: a row shows the memberships and groups that the scope sees, and no hash.
func testListUsersRow(t *testing.T, w *world) {
	groups := map[id.Organization]id.Group{}
	for _, organization := range []id.Organization{"", w.a.ID, w.b.ID} {
		g := tenancy.Group{ID: id.New[id.Group](), Name: "Name", Organization: organization}
		groups[organization] = g.ID
		must(t, w.CreateGroup(t.Context(), w.all, g))
		must(t, w.AddToGroup(t.Context(), w.all, g.ID, w.both.ID))
	}
	for _, c := range []struct {
		scope tenancy.Scope
		want  []id.Organization
	}{{w.all, []id.Organization{w.a.ID, w.b.ID}}, {w.inA, []id.Organization{w.a.ID}}, {w.inB, []id.Organization{w.b.ID}}} {
		page, err := w.ListUsers(t.Context(), c.scope, tenancy.UserFilter{Username: "BOTH"}, firstPage)
		must(t, err)
		if len(page.Items) != 1 {
			t.Fatalf("%d rows", len(page.Items))
		}
		memberships, err := w.Memberships(t.Context(), c.scope, w.both.ID)
		must(t, err)
		slices.SortFunc(memberships, func(a, b tenancy.Membership) int { return cmpText(a.Organization, b.Organization) })
		wanted := tenancy.UserRow{User: w.both, Memberships: memberships, Groups: []id.Group{groups[""]}}
		for _, organization := range c.want {
			wanted.Groups = append(wanted.Groups, groups[organization])
		}
		slices.Sort(wanted.Groups)
		wanted.PasswordHash = ""
		if diff := cmp.Diff(wanted, page.Items[0]); diff != "" {
			t.Error(diff)
		}
	}
	w.wantUsers(t, w.inA, tenancy.UserFilter{Group: groups[w.a.ID]}, tenancy.Query{}, "both")
	w.wantUsers(t, w.inA, tenancy.UserFilter{Group: groups[""]}, tenancy.Query{}, "both")
	w.wantUsers(t, w.inA, tenancy.UserFilter{Group: groups[w.b.ID]}, tenancy.Query{})
}

func cmpText[T ~string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func testListUsersFilters(t *testing.T, w *world) {
	old := newUser("old", "Old@x.example")
	old.Active, old.Staff, old.Created = false, true, noon.Add(-time.Hour)
	w.user(t, old, tenancy.Member, w.a.ID)
	w.user(t, newUser("same@x.example", "same@x.example"), tenancy.Member, w.a.ID)
	must(t, w.RecordLogin(t.Context(), w.ada.ID, noon.Add(time.Hour), "pwd", ""))
	everybody := []string{"ada", "both", "grace", "old", "same@x.example"}
	for _, c := range []struct {
		filter tenancy.UserFilter
		want   []string
	}{
		{tenancy.UserFilter{}, everybody},
		{tenancy.UserFilter{Active: new(true)}, []string{"ada", "both", "grace", "same@x.example"}},
		{tenancy.UserFilter{Active: new(false)}, []string{"old"}},
		{tenancy.UserFilter{Staff: new(true)}, []string{"old"}},
		{tenancy.UserFilter{Staff: new(false)}, []string{"ada", "both", "grace", "same@x.example"}},
		{tenancy.UserFilter{Superuser: new(true)}, nil},
		{tenancy.UserFilter{Superuser: new(false)}, everybody},
		{tenancy.UserFilter{Organization: w.b.ID}, []string{"both", "grace"}},
		{tenancy.UserFilter{Organization: w.b.ID, Role: tenancy.Manager}, []string{"grace"}},
		{tenancy.UserFilter{Role: tenancy.Owner}, []string{"ada"}},
		{tenancy.UserFilter{Username: "Ada"}, []string{"ada"}},
		{tenancy.UserFilter{Username: "ad"}, nil},
		{tenancy.UserFilter{Username: "ada@x.example"}, nil},
		{tenancy.UserFilter{Email: "old@X.example"}, []string{"old"}},
		{tenancy.UserFilter{Email: "old"}, nil},
		{tenancy.UserFilter{Email: "same@x.example"}, []string{"same@x.example"}},
		{tenancy.UserFilter{Email: "\x00"}, nil},
		{tenancy.UserFilter{Organization: "\x00"}, nil},
		{tenancy.UserFilter{Created: tenancy.Period{To: noon}}, []string{"old"}},
		{tenancy.UserFilter{Created: tenancy.Period{From: noon}}, []string{"ada", "both", "grace", "same@x.example"}},
		{tenancy.UserFilter{Created: tenancy.Period{From: noon.Add(-time.Hour), To: noon}}, []string{"old"}},
		{tenancy.UserFilter{LastLogin: tenancy.Period{From: noon}}, []string{"ada"}},
		{tenancy.UserFilter{LastLogin: tenancy.Period{To: noon}}, []string{"both", "grace", "old", "same@x.example"}},
		{tenancy.UserFilter{Organization: w.a.ID, Active: new(true), Created: tenancy.Period{From: noon}}, []string{"ada", "both", "same@x.example"}},
	} {
		w.wantUsers(t, w.all, c.filter, tenancy.Query{}, c.want...)
	}
}

// testListSearch: every word has to occur, in whatever case and with whatever accents; nothing in it is a pattern.
func testListSearch(t *testing.T, w *world) {
	for username, name := range map[string]string{
		"percent": "100% Sure", "under_score": "Plain", "back": `Back\slash`, "emoji": "Zoë 🦊 Fox", "rtl": "משה כהן", "arabic": "محمّد", "cyrillic": "Ёлкин", "sharp": "Weiß",
	} {
		u := newUser(username, "")
		u.FirstName, u.LastName, u.Phone = name, "", ""
		w.user(t, u, tenancy.Member, w.a.ID)
	}
	for search, wanted := range map[string][]string{
		"ADA": {"ada"}, "x.example": {"ada", "grace"}, "ada@x": {"ada"}, "grace@x.ex": {"grace"}, "grace@y": nil, "race@": {"grace"}, "%": {"percent"}, "0% s": {"percent"}, "_": {"under_score"}, `\`: {"back"}, `k\s`: {"back"},
		"zoe": {"emoji"}, "ZOË": {"emoji"}, "🦊": {"emoji"}, "fox zoe": {"emoji"}, "fox ada": nil, "כהן": {"rtl"}, "محمد": {"arabic"}, "елкин": {"cyrillic"},
		"WEISS": {"sharp"}, "lást first": {"ada", "both", "grace"}, "nobody": nil, "' OR 1=1": nil, "\x00": nil, "a?b": nil, "$1": nil,
		"ad": {"ada"}, "  ada  ": {"ada"},
	} {
		w.wantUsers(t, w.all, tenancy.UserFilter{}, tenancy.Query{Search: search}, wanted...)
	}
	w.wantUsers(t, w.inB, tenancy.UserFilter{}, tenancy.Query{Search: "ada"})
}

// walk follows cursors from the first page to the last, and back again, and returns the usernames of both ways.
func (w *world) walk(t *testing.T, scope tenancy.Scope, q tenancy.Query, between func()) (forth, back []string) {
	t.Helper()
	page, err := w.ListUsers(t.Context(), scope, tenancy.UserFilter{}, q)
	must(t, err)
	for number := 1; ; number++ {
		if page.Number != number {
			t.Errorf("page %d says that it is %d", number, page.Number)
		}
		forth = append(forth, usernames(page)...)
		if page.Next == "" {
			break
		}
		between()
		q.After = page.Next
		page, err = w.ListUsers(t.Context(), scope, tenancy.UserFilter{}, q)
		must(t, err)
	}
	for {
		back = append(usernames(page), back...)
		if page.Previous == "" {
			return forth, back
		}
		q.After = page.Previous
		page, err = w.ListUsers(t.Context(), scope, tenancy.UserFilter{}, q)
		must(t, err)
	}
}

// testListWalk: in every order, with equal values, pages by cursor, forth and back, and by number are the same list.
func testListWalk(t *testing.T, w *world) {
	for i := range 20 {
		u := newUser(fmt.Sprintf("user%02d", (i*7)%20), "")
		u.Created = noon.Add(time.Duration(i%3) * time.Second)
		w.user(t, u, tenancy.Member, w.a.ID)
	}
	for _, scope := range []tenancy.Scope{w.all, w.inA} {
		for _, sort := range []string{"", "created", "-created", "username", "-username", "email", "-email", "last_name", "-last_name", "last_login", "-last_login"} {
			whole, err := w.ListUsers(t.Context(), scope, tenancy.UserFilter{}, tenancy.Query{Sort: sort, Page: 1, Size: 100})
			must(t, err)
			wanted := usernames(whole)
			if different := slices.Compact(slices.Sorted(slices.Values(wanted))); len(different) != whole.Count || len(wanted) != whole.Count || whole.Count < 22 {
				t.Errorf("%q: %d rows, %d different, count %d", sort, len(wanted), len(different), whole.Count)
			}
			forth, back := w.walk(t, scope, tenancy.Query{Sort: sort, Page: 1, Size: 4}, func() {})
			var numbered []string
			for number := 1; number <= (whole.Count+3)/4; number++ {
				page, err := w.ListUsers(t.Context(), scope, tenancy.UserFilter{}, tenancy.Query{Sort: sort, Page: number, Size: 4})
				must(t, err)
				numbered = append(numbered, usernames(page)...)
			}
			if !slices.Equal(wanted, forth) || !slices.Equal(wanted, back) || !slices.Equal(wanted, numbered) {
				t.Errorf("%q:\nwhole    %v\nforth    %v\nback     %v\nnumbered %v", sort, wanted, forth, back, numbered)
			}
		}
	}
	up, err := w.ListUsers(t.Context(), w.all, tenancy.UserFilter{}, tenancy.Query{Sort: "username", Page: 1, Size: 100})
	must(t, err)
	if names := usernames(up); !slices.IsSorted(names) {
		t.Errorf("by username: %v", names)
	}
}

// testListWhileInserting: who follows cursors gets everybody once who was there at the beginning.
func testListWhileInserting(t *testing.T, w *world) {
	var there []string
	for i := range 12 {
		there = append(there, w.user(t, newUser(fmt.Sprintf("old%02d", i), ""), tenancy.Member, w.a.ID).Username)
	}
	inserted := 0
	for _, sort := range []string{"created", "-created", "username", "-username", "last_name"} {
		forth, _ := w.walk(t, w.all, tenancy.Query{Sort: sort, Page: 1, Size: 3}, func() {
			inserted++
			if inserted > 12 { // a walk has to end
				return
			}
			for _, later := range []time.Duration{-time.Hour, 0, time.Hour} { // at the beginning, among equals, at the end
				u := newUser("n"+id.New[string](), "")
				u.Created = noon.Add(later)
				must(t, w.CreateUser(context.Background(), u))
			}
		})
		for _, name := range there {
			if times := len(slices.DeleteFunc(slices.Clone(forth), func(n string) bool { return n != name })); times != 1 {
				t.Errorf("%q: %s is there %d times", sort, name, times)
			}
		}
	}
}

// testListRefuses: unknown orders, pages after the last, cursors of other lists, and what is no cursor.
func testListRefuses(t *testing.T, w *world) {
	page, err := w.ListUsers(t.Context(), w.all, tenancy.UserFilter{}, tenancy.Query{Page: 1, Size: 1})
	must(t, err)
	cursor := page.Next
	for name, c := range map[string]struct {
		field  string
		filter tenancy.UserFilter
		query  tenancy.Query
	}{
		"order":                   {"ordering", tenancy.UserFilter{}, tenancy.Query{Sort: "password_hash"}},
		"order with SQL":          {"ordering", tenancy.UserFilter{}, tenancy.Query{Sort: "created; DROP TABLE users"}},
		"two signs":               {"ordering", tenancy.UserFilter{}, tenancy.Query{Sort: "--created"}},
		"page after the last":     {"page", tenancy.UserFilter{}, tenancy.Query{Page: 5}},
		"very late page":          {"page", tenancy.UserFilter{}, tenancy.Query{Page: 1 << 24}},
		"other order":             {"cursor", tenancy.UserFilter{}, tenancy.Query{Sort: "created", After: cursor}},
		"other search":            {"cursor", tenancy.UserFilter{}, tenancy.Query{Search: "a", After: cursor}},
		"other filter":            {"cursor", tenancy.UserFilter{Active: new(true)}, tenancy.Query{After: cursor}},
		"no cursor":               {"cursor", tenancy.UserFilter{}, tenancy.Query{After: "AAAA"}},
		"cut off":                 {"cursor", tenancy.UserFilter{}, tenancy.Query{After: cursor[:len(cursor)-3]}},
		"cursor with other bytes": {"cursor", tenancy.UserFilter{}, tenancy.Query{After: "\x00" + cursor}},
	} {
		c.query.Page, c.query.Size = max(c.query.Page, 1), 1
		_, err := w.ListUsers(t.Context(), w.all, c.filter, c.query)
		var invalid *tenancy.Invalid
		if !errors.As(err, &invalid) || len(invalid.Fields[c.field]) != 1 {
			t.Errorf("%s: error %v, want one on %s", name, err, c.field)
		}
	}
	if _, err := w.ListOrganizations(t.Context(), w.all, tenancy.OrganizationFilter{}, tenancy.Query{Page: 1, Size: 1, After: cursor}); err == nil {
		t.Error("a cursor of users is one of organizations")
	}
}

// testListInTransaction: a list within a transaction sees what it wrote.
func testListInTransaction(t *testing.T, w *world) {
	must(t, w.InTx(t.Context(), func(tx tenancy.Store) error {
		must(t, tx.CreateUser(context.Background(), newUser("fresh", "")))
		page, err := tx.ListUsers(context.Background(), w.all, tenancy.UserFilter{}, firstPage)
		if err == nil && page.Count != 4 {
			t.Errorf("count = %d", page.Count)
		}
		return err
	}))
}
