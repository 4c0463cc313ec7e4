package sqldb

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

const auditColumns = `e.id, e.at, e.actor, e.reason, e.organization_id, e.action, e.object, e.detail, e.via, e.changes`

var (
	identityInsert = plain(`INSERT INTO identities (connector, subject, user_id, created, last_login) VALUES ($1, $2, $3, $4, $5)`)
	identityFind   = plain(`SELECT connector, subject, user_id, created, last_login FROM identities WHERE connector = $1 AND subject = $2`)
	identityLogin  = plain(`UPDATE identities SET last_login = $3 WHERE connector = $1 AND subject = $2`)
	identitiesOf   = plain(`SELECT connector, subject, user_id, created, last_login FROM identities WHERE user_id = $1 ORDER BY created, connector, subject`)
	identityDelete = plain(`DELETE FROM identities WHERE connector = $2 AND subject = $3 AND user_id = $1
		AND (EXISTS (SELECT 1 FROM users u WHERE u.id = $1 AND u.password_hash <> '')
			OR EXISTS (SELECT 1 FROM identities o WHERE o.user_id = $1 AND (o.connector <> $2 OR o.subject <> $3)))`)
	userLock = plain(`UPDATE users SET version = version WHERE id = $1`)

	onceInsert = plain(`INSERT INTO versions (name, version) VALUES ($1, 1) ON CONFLICT (name) DO NOTHING`)

	auditInsert = unscoped("an insert", `INSERT INTO audit_events (id, at, actor, reason, organization_id, action, object, detail, via, changes)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`)
	auditNewest = unscoped("the installation's own record", `SELECT `+auditColumns+` FROM audit_events e ORDER BY e.id DESC LIMIT $1`)
)

// CreateIdentity implements tenancy.Identities.
func (q *queries) CreateIdentity(ctx context.Context, i tenancy.Identity) error {
	_, err := q.exec(ctx, identityInsert, string(i.Connector), i.Subject, string(i.User), micros(i.Created), micros(i.LastLogin))
	return err
}

// Identity implements tenancy.Identities.
func (q *queries) Identity(ctx context.Context, connector id.Connector, subject string) (tenancy.Identity, error) {
	return one(ctx, q, q.read, scanIdentity, identityFind, string(connector), subject)
}

func scanIdentity(row scanner) (tenancy.Identity, error) {
	var (
		i                  tenancy.Identity
		created, lastLogin int64
	)
	err := row.Scan(&i.Connector, &i.Subject, &i.User, &created, &lastLogin)
	i.Created, i.LastLogin = fromMicros(created), fromMicros(lastLogin)
	return i, err
}

// IdentitiesOf implements tenancy.Identities.
func (q *queries) IdentitiesOf(ctx context.Context, user id.User) ([]tenancy.Identity, error) {
	return all(ctx, q, q.read, scanIdentity, identitiesOf, string(user))
}

// DeleteIdentity implements tenancy.Identities. The user's row is the lock: of two links that go at once one has to stay.
func (q *queries) DeleteIdentity(ctx context.Context, user id.User, connector id.Connector, subject string) error {
	return q.transaction(ctx, func(tx *queries) error {
		if err := tx.conditional(ctx, userLock, string(user)); err != nil {
			return err
		}
		return tx.conditional(ctx, identityDelete, string(user), string(connector), subject)
	})
}

// RecordIdentityLogin implements tenancy.Identities.
func (q *queries) RecordIdentityLogin(ctx context.Context, connector id.Connector, subject string, at time.Time) error {
	return q.mustChange(ctx, identityLogin, string(connector), subject, micros(at))
}

// Once implements tenancy.Store.
func (q *queries) Once(ctx context.Context, name string) (bool, error) {
	inserted, err := q.exec(ctx, onceInsert, "once: "+name)
	return inserted == 1, err
}

// Record implements tenancy.Store.
func (q *queries) Record(ctx context.Context, e audit.Event) error {
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return fmt.Errorf("encode audit detail: %w", err)
	}
	changes, err := json.Marshal(e.Changes)
	if err != nil {
		return fmt.Errorf("encode audit changes: %w", err)
	}
	_, err = q.exec(ctx, auditInsert, e.ID, micros(e.At), string(e.Actor), e.Reason, string(e.Organization), e.Action, e.Object, string(detail),
		e.Via, string(changes))
	return err
}

// AuditEvents lists the newest events of the whole installation, newest first: for its operator, never for a manager.
func (q *queries) AuditEvents(ctx context.Context, limit int) ([]audit.Event, error) {
	return all(ctx, q, q.read, scanEvent, auditNewest, limit)
}
