package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const userColumns = `u.id, u.username, u.email, u.email_verified, u.phone, u.first_name, u.last_name, u.bio, u.url, u.company, u.location,
	u.birth_date, u.notes, u.language, u.custom, u.password_hash, u.password_updated, u.expiration_date, u.active, u.staff, u.superuser,
	u.created, u.modified, u.last_login, u.last_method, u.last_connector, u.version`

var (
	userInsert = plain(`INSERT INTO users (id, username, email, email_verified, phone, first_name, last_name, bio, url, company, location,
		birth_date, notes, language, custom, expiration_date, active, staff, superuser, search, modified, password_hash, password_updated,
		created, last_login, last_method, last_connector)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)`)
	userUpdate = plain(`UPDATE users SET username = $2, email = $3, email_verified = $4, phone = $5, first_name = $6, last_name = $7, bio = $8,
		url = $9, company = $10, location = $11, birth_date = $12, notes = $13, language = $14, custom = $15, expiration_date = $16, active = $17,
		staff = $18, superuser = $19, search = $20, modified = $21, version = version + 1 WHERE id = $1 AND version = $22`)
	userByID         = plain(`SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`)
	userRowByID      = scoped(`SELECT ` + permissionsOf + `, ` + userTies + userColumns + ` FROM users u WHERE u.id = $1`)
	userByIdentifier = plain(`SELECT ` + userColumns + ` FROM identifiers i JOIN users u ON u.id = i.user_id WHERE i.value = $1`)
	userPassword     = plain(`UPDATE users SET password_hash = $2, password_updated = $3, modified = $3 WHERE id = $1`)
	userPasswordSwap = plain(`UPDATE users SET password_hash = $2, password_updated = $3, modified = $3 WHERE id = $1 AND password_hash = $4`)
	userRehash       = plain(`UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`)
	userLogin        = plain(`UPDATE users SET last_login = $2, last_method = $3, last_connector = $4 WHERE id = $1`)
	superuserAny     = plain(`SELECT 1 FROM users WHERE superuser AND active LIMIT 1`)
	superuserIDs     = plain(`SELECT id FROM users WHERE superuser ORDER BY id`)
	superuserClaim   = plain(`INSERT INTO first_superuser (singleton, user_id) SELECT 1, $1 WHERE NOT EXISTS (SELECT 1 FROM users WHERE superuser)`)
	superuserLock    = plain(`INSERT INTO versions (name, version) SELECT 'superusers', 1 FROM users WHERE id = $1 AND superuser AND active
		ON CONFLICT (name) DO UPDATE SET version = versions.version + 1`)
	superuserOther    = plain(`SELECT 1 FROM users WHERE superuser AND active AND expiration_date = '' AND id <> $1 LIMIT 1`)
	userDelete        = plain(`DELETE FROM users WHERE id = $1`)
	userGrantsDelete  = unscoped("the user goes, and with him what he allowed clients", `DELETE FROM grants WHERE user_id = $1`)
	fieldValuesDelete = plain(`DELETE FROM user_field_values WHERE user_id = $1`)
	fieldValueInsert  = plain(`INSERT INTO user_field_values (field, value, user_id) VALUES ($1, $2, $3)`)
)

func scanUser(row scanner) (tenancy.User, error) {
	var (
		u                                           tenancy.User
		created, modified, lastLogin, passwordSince int64
		custom                                      string
	)
	err := row.Scan(&u.ID, &u.Username, &u.Email, &u.EmailVerified, &u.Phone, &u.FirstName, &u.LastName, &u.Bio, &u.URL, &u.Company, &u.Location,
		&u.BirthDate, &u.Notes, &u.Language, &custom, &u.PasswordHash, &passwordSince, &u.Expires, &u.Active, &u.Staff, &u.Superuser,
		&created, &modified, &lastLogin, &u.LastMethod, &u.LastConnector, &u.Version)
	if err != nil {
		return u, err
	}
	u.Created, u.Modified, u.LastLogin, u.PasswordUpdated = fromMicros(created), fromMicros(modified), fromMicros(lastLogin), fromMicros(passwordSince)
	if custom == "{}" {
		return u, nil
	}
	return u, json.Unmarshal([]byte(custom), &u.Custom)
}

// fields are the arguments that userInsert and userUpdate begin with.
func (q *queries) fields(u tenancy.User) ([]any, error) {
	custom, err := json.Marshal(u.Custom)
	if err != nil {
		return nil, fmt.Errorf("encode custom fields: %w", err)
	}
	if len(u.Custom) == 0 {
		custom = []byte("{}")
	}
	return []any{
		string(u.ID), u.Username, u.Email, u.EmailVerified, u.Phone, u.FirstName, u.LastName, u.Bio, u.URL, u.Company, u.Location,
		string(u.BirthDate), u.Notes, u.Language, string(custom), string(u.Expires), u.Active, u.Staff, u.Superuser, q.db.fields.SearchText(u), micros(u.Modified),
	}, nil
}

// CreateUser implements tenancy.Users.
func (q *queries) CreateUser(ctx context.Context, u tenancy.User) error {
	args, err := q.fields(u)
	if err != nil {
		return err
	}
	args = append(args, u.PasswordHash, micros(u.PasswordUpdated), micros(u.Created), micros(u.LastLogin), u.LastMethod, string(u.LastConnector))
	return q.transaction(ctx, func(tx *queries) error {
		if _, err := tx.exec(ctx, userInsert, args...); err != nil {
			return err
		}
		return tx.writeBeside(ctx, u)
	})
}

// UpdateUser implements tenancy.Users.
func (q *queries) UpdateUser(ctx context.Context, u tenancy.User) error {
	args, err := q.fields(u)
	if err != nil {
		return err
	}
	return q.transaction(ctx, func(tx *queries) error {
		if !u.Superuser || !u.Active || u.Expires != "" {
			if err := tx.notTheLast(ctx, u.ID); err != nil {
				return err
			}
		}
		if err := tx.conditional(ctx, userUpdate, append(args, u.Version)...); err != nil {
			return err
		}
		return tx.writeBeside(ctx, u)
	})
}

// writeBeside brings what other tables hold of a user up to date: his primary address, his identifiers and unique values.
func (q *queries) writeBeside(ctx context.Context, u tenancy.User) error {
	if err := q.writePrimary(ctx, u); err != nil {
		return err
	}
	if err := q.claim(ctx, u); err != nil {
		return err
	}
	return q.claimValues(ctx, u)
}

// claimValues claims the values of the fields that the operator declared unique.
func (q *queries) claimValues(ctx context.Context, u tenancy.User) error {
	if _, err := q.exec(ctx, fieldValuesDelete, string(u.ID)); err != nil {
		return err
	}
	values := q.db.fields.UniqueValues(u)
	for _, field := range slices.Sorted(maps.Keys(values)) {
		_, err := q.exec(ctx, fieldValueInsert, field, values[field], string(u.ID))
		if errors.Is(err, store.ErrConflict) {
			return &store.Conflict{Field: "custom." + field}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// notTheLast refuses to take away the last active superuser whose account is good for ever: one with a last day leaves an installation
// without anybody on the day after. The row of versions is a lock: of two superusers who take each other's
// rank at once, the second waits and then sees that he is alone.
func (q *queries) notTheLast(ctx context.Context, user id.User) error {
	is, err := q.exec(ctx, superuserLock, string(user))
	if err != nil || is == 0 {
		return err
	}
	_, err = one(ctx, q, q.read, value[int], superuserOther, string(user))
	if errors.Is(err, store.ErrNotFound) {
		return &store.Conflict{Field: "superuser"}
	}
	return err
}

// DeleteUser implements tenancy.Users. Foreign keys take along what is his.
func (q *queries) DeleteUser(ctx context.Context, user id.User) error {
	return q.transaction(ctx, func(tx *queries) error {
		if err := tx.notTheLast(ctx, user); err != nil {
			return err
		}
		if err := tx.mustChange(ctx, userDelete, string(user)); err != nil {
			return err
		}
		_, err := tx.exec(ctx, userGrantsDelete, string(user))
		return err
	})
}

// SetPasswordHash implements tenancy.Users.
func (q *queries) SetPasswordHash(ctx context.Context, user id.User, old, hash string, now time.Time) error {
	if old != "" {
		return q.conditional(ctx, userPasswordSwap, string(user), hash, micros(now), old)
	}
	return q.mustChange(ctx, userPassword, string(user), hash, micros(now))
}

// Rehash implements tenancy.Passwords.
func (q *queries) Rehash(ctx context.Context, user id.User, old, hash string) error {
	return q.conditional(ctx, userRehash, string(user), old, hash)
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

// UserRow implements tenancy.Users.
func (q *queries) UserRow(ctx context.Context, scope tenancy.Scope, user id.User) (tenancy.UserRow, error) {
	s, args := userRowByID.in(scope, string(user))
	return one(ctx, q, q.read, scanWholeUser, s, args...)
}

// UserByIdentifier implements tenancy.Users.
func (q *queries) UserByIdentifier(ctx context.Context, identifier string) (tenancy.User, error) {
	return one(ctx, q, q.read, scanUser, userByIdentifier, identifier)
}

// TouchUser implements tenancy.Users.
func (q *queries) TouchUser(ctx context.Context, user id.User, now time.Time) error {
	return q.mustChange(ctx, userTouch, string(user), micros(now))
}

// RecordLogin implements tenancy.Users.
func (q *queries) RecordLogin(ctx context.Context, user id.User, at time.Time, method string, connector id.Connector) error {
	return q.mustChange(ctx, userLogin, string(user), micros(at), method, string(connector))
}

// HasSuperuser implements tenancy.Superusers.
func (q *queries) HasSuperuser(ctx context.Context) (bool, error) {
	_, err := one(ctx, q, q.read, value[int], superuserAny)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SuperuserIDs implements tenancy.Superusers.
func (q *queries) SuperuserIDs(ctx context.Context) ([]id.User, error) {
	return all(ctx, q, q.read, value[id.User], superuserIDs)
}

// CreateFirstSuperuser implements tenancy.Superusers. The single row of first_superuser is the referee of concurrent calls.
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
