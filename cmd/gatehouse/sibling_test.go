package main

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatehouse/verify"
	"gatehouse/verify/verifytest"
)

func exampleService(t *testing.T) *sibling {
	t.Helper()
	page, err := template.New("sibling").Parse(siblingPage)
	if err != nil {
		t.Fatal(err)
	}
	return &sibling{ownURL: "http://127.0.0.1:8082", page: page, holders: map[string]*siblingToken{}}
}

func visitSibling(s *sibling, address string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// TestSiblingHost: under another name the browser would lose its cookie on the way back.
func TestSiblingHost(t *testing.T) {
	w := visitSibling(exampleService(t), "http://localhost:8082/signin?x=y")
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "http://127.0.0.1:8082/signin?x=y" || len(w.Result().Cookies()) != 0 {
		t.Errorf("%d to %q", w.Code, to)
	}
}

func TestSiblingPages(t *testing.T) {
	s := exampleService(t)
	if w := visitSibling(s, "http://127.0.0.1:8082/nowhere"); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "There is no such page") || strings.Contains(w.Body.String(), "not signed in") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	kept := httptest.NewRecorder()
	issuer := verifytest.New(t)
	s.verifier = issuer.Verifier("switchboard")
	token, err := s.shown(t.Context(), issuer.Sign(verifytest.Token{Slug: "harbour", Audience: []string{"switchboard"}}))
	if err != nil {
		t.Fatal(err)
	}
	s.hold(kept, token)
	cookie := kept.Result().Cookies()[0]
	for range 2 { // a reload
		if w := visitSibling(s, "http://127.0.0.1:8082/", cookie); !strings.Contains(w.Body.String(), `id="organization">harbour<`) {
			t.Errorf("the holder sees %s", w.Body)
		}
	}
	if w := visitSibling(s, "http://127.0.0.1:8082/"); strings.Contains(w.Body.String(), "harbour") {
		t.Error("another browser sees the token")
	}
	s.holders[cookie.Value].Token = new(verify.Token) // whose time is over
	if w := visitSibling(s, "http://127.0.0.1:8082/", cookie); strings.Contains(w.Body.String(), "harbour") {
		t.Error("an expired token is shown")
	}
}
