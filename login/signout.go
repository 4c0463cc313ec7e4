package login

import (
	"context"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/tenancy"
)

// SignOut ends people's sessions for the directory. Both fields are required.
type SignOut struct {
	Sessions *session.Manager
	Provider *provider.Provider
}

var _ tenancy.Sessions = SignOut{}

// EndOfUser implements tenancy.Sessions. Grants end, too, whose session is over already.
func (s SignOut) EndOfUser(ctx context.Context, user id.User, keep id.Session) error {
	for {
		headers, err := s.Sessions.OfUser(ctx, user)
		if err != nil {
			return err
		}
		ended := 0
		for _, header := range headers {
			if header.ID == keep {
				continue
			}
			if err := s.End(ctx, header.ID); err != nil {
				return err
			}
			ended++
		}
		if ended == 0 { // the list is bounded: there may be more than the first showed
			return s.Provider.EndGrantsOfUser(ctx, user, keep)
		}
	}
}

// End ends one session, with everything that was issued from it.
func (s SignOut) End(ctx context.Context, sid id.Session) error {
	if err := s.Sessions.EndByID(ctx, sid); err != nil {
		return err
	}
	return s.Provider.EndSession(ctx, sid)
}
