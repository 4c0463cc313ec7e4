package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"gatehouse/tenancy"
)

// me is where everybody reads himself.
func me(user tenancy.User) string { return "/users/user/" + string(user.ID) + "/" }

func login(name, password string) map[string]any {
	return map[string]any{"username": name, "password": password}
}

func TestObtainToken(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	ada := s.create(tenancy.NewUser{Username: "ada", Phone: "+393331234567", Organization: harbour.ID})
	gone := s.create(tenancy.NewUser{Username: "gone", Organization: harbour.ID, Inactive: true})
	for _, name := range []string{"ada", "ADA", "ada@example.org", "+393331234567"} {
		got := s.do("POST", "/users/token/", "", login(name, goodPassword)).want(t, 200)
		if got.body["password_expired"] != false || got.text("expires") == "" {
			t.Errorf("%s: %s", name, got.raw)
		}
		s.do("GET", me(ada), got.text("token"), nil).want(t, 200)
	}
	for _, wrong := range []map[string]any{login("ada", "wrong"), login("nobody", goodPassword), login("gone", goodPassword)} {
		if got := s.do("POST", "/users/token/", "", wrong).want(t, 400); got.body["non_field_errors"] == nil {
			t.Errorf("%v: %s", wrong, got.raw)
		}
	}
	if got := s.do("POST", "/users/token/", "", map[string]any{}).want(t, 400); got.body["username"] == nil || got.body["password"] == nil {
		t.Error(got.raw)
	}
	if _, _, err := s.directory.IssueToken(t.Context(), gone.ID, tenancy.MethodPassword); err == nil {
		t.Error("an inactive account got a token")
	}
}

func TestLogout(t *testing.T) {
	s := newServer(t)
	ada := s.member("ada", s.organization("harbour").ID)
	token, other := s.token(ada.ID), s.token(ada.ID)
	s.do("DELETE", "/users/token/", token, nil).want(t, 204)
	got := s.do("GET", me(ada), token, nil).want(t, 401)
	if got.header.Get("WWW-Authenticate") != "Bearer" {
		t.Error("no WWW-Authenticate")
	}
	s.do("GET", me(ada), other, nil).want(t, 200)
	rows := s.do("GET", "/audit/?action=token.revoked", s.token(s.superuser("root").ID), nil).want(t, 200).results()
	if len(rows) != 1 || rows[0]["actor"] != string(ada.ID) {
		t.Errorf("recorded %v", rows)
	}
}

func TestAuthorizationHeader(t *testing.T) {
	s := newServer(t)
	ada := s.member("ada", s.organization("harbour").ID)
	token := s.token(ada.ID)
	cookie, _ := s.signIn(ada.ID, "")
	for header, status := range map[string]int{"Bearer " + token: 200, "bearer " + token: 200, "Bearer  " + token: 200, "Bearer": 401, "Basic " + token: 401, "Bearer nonsense": 401, token: 401} {
		r := s.request("GET", me(ada), "", nil)
		r.Header.Set("Authorization", header)
		r.Header.Set(sessionHeader, cookie) // never a way round a bad token
		got := s.send(r)
		if got.status != status {
			t.Errorf("%.20q: %d, want %d", header, got.status, status)
		}
		if says := strings.Contains(got.raw, "has to be: Bearer"); says != (status == 401 && header != "Bearer nonsense") {
			t.Errorf("%.20q: %s", header, got.raw)
		}
	}
}

// TestTwoAuthorizationHeaders: which of them a filter in front has looked at, nobody knows.
func TestTwoAuthorizationHeaders(t *testing.T) {
	s := newServer(t)
	ada := s.member("ada", s.organization("harbour").ID)
	r := s.request("GET", me(ada), s.token(ada.ID), nil)
	r.Header.Add("Authorization", "Bearer other")
	s.send(r).want(t, 401)
}

// enrol gives a user a second factor and returns how to make its codes.
func (s *server) enrol(user tenancy.User) func() string {
	s.t.Helper()
	e := must(s.factors.Begin(user.Username))(s.t)
	code := func() string { return must(totp.GenerateCode(e.Secret, s.clock.Now()))(s.t) }
	if _, err := s.factors.Confirm(s.t.Context(), user.ID, e, "app", code()); err != nil {
		s.t.Fatal(err)
	}
	s.clock.Advance(time.Minute)
	return code
}

func TestSecondFactor(t *testing.T) {
	s := newServer(t)
	ada := s.member("ada", s.organization("harbour").ID)
	code := s.enrol(ada)
	ask := func() string {
		got := s.do("POST", "/users/token/", "", login("ada", goodPassword)).want(t, 401)
		if got.text("code") != "factor_required" || got.text("token") != "" {
			t.Fatal(got.raw)
		}
		return got.text("challenge")
	}
	answer := func(challenge, code string) answered {
		return s.do("POST", "/users/token/", "", map[string]any{"challenge": challenge, "code": code})
	}
	challenge := ask()
	if got := answer(challenge, "000000").want(t, 401); got.text("code") != "wrong_code" {
		t.Error(got.raw)
	}
	if got := answer(challenge, "").want(t, 400); got.body["code"] == nil {
		t.Error(got.raw)
	}
	given := answer(challenge, code()).want(t, 200)
	token := given.text("token")
	if given.text("user") != string(ada.ID) {
		t.Errorf("whose token: %s", given.raw)
	}
	s.do("GET", me(ada), token, nil).want(t, 200)
	s.clock.Advance(time.Minute)
	answer(challenge, code()).want(t, 401) // used
	late := ask()
	s.clock.Advance(5*time.Minute + time.Second)
	answer(late, code()).want(t, 401)
	used := code()
	answer(ask(), used).want(t, 200)
	answer(ask(), used).want(t, 401) // a code is good once
}

func TestFactorEnrolmentIsDemanded(t *testing.T) {
	s := newServer(t)
	castle := must(s.directory.CreateOrganization(t.Context(), system(), tenancy.Organization{Name: "Castle", Slug: "castle", FactorPolicy: tenancy.FactorRequired}))(t)
	s.member("ada", castle.ID)
	if got := s.do("POST", "/users/token/", "", login("ada", goodPassword)).want(t, 403); got.text("code") != "factor_enrolment_required" {
		t.Error(got.raw)
	}
}

func TestTokenGuard(t *testing.T) {
	s := newServer(t)
	s.member("ada", s.organization("harbour").ID)
	for range 10 {
		s.do("POST", "/users/token/", "", login("ada", "wrong")).want(t, 400)
	}
	s.do("POST", "/users/token/", "", login("ada@example.org", goodPassword)).want(t, 429) // all of its names are one
	got := s.do("POST", "/users/token/", "", login("ada", goodPassword)).want(t, 429)
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	elsewhere := s.request("POST", "/users/token/", "", login("ada", goodPassword))
	elsewhere.Header.Set(addressHeader, "192.0.2.77")
	s.send(elsewhere).want(t, 200)
	s.clock.Advance(16 * time.Minute)
	s.do("POST", "/users/token/", "", login("ada", goodPassword)).want(t, 200)
}
