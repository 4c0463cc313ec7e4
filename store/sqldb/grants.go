package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"gatehouse/internal/id"
	"gatehouse/provider"
)

const grantColumns = `id, client_id, user_id, organization_id, session_id, scopes, auth_time, acr, amr, nonce, generation, token_hash,
	successor, rotated, created, expires, revoked, audience, claims`

var (
	grantInsert = unscoped("an insert", `INSERT INTO grants (`+grantColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`)
	grantByID = unscoped("the bearer of its token names it", `SELECT `+grantColumns+` FROM grants WHERE id = $1`)
	// The whole of a refresh: of all that could make the token bad, the statement itself checks each.
	grantRotate = unscoped("the bearer of its token names it", `UPDATE grants
		SET generation = generation + 1, token_hash = $4, successor = $5, rotated = $6
		WHERE id = $1 AND generation = $2 AND token_hash = $3 AND revoked = 0 AND expires > $6 AND rotated > $7`)
	grantRevoke = unscoped("the bearer of its token names it", `INSERT INTO grants (`+grantColumns+`)
		VALUES ($1, '', '', '', '', '[]', 0, '', '[]', '', 0, '', NULL, 0, $2, $3, $2, '[]', '')
		ON CONFLICT (id) DO UPDATE SET revoked = CASE WHEN grants.revoked = 0 THEN excluded.revoked ELSE grants.revoked END`)
	grantsRevokeSession = unscoped("the session's own", `UPDATE grants SET revoked = $2 WHERE session_id = $1 AND revoked = 0 RETURNING id`)
	grantsRevokeUser    = unscoped("the user's own", `UPDATE grants SET revoked = $3
		WHERE user_id = $1 AND session_id <> $2 AND revoked = 0 RETURNING id`)
	grantsExpired = unscoped("expired for everybody", `DELETE FROM grants
		WHERE id IN (SELECT id FROM grants WHERE expires < $1 ORDER BY expires LIMIT $2)`)
)

func scanGrant(row scanner) (provider.Grant, error) {
	var (
		g                                            provider.Grant
		scopes, amr, audience, claims                string
		authTime, rotated, created, expires, revoked int64
	)
	err := row.Scan(&g.ID, &g.Client, &g.User, &g.Organization, &g.Session, &scopes, &authTime, &g.ACR, &amr, &g.Nonce, &g.Generation,
		&g.TokenHash, &g.Successor, &rotated, &created, &expires, &revoked, &audience, &claims)
	if err != nil {
		return g, err
	}
	g.AuthTime, g.Rotated, g.Created = fromMicros(authTime), fromMicros(rotated), fromMicros(created)
	g.Expires, g.Revoked = fromMicros(expires), fromMicros(revoked)
	if claims != "" {
		g.Claims = json.RawMessage(claims)
	}
	return g, errors.Join(fromList(scopes, &g.Scopes), fromList(amr, &g.AMR), fromList(audience, &g.Audience))
}

// CreateGrant implements provider.Grants.
func (q *queries) CreateGrant(ctx context.Context, g provider.Grant) error {
	_, err := q.exec(ctx, grantInsert, string(g.ID), string(g.Client), string(g.User), string(g.Organization), string(g.Session),
		list(g.Scopes), micros(g.AuthTime), g.ACR, list(g.AMR), g.Nonce, g.Generation, g.TokenHash, g.Successor,
		micros(g.Rotated), micros(g.Created), micros(g.Expires), micros(g.Revoked), list(g.Audience), string(g.Claims))
	return err
}

// Grant implements provider.Grants.
func (q *queries) Grant(ctx context.Context, grant id.Grant) (provider.Grant, error) {
	return one(ctx, q, q.read, scanGrant, grantByID, string(grant))
}

// RotateGrant implements provider.Grants.
func (q *queries) RotateGrant(ctx context.Context, r provider.Rotation) error {
	return q.conditional(ctx, grantRotate, string(r.Grant), r.From, r.FromHash, r.TokenHash, r.Successor, micros(r.At), micros(r.IdleSince))
}

// RevokeGrant implements provider.Grants.
func (q *queries) RevokeGrant(ctx context.Context, grant id.Grant, at, keep time.Time) error {
	_, err := q.exec(ctx, grantRevoke, string(grant), micros(at), micros(keep))
	return err
}

// RevokeUserGrants implements provider.Grants.
func (q *queries) RevokeUserGrants(ctx context.Context, user id.User, keep id.Session, at time.Time) ([]id.Grant, error) {
	return all(ctx, q, q.write, value[id.Grant], grantsRevokeUser, string(user), string(keep), micros(at))
}

// RevokeSessionGrants implements provider.Grants.
func (q *queries) RevokeSessionGrants(ctx context.Context, session id.Session, at time.Time) ([]id.Grant, error) {
	return all(ctx, q, q.write, value[id.Grant], grantsRevokeSession, string(session), micros(at))
}

// DeleteExpiredGrants implements provider.Grants.
func (q *queries) DeleteExpiredGrants(ctx context.Context, before time.Time, limit int) (int, error) {
	deleted, err := q.exec(ctx, grantsExpired, micros(before), limit)
	return int(deleted), err
}
