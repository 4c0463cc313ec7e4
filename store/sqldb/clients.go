package sqldb

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const clientColumns = `id, organization_id, name, auth_method, secrets, redirect_uris, post_logout, grant_types, scopes, audience,
	id_token_alg, options, enabled, search, static, created, modified`

// What scanClient reads, of clients c.
const (
	clientRow = `c.id, COALESCE(c.organization_id, ''), c.name, c.auth_method, c.secrets, c.redirect_uris, c.post_logout, c.grant_types, c.scopes,
		c.audience, c.id_token_alg, c.options, c.enabled, o.id IS NOT NULL AND NOT o.active, c.static, c.version, c.created, c.modified`
	clientJoin = `LEFT JOIN organizations o ON o.id = c.organization_id`
)

var (
	clientByID = unscoped("the caller names the client; what it may do follows from its organization",
		`SELECT `+clientRow+` FROM clients c `+clientJoin+` WHERE c.id = $1`)
	clientInsert = unscoped("an insert", `INSERT INTO clients (`+clientColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`)
	clientSave = unscoped("declared by the operator", `INSERT INTO clients (`+clientColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		ON CONFLICT (id) DO UPDATE SET organization_id = excluded.organization_id, name = excluded.name, auth_method = excluded.auth_method,
		secrets = excluded.secrets, redirect_uris = excluded.redirect_uris, post_logout = excluded.post_logout,
		grant_types = excluded.grant_types, scopes = excluded.scopes, audience = excluded.audience, id_token_alg = excluded.id_token_alg,
		options = excluded.options, enabled = excluded.enabled, search = excluded.search, static = excluded.static,
		modified = excluded.modified, version = clients.version + 1`)
	clientUpdate = unscoped("package clients has checked who may", `UPDATE clients SET organization_id = $2, name = $3, auth_method = $4, secrets = $5,
		redirect_uris = $6, post_logout = $7, grant_types = $8, scopes = $9, audience = $10, id_token_alg = $11, options = $12, enabled = $13,
		search = $14, static = $15, modified = $16, version = version + 1 WHERE id = $1 AND version = $17`)
	clientDelete      = unscoped("package clients has checked who may", `DELETE FROM clients WHERE id = $1`)
	clientGrants      = unscoped("of a client that is deleted", `DELETE FROM grants WHERE client_id = $1`)
	clientsVersion    = unscoped("a counter", `SELECT version FROM versions WHERE name = 'clients'`)
	clientsVersionUp  = unscoped("a counter", `UPDATE versions SET version = version + 1 WHERE name = 'clients'`)
	errClientsVersion = errors.New("the clients' version is missing from the database")
)

// clientOptions is what no statement searches for.
type clientOptions struct {
	JWKS                     json.RawMessage      `json:"jwks,omitempty"`
	JWKSURI                  string               `json:"jwks_uri,omitempty"`
	AccessTokenFormat        provider.TokenFormat `json:"access_token_format,omitempty"`
	UserinfoAlg              string               `json:"userinfo_alg,omitempty"`
	RequirePAR               bool                 `json:"require_par,omitempty"`
	FirstParty               bool                 `json:"first_party,omitempty"`
	ResourceServer           bool                 `json:"resource_server,omitempty"`
	BackchannelLogoutURI     string               `json:"backchannel_logout_uri,omitempty"`
	BackchannelSessionNeeded bool                 `json:"backchannel_session_needed,omitempty"`
	URI                      string               `json:"uri,omitempty"`
	PolicyURI                string               `json:"policy_uri,omitempty"`
	TermsURI                 string               `json:"terms_uri,omitempty"`
}

func optionsOf(c provider.Client) clientOptions {
	return clientOptions{
		JWKS: c.JWKS, JWKSURI: c.JWKSURI, AccessTokenFormat: c.AccessTokenFormat, UserinfoAlg: c.UserinfoAlg, RequirePAR: c.RequirePAR,
		FirstParty: c.FirstParty, ResourceServer: c.ResourceServer, BackchannelLogoutURI: c.BackchannelLogoutURI,
		BackchannelSessionNeeded: c.BackchannelSessionNeeded, URI: c.URI, PolicyURI: c.PolicyURI, TermsURI: c.TermsURI,
	}
}

func (o clientOptions) to(c *provider.Client) {
	c.JWKS, c.JWKSURI, c.AccessTokenFormat, c.UserinfoAlg, c.RequirePAR = o.JWKS, o.JWKSURI, o.AccessTokenFormat, o.UserinfoAlg, o.RequirePAR
	c.FirstParty, c.ResourceServer, c.BackchannelLogoutURI = o.FirstParty, o.ResourceServer, o.BackchannelLogoutURI
	c.BackchannelSessionNeeded, c.URI, c.PolicyURI, c.TermsURI = o.BackchannelSessionNeeded, o.URI, o.PolicyURI, o.TermsURI
}

func scanClient(row scanner) (provider.Client, error) {
	var (
		c                                                                  provider.Client
		secrets, redirects, postLogout, grants, scopes, audiences, options string
		created, modified                                                  int64
		more                                                               clientOptions
	)
	err := row.Scan(&c.ID, &c.Organization, &c.Name, &c.AuthMethod, &secrets, &redirects, &postLogout, &grants, &scopes, &audiences,
		&c.IDTokenAlg, &options, &c.Enabled, &c.Suspended, &c.Static, &c.Version, &created, &modified)
	if err != nil {
		return c, err
	}
	c.Created, c.Modified = fromMicros(created), fromMicros(modified)
	if secrets != "[]" {
		err = fromJSON(secrets, &c.Secrets)
	}
	err = errors.Join(err, fromList(redirects, &c.RedirectURIs), fromList(postLogout, &c.PostLogout),
		fromList(grants, &c.GrantTypes), fromList(scopes, &c.Scopes), fromList(audiences, &c.Audience), fromJSON(options, &more))
	more.to(&c)
	return c, err
}

func fromJSON(text string, to any) error {
	if err := json.Unmarshal([]byte(text), to); err != nil {
		return fmt.Errorf("decode a column of clients: %w", err)
	}
	return nil
}

// clientValues are the parameters of the writes: clientColumns, with the last two left to the caller.
func clientValues(c provider.Client, last ...any) ([]any, error) {
	secrets, err := json.Marshal(append([]provider.ClientSecret{}, c.Secrets...))
	if err != nil {
		return nil, fmt.Errorf("encode secrets: %w", err)
	}
	options, err := json.Marshal(optionsOf(c))
	if err != nil {
		return nil, fmt.Errorf("encode options: %w", err)
	}
	return append([]any{
		string(c.ID), orNull(c.Organization), c.Name, string(cmp.Or(c.AuthMethod, provider.AuthBasic)), string(secrets), list(c.RedirectURIs),
		list(c.PostLogout), list(c.GrantTypes), list(c.Scopes), list(c.Audience), c.IDTokenAlg, string(options), c.Enabled,
		tenancy.Searchable(c.Name + " " + string(c.ID)), c.Static,
	}, last...), nil
}

// Client implements provider.Clients.
func (q *queries) Client(ctx context.Context, client id.Client) (provider.Client, error) {
	return one(ctx, q, q.read, scanClient, clientByID, string(client))
}

// SaveClient implements provider.Clients.
func (q *queries) SaveClient(ctx context.Context, c provider.Client) error {
	return q.writeClient(ctx, clientSave, c, micros(c.Created), micros(c.Modified))
}

// CreateClient implements provider.Clients.
func (q *queries) CreateClient(ctx context.Context, c provider.Client) error {
	return q.writeClient(ctx, clientInsert, c, micros(c.Created), micros(c.Modified))
}

func (q *queries) writeClient(ctx context.Context, s statement, c provider.Client, last ...any) error {
	values, err := clientValues(c, last...)
	if err != nil {
		return err
	}
	return q.transaction(ctx, func(tx *queries) error {
		if _, err := tx.exec(ctx, s, values...); err != nil {
			return err
		}
		return tx.clientsChanged(ctx)
	})
}

// UpdateClient implements provider.Clients.
func (q *queries) UpdateClient(ctx context.Context, c provider.Client) error {
	values, err := clientValues(c, micros(c.Modified), c.Version)
	if err != nil {
		return err
	}
	return q.transaction(ctx, func(tx *queries) error {
		err := tx.conditional(ctx, clientUpdate, values...)
		if errors.Is(err, store.ErrStale) {
			if _, missing := tx.Client(ctx, c.ID); missing != nil {
				return missing
			}
		}
		if err != nil {
			return err
		}
		return tx.clientsChanged(ctx)
	})
}

// DeleteClient implements provider.Clients.
func (q *queries) DeleteClient(ctx context.Context, client id.Client) error {
	return q.transaction(ctx, func(tx *queries) error {
		if _, err := tx.exec(ctx, clientGrants, string(client)); err != nil {
			return err
		}
		deleted, err := tx.exec(ctx, clientDelete, string(client))
		if err == nil && deleted == 0 {
			err = store.ErrNotFound
		}
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
