package redisdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"gatehouse/session"
	"gatehouse/store"
)

var errBadText = errors.New("text is not valid UTF-8 or holds a NUL")

func badText(text string) bool { return !utf8.ValidString(text) || strings.ContainsRune(text, 0) }

func (db *DB) entryKey(key session.Key) string {
	return db.prefix + "{" + string(key.Kind) + "}:e:" + key.ID
}

func (db *DB) indexKey(kind session.Kind, name string) string {
	return db.prefix + "{" + string(kind) + "}:i:" + name
}

func (db *DB) hitKey(key session.Key) string {
	return db.prefix + "{" + string(key.Kind) + "}:h:" + key.ID
}

func (db *DB) keys(key session.Key, indexes []string) []string {
	keys := []string{db.entryKey(key)}
	for _, name := range indexes {
		keys = append(keys, db.indexKey(key.Kind, name))
	}
	return keys
}

// arguments are those that create and replace share: now, expiry, value, indexes, time to live, id. Text that the databases refuse is
// refused here too (package store); JSON would change it.
func (db *DB) arguments(key session.Key, entry session.Entry) ([]any, error) {
	if slices.ContainsFunc(append([]string{key.ID}, entry.Indexes...), badText) {
		return nil, errBadText
	}
	indexes, err := json.Marshal(append([]string{}, entry.Indexes...)) // never null, which Lua would have to know
	if err != nil {
		return nil, fmt.Errorf("encode indexes: %w", err)
	}
	now := db.now()
	ttl := max(entry.Expires.Sub(now), 0) + slack
	return []any{now.UnixMilli(), entry.Expires.UnixMilli(), entry.Value, string(indexes), ttl.Milliseconds(), key.ID}, nil
}

// Create implements session.Store.
func (db *DB) Create(ctx context.Context, key session.Key, entry session.Entry) error {
	arguments, err := db.arguments(key, entry)
	if err != nil {
		return err
	}
	sizes, err := createScript.Run(ctx, db.client, db.keys(key, entry.Indexes), arguments...).Int64Slice()
	if err != nil {
		return translate(err)
	}
	if len(sizes) == 0 {
		return store.ErrConflict
	}
	for i, size := range sizes[1:] {
		if size%pruneEvery != 0 {
			continue
		}
		if err := db.prune(ctx, key.Kind, entry.Indexes[i]); err != nil {
			return err
		}
	}
	return nil
}

// Find implements session.Store.
func (db *DB) Find(ctx context.Context, key session.Key) (session.Entry, error) {
	fields, err := db.client.HMGet(ctx, db.entryKey(key), "v", "x", "n", "i").Result()
	if err != nil {
		return session.Entry{}, translate(err)
	}
	return db.entry(fields)
}

// entry reads the fields v, x, n, i of an entry; store.ErrNotFound if it is not there or has expired.
func (db *DB) entry(fields []any) (session.Entry, error) {
	if len(fields) != 4 || fields[0] == nil || fields[1] == nil || fields[2] == nil || fields[3] == nil {
		return session.Entry{}, store.ErrNotFound
	}
	var (
		found   session.Entry
		expires int64
		text    [4]string
		err     error
	)
	for i := range fields {
		text[i], _ = fields[i].(string)
	}
	if expires, err = strconv.ParseInt(text[1], 10, 64); err != nil {
		return session.Entry{}, fmt.Errorf("read expiry: %w", err)
	}
	if found.Version, err = strconv.ParseInt(text[2], 10, 64); err != nil {
		return session.Entry{}, fmt.Errorf("read version: %w", err)
	}
	if found.Indexes, err = indexesOf(fields[3]); err != nil {
		return session.Entry{}, err
	}
	found.Value, found.Expires = []byte(text[0]), time.UnixMilli(expires).UTC()
	if !found.Expires.After(db.now()) {
		return session.Entry{}, store.ErrNotFound
	}
	return found, nil
}

// indexesOf reads the field i; nil if there are none.
func indexesOf(field any) ([]string, error) {
	text, _ := field.(string)
	if text == "" || text == "[]" {
		return nil, nil
	}
	var names []string
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return nil, fmt.Errorf("read indexes: %w", err)
	}
	return names, nil
}

// Replace implements session.Store.
func (db *DB) Replace(ctx context.Context, key session.Key, entry session.Entry) error {
	arguments, err := db.arguments(key, entry)
	if err != nil {
		return err
	}
	answer, err := replaceScript.Run(ctx, db.client, db.keys(key, entry.Indexes), append(arguments, entry.Version)...).Slice()
	switch {
	case err != nil:
		return translate(err)
	case len(answer) != 2:
		return store.ErrNotFound
	case answer[0] == int64(0):
		return store.ErrStale
	}
	before, err := indexesOf(answer[1])
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(before, func(name string) bool { return slices.Contains(entry.Indexes, name) })
	return db.unindex(ctx, departure{key, left})
}

// Take implements session.Store.
func (db *DB) Take(ctx context.Context, key session.Key) (session.Entry, error) {
	fields, err := takeScript.Run(ctx, db.client, []string{db.entryKey(key)}).Slice()
	if err != nil {
		return session.Entry{}, translate(err)
	}
	taken, err := db.entry(fields)
	if err != nil {
		return session.Entry{}, err
	}
	return taken, db.unindex(ctx, departure{key, taken.Indexes})
}

// Delete implements session.Store.
func (db *DB) Delete(ctx context.Context, keys ...session.Key) error {
	results := make([]*redis.SliceCmd, len(keys))
	_, err := db.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range keys {
			results[i] = pipe.HMGet(ctx, db.entryKey(key), "i")
			pipe.Del(ctx, db.entryKey(key))
		}
		return nil
	})
	if err != nil {
		return translate(err)
	}
	gone := make([]departure, len(keys))
	for i, key := range keys {
		names, err := indexesOf(results[i].Val()[0])
		if err != nil {
			return err
		}
		gone[i] = departure{key, names}
	}
	return db.unindex(ctx, gone...)
}

// Any implements session.Store.
func (db *DB) Any(ctx context.Context, keys ...session.Key) (bool, error) {
	expiries, err := db.expiries(ctx, keys)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(expiries, db.live), nil
}

// expiries reads when the entries expire, in Unix milliseconds, 0 for what is not there.
func (db *DB) expiries(ctx context.Context, keys []session.Key) ([]int64, error) {
	results := make([]*redis.SliceCmd, len(keys))
	_, err := db.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range keys {
			results[i] = pipe.HMGet(ctx, db.entryKey(key), "x")
		}
		return nil
	})
	if err != nil {
		return nil, translate(err)
	}
	expiries := make([]int64, len(keys))
	for i, result := range results {
		text, found := result.Val()[0].(string)
		if !found {
			continue
		}
		if expiries[i], err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, fmt.Errorf("read expiry: %w", err)
		}
	}
	return expiries, nil
}

func (db *DB) live(expires int64) bool { return time.UnixMilli(expires).After(db.now()) }

// Hit implements session.Store.
func (db *DB) Hit(ctx context.Context, key session.Key, window time.Duration) (int, time.Time, error) {
	if badText(key.ID) {
		return 0, time.Time{}, errBadText
	}
	now := db.now()
	counted, err := hitScript.Run(ctx, db.client, []string{db.hitKey(key)},
		now.UnixMilli(), now.Add(window).UnixMilli(), (window + slack).Milliseconds()).Int64Slice()
	if err != nil {
		return 0, time.Time{}, translate(err)
	}
	return int(counted[0]), time.UnixMilli(counted[1]).UTC(), nil
}

// Forget implements session.Store.
func (db *DB) Forget(ctx context.Context, keys ...session.Key) error {
	_, err := db.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, key := range keys {
			pipe.Del(ctx, db.hitKey(key))
		}
		return nil
	})
	return translate(err)
}
