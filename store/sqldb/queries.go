package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/clients"
	"gatehouse/jobs"
	"gatehouse/mfa"
	"gatehouse/notify"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

var (
	_ tenancy.Store  = (*DB)(nil)
	_ mfa.Store      = (*DB)(nil)
	_ provider.Store = (*DB)(nil)
	_ notify.Store   = (*DB)(nil)
	_ jobs.Store     = (*DB)(nil)
	_ clients.Store  = (*DB)(nil)
)

// queries are all operations, on the pools or within one transaction.
type queries struct {
	db          *DB
	read, write connection
	tx          *outcome // nil outside a transaction
}

// outcome is the first statement that failed in a transaction. PostgreSQL refuses everything after one, SQLite would go on and
// commit the rest; with this both do the former.
type outcome struct {
	failed   error
	enqueued bool // a message waits for the commit
}

var errBadText = errors.New("text is not valid UTF-8 or holds a NUL")

// before refuses what must not reach the database.
func (q *queries) before(s statement, args []any) error {
	if q.tx != nil && q.tx.failed != nil {
		return q.tx.failed
	}
	for _, arg := range args {
		text, isText := arg.(string)
		if _, bad := arg.(badText); bad || (isText && !storable(text)) {
			return errBadText
		}
	}
	if q.db.trace != nil {
		q.db.trace(s.text)
	}
	return nil
}

// after translates the error of a statement and remembers it for the end of the transaction.
func (q *queries) after(err error) error {
	err = translate(err)
	if q.tx != nil && q.tx.failed == nil {
		q.tx.failed = err
	}
	return err
}

func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// exec runs a write and returns how many rows it changed.
func (q *queries) exec(ctx context.Context, s statement, args ...any) (int64, error) {
	if err := q.before(s, args); err != nil {
		return 0, err
	}
	result, err := q.write.exec(ctx, s, args...)
	if err != nil {
		return 0, q.after(err)
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

// one reads a single row with scan, or store.ErrNotFound.
func one[T any](ctx context.Context, q *queries, on connection, scan func(scanner) (T, error), s statement, args ...any) (T, error) {
	found, err := all(ctx, q, on, scan, s, args...)
	var none T
	switch {
	case err != nil:
		return none, err
	case len(found) == 0:
		return none, store.ErrNotFound
	default:
		return found[0], nil
	}
}

// all reads every row with scan. Text that cannot be in the database is not found in it.
func all[T any](ctx context.Context, q *queries, on connection, scan func(scanner) (T, error), s statement, args ...any) ([]T, error) {
	if err := q.before(s, args); err != nil {
		if errors.Is(err, errBadText) {
			err = nil
		}
		return nil, err
	}
	rows, err := on.query(ctx, s, args...)
	if err != nil {
		return nil, q.after(err)
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
	return found, q.after(rows.Err())
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
	if q.tx != nil {
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
	on, learn := q.db.inTransaction(tx)
	defer learn(ctx)
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	within := &queries{db: q.db, read: on, write: on, tx: &outcome{}}
	if err := work(within); err != nil {
		return err
	}
	if within.tx.failed != nil {
		return within.tx.failed
	}
	if err := tx.Commit(); err != nil {
		return translate(err)
	}
	if within.tx.enqueued {
		q.db.enqueued()
	}
	return nil
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

// badText stands for a list that must not be stored.
type badText struct{}

// list is how lists of text are stored: JSON, never null. Encoding would silently replace what is not valid UTF-8.
func list[T ~string](values []T) any {
	if len(values) == 0 {
		return "[]"
	}
	if slices.ContainsFunc(values, func(value T) bool { return !storable(string(value)) }) {
		return badText{}
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
