package api_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

func TestCreateUser(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	operator := must(s.directory.GroupByName(t.Context(), system(), "Operator"))(t)
	root := s.token(s.superuser("root").ID)
	members := map[string]any{
		"username": "ada", "email": "ada@example.org", "password": goodPassword, "first_name": "Ada", "last_name": "Ló", "phone_number": "+393331234567", "birth_date": "1990-02-28",
		"bio": "b", "url": "https://ada.example", "company": "c", "location": "l", "notes": "n", "language": "it", "expiration_date": "2030-01-01", "is_active": true, "is_staff": true, "groups": []any{string(operator.ID)},
		"email_verified": true, "organization_users": []any{map[string]any{"organization": harbour.ID, "is_admin": true}},
	}
	got := s.do("POST", "/users/user/", root, members).want(t, 201)
	user := got.text("id")
	if got.header.Get("Location") != issuer+"/api/v1/users/user/"+user+"/" || got.header.Get("ETag") == "" {
		t.Errorf("headers %v", got.header)
	}
	read := s.do("GET", "/users/user/"+user+"/", root, nil).want(t, 200)
	if diff := cmp.Diff(got.body, read.body); diff != "" {
		t.Errorf("created and read differ:\n%s", diff)
	}
	for name, want := range members {
		if name == "password" || name == "organization_users" {
			continue
		}
		if diff := cmp.Diff(want, read.body[name]); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	if _, shown := read.body["password"]; shown {
		t.Error("the password is shown")
	}
	places, _ := read.body["organization_users"].([]any)
	if len(places) != 1 || places[0].(map[string]any)["organization"] != string(harbour.ID) || places[0].(map[string]any)["is_admin"] != true {
		t.Errorf("organization_users %v", places)
	}
	again := s.do("POST", "/users/user/", root, members).want(t, 400)
	for _, field := range []string{"email"} { // one at a time, as the database finds them
		if again.body[field] == nil {
			t.Errorf("%s is not named: %s", field, again.raw)
		}
	}
}

// Texts of all the world stay as they are; look-alikes of names are refused.
func TestNamesOfAllTheWorld(t *testing.T) {
	s := newServer(t)
	root := s.token(s.superuser("root").ID)
	s.superuser("admin")
	create := func(username, first string) answered {
		return s.do("POST", "/users/user/", root, map[string]any{"username": username, "email": "x" + username + "@example.org", "password": goodPassword, "first_name": first})
	}
	for username, first := range map[string]string{"fox": "🦊", "layla": "ليلى", "noa": "נועה", "zoe": "Zoë", "li": "李"} {
		if got := create(username, first).want(t, 201); got.text("first_name") != first {
			t.Errorf("%q became %q", first, got.text("first_name"))
		}
	}
	for _, username := range []string{"аdmin", "adm\u200bin", "a b", "admin\u202e", ""} {
		if got := create(username, "x").want(t, 400); got.body["username"] == nil {
			t.Errorf("%q: %s", username, got.raw)
		}
	}
}

func TestChangeUser(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	s.manager("otto", harbour.ID)
	mona, ada := s.token(s.manager("mona", harbour.ID).ID), s.member("ada", harbour.ID)
	path := me(ada)
	s.do("PATCH", path, mona, map[string]any{"first_name": "Ada", "company": "Lovelace", "phone_number": "+393331234567", "notes": "likes engines"}).want(t, 200)
	got := s.do("PATCH", path, mona, map[string]any{"company": nil, "phone_number": nil}).want(t, 200)
	if got.text("first_name") != "Ada" || got.text("company") != "" || got.body["phone_number"] != nil || got.text("notes") != "likes engines" {
		t.Errorf("PATCH: %s", got.raw)
	}
	if put := s.do("PUT", path, mona, map[string]any{"first_name": "A"}).want(t, 400); put.body["username"] == nil {
		t.Errorf("PUT without the username: %s", put.raw)
	}
	s.do("PUT", path, mona, map[string]any{"username": "ada", "first_name": "A"}).want(t, 200)
	for field, value := range map[string]any{"id": "x", "date_joined": "2020-01-01", "organization_users": []any{}, "birth_date": "3000-01-01", "expiration_date": "1066-01-01", "url": "javascript:alert(1)", "is_active": "maybe", "nonsense": 1} {
		if got := s.do("PATCH", path, mona, map[string]any{field: value}).want(t, 400); got.body[field] == nil {
			t.Errorf("%s: %s", field, got.raw)
		}
	}
	s.do("DELETE", path, mona, nil).want(t, 204)
	s.do("GET", path, mona, nil).want(t, 404)
}

func TestVersions(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	s.manager("otto", harbour.ID)
	root, ada := s.token(s.superuser("root").ID), s.member("ada", harbour.ID)
	group := must(s.directory.GroupByName(t.Context(), system(), "Operator"))(t)
	membership := must(s.directory.MembershipsOf(t.Context(), system(), ada.ID))(t)[0]
	for path, change := range map[string]map[string]any{
		me(ada): {"first_name": "Ada"}, "/users/organization/" + string(harbour.ID) + "/": {"description": "d"}, "/users/group/" + string(group.ID) + "/": {"name": "Operators"},
		"/users/membership/" + string(membership.ID) + "/": {"role": "manager"},
	} {
		seen := s.do("GET", path, root, nil).want(t, 200).header.Get("ETag")
		write := func(match string) answered {
			r := s.request("PATCH", path, root, change)
			r.Header.Set("If-Match", match)
			return s.send(r)
		}
		if fresh := write(seen).want(t, 200).header.Get("ETag"); fresh == seen || fresh == "" {
			t.Errorf("%s: ETag %s, then %s", path, seen, fresh)
		}
		for _, match := range []string{seen, `"x"`, "W/" + seen, `"-1"`, "1"} {
			write(match).want(t, 412)
		}
		write("*").want(t, 200)
	}
}

// TestVersionsOfRights: groups and permissions are replaced as a whole, so who saw other ones is told.
func TestVersionsOfRights(t *testing.T) {
	s := newServer(t)
	root, ada := s.token(s.superuser("root").ID), s.member("ada", s.organization("harbour").ID)
	group := must(s.directory.GroupByName(t.Context(), system(), "Operator"))(t)
	member := "/users/group/" + string(group.ID) + "/user/" + string(ada.ID) + "/"
	for i, change := range []func(){
		func() { s.do("PATCH", me(ada), root, map[string]any{"groups": []id.Group{group.ID}}).want(t, 200) },
		func() {
			s.do("PATCH", me(ada), root, map[string]any{"user_permissions": []string{"users.view_user"}}).want(t, 200)
		},
		func() { s.do("DELETE", member, root, nil).want(t, 204) },
		func() { s.do("PUT", member, root, nil).want(t, 204) },
	} {
		seen := s.do("GET", me(ada), root, nil).want(t, 200).header.Get("ETag")
		change()
		r := s.request("PATCH", me(ada), root, map[string]any{"groups": []id.Group{}})
		r.Header.Set("If-Match", seen)
		if got := s.send(r); got.status != 412 {
			t.Errorf("change %d: status %d", i, got.status)
		}
	}
}

// What only superusers see and write.
func TestSuperusersFields(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	s.manager("otto", harbour.ID)
	root, mona, ada := s.superuser("root"), s.manager("mona", harbour.ID), s.member("ada", harbour.ID)
	byRoot, byMona := s.do("GET", me(ada), s.token(root.ID), nil).want(t, 200), s.do("GET", me(ada), s.token(mona.ID), nil).want(t, 200)
	for _, field := range []string{"is_superuser"} {
		if _, shown := byRoot.body[field]; !shown {
			t.Errorf("%s is hidden from a superuser", field)
		}
		if _, shown := byMona.body[field]; shown {
			t.Errorf("%s is shown to a manager", field)
		}
	}
	for _, change := range []map[string]any{{"is_superuser": true}, {"user_permissions": []string{"users.delete_user"}}, {"is_staff": true}} {
		if got := s.do("PATCH", me(ada), s.token(mona.ID), change); got.status != 403 && got.status != 400 {
			t.Errorf("%v: %d %s", change, got.status, got.raw)
		}
	}
	s.do("GET", me(root), s.token(mona.ID), nil).want(t, 404)
	for _, row := range s.do("GET", "/users/user/", s.token(mona.ID), nil).want(t, 200).results() {
		if row["username"] == "root" {
			t.Error("a manager sees a superuser")
		}
	}
}

func TestNotesAreHiddenFromTheirUser(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	s.manager("otto", harbour.ID)
	mona, ada := s.manager("mona", harbour.ID), s.member("ada", harbour.ID)
	s.do("PATCH", me(ada), s.token(mona.ID), map[string]any{"notes": "a difficult person"}).want(t, 200)
	if _, shown := s.do("GET", me(ada), s.token(ada.ID), nil).want(t, 200).body["notes"]; shown {
		t.Error("ada reads the notes about her")
	}
	s.do("PATCH", me(ada), s.token(ada.ID), map[string]any{"notes": "a nice person"})
	if got := s.do("GET", me(ada), s.token(mona.ID), nil); got.text("notes") != "a difficult person" {
		t.Errorf("notes: %q", got.text("notes"))
	}
}

func TestDeactivationEndsSessions(t *testing.T) {
	s := newServer(t)
	root, ada := s.token(s.superuser("root").ID), s.member("ada", s.organization("harbour").ID)
	token := s.token(ada.ID)
	s.signIn(ada.ID, "")
	s.do("PATCH", me(ada), root, map[string]any{"is_active": false}).want(t, 200)
	if left := must(s.sessions.OfUser(t.Context(), ada.ID))(t); len(left) != 0 {
		t.Errorf("%d sessions are left", len(left))
	}
	s.do("GET", me(ada), token, nil).want(t, 401)
}

func TestLastSuperuserStays(t *testing.T) {
	s := newServer(t)
	root := s.superuser("root")
	token := s.token(root.ID)
	for _, got := range []answered{s.do("PATCH", me(root), token, map[string]any{"is_active": false}), s.do("PATCH", me(root), token, map[string]any{"is_superuser": false}), s.do("DELETE", me(root), token, nil)} {
		if got.status != 409 && got.status != 403 && got.status != 400 {
			t.Errorf("%d %s", got.status, got.raw)
		}
	}
	s.do("GET", me(root), token, nil).want(t, 200)
}

func TestFormBodies(t *testing.T) {
	s := newServer(t)
	root, ada := s.token(s.superuser("root").ID), s.member("ada", s.organization("harbour").ID)
	r := s.request("PATCH", me(ada), root, url.Values{"first_name": {"Ada"}, "is_active": {"false"}}.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := s.send(r).want(t, 200); got.text("first_name") != "Ada" || got.body["is_active"] != false {
		t.Error(got.raw)
	}
	s.do("PATCH", me(ada), root, map[string]any{"is_active": true}).want(t, 200)
	r = s.request("POST", "/users/token/", "", url.Values{"username": {"ada"}, "password": {goodPassword}}.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	s.send(r).want(t, 200)
	for _, kind := range []string{"text/plain", "application/xml", "multipart/form-data; boundary=x"} {
		r = s.request("PATCH", me(ada), root, `{"first_name":"A"}`)
		r.Header.Set("Content-Type", kind)
		if got := s.send(r).want(t, 415); !strings.HasPrefix(got.text("detail"), "Send application/json") {
			t.Error(got.raw)
		}
	}
}

func TestCustomFields(t *testing.T) {
	s := newServer(t)
	fields, err := tenancy.NewFields([]tenancy.Field{{Name: "badge", Schema: map[string]any{"type": "string"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.directory.Settings.Fields = fields
	root, ada := s.token(s.superuser("root").ID), s.member("ada", s.organization("harbour").ID)
	got := s.do("PATCH", me(ada), root, map[string]any{"custom": map[string]any{"badge": "7"}}).want(t, 200)
	if diff := cmp.Diff(map[string]any{"badge": "7"}, got.body["custom"]); diff != "" {
		t.Error(diff)
	}
	if bad := s.do("PATCH", me(ada), root, map[string]any{"custom": map[string]any{"unheard_of": "7", "badge": 7}}).want(t, 400); bad.body["custom.unheard_of"] == nil {
		t.Error(bad.raw)
	}
	got = s.do("PATCH", me(ada), root, map[string]any{"custom": map[string]any{"badge": nil}}).want(t, 200)
	if diff := cmp.Diff(map[string]any{}, got.body["custom"]); diff != "" {
		t.Error(diff)
	}
}

func TestBulk(t *testing.T) {
	s := newServer(t)
	harbour, castle := s.organization("harbour"), s.organization("castle")
	s.manager("otto", harbour.ID)
	mona, ada, bert := s.token(s.manager("mona", harbour.ID).ID), s.member("ada", harbour.ID), s.member("bert", castle.ID)
	bulk := func(action string, users ...id.User) answered {
		return s.do("POST", "/users/user/bulk/", mona, map[string]any{"action": action, "users": users})
	}
	got := bulk("deactivate", ada.ID, bert.ID, "nonsense").want(t, 200)
	if got.body["succeeded"] != 1.0 || got.body["failed"] != 2.0 {
		t.Error(got.raw)
	}
	for i, want := range []float64{200, 404, 404} {
		if got.results()[i]["status"] != want {
			t.Errorf("row %d: %v", i, got.results()[i])
		}
	}
	if s.do("GET", me(ada), mona, nil).want(t, 200).body["is_active"] != false {
		t.Error("ada is active")
	}
	if twice := bulk("delete", ada.ID, ada.ID).want(t, 400); twice.body["users"] == nil {
		t.Error(twice.raw)
	}
	for field, got := range map[string]answered{"users": bulk("delete"), "action": bulk("explode", ada.ID), "organization": bulk("add_to_organization", ada.ID)} {
		if got.want(t, 400).body[field] == nil {
			t.Errorf("%s: %s", field, got.raw)
		}
	}
	bulk("delete", ada.ID).want(t, 200)
	s.do("GET", me(ada), mona, nil).want(t, 404)
}
