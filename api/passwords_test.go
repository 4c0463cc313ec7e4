package api_test

import (
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/session"
	"gatehouse/tenancy"
)

func change(old, fresh string) map[string]any {
	return map[string]any{"old_password": old, "new_password1": fresh, "new_password2": fresh}
}

const otherPassword = "marble heron lantern 9"

func TestChangeOwnPassword(t *testing.T) {
	s := newServer(t)
	ada := s.member("ada", s.organization("harbour").ID)
	token, stale := s.token(ada.ID), s.token(ada.ID)
	const path = "/users/user/password/change/"
	for field, bad := range map[string]map[string]any{
		"old_password": change("wrong", otherPassword), "new_password1": change(goodPassword, "short"),
		"new_password2": {"old_password": goodPassword, "new_password1": otherPassword, "new_password2": "another"},
	} {
		if got := s.do("POST", path, token, bad).want(t, 400); got.body[field] == nil {
			t.Errorf("%s: %s", field, got.raw)
		}
	}
	s.do("POST", path, "", change(goodPassword, otherPassword)).want(t, 401)
	s.do("POST", path, token, change(goodPassword, otherPassword)).want(t, 200)
	s.do("GET", me(ada), token, nil).want(t, 200)
	s.do("GET", me(ada), stale, nil).want(t, 401)
	s.do("POST", "/users/token/", "", login("ada", otherPassword)).want(t, 200)
}

func TestOwnPasswordIsGuarded(t *testing.T) {
	s := newServer(t)
	ada := s.member("ada", s.organization("harbour").ID)
	token := s.token(ada.ID)
	try := func(old, address string) answered {
		r := s.request("POST", "/users/user/password/change/", token, change(old, otherPassword))
		r.Header.Set(addressHeader, address)
		return s.send(r)
	}
	for range 10 {
		try("wrong", "192.0.2.1").want(t, 400)
	}
	if got := try(goodPassword, "192.0.2.1").want(t, 429); got.header.Get("Retry-After") == "" || got.header.Get("Retry-After") == "0" {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	put := s.do("PUT", "/users/user/"+string(ada.ID)+"/password/", token, map[string]any{"current_password": goodPassword, "new_password": otherPassword, "confirm_password": otherPassword})
	put.want(t, 429) // no way round
	try(goodPassword, "192.0.2.2").want(t, 200)
}

func TestSetPassword(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	mona := s.manager("mona", harbour.ID)
	ada, bert := s.member("ada", harbour.ID), s.member("bert", s.organization("castle").ID)
	body := func(current string) map[string]any {
		return map[string]any{"current_password": current, "new_password": otherPassword, "confirm_password": otherPassword}
	}
	path := func(user id.User) string { return "/users/user/" + string(user) + "/password/" }
	token := s.token(mona.ID)
	old := s.token(ada.ID)
	if got := s.do("PUT", path(ada.ID), token, body("")).want(t, 200); got.text("status") != "success" || got.text("message") == "" {
		t.Error(got.raw)
	}
	s.do("GET", me(ada), old, nil).want(t, 401)
	s.do("PUT", path(bert.ID), token, body("")).want(t, 404)
	s.do("PUT", path(ada.ID), s.token(bert.ID), body("")).want(t, 403) // without the permission, whoever it is
	if got := s.do("PUT", path(mona.ID), token, body("")).want(t, 400); !strings.Contains(got.raw, "required") {
		t.Error(got.raw)
	}
	if got := s.do("PUT", path(mona.ID), token, body("wrong")).want(t, 400); got.body["current_password"] == nil {
		t.Error(got.raw)
	}
	mismatch := maps.Clone(body(goodPassword))
	mismatch["confirm_password"] = "x"
	if got := s.do("PUT", path(mona.ID), token, mismatch).want(t, 400); got.body["confirm_password"] == nil {
		t.Error(got.raw)
	}
	s.do("PUT", path(mona.ID), token, body(goodPassword)).want(t, 200)
}

func TestExpiredPassword(t *testing.T) {
	s := newServer(t)
	ada := s.member("ada", s.organization("harbour").ID)
	s.directory.Settings.PasswordExpiryDays = 90
	s.clock.Advance(100 * 24 * time.Hour)
	cookie, _ := s.signIn(ada.ID, "")
	got := s.do("POST", "/users/token/", "", login("ada", goodPassword)).want(t, 200)
	token := got.text("token")
	if got.body["password_expired"] != true {
		t.Error(got.raw)
	}
	d := readDocument(t)
	unknown := string(id.New[id.User]())
	fill := strings.NewReplacer("{id}", unknown, "{email}", unknown, "{session}", unknown, "{token}", unknown, "{user}", unknown, "{app}", "app")
	for _, o := range d.operations() {
		if len(o.Security) == 0 || o.OperationID == "change-own-password" {
			continue
		}
		bySession := s.request(o.method, fill.Replace(o.path), "", nil)
		bySession.Header.Set(sessionHeader, cookie)
		for _, refused := range []answered{s.do(o.method, fill.Replace(o.path), token, nil), s.send(bySession)} {
			if refused.status != 403 || refused.text("code") != "password_expired" || refused.text("web_password_change_url") == "" ||
				refused.text("api_password_change_url") != issuer+"/api/v1/users/user/password/change/" || refused.text("api_password_reset_url") != issuer+"/api/v1/users/password/reset/" {
				t.Errorf("%s: %d %s", o.OperationID, refused.status, refused.raw)
			}
		}
	}
	s.as(cookie, "POST", "/users/user/password/change/", change("wrong", otherPassword)).want(t, 400) // the session may, too
	s.do("POST", "/users/user/password/change/", token, change(goodPassword, otherPassword)).want(t, 200)
	fresh := s.do("POST", "/users/token/", "", login("ada", otherPassword)).want(t, 200)
	s.do("GET", me(ada), fresh.text("token"), nil).want(t, 200)
}

// TestExpiredPasswordOfNoUse: an old password is no matter of who has signed in without it.
func TestExpiredPasswordOfNoUse(t *testing.T) {
	s := newServer(t)
	ada := s.member("ada", s.organization("harbour").ID)
	s.directory.Settings.PasswordExpiryDays = 90
	s.clock.Advance(100 * 24 * time.Hour)
	cookie, _, err := s.sessions.Start(t.Context(), session.Session{User: ada.ID, AMR: []string{"fed"}, AuthTime: s.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	s.as(cookie.Reveal(), "GET", me(ada), nil).want(t, 200)
	byPassword, _ := s.signIn(ada.ID, "")
	s.as(byPassword, "GET", me(ada), nil).want(t, 403)
}

// mailed opens the last letter that waits for the postman.
func (s *server) mailed() notify.Letter {
	s.t.Helper()
	claimed := must(s.db.ClaimMessages(s.t.Context(), notify.ChannelMail, s.clock.Now(), s.clock.Now().Add(time.Minute), 100))(s.t)
	if len(claimed) == 0 {
		s.t.Fatal("no mail")
	}
	return must(claimed[len(claimed)-1].Letter(s.directory.Keys))(s.t)
}

func TestReset(t *testing.T) {
	s := newServer(t)
	s.create(tenancy.NewUser{Username: "ada", Organization: s.organization("harbour").ID})
	const path = "/users/password/reset/"
	same := s.do("POST", path, "", map[string]any{"input": "ada"}).want(t, 200)
	if nobody := s.do("POST", path, "", map[string]any{"input": "nobody"}).want(t, 200); nobody.raw != same.raw {
		t.Errorf("%s, but for nobody %s", same.raw, nobody.raw)
	}
	if got := s.do("POST", path, "", map[string]any{}).want(t, 400); got.body["input"] == nil {
		t.Error(got.raw)
	}
	link := must(url.Parse(s.mailed().Data["link"]))(t)
	confirm := func(token, one, two string) answered {
		return s.do("POST", path+"confirm/", "", map[string]any{"uid": "ignored", "token": token, "new_password1": one, "new_password2": two})
	}
	token := link.Query().Get("token")
	for field, got := range map[string]answered{"new_password2": confirm(token, otherPassword, "x"), "new_password1": confirm(token, "short", "short"), "token": confirm("x", otherPassword, otherPassword)} {
		if got.want(t, 400).body[field] == nil {
			t.Errorf("%s: %s", field, got.raw)
		}
	}
	confirm(token, otherPassword, otherPassword).want(t, 200)
	if got := confirm(token, otherPassword, otherPassword).want(t, 400); got.body["token"] == nil {
		t.Error(got.raw)
	}
	s.do("POST", "/users/token/", "", login("ada", otherPassword)).want(t, 200)
}

// A mail bomb: one account gets five mails in an hour, from however many addresses and under however many names; one address sends 60.
func TestResetsAreCounted(t *testing.T) {
	s := newServer(t)
	s.member("ada", s.organization("harbour").ID)
	ask := func(name, address string) answered {
		r := s.request("POST", "/users/password/reset/", "", map[string]any{"input": name})
		r.Header.Set(addressHeader, address)
		return s.send(r)
	}
	for i, name := range []string{"ada", "ADA", "ada@example.org", "ada", "ada"} {
		ask(name, "192.0.2."+string(rune('1'+i))).want(t, 200)
	}
	if got := ask("ada", "192.0.2.9").want(t, 429); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for i := range 59 {
		ask("x"+strings.Repeat("y", i), "2001:db8::"+string(rune('1'+i%9))).want(t, 200)
	}
	ask("another", "2001:db8::1").want(t, 200)
	ask("another", "2001:db8::2").want(t, 429) // the same customer
	s.clock.Advance(time.Hour + time.Second)
	ask("ada", "192.0.2.9").want(t, 200)
}
