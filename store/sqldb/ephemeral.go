package sqldb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatehouse/session"
	"gatehouse/store"
)

const listLimit = 1000

var (
	entryCreate = plain(`INSERT INTO ephemeral (kind, id, value, indexes, expires, version, created) VALUES ($1, $2, $3, $4, $5, 1, $6)
		ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value, indexes = excluded.indexes, expires = excluded.expires,
		version = 1, created = excluded.created WHERE ephemeral.expires <= $6`)
	entryFind    = plain(`SELECT kind, id, value, indexes, expires, version FROM ephemeral WHERE kind = $1 AND id = $2 AND expires > $3`)
	entryReplace = plain(`UPDATE ephemeral SET value = $3, indexes = $4, expires = $5, version = version + 1
		WHERE kind = $1 AND id = $2 AND version = $6 AND expires > $7`)
	entryTake = plain(`DELETE FROM ephemeral WHERE kind = $1 AND id = $2 AND expires > $3
		RETURNING kind, id, value, indexes, expires, version`)
	entryAny    = anyOf(maxAny) // by the number of keys, less one
	entryDelete = plain(`DELETE FROM ephemeral WHERE kind = $1 AND id = $2`)
	entryList   = plain(`SELECT e.kind, e.id, e.value, e.indexes, e.expires, e.version FROM ephemeral_indexes x
		JOIN ephemeral e ON e.kind = x.kind AND e.id = x.id
		WHERE x.kind = $1 AND x.name = $2 AND e.expires > $3 ORDER BY e.created DESC, e.id DESC LIMIT $4`)
	indexInsert   = plain(`INSERT INTO ephemeral_indexes (kind, name, id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`)
	indexesDelete = plain(`DELETE FROM ephemeral_indexes WHERE kind = $1 AND id = $2`)
	hit           = plain(`INSERT INTO ephemeral_hits (kind, id, count, ends) VALUES ($1, $2, 1, $3)
		ON CONFLICT (kind, id) DO UPDATE SET
		count = CASE WHEN ephemeral_hits.ends <= $4 THEN 1 ELSE ephemeral_hits.count + 1 END,
		ends = CASE WHEN ephemeral_hits.ends <= $4 THEN excluded.ends ELSE ephemeral_hits.ends END RETURNING count, ends`)
	// The outer test is made again on a row that another node has used anew since the inner one.
	entriesSweep = plain(`DELETE FROM ephemeral WHERE expires <= $1 AND (kind, id) IN
		(SELECT kind, id FROM ephemeral WHERE expires <= $1 ORDER BY expires LIMIT $2)`)
	hitDelete = plain(`DELETE FROM ephemeral_hits WHERE kind = $1 AND id = $2`)
	hitsSweep = plain(`DELETE FROM ephemeral_hits WHERE ends <= $1 AND (kind, id) IN
		(SELECT kind, id FROM ephemeral_hits WHERE ends <= $1 ORDER BY ends LIMIT $2)`)
)

const maxAny = 8 // keys of one statement

// anyOf makes the statements that look for up to so many keys: each is a fixed text, so that SQLite reads it once.
func anyOf(keys int) []statement {
	var found []statement
	test := ""
	for i := range keys {
		test += fmt.Sprintf(" OR (kind = $%d AND id = $%d)", 2*i+2, 2*i+3)
		found = append(found, plain(`SELECT 1 FROM ephemeral WHERE expires > $1 AND (`+strings.TrimPrefix(test, " OR ")+`) LIMIT 1`))
	}
	return found
}

// Ephemeral is the session.Store on tables of the database, so that a restart signs nobody out.
type Ephemeral struct{ q *queries }

var _ session.Store = Ephemeral{}

// Ephemeral returns the short-lived state of this database.
func (db *DB) Ephemeral() Ephemeral { return Ephemeral{db.queries} }

func (e Ephemeral) now() int64 { return micros(e.q.db.now()) }

func scanListed(row scanner) (session.Listed, error) {
	var (
		l       session.Listed
		indexes string
		expires int64
	)
	if err := row.Scan(&l.Key.Kind, &l.Key.ID, &l.Value, &indexes, &expires, &l.Version); err != nil {
		return l, err
	}
	l.Expires = fromMicros(expires)
	return l, fromList(indexes, &l.Indexes)
}

// withIndexes runs write and brings the index rows along, in one transaction if there are any.
func (e Ephemeral) withIndexes(ctx context.Context, key session.Key, indexes []string, write func(q *queries) error) error {
	if len(indexes) == 0 {
		return write(e.q)
	}
	return e.q.transaction(ctx, func(tx *queries) error {
		if err := write(tx); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, indexesDelete, string(key.Kind), key.ID); err != nil {
			return err
		}
		for _, name := range indexes {
			if _, err := tx.exec(ctx, indexInsert, string(key.Kind), name, key.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

func bytesOf(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// Create implements session.Store.
func (e Ephemeral) Create(ctx context.Context, key session.Key, entry session.Entry) error {
	return e.withIndexes(ctx, key, entry.Indexes, func(q *queries) error {
		written, err := q.exec(ctx, entryCreate, string(key.Kind), key.ID, bytesOf(entry.Value), list(entry.Indexes), micros(entry.Expires), e.now())
		if err == nil && written == 0 {
			return store.ErrConflict
		}
		return err
	})
}

// Find implements session.Store.
func (e Ephemeral) Find(ctx context.Context, key session.Key) (session.Entry, error) {
	found, err := one(ctx, e.q, e.q.read, scanListed, entryFind, string(key.Kind), key.ID, e.now())
	return found.Entry, err
}

// Replace implements session.Store.
func (e Ephemeral) Replace(ctx context.Context, key session.Key, entry session.Entry) error {
	err := e.withIndexes(ctx, key, entry.Indexes, func(q *queries) error {
		return q.conditional(ctx, entryReplace, string(key.Kind), key.ID, bytesOf(entry.Value), list(entry.Indexes), micros(entry.Expires), entry.Version, e.now())
	})
	if errors.Is(err, store.ErrStale) {
		if _, gone := e.Find(ctx, key); gone != nil {
			return gone
		}
	}
	return err
}

// Take implements session.Store.
func (e Ephemeral) Take(ctx context.Context, key session.Key) (session.Entry, error) {
	taken, err := one(ctx, e.q, e.q.write, scanListed, entryTake, string(key.Kind), key.ID, e.now())
	return taken.Entry, err
}

// Delete implements session.Store.
func (e Ephemeral) Delete(ctx context.Context, keys ...session.Key) error {
	for _, key := range keys {
		if _, err := e.q.exec(ctx, entryDelete, string(key.Kind), key.ID); err != nil {
			return err
		}
	}
	return nil
}

// Any implements session.Store.
func (e Ephemeral) Any(ctx context.Context, keys ...session.Key) (bool, error) {
	if len(keys) == 0 {
		return false, nil
	}
	args := make([]any, 1, 1+2*maxAny)
	args[0] = e.now()
	for _, key := range keys[:min(len(keys), maxAny)] {
		args = append(args, string(key.Kind), key.ID)
	}
	_, err := one(ctx, e.q, e.q.read, value[int], entryAny[len(args)/2-1], args...)
	if errors.Is(err, store.ErrNotFound) {
		return e.Any(ctx, keys[min(len(keys), maxAny):]...)
	}
	return err == nil, err
}

// List implements session.Store.
func (e Ephemeral) List(ctx context.Context, kind session.Kind, index string) ([]session.Listed, error) {
	found, err := all(ctx, e.q, e.q.read, scanListed, entryList, string(kind), index, e.now(), listLimit)
	// Index rows of an expired entry may outlive it until its key is used again.
	return slices.DeleteFunc(found, func(l session.Listed) bool { return !slices.Contains(l.Indexes, index) }), err
}

// Hit implements session.Store.
func (e Ephemeral) Hit(ctx context.Context, key session.Key, window time.Duration) (int, time.Time, error) {
	type counted struct{ count, ends int64 }
	now := e.q.db.now()
	found, err := one(ctx, e.q, e.q.write, func(row scanner) (counted, error) {
		var w counted
		return w, row.Scan(&w.count, &w.ends)
	}, hit, string(key.Kind), key.ID, micros(now.Add(window)), micros(now))
	return int(found.count), fromMicros(found.ends), err
}

// Forget implements session.Store.
func (e Ephemeral) Forget(ctx context.Context, keys ...session.Key) error {
	for _, key := range keys {
		if _, err := e.q.exec(ctx, hitDelete, string(key.Kind), key.ID); err != nil {
			return err
		}
	}
	return nil
}

// Sweep deletes at most limit expired entries and as many counters, and returns how many it deleted.
func (e Ephemeral) Sweep(ctx context.Context, limit int) (int, error) {
	entries, err := e.q.exec(ctx, entriesSweep, e.now(), limit)
	if err != nil {
		return 0, err
	}
	hits, err := e.q.exec(ctx, hitsSweep, e.now(), limit)
	return int(entries + hits), err
}
