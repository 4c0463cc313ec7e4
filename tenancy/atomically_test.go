package tenancy_test

import (
	"context"
	"errors"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/session"
	"gatehouse/tenancy"
)

// signedIn are sessions in the database of the directory, as in a small installation.
type signedIn struct {
	session.Store
	ended []id.User
}

func (s *signedIn) EndOfUser(ctx context.Context, user id.User, _ id.Session) error {
	s.ended = append(s.ended, user)
	return s.Forget(ctx, session.Key{Kind: session.KindSession, ID: string(user)})
}

func TestAtomicallyEndsSessionsAfterwards(t *testing.T) {
	f := newFixture(t)
	ctx, sessions := t.Context(), &signedIn{Store: f.db.Ephemeral()}
	f.Sessions = sessions
	ada := must(f.CreateUser(ctx, system(), tenancy.NewUser{Username: "ada", Email: "ada@example.org", Password: goodPassword}))(t)
	off, failed := false, errors.New("second thoughts")
	deactivate := func(then error) error {
		return f.Atomically(ctx, func(d *tenancy.Directory) error {
			if _, err := d.UpdateUser(ctx, system(), ada.ID, tenancy.UserChange{Active: &off}); err != nil {
				return err
			}
			if len(sessions.ended) > 0 {
				t.Error("sessions were ended within the transaction")
			}
			return then
		})
	}
	if err := deactivate(failed); !errors.Is(err, failed) || len(sessions.ended) > 0 {
		t.Errorf("%v, and ended the sessions of %v", err, sessions.ended)
	}
	if err := deactivate(nil); err != nil || len(sessions.ended) != 1 || sessions.ended[0] != ada.ID {
		t.Errorf("%v, and ended the sessions of %v", err, sessions.ended)
	}
}
