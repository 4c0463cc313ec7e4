package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// shown is what a list shows, in its order.
func shown[T any](t *testing.T, page tenancy.Page[T], err error, name func(T) string) []string {
	t.Helper()
	must(t, err)
	var found []string
	for _, item := range page.Items {
		found = append(found, name(item))
	}
	if page.Count != len(found) || !page.CountExact {
		t.Errorf("count %d of %v", page.Count, found)
	}
	return found
}

func wantNames(t *testing.T, what any, wanted, got []string) {
	t.Helper()
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%+v: %s", what, diff)
	}
}

func testListOrganizations(t *testing.T, w *world) {
	third := newOrganization("gamma")
	third.Name, third.Active, third.Created = "Ünlike the others", false, noon.Add(time.Second)
	must(t, w.CreateOrganization(t.Context(), w.all, third))
	slug := func(o tenancy.Organization) string { return o.Slug }
	for _, c := range []struct {
		scope  tenancy.Scope
		filter tenancy.OrganizationFilter
		search string
		sort   string
		want   []string
	}{
		{w.all, tenancy.OrganizationFilter{}, "", "slug", []string{"alpha", "beta", "gamma"}},
		{w.all, tenancy.OrganizationFilter{}, "", "-slug", []string{"gamma", "beta", "alpha"}},
		{w.all, tenancy.OrganizationFilter{}, "same name", "slug", []string{"alpha", "beta"}},
		{w.all, tenancy.OrganizationFilter{}, "unlike", "name", []string{"gamma"}},
		{w.all, tenancy.OrganizationFilter{Active: new(false)}, "", "slug", []string{"gamma"}},
		{w.all, tenancy.OrganizationFilter{Active: new(true)}, "", "slug", []string{"alpha", "beta"}},
		{w.all, tenancy.OrganizationFilter{Member: w.both.ID}, "", "slug", []string{"alpha", "beta"}},
		{w.all, tenancy.OrganizationFilter{Member: w.ada.ID}, "", "slug", []string{"alpha"}},
		{w.inA, tenancy.OrganizationFilter{}, "", "slug", []string{"alpha"}},
		{w.inA, tenancy.OrganizationFilter{}, "same", "slug", []string{"alpha"}},
		{w.inA, tenancy.OrganizationFilter{Member: w.grace.ID}, "", "slug", nil},
		{w.scope(t, w.both.ID), tenancy.OrganizationFilter{}, "", "slug", nil},
	} {
		page, err := w.ListOrganizations(t.Context(), c.scope, c.filter, tenancy.Query{Search: c.search, Sort: c.sort, Page: 1, Size: 10})
		wantNames(t, c.filter, c.want, shown(t, page, err, slug))
	}
	page, err := w.ListOrganizations(t.Context(), w.all, tenancy.OrganizationFilter{}, tenancy.Query{Page: 1, Size: 1})
	must(t, err)
	if diff := cmp.Diff([]tenancy.Organization{third}, page.Items); diff != "" || page.Count != 3 {
		t.Errorf("count %d: %s", page.Count, diff)
	}
}

func testListMemberships(t *testing.T, w *world) {
	root := newUser("root", "")
	root.Superuser = true
	w.user(t, root, tenancy.Member, w.a.ID)
	place := func(m tenancy.MembershipRow) string {
		return m.OrganizationSlug + " " + m.Username + " " + string(m.Role)
	}
	inA, inB := []string{"alpha ada owner", "alpha both member"}, []string{"beta both member", "beta grace manager"}
	everything := append(append(slices.Clone(inA), "alpha root member"), inB...)
	for _, c := range []struct {
		scope  tenancy.Scope
		filter tenancy.MembershipFilter
		search string
		want   []string
	}{
		{w.all, tenancy.MembershipFilter{}, "", everything},
		{w.inA, tenancy.MembershipFilter{}, "", inA}, // no superuser
		{w.inB, tenancy.MembershipFilter{}, "", inB},
		{w.scope(t, w.both.ID), tenancy.MembershipFilter{}, "", nil},
		{w.all, tenancy.MembershipFilter{Organization: w.b.ID}, "", inB},
		{w.inA, tenancy.MembershipFilter{Organization: w.b.ID}, "", nil},
		{w.all, tenancy.MembershipFilter{User: w.both.ID}, "", []string{"alpha both member", "beta both member"}},
		{w.inA, tenancy.MembershipFilter{User: w.both.ID}, "", []string{"alpha both member"}},
		{w.inA, tenancy.MembershipFilter{User: w.grace.ID}, "", nil},
		{w.all, tenancy.MembershipFilter{Role: tenancy.Owner}, "", []string{"alpha ada owner"}},
		{w.all, tenancy.MembershipFilter{}, "beta", inB},
		{w.all, tenancy.MembershipFilter{}, "ADA", []string{"alpha ada owner"}},
		{w.all, tenancy.MembershipFilter{}, "beta both", []string{"beta both member"}},
		{w.inA, tenancy.MembershipFilter{}, "beta", nil},
		{w.inA, tenancy.MembershipFilter{}, "grace", nil},
	} {
		page, err := w.ListMemberships(t.Context(), c.scope, c.filter, tenancy.Query{Search: c.search, Page: 1, Size: 10})
		got := shown(t, page, err, place)
		if !slices.IsSortedFunc(page.Items, func(a, b tenancy.MembershipRow) int {
			return cmpText(string(a.Organization)+string(a.User), string(b.Organization)+string(b.User))
		}) {
			t.Errorf("%v is not in the order of organization and user", got)
		}
		slices.Sort(got)
		wantNames(t, c, c.want, got)
	}
	page, err := w.ListMemberships(t.Context(), w.inB, tenancy.MembershipFilter{Role: tenancy.Manager}, firstPage)
	must(t, err)
	memberships, err := w.Memberships(t.Context(), w.inB, w.grace.ID)
	must(t, err)
	wanted := []tenancy.MembershipRow{{
		Membership: memberships[0], Username: "grace", Email: "grace@x.example", Name: "Fïrst Låst", OrganizationName: w.b.Name, OrganizationSlug: "beta",
	}}
	if diff := cmp.Diff(wanted, page.Items); diff != "" {
		t.Error(diff)
	}
}

func testListGroups(t *testing.T, w *world) {
	for name, organization := range map[string]id.Organization{"Ärzte": "", "Shared": "", "Of A": w.a.ID, "Of B": w.b.ID} {
		must(t, w.CreateGroup(t.Context(), w.all, tenancy.Group{
			ID: id.New[id.Group](), Name: name, Organization: organization, Permissions: []tenancy.Permission{"users.a_b", "users.c_d"},
		}))
	}
	for _, c := range []struct {
		scope  tenancy.Scope
		filter tenancy.GroupFilter
		search string
		want   []string
	}{
		{w.all, tenancy.GroupFilter{}, "", []string{"Of A", "Of B", "Shared", "Ärzte"}},
		{w.inA, tenancy.GroupFilter{}, "", []string{"Of A", "Shared", "Ärzte"}},
		{w.scope(t, w.both.ID), tenancy.GroupFilter{}, "", nil},
		{w.inA, tenancy.GroupFilter{Shared: new(true)}, "", []string{"Shared", "Ärzte"}},
		{w.inA, tenancy.GroupFilter{Shared: new(false)}, "", []string{"Of A"}},
		{w.inA, tenancy.GroupFilter{Organization: w.b.ID}, "", nil},
		{w.all, tenancy.GroupFilter{Organization: w.b.ID}, "", []string{"Of B"}},
		{w.all, tenancy.GroupFilter{}, "arzte", []string{"Ärzte"}},
	} {
		page, err := w.ListGroups(t.Context(), c.scope, c.filter, tenancy.Query{Search: c.search, Page: 1, Size: 10})
		wantNames(t, c.filter, c.want, shown(t, page, err, func(g tenancy.Group) string { return g.Name }))
		for _, g := range page.Items {
			wantNames(t, g.Name, []string{"users.a_b", "users.c_d"}, []string{string(g.Permissions[0]), string(g.Permissions[1])})
		}
	}
}

// testListRenamedGroup: a search looks through the name that a group has now.
func testListRenamedGroup(t *testing.T, w *world) {
	g := tenancy.Group{ID: id.New[id.Group](), Name: "Before", Organization: w.a.ID, Version: 1}
	must(t, w.CreateGroup(t.Context(), w.all, g))
	g.Name = "After"
	must(t, w.UpdateGroup(t.Context(), w.all, g))
	for search, wanted := range map[string][]string{"before": nil, "after": {"After"}} {
		page, err := w.ListGroups(t.Context(), w.all, tenancy.GroupFilter{}, tenancy.Query{Search: search, Page: 1, Size: 10})
		wantNames(t, search, wanted, shown(t, page, err, func(g tenancy.Group) string { return g.Name }))
	}
}

func testListAuditEvents(t *testing.T, w *world) {
	for i, e := range []audit.Event{
		{Action: "user.created", Organization: w.a.ID, Actor: w.ada.ID, Object: "x"},
		{Action: "user.changed", Organization: w.b.ID, Actor: w.grace.ID, Object: "x"},
		{Action: "user_x.created", Organization: w.a.ID, Actor: w.grace.ID, Object: "y"},
		{Action: "installation.set_up", Reason: "test"},
	} {
		e.ID, e.At = id.New[string](), noon.Add(time.Duration(i)*time.Hour)
		must(t, w.Record(t.Context(), e))
	}
	for _, c := range []struct {
		scope  tenancy.Scope
		filter tenancy.AuditFilter
		want   []string
	}{
		{w.all, tenancy.AuditFilter{}, []string{"installation.set_up", "user_x.created", "user.changed", "user.created"}},
		{w.inA, tenancy.AuditFilter{}, []string{"user_x.created", "user.created"}},
		{w.scope(t, w.both.ID), tenancy.AuditFilter{}, nil},
		{w.inA, tenancy.AuditFilter{Organization: w.b.ID}, nil},
		{w.all, tenancy.AuditFilter{Organization: w.b.ID}, []string{"user.changed"}},
		{w.all, tenancy.AuditFilter{Actor: w.grace.ID}, []string{"user_x.created", "user.changed"}},
		{w.inA, tenancy.AuditFilter{Actor: w.grace.ID}, []string{"user_x.created"}},
		{w.all, tenancy.AuditFilter{Object: "x"}, []string{"user.changed", "user.created"}},
		{w.all, tenancy.AuditFilter{Action: "user."}, []string{"user.changed", "user.created"}},
		{w.all, tenancy.AuditFilter{Action: "user_"}, []string{"user_x.created"}},
		{w.all, tenancy.AuditFilter{At: tenancy.Period{From: noon.Add(time.Hour), To: noon.Add(3 * time.Hour)}}, []string{"user_x.created", "user.changed"}},
	} {
		page, err := w.ListAuditEvents(t.Context(), c.scope, c.filter, firstPage)
		wantNames(t, c.filter, c.want, shown(t, page, err, func(e audit.Event) string { return e.Action }))
	}
	page, err := w.ListAuditEvents(t.Context(), w.all, tenancy.AuditFilter{}, tenancy.Query{Sort: "at", Page: 1, Size: 10})
	wantNames(t, "at", []string{"user.created", "user.changed", "user_x.created", "installation.set_up"}, shown(t, page, err, func(e audit.Event) string { return e.Action }))
}

func testListIdentities(t *testing.T, w *world) {
	root := newUser("root", "")
	root.Superuser = true
	w.user(t, root, tenancy.Member, w.a.ID)
	for i, u := range []id.User{w.ada.ID, w.grace.ID, w.both.ID, root.ID} {
		must(t, w.CreateIdentity(t.Context(), tenancy.Identity{Connector: "staff", Subject: string(rune('a' + i)), User: u, Created: noon}))
	}
	must(t, w.CreateIdentity(t.Context(), tenancy.Identity{Connector: "other", Subject: "z", User: w.both.ID, Created: noon.Add(time.Second)}))
	for _, c := range []struct {
		scope  tenancy.Scope
		filter tenancy.IdentityFilter
		want   []string
	}{
		{w.all, tenancy.IdentityFilter{}, []string{"z", "d", "c", "b", "a"}},
		{w.inA, tenancy.IdentityFilter{}, []string{"z", "c", "a"}},
		{w.inA, tenancy.IdentityFilter{User: w.grace.ID}, nil},
		{w.inB, tenancy.IdentityFilter{User: w.both.ID}, []string{"z", "c"}},
		{w.all, tenancy.IdentityFilter{Connector: "other"}, []string{"z"}},
		{w.scope(t, w.both.ID), tenancy.IdentityFilter{}, nil},
	} {
		page, err := w.ListIdentities(t.Context(), c.scope, c.filter, firstPage)
		wantNames(t, c.filter, c.want, shown(t, page, err, func(i tenancy.Identity) string { return i.Subject }))
	}
}
