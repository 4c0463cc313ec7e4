package api_test

import "testing"

// TestRemoveFactors: who has lost his telephone gets in again with his password alone.
func TestRemoveFactors(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	mona, ada := s.manager("mona", harbour.ID), s.member("ada", harbour.ID)
	token := s.token(mona.ID)
	s.enrol(ada)
	rows := s.do("GET", me(ada)+"factor/", token, nil).want(t, 200).results()
	if len(rows) != 1 || rows[0]["name"] != "app" || rows[0]["kind"] != "totp" || rows[0]["secret"] != nil {
		t.Errorf("factors %v", rows)
	}
	s.do("POST", "/users/token/", "", login("ada", goodPassword)).want(t, 401)
	s.do("DELETE", me(ada)+"factor/", s.token(ada.ID), nil).want(t, 403)
	s.do("DELETE", me(ada)+"factor/", token, nil).want(t, 204)
	if rows := s.do("GET", me(ada)+"factor/", token, nil).want(t, 200).results(); len(rows) != 0 {
		t.Errorf("factors %v", rows)
	}
	s.do("POST", "/users/token/", "", login("ada", goodPassword)).want(t, 200)
}
