package sqldb

import (
	"context"
	"time"

	"gatehouse/internal/id"
	"gatehouse/provider"
)

const consentRow = `SELECT c.user_id, c.client_id, clients.name, c.organization_id, c.scopes, c.created, c.modified
	FROM consents c JOIN clients ON clients.id = c.client_id`

var (
	consentFind = unscoped("the user's own", consentRow+` WHERE c.user_id = $1 AND c.client_id = $2 AND c.organization_id = $3`)
	consentSave = unscoped("the user's own", `INSERT INTO consents (user_id, client_id, organization_id, scopes, created, modified)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (user_id, client_id, organization_id) DO UPDATE SET scopes = excluded.scopes, modified = excluded.modified`)
	consentsOfUser     = unscoped("the user's own", consentRow+` WHERE c.user_id = $1 ORDER BY c.modified DESC, c.client_id, c.organization_id`)
	consentsDelete     = unscoped("the user's own", `DELETE FROM consents WHERE user_id = $1 AND client_id = $2`)
	grantsRevokeClient = unscoped("the user's own", `UPDATE grants SET revoked = $3
		WHERE user_id = $1 AND client_id = $2 AND revoked = 0 RETURNING id`)
)

func scanConsent(row scanner) (provider.Consent, error) {
	var (
		c                 provider.Consent
		scopes            string
		created, modified int64
	)
	if err := row.Scan(&c.User, &c.Client, &c.ClientName, &c.Organization, &scopes, &created, &modified); err != nil {
		return c, err
	}
	c.Created, c.Modified = fromMicros(created), fromMicros(modified)
	return c, fromList(scopes, &c.Scopes)
}

// Consent implements provider.Consents.
func (q *queries) Consent(ctx context.Context, user id.User, client id.Client, organization id.Organization) (provider.Consent, error) {
	return one(ctx, q, q.read, scanConsent, consentFind, string(user), string(client), string(organization))
}

// SaveConsent implements provider.Consents.
func (q *queries) SaveConsent(ctx context.Context, c provider.Consent) error {
	_, err := q.exec(ctx, consentSave, string(c.User), string(c.Client), string(c.Organization), list(c.Scopes), micros(c.Created), micros(c.Modified))
	return err
}

// ConsentsOfUser implements provider.Consents.
func (q *queries) ConsentsOfUser(ctx context.Context, user id.User) ([]provider.Consent, error) {
	return all(ctx, q, q.read, scanConsent, consentsOfUser, string(user))
}

// DeleteConsents implements provider.Consents.
func (q *queries) DeleteConsents(ctx context.Context, user id.User, client id.Client, at time.Time) ([]id.Grant, error) {
	var revoked []id.Grant
	err := q.transaction(ctx, func(tx *queries) error {
		if _, err := tx.exec(ctx, consentsDelete, string(user), string(client)); err != nil {
			return err
		}
		var err error
		revoked, err = all(ctx, tx, tx.write, value[id.Grant], grantsRevokeClient, string(user), string(client), micros(at))
		return err
	})
	return revoked, err
}
