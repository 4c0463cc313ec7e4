package tenancy

import (
	"context"
	"fmt"

	"gatehouse/internal/id"
)

// MayActOnSessions says whether scope may list or end the sessions of a user by a permission: his own, or as with the account.
func (d *Directory) MayActOnSessions(ctx context.Context, scope Scope, user id.User, permission Permission) error {
	_, err := accountWith(ctx, d.Store, scope, user, permission)
	return err
}

// MayActOnSessionsOf says whether scope may list or end, by a permission, the sessions that are good for an organization alone. It needs
// the permission there, and the organization may be disabled.
func (d *Directory) MayActOnSessionsOf(ctx context.Context, scope Scope, organization id.Organization, permission Permission) error {
	_, err := authorized(ctx, d.Store, scope, organization, permission)
	return err
}

// EndSessions signs a user out everywhere, and records it. It needs users.delete_session as MayActOnSessions says.
func (d *Directory) EndSessions(ctx context.Context, scope Scope, user id.User) error {
	return d.signOut(ctx, scope, user, func(sessions Sessions) error { return sessions.EndOfUser(ctx, user, "") }, nil)
}

// EndSession signs one browser of a user out, and records it. It needs the same as EndSessions. store.ErrNotFound if he has no such session.
func (d *Directory) EndSession(ctx context.Context, scope Scope, user id.User, session id.Session) error {
	end := func(sessions Sessions) error { return sessions.EndOneOfUser(ctx, user, session) }
	return d.signOut(ctx, scope, user, end, map[string]string{"session": string(session)})
}

func (d *Directory) signOut(ctx context.Context, scope Scope, user id.User, end func(Sessions) error, detail map[string]string) error {
	if err := d.MayActOnSessions(ctx, scope, user, DeleteSession); err != nil {
		return err
	}
	if d.Sessions != nil {
		if err := end(d.Sessions); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
	}
	event := d.event(scope, "user.signed_out", string(user), "")
	event.Detail = detail
	return d.Store.InTx(ctx, func(tx Store) error { return tx.Record(ctx, event) })
}

// EndSessionsOf signs out everybody who came through an organization's own connector, and records it. It needs users.delete_session
// there. Members who signed in another way are signed in for their other organizations, too: that is no business of this one.
func (d *Directory) EndSessionsOf(ctx context.Context, scope Scope, organization id.Organization) error {
	if err := d.MayActOnSessionsOf(ctx, scope, organization, DeleteSession); err != nil {
		return err
	}
	if err := d.endSessionsOf(ctx, organization); err != nil {
		return err
	}
	return d.Store.InTx(ctx, func(tx Store) error {
		return tx.Record(ctx, d.event(scope, "organization.signed_out", string(organization), organization))
	})
}

func (d *Directory) endSessionsOf(ctx context.Context, organization id.Organization) error {
	if d.Sessions == nil {
		return nil
	}
	if err := d.Sessions.EndOfOrganization(ctx, organization); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}
