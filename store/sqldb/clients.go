package sqldb

import (
	"context"
	"errors"

	"gatehouse/internal/id"
	"gatehouse/provider"
)

var (
	clientByID = unscoped("the caller names the client; what it may do follows from its organization",
		`SELECT c.id, COALESCE(c.organization_id, ''), c.name, c.public, c.secret_hash, c.redirect_uris, c.post_logout, c.grant_types, c.scopes,
		c.audience, c.id_token_alg, c.enabled, o.id IS NOT NULL AND NOT o.active, c.created, c.modified
		FROM clients c LEFT JOIN organizations o ON o.id = c.organization_id WHERE c.id = $1`)
	clientSave = unscoped("declared by the operator",
		`INSERT INTO clients (id, organization_id, name, public, secret_hash, redirect_uris, post_logout, grant_types, scopes, audience,
		id_token_alg, enabled, created, modified) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (id) DO UPDATE SET organization_id = excluded.organization_id, name = excluded.name, public = excluded.public,
		secret_hash = excluded.secret_hash, redirect_uris = excluded.redirect_uris, post_logout = excluded.post_logout,
		grant_types = excluded.grant_types, scopes = excluded.scopes, audience = excluded.audience,
		id_token_alg = excluded.id_token_alg, enabled = excluded.enabled, modified = excluded.modified`)
	clientsVersion    = unscoped("a counter", `SELECT version FROM versions WHERE name = 'clients'`)
	clientsVersionUp  = unscoped("a counter", `UPDATE versions SET version = version + 1 WHERE name = 'clients'`)
	errClientsVersion = errors.New("the clients' version is missing from the database")
)

func scanClient(row scanner) (provider.Client, error) {
	var (
		c                                                provider.Client
		redirects, postLogout, grants, scopes, audiences string
		created, modified                                int64
	)
	err := row.Scan(&c.ID, &c.Organization, &c.Name, &c.Public, &c.SecretHash, &redirects, &postLogout, &grants, &scopes, &audiences,
		&c.IDTokenAlg, &c.Enabled, &c.Suspended, &created, &modified)
	if err != nil {
		return c, err
	}
	c.Created, c.Modified = fromMicros(created), fromMicros(modified)
	return c, errors.Join(fromList(redirects, &c.RedirectURIs), fromList(postLogout, &c.PostLogout), fromList(grants, &c.GrantTypes),
		fromList(scopes, &c.Scopes), fromList(audiences, &c.Audience))
}

// Client implements provider.Clients.
func (q *queries) Client(ctx context.Context, client id.Client) (provider.Client, error) {
	return one(ctx, q, q.read, scanClient, clientByID, string(client))
}

// SaveClient implements provider.Clients.
func (q *queries) SaveClient(ctx context.Context, c provider.Client) error {
	return q.transaction(ctx, func(tx *queries) error {
		_, err := tx.exec(ctx, clientSave, string(c.ID), orNull(c.Organization), c.Name, c.Public, c.SecretHash, list(c.RedirectURIs),
			list(c.PostLogout), list(c.GrantTypes), list(c.Scopes), list(c.Audience), c.IDTokenAlg, c.Enabled, micros(c.Created), micros(c.Modified))
		if err != nil {
			return err
		}
		return tx.clientsChanged(ctx)
	})
}

func (q *queries) clientsChanged(ctx context.Context) error {
	changed, err := q.exec(ctx, clientsVersionUp)
	if err == nil && changed == 0 {
		return errClientsVersion
	}
	return err
}

// ClientsVersion implements provider.Clients.
func (q *queries) ClientsVersion(ctx context.Context) (int64, error) {
	return one(ctx, q, q.read, value[int64], clientsVersion)
}
