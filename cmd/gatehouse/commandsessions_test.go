package main

import (
	"fmt"
	"log/slog"
	"testing"

	"gatehouse/config"
	"gatehouse/internal/id"
	"gatehouse/internal/testenv"
	"gatehouse/session"
)

// TestCommandsEndSessions: who is signed in is not any more after a command that says so, whichever store has the sessions.
func TestCommandsEndSessions(t *testing.T) {
	for name, more := range map[string]func(t *testing.T) string{
		"InTheDatabase": func(*testing.T) string { return "" },
		"InRedis": func(t *testing.T) string {
			return fmt.Sprintf("sessions: {store: redis, redis: {url: %q}}\n", testenv.Redis(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			configuration, dir := installation(t, more(t))
			d := daily{configuration, dir}
			for _, command := range []string{"set-password", "deactivate"} {
				username := "ada-" + command
				d.want(t, 0, "", "correct horse battery\n", "users", "create", username)
				sessions, user := d.signIn(t, username)
				if got := count(t, sessions, user); got != 1 {
					t.Fatalf("%d sessions", got)
				}
				d.want(t, 0, username, "another horse battery\n", "users", command, username)
				if got := count(t, sessions, user); got != 0 {
					t.Errorf("%s left %d sessions", command, got)
				}
			}
		})
	}
}

// TestSessionsCommands: sessions are listed, and end by id, user and organization; what is meant has to be said.
func TestSessionsCommands(t *testing.T) {
	configuration, dir := installation(t, "")
	d := daily{configuration, dir}
	d.want(t, 0, "", "correct horse battery\n", "users", "create", "ada")
	sessions, user := d.signIn(t, "ada")
	d.signIn(t, "ada")
	d.want(t, 0, "  ada   ", "", "sessions", "list", "--user", "ada")
	headers, err := sessions.OfUser(t.Context(), user)
	if err != nil || len(headers) != 2 {
		t.Fatalf("%v, %v", headers, err)
	}
	d.want(t, 1, "no session", "", "sessions", "end", "nobody")
	d.want(t, 0, "is signed out", "", "sessions", "end", string(headers[0].ID))
	if left, err := sessions.OfUser(t.Context(), user); err != nil || len(left) != 1 || left[0].ID != headers[1].ID {
		t.Errorf("left %v, %v", left, err)
	}
	d.want(t, 0, "Signed out", "", "sessions", "end", "--user", "ada")
	if got := count(t, sessions, user); got != 0 {
		t.Errorf("%d sessions are left", got)
	}
	d.want(t, 0, "", "", "organizations", "create", "harbour")
	d.want(t, 0, "", "", "sessions", "list", "--organization", "harbour")
	d.want(t, 0, "Signed out", "", "sessions", "end", "--organization", "harbour")
	d.want(t, 1, "say whose sessions", "", "sessions", "list")
	d.want(t, 1, "say whose sessions", "", "sessions", "end")
	d.want(t, 1, "say whose sessions", "", "sessions", "end", "x", "--user", "ada")
}

// TestRedisAwayFromCommands: an operator can set a password all the same, and is told what did not happen.
func TestRedisAwayFromCommands(t *testing.T) {
	configuration, dir := installation(t, fmt.Sprintf("sessions: {store: redis, redis: {url: \"redis://127.0.0.1:%d\"}}\n", testenv.FreePort(t)))
	d := daily{configuration, dir}
	d.want(t, 0, "", "correct horse battery\n", "users", "create", "ada")
	d.want(t, 0, "sessions that are open stay so", "another horse battery\n", "users", "set-password", "ada")
	d.want(t, 0, "ada may sign in: no", "", "users", "deactivate", "ada")
}

// signIn begins a session as the server would.
func (d daily) signIn(t *testing.T, username string) (*session.Manager, id.User) {
	t.Helper()
	loaded, err := config.Load(d.config)
	if err != nil {
		t.Fatal(err)
	}
	a, err := openStores(t.Context(), loaded, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	if err := a.openEphemeral(t.Context()); err != nil {
		t.Fatal(err)
	}
	user, err := a.directory.FindUser(t.Context(), commandLine(), username)
	if err != nil {
		t.Fatal(err)
	}
	sessions := a.newSessions()
	if _, _, err := sessions.Start(t.Context(), session.Session{User: user.ID}); err != nil {
		t.Fatal(err)
	}
	return sessions, user.ID
}

func count(t *testing.T, sessions *session.Manager, user id.User) int {
	t.Helper()
	headers, err := sessions.OfUser(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	return len(headers)
}
