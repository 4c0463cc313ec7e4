package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/api"
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

// small is the API for one user with a token.
type small struct {
	handler http.Handler
	token   string
}

func newSmall(t *testing.T, now func() time.Time) small {
	t.Helper()
	need := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "test.db")), Now: now})
	need(err)
	t.Cleanup(func() { _ = db.Close() })
	need(db.Migrate(t.Context()))
	keys, err := seal.NewKeys(seal.NewMaster())
	need(err)
	passwords, err := password.New(password.Config{MemoryKiB: 64, Passes: 1})
	need(err)
	pages, err := ui.New()
	need(err)
	directory := &tenancy.Directory{Store: db, Passwords: passwords, Keys: keys, Now: now}
	user, err := directory.CreateUser(t.Context(), tenancy.System("test"), tenancy.NewUser{Username: "ada", Password: "granite otter umbrella 7"})
	need(err)
	_, token, err := directory.CreateAPIToken(t.Context(), tenancy.System("test"), tenancy.NewAPIToken{User: user.ID, Name: "test"})
	need(err)
	router := chi.NewRouter()
	api.New(api.Config{
		Issuer: "https://id.example", Version: "test", Directory: directory, Ephemeral: db.Ephemeral(), Keys: keys, Pages: pages, Now: now,
		Passwords: session.Guard{Store: db.Ephemeral(), Now: now, Name: "password"},
		Session:   func(*http.Request) (session.Session, error) { return session.Session{}, store.ErrNotFound },
		Address:   func(*http.Request) string { return "192.0.2.1" },
	}).Mount(router)
	return small{handler: router, token: token.Reveal()}
}

func (s small) post(path, key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/v1"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+s.token)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// TestRefusedForNowIsAskedAgain: with the key of a request that came too early the same one may be sent later.
func TestRefusedForNowIsAskedAgain(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s := newSmall(t, func() time.Time { return now })
	change := func(key, old string) *httptest.ResponseRecorder {
		return s.post("/users/user/password/change/", key,
			fmt.Sprintf(`{"old_password": %q, "new_password1": "another battery staple", "new_password2": "another battery staple"}`, old))
	}
	for range 10 {
		change("", "wrong")
	}
	for range 2 { // the second is not told that the first one is at work
		if w := change("k", "granite otter umbrella 7"); w.Code != http.StatusTooManyRequests || w.Header().Get("Idempotency-Replayed") != "" {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	now = now.Add(time.Hour)
	if w := change("k", "granite otter umbrella 7"); w.Code != http.StatusOK || w.Header().Get("Idempotency-Replayed") != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestNamesHaveOneCase: Go's decoder takes any case and the last of two; a filter in front would have seen the other.
func TestNamesHaveOneCase(t *testing.T) {
	s := newSmall(t, time.Now)
	w := s.post("/users/token/", "", `{"username": "ada", "USERNAME": "root", "password": "granite otter umbrella 7"}`)
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "USERNAME") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
