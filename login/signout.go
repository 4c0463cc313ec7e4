package login

import (
	"context"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store"
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
	of := func(ctx context.Context) ([]session.Header, error) { return s.Sessions.OfUser(ctx, user) }
	if err := s.endAll(ctx, of, keep); err != nil {
		return err
	}
	return s.Provider.EndGrantsOfUser(ctx, user, keep)
}

// EndOneOfUser implements tenancy.Sessions.
func (s SignOut) EndOneOfUser(ctx context.Context, user id.User, sid id.Session) error {
	header, err := s.Sessions.Header(ctx, sid)
	if err == nil && header.User != user {
		err = store.ErrNotFound
	}
	if err != nil {
		return err
	}
	return s.End(ctx, sid)
}

// EndOfOrganization implements tenancy.Sessions.
func (s SignOut) EndOfOrganization(ctx context.Context, organization id.Organization) error {
	of := func(ctx context.Context) ([]session.Header, error) {
		return s.Sessions.OfOrganization(ctx, organization)
	}
	return s.endAll(ctx, of, "")
}

// endAll ends listed sessions until there are none but keep: the list is bounded.
func (s SignOut) endAll(ctx context.Context, list func(context.Context) ([]session.Header, error), keep id.Session) error {
	for {
		headers, err := list(ctx)
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
		if ended == 0 {
			return nil
		}
	}
}

// End ends one session, with everything that was issued from it. The session itself goes last, so that who fails half way finds it again.
func (s SignOut) End(ctx context.Context, sid id.Session) error {
	if err := s.Provider.EndSession(ctx, sid); err != nil {
		return err
	}
	return s.Sessions.EndByID(ctx, sid)
}
