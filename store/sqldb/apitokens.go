package sqldb

import (
	"context"
	"encoding/json"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

const apiTokenColumns = `id, user_id, organization_id, name, hash, hint, purpose, method, permissions, created, expires, last_used`

var (
	apiTokenInsert = unscoped("an insert; the token is its user's", `INSERT INTO api_tokens (`+apiTokenColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`)
	apiTokenByID    = unscoped("a user's own; the directory looks at whose", `SELECT `+apiTokenColumns+` FROM api_tokens WHERE id = $1`)
	apiTokensOfUser = unscoped("all of one user", `SELECT `+apiTokenColumns+` FROM api_tokens WHERE user_id = $1 ORDER BY created DESC, id DESC LIMIT 1000`)
	apiTokenDelete  = unscoped("a user's own; the directory looks at whose", `DELETE FROM api_tokens WHERE id = $1`)
	apiTokensDelete = unscoped("all of one user", `DELETE FROM api_tokens WHERE user_id = $1 AND id <> $2 AND ($3 OR method <> '')`)
	apiTokenTouch   = unscoped("its bearer holds the token itself", `UPDATE api_tokens SET last_used = $2 WHERE id = $1 AND last_used <= $3`)
	apiTokensSweep  = unscoped("expired for everybody", `DELETE FROM api_tokens
		WHERE id IN (SELECT id FROM api_tokens WHERE expires > 0 AND expires < $1 ORDER BY expires LIMIT $2)`)
)

// apiTokenRow is a token as its columns have it.
type apiTokenRow struct {
	tenancy.APIToken
	permissions                string
	created, expires, lastUsed int64
}

func (r *apiTokenRow) targets() []any {
	return []any{
		&r.ID, &r.User, &r.Organization, &r.Name, &r.Hash, &r.Hint, &r.Purpose, &r.Method, &r.permissions, &r.created, &r.expires, &r.lastUsed,
	}
}

// token is what the columns say, once they are scanned.
func (r *apiTokenRow) token() (tenancy.APIToken, error) {
	r.Created, r.Expires, r.LastUsed = fromMicros(r.created), fromMicros(r.expires), fromMicros(r.lastUsed)
	if r.permissions == "[]" {
		return r.APIToken, nil
	}
	err := json.Unmarshal([]byte(r.permissions), &r.Permissions)
	return r.APIToken, err
}

func scanAPIToken(row scanner) (tenancy.APIToken, error) {
	var r apiTokenRow
	if err := row.Scan(r.targets()...); err != nil {
		return r.APIToken, err
	}
	return r.token()
}

// CreateAPIToken implements tenancy.APITokens.
func (q *queries) CreateAPIToken(ctx context.Context, t tenancy.APIToken) error {
	_, err := q.exec(ctx, apiTokenInsert, string(t.ID), string(t.User), string(t.Organization), t.Name, t.Hash, t.Hint, string(t.Purpose), t.Method,
		list(t.Permissions), micros(t.Created), micros(t.Expires), micros(t.LastUsed))
	return err
}

// APIToken implements tenancy.APITokens.
func (q *queries) APIToken(ctx context.Context, token id.APIToken) (tenancy.APIToken, error) {
	return one(ctx, q, q.read, scanAPIToken, apiTokenByID, string(token))
}

// APITokensOf implements tenancy.APITokens.
func (q *queries) APITokensOf(ctx context.Context, user id.User) ([]tenancy.APIToken, error) {
	return all(ctx, q, q.read, scanAPIToken, apiTokensOfUser, string(user))
}

// DeleteAPIToken implements tenancy.APITokens.
func (q *queries) DeleteAPIToken(ctx context.Context, token id.APIToken) error {
	return q.mustChange(ctx, apiTokenDelete, string(token))
}

// DeleteAPITokensOf implements tenancy.APITokens.
func (q *queries) DeleteAPITokensOf(ctx context.Context, user id.User, keep id.APIToken, named bool) (int, error) {
	deleted, err := q.exec(ctx, apiTokensDelete, string(user), string(keep), named)
	return int(deleted), err
}

// TouchAPIToken implements tenancy.APITokens.
func (q *queries) TouchAPIToken(ctx context.Context, token id.APIToken, at, before time.Time) error {
	_, err := q.exec(ctx, apiTokenTouch, string(token), micros(at), micros(before))
	return err
}

// DeleteExpiredAPITokens implements tenancy.APITokens.
func (q *queries) DeleteExpiredAPITokens(ctx context.Context, before time.Time, limit int) (int, error) {
	deleted, err := q.exec(ctx, apiTokensSweep, micros(before), limit)
	return int(deleted), err
}
