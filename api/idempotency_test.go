package api_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// keyed sends a POST with an Idempotency-Key.
func (s *server) keyed(key, path, token string, body any) answered {
	s.t.Helper()
	r := s.request("POST", path, token, body)
	r.Header.Set("Idempotency-Key", key)
	return s.send(r)
}

func TestIdempotency(t *testing.T) {
	s := newServer(t)
	root, other := s.token(s.superuser("root").ID), s.token(s.superuser("other").ID)
	body := func(slug string) map[string]any { return map[string]any{"name": slug, "slug": slug} }
	const path = "/users/organization/"
	first := s.keyed("k", path, root, body("harbour")).want(t, 201)
	again := s.keyed("k", path, root, body("harbour")).want(t, 201)
	if again.raw != first.raw || again.header.Get("Location") != first.header.Get("Location") || again.header.Get("ETag") != first.header.Get("ETag") || again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("replayed %v %s", again.header, again.raw)
	}
	s.keyed("k", path, root, body("castle")).want(t, 422)
	s.keyed("k", "/users/group/", root, body("harbour")).want(t, 422)
	s.keyed("k", path, other, body("castle")).want(t, 201) // keys of callers do not meet
	s.keyed("l", path, root, body("harbour")).want(t, 400)
	if refused := s.keyed("l", path, root, body("harbour")).want(t, 400); refused.header.Get("Idempotency-Replayed") != "true" {
		t.Error("a refusal is an answer, too")
	}
	s.keyed(strings.Repeat("k", 201), path, root, body("x")).want(t, 400)
	s.clock.Advance(24*time.Hour + time.Minute)
	s.keyed("k", path, root, body("harbour")).want(t, 400) // it acts again
	s.keyed("k", path, "", body("harbour")).want(t, 401)
}

// Of many equal requests at once one acts, and the others hear that it is at work or what became of it.
func TestIdempotencyRace(t *testing.T) {
	s := newServer(t)
	root := s.token(s.superuser("root").ID)
	statuses := make([]int, 16)
	var group sync.WaitGroup
	for i := range statuses {
		group.Go(func() {
			r, err := http.NewRequestWithContext(context.Background(), "POST", s.url+"/api/v1/users/group/", strings.NewReader(`{"name":"fresh"}`))
			if err != nil {
				return
			}
			r.Header = http.Header{"Authorization": {"Bearer " + root}, "Content-Type": {"application/json"}, "Idempotency-Key": {"k"}}
			if response, err := http.DefaultClient.Do(r); err == nil {
				statuses[i] = response.StatusCode
				_ = response.Body.Close()
			}
		})
	}
	group.Wait()
	for _, status := range statuses {
		if status != 201 && status != 409 {
			t.Errorf("statuses %v", statuses)
		}
	}
	if got := s.do("GET", "/users/group/?search=fresh", root, nil).want(t, 200); len(got.results()) != 1 {
		t.Errorf("%d groups", len(got.results()))
	}
}

func TestIdempotencyKeepsTokensSealed(t *testing.T) {
	s := newServer(t)
	root := s.superuser("root")
	token := s.token(root.ID)
	path := me(root) + "token/"
	first := s.keyed("k", path, token, map[string]any{"name": "job"}).want(t, 201)
	if again := s.keyed("k", path, token, map[string]any{"name": "job"}).want(t, 201); again.text("token") != first.text("token") {
		t.Error("another token")
	}
	if rows := s.do("GET", path, token, nil).want(t, 200).results(); len(rows) != 2 {
		t.Errorf("%d tokens", len(rows))
	}
}

// TestIdempotencyBounds: a key says nothing where nothing is made, and a body that is too large is refused before it is kept.
func TestIdempotencyBounds(t *testing.T) {
	s := newServer(t)
	root := s.token(s.superuser("root").ID)
	for range 2 {
		r := s.request("GET", "/users/user/", root, nil)
		r.Header.Set("Idempotency-Key", "k")
		if got := s.send(r).want(t, 200); got.header.Get("Idempotency-Replayed") != "" {
			t.Error("a list was replayed")
		}
	}
	s.keyed("k", "/users/group/", root, map[string]any{"name": strings.Repeat("x", 1<<20)}).want(t, 413)
	s.keyed("k", "/users/group/", root, map[string]any{"name": "fresh"}).want(t, 201)
}
