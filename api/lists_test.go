package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// column is one member of all rows.
func (a answered) column(name string) []string {
	var column []string
	for _, row := range a.results() {
		column = append(column, fmt.Sprint(row[name]))
	}
	return column
}

// The links of pages lead through everything once, there and back.
func TestPages(t *testing.T) {
	s := newServer(t)
	root, harbour := s.token(s.superuser("root").ID), s.organization("harbour")
	want := []string{"root"}
	for i := range 24 {
		want = append(want, s.member(fmt.Sprintf("user%02d", i), harbour.ID).Username)
	}
	var there, back []string
	page := s.do("GET", "/users/user/?ordering=username&page_size=7", root, nil)
	for number := 1; ; number++ {
		page.want(t, 200)
		if page.body["count"] != 25.0 || page.body["count_exact"] != true || (number == 1) != (page.body["previous"] == nil) {
			t.Fatalf("page %d: %.300s", number, page.raw)
		}
		there = append(there, page.column("username")...)
		if page.body["next"] == nil {
			break
		}
		if next := must(url.Parse(page.text("next")))(t); next.Query().Get("ordering") != "username" || next.Query().Get("page") != fmt.Sprint(number+1) || next.Host != "id.example" {
			t.Errorf("next %s", next)
		}
		page = s.do("GET", below(t, page.text("next")), root, nil)
	}
	for page.body["previous"] != nil {
		page = s.do("GET", below(t, page.text("previous")), root, nil).want(t, 200)
		back = slices.Concat(page.column("username"), back)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, there); diff != "" {
		t.Errorf("there:\n%s", diff)
	}
	if diff := cmp.Diff(want[:21], back); diff != "" {
		t.Errorf("back:\n%s", diff)
	}
	if got := s.do("GET", "/users/user/", root, nil).want(t, 200); len(got.results()) != 10 {
		t.Errorf("%d rows by default", len(got.results()))
	}
	for parameter, bad := range map[string][]string{"page": {"-1", "0", "x", "1e9"}, "page_size": {"-1", "0", "x"}, "ordering": {"password", "-", "username;drop"}, "cursor": {"x", "eyJ9"}} {
		for _, value := range bad {
			if got := s.do("GET", "/users/user/?"+parameter+"="+url.QueryEscape(value), root, nil).want(t, 400); got.body[parameter] == nil {
				t.Errorf("%s=%s: %s", parameter, value, got.raw)
			}
		}
	}
}

func TestFilters(t *testing.T) {
	s := newServer(t)
	harbour, castle := s.organization("harbour"), s.organization("castle")
	root, mona := s.superuser("root"), s.manager("mona", harbour.ID)
	ada, bert := s.member("ada", harbour.ID), s.member("bert", castle.ID)
	token := s.token(root.ID)
	s.do("PATCH", me(bert), token, map[string]any{"is_active": false, "first_name": "Bertrand"}).want(t, 200)
	for query, want := range map[string][]string{
		"organization=" + string(harbour.ID): {"ada", "mona"}, "organization=" + string(harbour.ID) + "&role=member": {"ada"}, "is_active=false": {"bert"},
		"is_staff=true": {"mona", "root"}, "is_superuser=1": {"root"}, "username=ADA": {"ada"}, "email=bert@example.org": {"bert"}, "search=bertrand": {"bert"},
		"search=example.org+ada": {"ada"}, "from=2026-03-02": nil, "to=2026-03-01": nil, "from=2026-03-01": {"ada", "bert", "mona", "root"}, "search=nobody": nil,
	} {
		if diff := cmp.Diff(want, s.do("GET", "/users/user/?ordering=username&"+query, token, nil).want(t, 200).column("username")); diff != "" {
			t.Errorf("%s:\n%s", query, diff)
		}
	}
	for path, want := range map[string]int{
		"/users/organization/?is_active=true&member=" + string(ada.ID): 1, "/users/organization/?search=cast": 1, "/users/membership/?user=" + string(mona.ID): 1,
		"/users/membership/?organization=" + string(castle.ID) + "&role=owner": 0, "/users/group/?shared=true": 2, "/users/group/?shared=false": 0, "/users/invitation/?state=open": 0,
		"/audit/?action=user.&actor=" + string(root.ID): 1, "/audit/?object=" + string(bert.ID) + "&from=2026-03-01&to=2026-03-02": 2,
	} {
		if got := s.do("GET", path, token, nil).want(t, 200); len(got.results()) != want {
			t.Errorf("%s: %d rows, want %d: %s", path, len(got.results()), want, got.raw)
		}
	}
	for _, order := range []string{"username", "-username"} {
		got := s.do("GET", "/users/user/?ordering="+order, token, nil).want(t, 200).column("username")
		want := []string{"ada", "bert", "mona", "root"}
		if order[0] == '-' {
			slices.Reverse(want)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", order, diff)
		}
	}
}
