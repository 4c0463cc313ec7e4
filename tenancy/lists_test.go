package tenancy_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// lists runs every list for a scope; the value is the outcome, and the number of rows where there is one.
func (f *fixture) lists(t *testing.T, scope tenancy.Scope, user id.User) map[string]string {
	t.Helper()
	got := map[string]string{}
	rows := func(name string, count int, err error) {
		got[name] = outcome(err)
		if err == nil {
			got[name] = string(rune('0' + count))
		}
	}
	users, err := f.ListUsers(t.Context(), scope, tenancy.UserFilter{}, tenancy.Query{})
	rows("users", users.Count, err)
	organizations, err := f.ListOrganizations(t.Context(), scope, tenancy.OrganizationFilter{}, tenancy.Query{})
	rows("organizations", organizations.Count, err)
	memberships, err := f.ListMemberships(t.Context(), scope, tenancy.MembershipFilter{}, tenancy.Query{})
	rows("memberships", memberships.Count, err)
	groups, err := f.ListGroups(t.Context(), scope, tenancy.GroupFilter{Shared: new(false)}, tenancy.Query{})
	rows("groups", groups.Count, err)
	invitations, err := f.ListInvitations(t.Context(), scope, tenancy.InvitationFilter{}, tenancy.Query{})
	rows("invitations", invitations.Count, err)
	events, err := f.ListAuditEvents(t.Context(), scope, tenancy.AuditFilter{Action: "group.created"}, tenancy.Query{})
	rows("audit", events.Count, err)
	tokens, err := f.ListAPITokens(t.Context(), scope, user, tenancy.Query{})
	rows("tokens", tokens.Count, err)
	identities, err := f.ListIdentities(t.Context(), scope, tenancy.IdentityFilter{User: user}, tenancy.Query{})
	rows("identities", identities.Count, err)
	return got
}

// listed is a directory with two organizations; the viewers' group has every permission to view.
type listed struct {
	*fixture
	a, b     id.Organization
	ada, bob id.User // members of a, of b
	viewer   []tenancy.Permission
}

func newListed(t *testing.T) *listed {
	f := newFixture(t)
	l := &listed{fixture: f, a: f.organization(t, "a"), b: f.organization(t, "b"), ada: f.user(t, tenancy.NewUser{Username: "ada"}), bob: f.user(t, tenancy.NewUser{Username: "bob"})}
	f.member(t, l.a, l.ada, tenancy.Member)
	f.member(t, l.b, l.bob, tenancy.Member)
	l.viewer = []tenancy.Permission{
		tenancy.ViewUser, tenancy.ViewOrganization, tenancy.ViewMembership, tenancy.ViewGroup, tenancy.ViewAuditEvent, tenancy.ViewAPIKey, tenancy.ChangeUser,
	}
	return l
}

// TestListAuthority: without the permission nothing is listed, and with it what the scope covers.
func TestListAuthority(t *testing.T) {
	l := newListed(t)
	all := tenancy.Group{Name: "viewers", Permissions: l.viewer}
	manager, powerless := l.user(t, tenancy.NewUser{Username: "manager"}), l.user(t, tenancy.NewUser{Username: "powerless"})
	member, staff := l.user(t, tenancy.NewUser{Username: "member"}), l.user(t, tenancy.NewUser{Username: "staff", Staff: true})
	root, local := l.user(t, tenancy.NewUser{Username: "root", Superuser: true}), l.user(t, tenancy.NewUser{Username: "local"})
	l.member(t, l.a, manager, tenancy.Manager)
	l.member(t, l.a, powerless, tenancy.Manager)
	l.member(t, l.a, member, tenancy.Member)
	l.member(t, l.a, root, tenancy.Member)
	l.member(t, l.a, local, tenancy.Manager)
	l.member(t, l.b, local, tenancy.Manager)
	l.group(t, all, manager, member, staff)
	l.group(t, tenancy.Group{Name: "viewers of a", Organization: l.a, Permissions: l.viewer}, local)
	l.group(t, tenancy.Group{Name: "nothing in b", Organization: l.b})
	narrowed := func(user id.User, limits tenancy.Limits) tenancy.Scope { return l.scope(t, user).Narrow(limits) }
	for name, c := range map[string]struct {
		scope tenancy.Scope
		of    id.User
		want  map[string]string
	}{
		"superuser": {l.scope(t, root), l.bob, map[string]string{
			"users": "8", "organizations": "2", "memberships": "8", "groups": "2", "invitations": "0", "audit": "3", "tokens": "0", "identities": "0",
		}},
		"manager": {l.scope(t, manager), l.ada, map[string]string{
			"users": "5", "organizations": "1", "memberships": "5", "groups": "1", "invitations": "0", "audit": "1", "tokens": "0", "identities": "0",
		}},
		"manager, of a stranger": {l.scope(t, manager), l.bob, map[string]string{
			"users": "5", "organizations": "1", "memberships": "5", "groups": "1", "invitations": "0", "audit": "1", "tokens": "N", "identities": "0",
		}},
		"manager, of a superuser": {l.scope(t, manager), root, map[string]string{
			"users": "5", "organizations": "1", "memberships": "5", "groups": "1", "invitations": "0", "audit": "1", "tokens": "N", "identities": "0",
		}},
		"manager without permissions": {l.scope(t, powerless), l.ada, forbidden("F", "F")},
		"the same, of himself":        {l.scope(t, powerless), powerless, forbidden("0", "0")},
		"a narrowed token of his":     {narrowed(powerless, tenancy.Limits{Organization: l.a}), powerless, forbidden("F", "F")},
		"member with permissions": {l.scope(t, member), l.ada, map[string]string{
			"users": "0", "organizations": "0", "memberships": "0", "groups": "0", "invitations": "0", "audit": "0", "tokens": "N", "identities": "0",
		}},
		"staff without organization": {l.scope(t, staff), l.ada, map[string]string{
			"users": "0", "organizations": "0", "memberships": "0", "groups": "0", "invitations": "0", "audit": "0", "tokens": "N", "identities": "0",
		}},
		"permissions in one of two organizations": {l.scope(t, local), l.bob, map[string]string{
			"users": "5", "organizations": "1", "memberships": "5", "groups": "1", "invitations": "0", "audit": "1", "tokens": "F", "identities": "0",
		}},
		"a superuser's token for users": {narrowed(root, tenancy.Limits{Permissions: []tenancy.Permission{tenancy.ViewUser}}), l.bob, map[string]string{
			"users": "8", "organizations": "F", "memberships": "F", "groups": "F", "invitations": "F", "audit": "F", "tokens": "F", "identities": "0",
		}},
		"a superuser's token for b": {narrowed(root, tenancy.Limits{Organization: l.b}), l.bob, map[string]string{
			"users": "2", "organizations": "1", "memberships": "2", "groups": "1", "invitations": "0", "audit": "1", "tokens": "0", "identities": "0",
		}},
	} {
		for list, got := range l.lists(t, c.scope, c.of) {
			if got != c.want[list] {
				t.Errorf("%s: %s is %s, want %s", name, list, got, c.want[list])
			}
		}
	}
}

func forbidden(tokens, identities string) map[string]string {
	return map[string]string{
		"users": "F", "organizations": "F", "memberships": "F", "groups": "F", "invitations": "F", "audit": "F", "tokens": tokens, "identities": identities,
	}
}

// TestListRowsWithinPermission: a row shows the memberships of organizations in which the actor may view users, and no others.
func TestListRowsWithinPermission(t *testing.T) {
	l := newListed(t)
	l.member(t, l.b, l.ada, tenancy.Member)
	local := l.user(t, tenancy.NewUser{Username: "local"})
	l.member(t, l.a, local, tenancy.Manager)
	l.member(t, l.b, local, tenancy.Manager)
	l.group(t, tenancy.Group{Name: "viewers of a", Organization: l.a, Permissions: l.viewer}, local)
	page := must(l.ListUsers(t.Context(), l.scope(t, local), tenancy.UserFilter{Username: "ada"}, tenancy.Query{}))(t)
	if len(page.Items) != 1 || len(page.Items[0].Memberships) != 1 || page.Items[0].Memberships[0].Organization != l.a {
		t.Errorf("rows: %+v", page.Items)
	}
	l.group(t, tenancy.Group{Name: "others of b", Organization: l.b}, l.ada)
	if row, err := l.UserRow(t.Context(), l.scope(t, local), l.ada); err != nil || len(row.Groups) != 0 || !cmp.Equal(row.Memberships, page.Items[0].Memberships) {
		t.Errorf("row %+v, %v", row, err)
	}
	if row, err := l.UserRow(t.Context(), l.scope(t, l.ada), l.ada); err != nil || len(row.Groups) != 1 || len(row.Memberships) != 2 {
		t.Errorf("own row %+v, %v", row, err)
	}
}

// TestListRowsAsRead: a row shows no more of a user than the actor may read; nobody reads the notes about himself.
func TestListRowsAsRead(t *testing.T) {
	l := newListed(t)
	manager := l.user(t, tenancy.NewUser{Username: "manager"})
	l.member(t, l.a, manager, tenancy.Manager)
	l.group(t, tenancy.Group{Name: "viewers", Permissions: l.viewer}, manager)
	for _, user := range []id.User{manager, l.ada} {
		u := must(l.db.User(t.Context(), user))(t)
		u.Notes = "a note"
		if err := l.db.UpdateUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range must(l.ListUsers(t.Context(), l.scope(t, manager), tenancy.UserFilter{}, tenancy.Query{}))(t).Items {
		if (row.Notes == "") != (row.ID == manager) {
			t.Errorf("%s: notes %q", row.Username, row.Notes)
		}
	}
}

// TestDisabledOrganizationInLists: superusers and its managers list it, and who is in it.
func TestDisabledOrganizationInLists(t *testing.T) {
	l := newListed(t)
	manager := l.user(t, tenancy.NewUser{Username: "manager"})
	l.member(t, l.a, manager, tenancy.Manager)
	member := l.user(t, tenancy.NewUser{Username: "member", Organization: l.b})
	l.group(t, tenancy.Group{Name: "viewers", Permissions: l.viewer}, manager, member)
	l.disable(t, l.a)
	for name, c := range map[string]struct {
		scope                tenancy.Scope
		users, organizations int
	}{"superuser": {system(), 2, 2}, "manager": {l.scope(t, manager), 2, 1}, "member": {l.scope(t, member), 0, 0}} {
		users := must(l.ListUsers(t.Context(), c.scope, tenancy.UserFilter{Organization: l.a}, tenancy.Query{}))(t)
		organizations := must(l.ListOrganizations(t.Context(), c.scope, tenancy.OrganizationFilter{}, tenancy.Query{}))(t)
		if users.Count != c.users || organizations.Count != c.organizations {
			t.Errorf("%s: %d users, %d organizations, want %d and %d", name, users.Count, organizations.Count, c.users, c.organizations)
		}
	}
}

func TestParseQuery(t *testing.T) {
	for _, c := range []struct {
		page, size string
		want       tenancy.Query
		fields     []string
	}{
		{"", "", tenancy.Query{}, nil},
		{"3", "50", tenancy.Query{Page: 3, Size: 50}, nil},
		{"1", "1000", tenancy.Query{Page: 1, Size: 1000}, nil}, // cut off later
		{"0", "", tenancy.Query{}, []string{"page"}},
		{"-1", "-1", tenancy.Query{}, []string{"page", "page_size"}},
		{"x", "1.5", tenancy.Query{}, []string{"page", "page_size"}},
		{"99999999999999999999", "0x10", tenancy.Query{}, []string{"page", "page_size"}},
		{" 1", "+1", tenancy.Query{}, []string{"page", "page_size"}},
	} {
		got, err := tenancy.ParseQuery("", "", c.page, c.size, "")
		if c.fields != nil {
			wantInvalid(t, err, c.fields...)
		} else if err != nil || got != c.want {
			t.Errorf("%q %q: %+v, %v", c.page, c.size, got, err)
		}
	}
}

// TestQueryLimits: sizes have a default and a limit, and what nobody means is refused.
func TestQueryLimits(t *testing.T) {
	l := newListed(t)
	list := func(q tenancy.Query) (tenancy.Page[tenancy.UserRow], error) {
		return l.ListUsers(t.Context(), system(), tenancy.UserFilter{}, q)
	}
	if page := must(list(tenancy.Query{}))(t); page.Size != tenancy.DefaultPageSize || page.Number != 1 {
		t.Errorf("page %d of size %d", page.Number, page.Size)
	}
	if page := must(list(tenancy.Query{Size: 1 << 30}))(t); page.Size != tenancy.MaxPageSize {
		t.Errorf("size %d", page.Size)
	}
	for field, query := range map[string]tenancy.Query{
		"page": {Page: -1}, "page_size": {Size: -1}, "search": {Search: "a b c d e f g h i j k"}, "ordering": {Sort: "search"}, "cursor": {After: "x"},
	} {
		_, err := list(query)
		wantInvalid(t, err, field)
	}
	for _, query := range []tenancy.Query{{Page: 2}, {Page: 1 << 40}, {Page: math.MaxInt64/100 + 2, Size: 100}, {Page: math.MaxInt}} {
		_, err := list(query)
		wantInvalid(t, err, "page")
	}
	for _, text := range []string{string(make([]byte, 201)), "\xff"} {
		_, err := list(tenancy.Query{Search: text})
		wantInvalid(t, err, "search")
	}
}
