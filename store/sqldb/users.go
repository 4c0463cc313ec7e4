package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	userByID          = plain(`SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`)
	userByIdentifier  = plain(`SELECT ` + userColumns + ` FROM identifiers i JOIN users u ON u.id = i.user_id WHERE i.value = $1`)
	userPassword      = plain(`UPDATE users SET password_hash = $2, password_updated = $3, modified = $3 WHERE id = $1`)
	userPasswordSwap  = plain(`UPDATE users SET password_hash = $2, password_updated = $3, modified = $3 WHERE id = $1 AND password_hash = $4`)
	userRehash        = plain(`UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`)
	userLogin         = plain(`UPDATE users SET last_login = $2, last_method = $3, last_connector = $4 WHERE id = $1`)
	superuserAny      = plain(`SELECT 1 FROM users WHERE superuser AND active LIMIT 1`)
	superuserClaim    = plain(`INSERT INTO first_superuser (singleton, user_id) SELECT 1, $1 WHERE NOT EXISTS (SELECT 1 FROM users WHERE superuser)`)
	identifierInsert  = plain(`INSERT INTO identifiers (value, user_id, kind) VALUES ($1, $2, $3)`)
	identifiersDelete = plain(`DELETE FROM identifiers WHERE user_id = $1`)
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
func fields(u tenancy.User) ([]any, error) {
	custom, err := json.Marshal(u.Custom)
	if err != nil {
		return nil, fmt.Errorf("encode custom fields: %w", err)
	}
	if len(u.Custom) == 0 {
		custom = []byte("{}")
	}
	return []any{
		string(u.ID), u.Username, u.Email, u.EmailVerified, u.Phone, u.FirstName, u.LastName, u.Bio, u.URL, u.Company, u.Location,
		string(u.BirthDate), u.Notes, u.Language, string(custom), string(u.Expires), u.Active, u.Staff, u.Superuser, u.SearchText(), micros(u.Modified),
	}, nil
}

// CreateUser implements tenancy.Users.
func (q *queries) CreateUser(ctx context.Context, u tenancy.User) error {
	args, err := fields(u)
	if err != nil {
		return err
	}
	args = append(args, u.PasswordHash, micros(u.PasswordUpdated), micros(u.Created), micros(u.LastLogin), u.LastMethod, string(u.LastConnector))
	return q.transaction(ctx, func(tx *queries) error {
		if _, err := tx.exec(ctx, userInsert, args...); err != nil {
			return err
		}
		return tx.insertIdentifiers(ctx, u)
	})
}

// insertIdentifiers claims the user's names in the one namespace.
func (q *queries) insertIdentifiers(ctx context.Context, u tenancy.User) error {
	claimed := map[string]bool{}
	for _, name := range []struct{ kind, text string }{{"username", u.Username}, {"email", u.Email}, {"phone", u.Phone}} {
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
	args, err := fields(u)
	if err != nil {
		return err
	}
	return q.transaction(ctx, func(tx *queries) error {
		if err := tx.conditional(ctx, userUpdate, append(args, u.Version)...); err != nil {
			return err
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

// UserByIdentifier implements tenancy.Users.
func (q *queries) UserByIdentifier(ctx context.Context, identifier string) (tenancy.User, error) {
	return one(ctx, q, q.read, scanUser, userByIdentifier, identifier)
}

// RecordLogin implements tenancy.Users.
func (q *queries) RecordLogin(ctx context.Context, user id.User, at time.Time, method string, connector id.Connector) error {
	return q.mustChange(ctx, userLogin, string(user), micros(at), method, string(connector))
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
