package sqldb

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

var (
	emailsOfUser = plain(`SELECT id, user_id, email, verified, is_primary, created FROM email_addresses WHERE user_id = $1 ORDER BY created, id`)
	emailInsert  = plain(`INSERT INTO email_addresses (id, user_id, email, value, verified, is_primary, created) VALUES ($1, $2, $3, $4, $5, FALSE, $6)`)
	emailPrimary = plain(`INSERT INTO email_addresses (id, user_id, email, value, verified, is_primary, created) VALUES ($1, $2, $3, $4, $5, TRUE, $6)
		ON CONFLICT (user_id, value) DO UPDATE SET email = excluded.email, verified = excluded.verified, is_primary = TRUE`)
	emailNotPrimary = plain(`UPDATE email_addresses SET is_primary = FALSE WHERE user_id = $1 AND is_primary AND value <> $2`)
	emailVerified   = plain(`UPDATE email_addresses SET verified = $3 WHERE id = $2 AND user_id = $1 AND verified <> $3`)
	emailDelete     = plain(`DELETE FROM email_addresses WHERE id = $2 AND user_id = $1 AND NOT is_primary`)

	// userTouch is also the lock under which addresses and identifiers of a user change.
	userTouch = plain(`UPDATE users SET modified = $2, version = version + 1 WHERE id = $1`)
	// userMirror copies what is the user's own of his primary address.
	userMirror = plain(`UPDATE users SET email_verified = EXISTS (SELECT 1 FROM email_addresses e WHERE e.user_id = $1 AND e.is_primary AND e.verified)
		WHERE id = $1`)

	emailClaims       = plain(`SELECT value FROM email_addresses WHERE user_id = $1 AND (is_primary OR verified) ORDER BY value`)
	identifierInsert  = plain(`INSERT INTO identifiers (value, user_id, kind) VALUES ($1, $2, $3)`)
	identifiersDelete = plain(`DELETE FROM identifiers WHERE user_id = $1`)
)

// writePrimary makes the address of a user his primary one, or takes the mark from the one that was.
func (q *queries) writePrimary(ctx context.Context, u tenancy.User) error {
	if u.Email == "" {
		_, err := q.exec(ctx, emailNotPrimary, string(u.ID), "")
		return err
	}
	normal, err := tenancy.Normalise(u.Email)
	if err != nil {
		return err
	}
	if _, err := q.exec(ctx, emailNotPrimary, string(u.ID), normal); err != nil {
		return err
	}
	_, err = q.exec(ctx, emailPrimary, string(id.New[id.Email]()), string(u.ID), u.Email, normal, u.EmailVerified, micros(u.Modified))
	return err
}

// claim makes the identifiers of a user what they are to be: username, phone, primary address, every verified address.
func (q *queries) claim(ctx context.Context, u tenancy.User) error {
	if _, err := q.exec(ctx, identifiersDelete, string(u.ID)); err != nil {
		return err
	}
	addresses, err := all(ctx, q, q.read, value[string], emailClaims, string(u.ID))
	if err != nil {
		return err
	}
	type name struct{ kind, text string }
	names := []name{{"username", u.Username}}
	for _, address := range addresses {
		names = append(names, name{"email", address})
	}
	if u.Phone != "" {
		names = append(names, name{"phone", u.Phone})
	}
	claimed := map[string]bool{}
	for _, name := range names {
		normal, err := tenancy.Normalise(name.text)
		if err != nil {
			return err
		}
		if claimed[normal] {
			continue
		}
		claimed[normal] = true
		_, err = q.exec(ctx, identifierInsert, normal, string(u.ID), name.kind)
		if errors.Is(err, store.ErrConflict) {
			return &store.Conflict{Field: name.kind}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Emails implements tenancy.Emails.
func (q *queries) Emails(ctx context.Context, user id.User) ([]tenancy.EmailAddress, error) {
	return all(ctx, q, q.read, func(row scanner) (tenancy.EmailAddress, error) {
		var (
			e       tenancy.EmailAddress
			created int64
		)
		err := row.Scan(&e.ID, &e.User, &e.Email, &e.Verified, &e.Primary, &created)
		e.Created = fromMicros(created)
		return e, err
	}, emailsOfUser, string(user))
}

// AddEmail implements tenancy.Emails.
func (q *queries) AddEmail(ctx context.Context, e tenancy.EmailAddress) error {
	normal, err := tenancy.Normalise(e.Email)
	if err != nil {
		return err
	}
	_, err = q.exec(ctx, emailInsert, string(e.ID), string(e.User), e.Email, normal, false, micros(e.Created))
	return err
}

// SetEmailVerified implements tenancy.Emails.
func (q *queries) SetEmailVerified(ctx context.Context, user id.User, email id.Email, verified bool, now time.Time) error {
	return q.changeEmail(ctx, user, now, emailVerified, string(user), string(email), verified)
}

// DeleteEmail implements tenancy.Emails.
func (q *queries) DeleteEmail(ctx context.Context, user id.User, email id.Email, now time.Time) error {
	return q.changeEmail(ctx, user, now, emailDelete, string(user), string(email))
}

// changeEmail changes one address under the user's lock, and what follows from it.
func (q *queries) changeEmail(ctx context.Context, user id.User, now time.Time, change statement, args ...any) error {
	return q.transaction(ctx, func(tx *queries) error {
		if err := tx.conditional(ctx, userTouch, string(user), micros(now)); err != nil {
			return err
		}
		if err := tx.conditional(ctx, change, args...); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, userMirror, string(user)); err != nil {
			return err
		}
		u, err := tx.User(ctx, user)
		if err != nil {
			return err
		}
		return tx.claim(ctx, u)
	})
}
