package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"gatehouse/store"
)

// conflicts names the field behind each unique index, by PostgreSQL's constraint name and SQLite's list of columns.
var conflicts = map[string]string{
	"identifiers_pkey": "identifier", "identifiers.value": "identifier",
	"organizations_slug": "slug", "organizations.slug": "slug",
	"memberships_user_organization": "membership", "memberships.user_id, memberships.organization_id": "membership",
	"memberships_owner": "owner", "memberships.organization_id": "owner",
	"groups_organization_name": "name", "groups.organization_id, groups.name": "name",
	"groups_shared_name": "name", "groups.name": "name",
	"invitations_open": "email", "invitations.organization_id, invitations.value": "email",
	"identities_pkey": "identity", "identities.connector, identities.subject": "identity",
	"email_addresses_user_value": "email", "email_addresses.user_id, email_addresses.value": "email",
	"email_addresses_verified": "email", "email_addresses.value": "email",
	"factors_user_kind_name": "name", "factors.user_id, factors.kind, factors.name": "name",
	"first_superuser_pkey": "superuser", "first_superuser.singleton": "superuser",
	"signing_keys_state": "state", "signing_keys.algorithm, signing_keys.state": "state",
}

// translate turns drivers' errors into the sentinels of package store. Others stay as they are: they are bugs.
func translate(err error) error {
	var (
		fromPostgres *pgconn.PgError
		fromSQLite   *sqlite.Error
		toPostgres   *pgconn.ConnectError
		network      net.Error
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &toPostgres): // whatever the reason, also a wrong password
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	case errors.As(err, &fromPostgres):
		return translatePostgres(fromPostgres)
	case errors.As(err, &fromSQLite):
		return translateSQLite(fromSQLite)
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	case errors.As(err, &network), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded), strings.Contains(err.Error(), "conn closed"):
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	default:
		return err
	}
}

func translatePostgres(err *pgconn.PgError) error {
	switch class := err.Code[:2]; {
	case err.Code == "23505":
		return conflict(err.ConstraintName)
	case err.Code == "23503":
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	case class == "08" || class == "53" || class == "57" || class == "40":
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	default:
		return err
	}
}

func translateSQLite(err *sqlite.Error) error {
	switch err.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		_, columns, _ := strings.Cut(err.Error(), "constraint failed: ")
		columns = strings.TrimPrefix(columns, "UNIQUE constraint failed: ")
		columns, _, _ = strings.Cut(columns, " (")
		return conflict(columns)
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	}
	switch err.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged or not an SQLite database: %w", err)
	default:
		return err
	}
}

func conflict(index string) error {
	field, known := conflicts[index]
	if !known {
		field = "id"
	}
	return &store.Conflict{Field: field}
}

// retryable reports whether the database gave up a transaction that may succeed when run again.
func retryable(err error) bool {
	var fromPostgres *pgconn.PgError
	if errors.As(err, &fromPostgres) {
		return fromPostgres.Code == "40001" || fromPostgres.Code == "40P01"
	}
	var fromSQLite *sqlite.Error
	// Plain SQLITE_BUSY has waited for busy_timeout already.
	return errors.As(err, &fromSQLite) && fromSQLite.Code()&0xff == sqlite3.SQLITE_BUSY && fromSQLite.Code() != sqlite3.SQLITE_BUSY
}
