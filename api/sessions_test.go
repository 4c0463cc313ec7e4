package api_test

import (
	"testing"

	"gatehouse/internal/id"
	"gatehouse/mfa"
	"gatehouse/session"
	"gatehouse/tenancy"
)

// as sends a request in a browser session.
func (s *server) as(cookie, method, path string, body any) answered {
	s.t.Helper()
	r := s.request(method, path, "", body)
	r.Header.Set(sessionHeader, cookie)
	return s.send(r)
}

func TestSessions(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	s.manager("otto", harbour.ID)
	mona, ada, bert := s.manager("mona", harbour.ID), s.member("ada", harbour.ID), s.member("bert", s.organization("castle").ID)
	cookie, live := s.signIn(ada.ID, "")
	second, _ := s.signIn(ada.ID, "")
	path := me(ada) + "session/"
	rows := s.as(cookie, "GET", path, nil).want(t, 200).results()
	if len(rows) != 2 {
		t.Fatalf("%v", rows)
	}
	for _, row := range rows {
		if row["current"] != (row["id"] == string(live.ID)) || row["address"] != "192.0.2.9" || row["agent"] != "test browser" || row["connector"] != nil {
			t.Errorf("%v", row)
		}
	}
	s.do("GET", path, s.token(bert.ID), nil).want(t, 403)
	s.do("GET", me(bert)+"session/", s.token(mona.ID), nil).want(t, 403)
	_, foreign := s.signIn(bert.ID, "")
	s.as(cookie, "DELETE", path+string(foreign.ID)+"/", nil).want(t, 404) // of somebody else
	s.as(cookie, "DELETE", path+string(live.ID)+"/", nil).want(t, 204)
	s.as(cookie, "GET", path, nil).want(t, 401)
	s.as(second, "GET", path, nil).want(t, 200)
	s.do("DELETE", path, s.token(ada.ID), nil).want(t, 204)
	s.as(second, "GET", path, nil).want(t, 401)
}

func TestDisabledAccount(t *testing.T) {
	s := newServer(t)
	root, ada := s.token(s.superuser("root").ID), s.member("ada", s.organization("harbour").ID)
	cookie, _ := s.signIn(ada.ID, "")
	off := false
	// The sessions of who is disabled end; this is one that began meanwhile.
	sessions := s.directory.Sessions
	s.directory.Sessions = nil
	must(s.directory.UpdateUser(t.Context(), system(), ada.ID, tenancy.UserChange{Active: &off}))(t)
	s.directory.Sessions = sessions
	s.as(cookie, "GET", me(ada), nil).want(t, 401)
	s.do("POST", me(ada)+"token/", root, map[string]any{"name": "job"}).want(t, 409) // the caller himself is well
}

// A session that is good for one organization is good for no other, though its user is.
func TestSessionOfOneOrganization(t *testing.T) {
	s := newServer(t)
	harbour, castle := s.organization("harbour"), s.organization("castle")
	mona := s.manager("mona", harbour.ID)
	must(s.directory.AddMember(t.Context(), system(), castle.ID, mona.ID, tenancy.Manager))(t)
	here, there := s.member("ada", harbour.ID), s.member("bert", castle.ID)
	limited, _ := s.signIn(mona.ID, harbour.ID)
	whole, _ := s.signIn(mona.ID, "")
	s.as(limited, "GET", me(here), nil).want(t, 200)
	s.as(limited, "GET", me(there), nil).want(t, 404)
	s.as(limited, "PATCH", me(there), map[string]any{"first_name": "x"}).want(t, 404)
	s.as(whole, "GET", me(there), nil).want(t, 200)
	if rows := s.as(limited, "GET", "/users/organization/", nil).want(t, 200).column("slug"); len(rows) != 1 || rows[0] != "harbour" {
		t.Errorf("organizations %v", rows)
	}
}

func TestAPITokens(t *testing.T) {
	s := newServer(t)
	harbour, castle := s.organization("harbour"), s.organization("castle")
	mona := s.manager("mona", harbour.ID)
	must(s.directory.AddMember(t.Context(), system(), castle.ID, mona.ID, tenancy.Manager))(t)
	ada, bert, token, path := s.member("ada", harbour.ID), s.member("bert", castle.ID), s.token(mona.ID), me(mona)+"token/"
	made := s.do("POST", path, token, map[string]any{"name": "job", "organization": harbour.ID, "permissions": []string{"users.view_user"}, "expires_in": 3600}).want(t, 201)
	narrow := made.text("token")
	s.do("GET", me(ada), narrow, nil).want(t, 200)
	s.do("GET", me(bert), narrow, nil).want(t, 404)
	s.do("PATCH", me(ada), narrow, map[string]any{"first_name": "x"}).want(t, 403)
	s.do("POST", path, narrow, map[string]any{"name": "child"}).want(t, 403)
	for _, row := range s.do("GET", path, token, nil).want(t, 200).results() {
		if _, shown := row["token"]; shown || row["hint"] == "" {
			t.Errorf("%v", row)
		}
	}
	for field, value := range map[string]any{"expires_in": 1, "permissions": []string{"users.unheard_of"}, "organization": id.New[id.Organization](), "name": ""} {
		bad := map[string]any{"name": "job", field: value}
		if got := s.do("POST", path, token, bad).want(t, 400); got.body[field] == nil {
			t.Errorf("%s: %s", field, got.raw)
		}
	}
	s.do("DELETE", path+made.text("id")+"/", s.token(ada.ID), nil).want(t, 404)
	s.do("DELETE", me(ada)+"token/"+made.text("id")+"/", token, nil).want(t, 404)
	s.do("DELETE", path+made.text("id")+"/", token, nil).want(t, 204)
	s.do("GET", me(ada), narrow, nil).want(t, 401)
	s.do("DELETE", path, token, nil).want(t, 204)
	s.do("GET", me(ada), token, nil).want(t, 401)
}

// TestSessionShowsTheFactor: where an organization demands a second factor, a session that began without one is no way round it, even
// if it began for another organization.
func TestSessionShowsTheFactor(t *testing.T) {
	s := newServer(t)
	harbour, castle := s.organization("harbour"), s.organization("castle")
	mona := s.manager("mona", harbour.ID)
	must(s.directory.AddMember(t.Context(), system(), castle.ID, mona.ID, tenancy.Member))(t)
	whole, _ := s.signIn(mona.ID, "")
	there, _ := s.signIn(mona.ID, castle.ID)
	s.as(whole, "GET", "/users/user/", nil).want(t, 200)
	required := tenancy.FactorRequired
	must(s.directory.UpdateOrganization(t.Context(), system(), harbour.ID, tenancy.OrganizationChange{FactorPolicy: &required}))(t)
	if refused := s.as(whole, "GET", "/users/user/", nil).want(t, 403); refused.text("code") != "factor_required" || refused.text("web_sign_in_url") == "" {
		t.Error(refused.raw)
	}
	s.as(whole, "POST", me(mona)+"token/", map[string]any{"name": "round it"}).want(t, 403)
	if got := s.as(there, "GET", "/permissions/", nil); got.text("code") == "factor_required" {
		t.Error("a session of another organization alone is asked for a factor")
	}
	multi, _, err := s.sessions.Start(t.Context(), session.Session{User: mona.ID, AMR: []string{tenancy.MethodPassword, mfa.MultiFactor}, AuthTime: s.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	s.as(multi.Reveal(), "GET", "/users/user/", nil).want(t, 200)
}
