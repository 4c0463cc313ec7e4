package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/mfa"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

var (
	_ tenancy.Store  = (*DB)(nil)
	_ mfa.Store      = (*DB)(nil)
	_ provider.Store = (*DB)(nil)
)

// queries are all operations, on the pools or within one transaction.
type queries struct {
	db          *DB
	read, write connection
	inTx        bool
}

type connection interface {
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

var errBadText = errors.New("text is not valid UTF-8 or holds a NUL")

func (q *queries) traced(s statement, args []any) error {
	if q.db.trace != nil {
		q.db.trace(s.text)
	}
	for _, arg := range args {
		if text, ok := arg.(string); ok && (!utf8.ValidString(text) || strings.ContainsRune(text, 0)) {
			return errBadText
		}
	}
	return nil
}

// exec runs a write and returns how many rows it changed.
func (q *queries) exec(ctx context.Context, s statement, args ...any) (int64, error) {
	if err := q.traced(s, args); err != nil {
		return 0, err
	}
	result, err := q.write.ExecContext(ctx, s.text, args...)
	if err != nil {
		return 0, translate(err)
	}
	return result.RowsAffected()
}

// conditional runs a write whose condition holds for one row or none; none is store.ErrStale.
func (q *queries) conditional(ctx context.Context, s statement, args ...any) error {
	changed, err := q.exec(ctx, s, args...)
	if err == nil && changed == 0 {
		return store.ErrStale
	}
	return err
}

type scanner interface{ Scan(targets ...any) error }

// one reads a single row with scan, or store.ErrNotFound. Text that cannot be in the database is not found in it.
func one[T any](ctx context.Context, q *queries, on connection, scan func(scanner) (T, error), s statement, args ...any) (T, error) {
	found, err := all(ctx, q, on, scan, s, args...)
	var none T
	switch {
	case errors.Is(err, errBadText):
		return none, store.ErrNotFound
	case err != nil:
		return none, err
	case len(found) == 0:
		return none, store.ErrNotFound
	default:
		return found[0], nil
	}
}

// all reads every row with scan.
func all[T any](ctx context.Context, q *queries, on connection, scan func(scanner) (T, error), s statement, args ...any) ([]T, error) {
	if err := q.traced(s, args); err != nil {
		return nil, err
	}
	rows, err := on.QueryContext(ctx, s.text, args...)
	if err != nil {
		return nil, translate(err)
	}
	defer rows.Close()
	var found []T
	for rows.Next() {
		next, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		found = append(found, next)
	}
	return found, translate(rows.Err())
}

// value scans rows of a single column.
func value[T any](row scanner) (T, error) {
	var v T
	return v, row.Scan(&v)
}

const maxTries = 5

// InTx implements tenancy.Store.
func (q *queries) InTx(ctx context.Context, work func(tx tenancy.Store) error) error {
	return q.transaction(ctx, func(tx *queries) error { return work(tx) })
}

// transaction runs work in one transaction and commits; where the database asks for it, again.
func (q *queries) transaction(ctx context.Context, work func(tx *queries) error) error {
	if q.inTx {
		return work(q)
	}
	var err error
	for try := range maxTries {
		if err = q.once(ctx, work); !retryable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
		case <-time.After(time.Duration(try+1) * 10 * time.Millisecond):
		}
	}
	return err
}

func (q *queries) once(ctx context.Context, work func(tx *queries) error) error {
	tx, err := q.db.write.BeginTx(ctx, nil)
	if err != nil {
		return translate(err)
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	if err := work(&queries{db: q.db, read: tx, write: tx, inTx: true}); err != nil {
		return err
	}
	return translate(tx.Commit())
}

// micros is how times are stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// list is how lists of text are stored: JSON, never null.
func list[T ~string](values []T) string {
	if len(values) == 0 {
		return "[]"
	}
	raw, err := json.Marshal(values)
	if err != nil {
		panic("marshal of strings: " + err.Error())
	}
	return string(raw)
}

func fromList(raw string, target *[]string) error {
	if raw == "[]" {
		return nil
	}
	return json.Unmarshal([]byte(raw), target)
}

// orNull stores the empty identifier as NULL.
func orNull[T ~string](value T) any {
	if value == "" {
		return nil
	}
	return string(value)
}
