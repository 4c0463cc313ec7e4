package tenancy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/session"
	"gatehouse/tenancy"
)

// inTheSameFile ends sessions that live in the directory's own SQLite file, as serve has them by default.
type inTheSameFile struct {
	store session.Store
	ended []id.User
}

func (s *inTheSameFile) EndOfUser(ctx context.Context, user id.User, _ id.Session) error {
	bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s.ended = append(s.ended, user)
	return s.store.Create(bounded, session.Key{Kind: session.KindReplay, ID: string(user)}, session.Entry{Expires: time.Now().Add(time.Hour)})
}

func (*inTheSameFile) EndOneOfUser(context.Context, id.User, id.Session) error { return nil }

func (*inTheSameFile) EndOfOrganization(context.Context, id.Organization) error { return nil }

// TestAtomicallyEndsSessionsAfterwards: one writer serves both, so that ending a session within the transaction would wait for ever.
func TestAtomicallyEndsSessionsAfterwards(t *testing.T) {
	f := newFixture(t)
	sessions := &inTheSameFile{store: f.db.Ephemeral()}
	f.Sessions = sessions
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	deactivate := func(d *tenancy.Directory) error {
		_, err := d.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Active: to(false)})
		return err
	}
	broken := errors.New("broken")
	err := f.Atomically(t.Context(), func(d *tenancy.Directory) error { return errors.Join(deactivate(d), broken) })
	if !errors.Is(err, broken) || len(sessions.ended) != 0 || !must(f.db.User(t.Context(), ada))(t).Active {
		t.Errorf("undone: %v, ended %v", err, sessions.ended)
	}
	if err := f.Atomically(t.Context(), deactivate); err != nil {
		t.Fatal(err)
	}
	if len(sessions.ended) != 1 || must(f.db.User(t.Context(), ada))(t).Active {
		t.Errorf("ended %v", sessions.ended)
	}
}

// TestAtomicallyEndsSessionsOfOrganizations: what ends an organization's sessions ends those, afterwards.
func TestAtomicallyEndsSessionsOfOrganizations(t *testing.T) {
	f := newFixture(t)
	sessions := &ended{}
	f.Sessions = sessions
	acme := f.organization(t, "acme")
	err := f.Atomically(t.Context(), func(d *tenancy.Directory) error {
		_, err := d.SetOrganizationActive(t.Context(), system(), acme, false, 0)
		if len(sessions.calls) != 0 {
			t.Errorf("before the commit: %v", sessions.calls)
		}
		return err
	})
	if err != nil || len(sessions.calls) != 1 || sessions.calls[0] != "of "+string(acme) {
		t.Errorf("error %v, ended %v", err, sessions.calls)
	}
}

// TestEnabledOrganizationSignsNobodyOut: only who disables an organization ends its sessions.
func TestEnabledOrganizationSignsNobodyOut(t *testing.T) {
	f := newFixture(t)
	sessions := &ended{}
	f.Sessions = sessions
	acme := f.organization(t, "acme")
	for i, active := range []bool{true, false, true} {
		must(f.SetOrganizationActive(t.Context(), system(), acme, active, 0))(t)
		if want := min(i, 1); len(sessions.calls) != want {
			t.Errorf("step %d: ended %v", i, sessions.calls)
		}
	}
}
