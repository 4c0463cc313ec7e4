package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
)

func TestMethods(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	mona := s.token(s.manager("mona", harbour.ID).ID)
	head := s.do("HEAD", "/users/user/", mona, nil).want(t, 200)
	if head.raw != "" || head.header.Get("Content-Type") != "application/json" {
		t.Errorf("HEAD: %q, %v", head.raw, head.header)
	}
	s.do("HEAD", "/users/user/", "", nil).want(t, 401)
	for path, allow := range map[string]string{"/users/user/": "GET, POST, HEAD, OPTIONS", "/users/user/" + string(id.New[id.User]()) + "/": "GET, PUT, PATCH, DELETE, HEAD, OPTIONS", "/users/user/password/change/": "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"} {
		if strings.HasSuffix(path, "change/") {
			allow = "POST, OPTIONS"
		}
		if got := s.do("OPTIONS", path, mona, nil).want(t, 200); got.header.Get("Allow") != allow {
			t.Errorf("%s: Allow %q, want %q", path, got.header.Get("Allow"), allow)
		}
		s.do("OPTIONS", path, "", nil).want(t, 401)
		if got := s.do("TRACE", path, mona, nil).want(t, 405); got.header.Get("Allow") != allow || got.text("detail") == "" {
			t.Errorf("TRACE %s: Allow %q, %s", path, got.header.Get("Allow"), got.raw)
		}
	}
	s.do("DELETE", "/users/user/", mona, nil).want(t, 405)
}

func TestAddresses(t *testing.T) {
	s := newServer(t)
	root := s.superuser("root")
	token := s.token(root.ID)
	for _, path := range []string{"/users/user/", "/users/user", "/users/user?page=1", "/users/user/" + string(root.ID), me(root)} {
		s.do("GET", path, token, nil).want(t, 200)
	}
	for _, path := range []string{"/", "", "/nothing/", "/users/", "/users/user/x/", "/users/user/" + strings.ToUpper(string(root.ID)) + "/", "/users//user/", "/users/user/%00/", "/users/user/../user/x"} {
		got := s.do("GET", path, token, nil)
		if got.status != 404 || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%q: %d %s", path, got.status, got.raw)
		}
	}
	if got := s.do("GET", "/users/user/", token, nil); got.header.Get("Cache-Control") != "no-store" {
		t.Error("an answer may be cached")
	}
}

func TestStrictJSON(t *testing.T) {
	s := newServer(t)
	root := s.superuser("root")
	token := s.token(root.ID)
	for raw, field := range map[string]string{
		`{"first_name":"a","first_name":"b"}`: "first_name", `{"first_name":"a","FIRST_NAME":"b"}`: "FIRST_NAME", `{"custom":{"a":1,"a":2}}`: "custom", "{\"first_name\":\"\xff\"}": "non_field_errors",
		`{"first_name":"a"} {}`: "non_field_errors", `{"first_name":"a"`: "non_field_errors", `{"first_name":}`: "first_name", `["first_name"]`: "non_field_errors", `null`: "non_field_errors",
		`{"custom":` + strings.Repeat(`{"a":`, 20) + "1" + strings.Repeat("}", 21): "custom", `{"first_name":"\u0000"}`: "first_name", `{"first_name":1}`: "first_name", ``: "non_field_errors",
		`{"is_active":"yes"}`: "is_active", `{"groups":"x"}`: "groups", `{"groups":[1]}`: "groups", `{"email":{"a":1}}`: "email",
	} {
		got := s.do("PATCH", me(root), token, raw)
		if got.status != 400 || got.body[field] == nil {
			t.Errorf("%.60s: %d %s", raw, got.status, got.raw)
		}
	}
	s.do("PATCH", me(root), token, `{"first_name":"\ud83d\ude00"}`).want(t, 200)
}

func TestLargeBodies(t *testing.T) {
	s := newServer(t)
	token := s.token(s.superuser("root").ID)
	for _, key := range []string{"", "k"} {
		r := s.request("POST", "/users/user/", token, `{"bio":"`+strings.Repeat("a", 10<<20)+`"}`)
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		begin := time.Now()
		if got := s.send(r).want(t, 413); got.text("detail") == "" {
			t.Error(got.raw)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("it took %s", took)
		}
	}
}

// A body that does not say how long it is gets no further.
func TestEndlessBody(t *testing.T) {
	s := newServer(t)
	r := s.request("POST", "/users/user/", s.token(s.superuser("root").ID), "{}")
	r.Body, r.ContentLength = io.NopCloser(io.LimitReader(endless{}, 10<<20)), -1
	r.GetBody = nil
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return // cut off
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != 413 {
		t.Errorf("status %d", response.StatusCode)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
