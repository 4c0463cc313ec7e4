package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// statements are the SQL statements that a database was asked.
type statements struct {
	mu    sync.Mutex
	texts []string
}

func (s *statements) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, text)
}

// of runs work and returns the statements that it cost.
func (s *statements) of(work func()) []string {
	s.mu.Lock()
	s.texts = nil
	s.mu.Unlock()
	work()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.texts
}

// TestStatements pins what an authenticated request costs: a token is found together with everything that its user may do, a session
// costs a statement of its own; then come those of the question.
func TestStatements(t *testing.T) {
	s := newServer(t)
	harbour := s.organization("harbour")
	root, mona, ada := s.superuser("root").ID, s.manager("mona", harbour.ID).ID, s.member("ada", harbour.ID)
	for i := range 5 { // by as many superusers, whom the manager does not see
		name := "boss" + strconv.Itoa(i)
		invited := tenancy.NewInvitation{Organization: harbour.ID, Email: name + "@example.org", Role: tenancy.Member}
		must(s.directory.Invite(t.Context(), must(s.directory.Scope(t.Context(), s.superuser(name).ID))(t), invited))(t)
	}
	own, effective := me(ada), me(ada)+"effective-permissions/"
	for _, test := range []struct {
		name, path string
		who        id.User
		question   int // statements beside those that find the caller
	}{
		{"one's own user", own, ada.ID, 1},
		{"a user, for a manager", own, mona, 1},
		{"a user, for a superuser", own, root, 1},
		{"a page of users, for a manager", "/users/user/", mona, 1},
		{"a page of users, for a superuser", "/users/user/", root, 1},
		{"a page of invitations, for a manager", "/users/invitation/", mona, 2},
		{"one's own permissions", effective, ada.ID, 2},
		{"somebody's permissions, for a manager", effective + "?organization=" + string(harbour.ID), mona, 2},
		{"somebody's permissions, for a superuser", effective + "?organization=" + string(harbour.ID), root, 3},
	} {
		token := s.token(test.who)
		cookie, _ := s.signIn(test.who, "")
		byToken := func() { s.do(http.MethodGet, test.path, token, nil).want(t, http.StatusOK) }
		bySession := func() { s.as(cookie, http.MethodGet, test.path, nil).want(t, http.StatusOK) }
		byToken() // the first use of a token in a minute is noted
		s.costs(test.name+", by token", 1+test.question, byToken)
		s.costs(test.name+", by session", 2+test.question, bySession)
	}
	s.costs("Directory.Scope", 1, func() { must(s.directory.Scope(t.Context(), mona))(t) })
}

// costs fails if work costs another number of statements: fewer belong into the table, here and in docs/operations.md.
func (s *server) costs(name string, wanted int, work func()) {
	s.t.Helper()
	if texts := s.statements.of(work); len(texts) != wanted {
		s.t.Errorf("%s: %d statements, want %d:\n%s", name, len(texts), wanted, strings.Join(texts, "\n"))
	}
}
