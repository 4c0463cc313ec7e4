package sqldb

import (
	"context"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

var (
	usersExpiring = plain(`SELECT ` + userColumns + ` FROM users u WHERE u.active AND u.expiration_date <> ''
		AND u.expiration_date >= $1 AND u.expiration_date < $2 AND (u.expiration_date, u.id) > ($3, $4)
		ORDER BY u.expiration_date, u.id LIMIT $5`)
	passwordsAging = plain(`SELECT ` + userColumns + ` FROM users u WHERE u.active AND u.password_hash <> '' AND u.staff = $1
		AND u.password_updated >= $2 AND u.password_updated < $3 AND (u.password_updated, u.id) > ($4, $5)
		ORDER BY u.password_updated, u.id LIMIT $6`)
	userExpire = plain(`UPDATE users SET active = FALSE, modified = $3, version = version + 1
		WHERE id = $1 AND active AND expiration_date <> '' AND expiration_date < $2`)
	invitationsExpired = unscoped("expired for everybody", `DELETE FROM invitations
		WHERE id IN (SELECT id FROM invitations WHERE expires < $1 ORDER BY expires LIMIT $2)`)
)

// ExpiringUsers implements tenancy.Expiries.
func (q *queries) ExpiringUsers(ctx context.Context, from, until tenancy.Date, after tenancy.User, limit int) ([]tenancy.User, error) {
	return all(ctx, q, q.read, scanUser, usersExpiring, string(from), string(until), string(after.Expires), string(after.ID), limit)
}

// AgingPasswords implements tenancy.Expiries.
func (q *queries) AgingPasswords(ctx context.Context, staff bool, from, until time.Time, after tenancy.User, limit int) ([]tenancy.User, error) {
	return all(ctx, q, q.read, scanUser, passwordsAging, staff, micros(from), micros(until), micros(after.PasswordUpdated), string(after.ID), limit)
}

// DeactivateExpired implements tenancy.Expiries.
func (q *queries) DeactivateExpired(ctx context.Context, user id.User, today tenancy.Date, now time.Time) error {
	return q.conditional(ctx, userExpire, string(user), string(today), micros(now))
}

// DeleteExpiredInvitations implements tenancy.Expiries.
func (q *queries) DeleteExpiredInvitations(ctx context.Context, before time.Time, limit int) (int, error) {
	deleted, err := q.exec(ctx, invitationsExpired, micros(before), limit)
	return int(deleted), err
}
