package sqldb

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// What makes searches fast on PostgreSQL: trigrams of three or more characters. The extension is part of PostgreSQL, but an
// administrator may have to create it.
var (
	searchIndexed = plain(`SELECT to_regclass('users_search') IS NOT NULL AND to_regclass('organizations_search') IS NOT NULL`)
	searchLock    = plain(`SELECT pg_advisory_xact_lock(7239412065)`)
	trigrams      = plain(`CREATE EXTENSION IF NOT EXISTS pg_trgm`)
	usersSearch   = plain(`CREATE INDEX IF NOT EXISTS users_search ON users USING gin (search gin_trgm_ops)`)

	organizationsSearch = unscoped("an index", `CREATE INDEX IF NOT EXISTS organizations_search ON organizations USING gin (search gin_trgm_ops)`)
)

// indexSearch makes the indexes that searches use on PostgreSQL. Where it may not, searches read whole tables, and the log says so.
func (db *DB) indexSearch(ctx context.Context) error {
	if db.dialect != goose.DialectPostgres {
		return nil
	}
	indexed, err := one(ctx, db.queries, db.queries.read, value[bool], searchIndexed)
	if err != nil || indexed {
		return err
	}
	err = db.transaction(ctx, func(tx *queries) error {
		for _, s := range []statement{searchLock, trigrams, usersSearch, organizationsSearch} {
			if _, err := tx.exec(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		db.logger.WarnContext(ctx, "searches are slow without the extension pg_trgm; let an administrator create it in this database", "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("index for searches: %w", err)
	}
	return nil
}
