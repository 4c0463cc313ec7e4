package clients

import (
	"context"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

// Consents lists what a user has let clients see, newest change first. His own everybody lists; others need users.view_session and authority over the
// account, as with his sessions.
func (r *Registry) Consents(ctx context.Context, scope tenancy.Scope, user id.User) ([]provider.Consent, error) {
	if err := r.Directory.MayActOnSessions(ctx, scope, user, tenancy.ViewSession); err != nil {
		return nil, err
	}
	return r.Store.ConsentsOfUser(ctx, user)
}

// RevokeConsent takes back what a user lets a client see, in all organizations, and ends its grants and access tokens: the client has to ask again. Who may
// is as with Consents, by users.delete_session. A first-party client asks nobody, but what it holds ends all the same. No consent and no grant is no
// error, so that a revocation that failed half-way can be repeated.
func (r *Registry) RevokeConsent(ctx context.Context, scope tenancy.Scope, user id.User, client id.Client) error {
	if err := r.Directory.MayActOnSessions(ctx, scope, user, tenancy.DeleteSession); err != nil {
		return err
	}
	if _, err := r.Store.Client(ctx, client); err != nil {
		return err
	}
	// First the tokens: a code that is redeemed meanwhile finds either this or no consent.
	if err := r.Tokens.EndConsent(ctx, user, client); err != nil {
		return err
	}
	return r.Store.ManageClients(ctx, func(tx Store) error {
		event := r.event(scope, "consent.revoked", string(user), "")
		event.Detail = map[string]string{"client": string(client)}
		if _, err := tx.DeleteConsents(ctx, user, client, event.At); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
}
