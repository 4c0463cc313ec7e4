package clients

import (
	"context"
	"errors"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// Consent is what a user has let a client see, with what people call the client.
type Consent struct {
	provider.Consent

	ClientName string
}

// Consents lists what a user has let clients see, newest change first. His own everybody lists; others need users.view_session and authority over the
// account, as with his sessions.
func (r *Registry) Consents(ctx context.Context, scope tenancy.Scope, user id.User) ([]Consent, error) {
	if err := r.Directory.MayActOnSessions(ctx, scope, user, tenancy.ViewSession); err != nil {
		return nil, err
	}
	given, err := r.Store.ConsentsOfUser(ctx, user)
	if err != nil {
		return nil, err
	}
	names := map[id.Client]string{}
	found := make([]Consent, len(given))
	for i, consent := range given {
		if _, known := names[consent.Client]; !known {
			client, err := r.Store.Client(ctx, consent.Client)
			if err != nil && !errors.Is(err, store.ErrNotFound) { // deleted a moment ago, with the consent
				return nil, err
			}
			names[consent.Client] = client.Name
		}
		found[i] = Consent{consent, names[consent.Client]}
	}
	return found, nil
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
