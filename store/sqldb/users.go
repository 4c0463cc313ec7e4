package sqldb

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const userColumns = `u.id, u.username, u.email, u.email_verified, u.first_name, u.last_name, u.language, u.password_hash,
	u.active, u.staff, u.superuser, u.created, u.modified, u.last_login`

var (
	userInsert = plain(`INSERT INTO users (id, username, email, email_verified, first_name, last_name, language, password_hash,
		active, staff, superuser, created, modified, last_login) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`)
	userUpdate = plain(`UPDATE users SET username = $2, email = $3, email_verified = $4, first_name = $5, last_name = $6,
		language = $7, active = $8, staff = $9, superuser = $10, modified = $11 WHERE id = $1`)
	userByID          = plain(`SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`)
	userByIdentifier  = plain(`SELECT ` + userColumns + ` FROM identifiers i JOIN users u ON u.id = i.user_id WHERE i.value = $1`)
	userPassword      = plain(`UPDATE users SET password_hash = $2, modified = $3 WHERE id = $1`)
	userPasswordSwap  = plain(`UPDATE users SET password_hash = $2, modified = $3 WHERE id = $1 AND password_hash = $4`)
	userLogin         = plain(`UPDATE users SET last_login = $2 WHERE id = $1`)
	superuserAny      = plain(`SELECT 1 FROM users WHERE superuser AND active LIMIT 1`)
	superuserClaim    = plain(`INSERT INTO first_superuser (singleton, user_id) SELECT 1, $1 WHERE NOT EXISTS (SELECT 1 FROM users WHERE superuser)`)
	identifierInsert  = plain(`INSERT INTO identifiers (value, user_id, kind) VALUES ($1, $2, $3)`)
	identifiersDelete = plain(`DELETE FROM identifiers WHERE user_id = $1`)
)

func scanUser(row scanner) (tenancy.User, error) {
	var (
		u                          tenancy.User
		created, modified, lastLog int64
	)
	err := row.Scan(&u.ID, &u.Username, &u.Email, &u.EmailVerified, &u.FirstName, &u.LastName, &u.Language, &u.PasswordHash,
		&u.Active, &u.Staff, &u.Superuser, &created, &modified, &lastLog)
	u.Created, u.Modified, u.LastLogin = fromMicros(created), fromMicros(modified), fromMicros(lastLog)
	return u, err
}

// CreateUser implements tenancy.Users.
func (q *queries) CreateUser(ctx context.Context, u tenancy.User) error {
	return q.transaction(ctx, func(tx *queries) error {
		_, err := tx.exec(ctx, userInsert, string(u.ID), u.Username, u.Email, u.EmailVerified, u.FirstName, u.LastName, u.Language,
			u.PasswordHash, u.Active, u.Staff, u.Superuser, micros(u.Created), micros(u.Modified), micros(u.LastLogin))
		if err != nil {
			return err
		}
		return tx.insertIdentifiers(ctx, u)
	})
}

// insertIdentifiers claims the user's names in the one namespace.
func (q *queries) insertIdentifiers(ctx context.Context, u tenancy.User) error {
	claimed := map[string]bool{}
	for _, name := range []struct{ kind, text string }{{"username", u.Username}, {"email", u.Email}} {
		if name.text == "" {
			continue
		}
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

// UpdateUser implements tenancy.Users.
func (q *queries) UpdateUser(ctx context.Context, u tenancy.User) error {
	return q.transaction(ctx, func(tx *queries) error {
		changed, err := tx.exec(ctx, userUpdate, string(u.ID), u.Username, u.Email, u.EmailVerified, u.FirstName, u.LastName,
			u.Language, u.Active, u.Staff, u.Superuser, micros(u.Modified))
		if err != nil {
			return err
		}
		if changed == 0 {
			return store.ErrNotFound
		}
		if _, err := tx.exec(ctx, identifiersDelete, string(u.ID)); err != nil {
			return err
		}
		return tx.insertIdentifiers(ctx, u)
	})
}

// SetPasswordHash implements tenancy.Users.
func (q *queries) SetPasswordHash(ctx context.Context, user id.User, old, hash string, now time.Time) error {
	if old != "" {
		return q.conditional(ctx, userPasswordSwap, string(user), hash, micros(now), old)
	}
	return q.mustChange(ctx, userPassword, string(user), hash, micros(now))
}

// mustChange is a write of one known row; without the row store.ErrNotFound.
func (q *queries) mustChange(ctx context.Context, s statement, args ...any) error {
	changed, err := q.exec(ctx, s, args...)
	if err == nil && changed == 0 {
		return store.ErrNotFound
	}
	return err
}

// User implements tenancy.Users.
func (q *queries) User(ctx context.Context, user id.User) (tenancy.User, error) {
	return one(ctx, q, q.read, scanUser, userByID, string(user))
}

// UserByIdentifier implements tenancy.Users.
func (q *queries) UserByIdentifier(ctx context.Context, identifier string) (tenancy.User, error) {
	return one(ctx, q, q.read, scanUser, userByIdentifier, identifier)
}

// RecordLogin implements tenancy.Users.
func (q *queries) RecordLogin(ctx context.Context, user id.User, at time.Time) error {
	return q.mustChange(ctx, userLogin, string(user), micros(at))
}

// HasSuperuser implements tenancy.Users.
func (q *queries) HasSuperuser(ctx context.Context) (bool, error) {
	_, err := one(ctx, q, q.read, value[int], superuserAny)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// CreateFirstSuperuser implements tenancy.Users. The single row of first_superuser is the referee of concurrent calls.
func (q *queries) CreateFirstSuperuser(ctx context.Context, u tenancy.User) error {
	return q.transaction(ctx, func(tx *queries) error {
		claimed, err := tx.exec(ctx, superuserClaim, string(u.ID))
		if err != nil {
			return err
		}
		if claimed == 0 {
			return &store.Conflict{Field: "superuser"}
		}
		return tx.CreateUser(ctx, u)
	})
}
