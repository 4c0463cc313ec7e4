package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOrganizations(t *testing.T) {
	s := newServer(t)
	root := s.token(s.superuser("root").ID)
	const list = "/users/organization/"
	made := s.do("POST", list, root, map[string]any{"name": "Harbour", "slug": "harbour", "description": "d", "email": "h@example.org", "url": "https://h.example"}).want(t, 201)
	path := list + made.text("id") + "/"
	if made.header.Get("Location") != issuer+"/api/v1"+path || made.body["owner"] != nil || made.body["is_active"] != true {
		t.Errorf("%v %s", made.header, made.raw)
	}
	taken := s.do("POST", list, root, map[string]any{"name": "Other", "slug": "harbour"}).want(t, 400)
	if taken.body["slug"] == nil || taken.body["organization"] != made.body["id"] {
		t.Error(taken.raw)
	}
	other := s.organization("castle")
	if taken = s.do("PATCH", list+string(other.ID)+"/", root, map[string]any{"slug": "harbour"}).want(t, 400); taken.body["slug"] == nil || taken.body["organization"] != made.body["id"] {
		t.Error(taken.raw)
	}
	if missing := s.do("PUT", path, root, map[string]any{"name": "Harbour"}).want(t, 400); missing.body["slug"] == nil {
		t.Error(missing.raw)
	}
	if got := s.do("PATCH", path, root, map[string]any{"description": nil, "is_active": false}).want(t, 200); got.text("description") != "" || got.body["is_active"] != false || got.text("name") != "Harbour" {
		t.Error(got.raw)
	}
	s.do("PATCH", path, root, map[string]any{"is_active": true, "name": "Port"}).want(t, 200)
	s.do("DELETE", path, root, nil).want(t, 204)
	s.do("GET", path, root, nil).want(t, 404)
}

func TestOwners(t *testing.T) {
	s := newServer(t)
	root, harbour := s.token(s.superuser("root").ID), s.organization("harbour")
	mona, nora := s.manager("mona", harbour.ID), s.manager("nora", harbour.ID)
	path := "/users/organization/" + string(harbour.ID) + "/"
	owner := func(a answered) any {
		place, _ := a.want(t, 200).body["owner"].(map[string]any)
		return place["user"]
	}
	if got := owner(s.do("GET", path, root, nil)); got != string(mona.ID) {
		t.Errorf("owner %v", got)
	}
	next := must(s.directory.MembershipsOf(t.Context(), system(), nora.ID))(t)[0]
	if got := owner(s.do("PATCH", path, root, map[string]any{"owner": map[string]any{"organization_user": next.ID}})); got != string(nora.ID) {
		t.Errorf("owner %v", got)
	}
	if got := owner(s.do("PATCH", path, root, map[string]any{"name": "Port"})); got != string(nora.ID) {
		t.Errorf("owner %v", got)
	}
	for _, none := range []any{nil, ""} {
		s.do("PATCH", path, root, map[string]any{"owner": map[string]any{"organization_user": next.ID}}).want(t, 200)
		if got := s.do("PATCH", path, root, map[string]any{"owner": map[string]any{"organization_user": none}}).want(t, 200); got.body["owner"] != nil {
			t.Errorf("%v: %s", none, got.raw)
		}
	}
}

func TestMemberships(t *testing.T) {
	s := newServer(t)
	harbour, castle := s.organization("harbour"), s.organization("castle")
	root, ada := s.token(s.superuser("root").ID), s.member("ada", harbour.ID)
	s.manager("otto", castle.ID)
	const list = "/users/membership/"
	made := s.do("POST", list, root, map[string]any{"user": ada.ID, "organization": castle.ID, "is_admin": true}).want(t, 201)
	path := list + made.text("id") + "/"
	if made.text("role") != "manager" || made.body["is_admin"] != true || made.header.Get("Location") != issuer+"/api/v1"+path {
		t.Errorf("%v %s", made.header, made.raw)
	}
	if twice := s.do("POST", list, root, map[string]any{"user": ada.ID, "organization": castle.ID}).want(t, 400); twice.body["user"] == nil {
		t.Error(twice.raw)
	}
	for field, change := range map[string]map[string]any{
		"user": {"user": "01990000-0000-7000-8000-000000000000"}, "organization": {"organization": harbour.ID}, "is_admin": {"role": "manager", "is_admin": false}, "role": {"role": "emperor"},
	} {
		if got := s.do("PATCH", path, root, change).want(t, 400); got.body[field] == nil {
			t.Errorf("%v: %s", change, got.raw)
		}
	}
	for field, bad := range map[string]map[string]any{"user": {"organization": harbour.ID}, "organization": {"user": ada.ID, "organization": "x"}} {
		if got := s.do("POST", list, root, bad).want(t, 400); got.body[field] == nil {
			t.Errorf("%v: %s", bad, got.raw)
		}
	}
	s.do("DELETE", path, root, nil).want(t, 204)
	s.do("GET", path, root, nil).want(t, 404)
}

func TestEmails(t *testing.T) {
	s := newServer(t)
	root, ada := s.token(s.superuser("root").ID), s.member("ada", s.organization("harbour").ID)
	list := me(ada) + "email/"
	made := s.do("POST", list, root, map[string]any{"email": "ada2@example.org"}).want(t, 201)
	path := list + made.text("id") + "/"
	if made.body["primary"] != false || made.body["verified"] != false || made.header.Get("Location") != issuer+"/api/v1"+path {
		t.Errorf("%v %s", made.header, made.raw)
	}
	for field, body := range map[string]map[string]any{"email": {"email": "ada2@example.org"}} {
		if got := s.do("POST", list, root, body).want(t, 400); got.body[field] == nil {
			t.Error(got.raw)
		}
	}
	if got := s.do("POST", list, root, map[string]any{"email": "nonsense"}).want(t, 400); got.body["email"] == nil {
		t.Error(got.raw)
	}
	if got := s.do("PATCH", path, root, map[string]any{"email": "other@example.org"}).want(t, 400); got.body["email"] == nil {
		t.Error(got.raw)
	}
	s.do("POST", path+"confirmation/", root, nil).want(t, 202)
	if got := s.do("PATCH", path, root, map[string]any{"verified": true, "primary": true}).want(t, 200); got.body["verified"] != true || got.body["primary"] != true {
		t.Error(got.raw)
	}
	if got := s.do("GET", me(ada), root, nil); got.text("email") != "ada2@example.org" {
		t.Error(got.raw)
	}
	rows := s.do("GET", list, root, nil).want(t, 200).results()
	if len(rows) != 2 {
		t.Fatal(rows)
	}
	for _, row := range rows {
		if row["primary"] == false {
			s.do("DELETE", list+row["id"].(string)+"/", root, nil).want(t, 204)
		}
	}
	s.do("GET", path, root, nil).want(t, 200)
}

func TestGroups(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	root, ada := s.token(s.superuser("root").ID), s.member("ada", harbour.ID)
	const list = "/users/group/"
	made := s.do("POST", list, root, map[string]any{"name": "Helpers", "organization": harbour.ID, "permissions": []string{"users.view_user"}}).want(t, 201)
	path := list + made.text("id") + "/"
	if made.header.Get("Location") != issuer+"/api/v1"+path || made.header.Get("ETag") == "" {
		t.Errorf("%v", made.header)
	}
	got := s.do("PUT", path, root, map[string]any{"name": "Helpers", "permissions": []string{"users.change_user"}}).want(t, 200)
	if diff := cmp.Diff([]any{"users.change_user"}, got.body["permissions"]); diff != "" {
		t.Error(diff)
	}
	for field, body := range map[string]map[string]any{"organization": {"organization": nil}, "permissions": {"permissions": []string{"users.unheard_of"}}, "name": {"name": ""}} {
		if got := s.do("PATCH", path, root, body).want(t, 400); got.body[field] == nil {
			t.Errorf("%v: %s", body, got.raw)
		}
	}
	s.do("PUT", path+"user/"+string(ada.ID)+"/", root, nil).want(t, 204)
	if diff := cmp.Diff([]any{made.body["id"]}, s.do("GET", me(ada), root, nil).body["groups"]); diff != "" {
		t.Error(diff)
	}
	why := s.do("GET", me(ada)+"effective-permissions/?organization="+string(harbour.ID), root, nil).want(t, 200)
	if len(why.results()) != 2 || !strings.Contains(why.raw, "Helpers") {
		t.Error(why.raw)
	}
	s.do("DELETE", path+"user/"+string(ada.ID)+"/", root, nil).want(t, 204)
	s.do("DELETE", path, root, nil).want(t, 204)
}

func TestInvitations(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	root, bert := s.token(s.superuser("root").ID), s.member("bert", s.organization("castle").ID)
	const list = "/users/invitation/"
	made := s.do("POST", list, root, map[string]any{"organization": harbour.ID, "email": "new@example.org"}).want(t, 201)
	path := list + made.text("id") + "/"
	if made.text("state") != "open" || made.text("role") != "member" || made.header.Get("Location") != issuer+"/api/v1"+path || strings.Contains(made.raw, "token") {
		t.Errorf("%v %s", made.header, made.raw)
	}
	link := s.mailed().Data["link"]
	token := link[strings.LastIndexAny(link, "=/")+1:]
	accept := func(token string) answered {
		return s.do("POST", list+"accept/", s.token(bert.ID), map[string]any{"token": token})
	}
	if got := accept("nonsense").want(t, 400); got.body["token"] == nil {
		t.Error(got.raw)
	}
	if got := accept(token).want(t, 200); got.text("organization") != string(harbour.ID) || got.text("user") != string(bert.ID) {
		t.Error(got.raw)
	}
	accept(token).want(t, 400)
	if got := s.do("GET", path, root, nil).want(t, 200); got.text("state") != "accepted" {
		t.Error(got.raw)
	}
	second := s.do("POST", list, root, map[string]any{"organization": harbour.ID, "email": "two@example.org"}).want(t, 201)
	if soon := s.do("POST", list+second.text("id")+"/resend/", root, nil).want(t, 400); soon.body["invitation"] == nil {
		t.Error(soon.raw)
	}
	s.clock.Advance(time.Minute)
	if got := s.do("POST", list+second.text("id")+"/resend/", root, nil).want(t, 200); got.body["sent"] != 2.0 {
		t.Error(got.raw)
	}
	s.do("DELETE", list+second.text("id")+"/", root, nil).want(t, 204)
}

func TestPermissions(t *testing.T) {
	s := newServer(t)
	root := s.token(s.superuser("root").ID)
	body := map[string]any{"models": []any{map[string]any{"name": "device", "label": "Device"}}, "defaults": map[string]any{"Operator": []string{"radius.view_device"}}}
	first := s.do("PUT", "/permissions/radius/", root, body).want(t, 200)
	if added, _ := first.body["added"].([]any); len(added) != 4 || !strings.Contains(first.raw, `"Operator"`) {
		t.Error(first.raw)
	}
	again := s.do("PUT", "/permissions/radius/", root, body).want(t, 200)
	for _, name := range []string{"added", "removed", "kept"} {
		if list, isList := again.body[name].([]any); !isList || len(list) != 0 {
			t.Errorf("%s: %v", name, again.body[name])
		}
	}
	if got := s.do("GET", "/permissions/", root, nil).want(t, 200); !strings.Contains(got.raw, "radius.view_device") {
		t.Error("the registered permission is not listed")
	}
	s.do("PUT", "/permissions/users/", root, body).want(t, 400)
}

func TestAudit(t *testing.T) {
	s := newServer(t)
	root, ada := s.superuser("root"), s.member("ada", s.organization("harbour").ID)
	token := s.token(root.ID)
	s.do("PATCH", me(ada), token, map[string]any{"first_name": "Ada"}).want(t, 200)
	rows := s.do("GET", "/audit/?object="+string(ada.ID)+"&action=user.changed", token, nil).want(t, 200).results()
	if len(rows) != 1 || rows[0]["actor"] != string(root.ID) || !strings.HasPrefix(rows[0]["via"].(string), "token:") {
		t.Fatalf("%v", rows)
	}
	changes, _ := rows[0]["changes"].([]any)
	if diff := cmp.Diff([]any{map[string]any{"field": "first_name", "before": "", "after": "Ada"}}, changes); diff != "" {
		t.Error(diff)
	}
	s.do("GET", "/audit/", s.token(ada.ID), nil).want(t, 403)
}
