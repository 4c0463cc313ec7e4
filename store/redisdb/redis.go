// Package redisdb keeps short-lived state (package session) in Redis.
//
// An entry is a hash, an index a sorted set of entry ids. Keys of one kind share a hash tag, so that the scripts, which touch an
// entry and its indexes together, also run on Redis Cluster. Whether an entry has expired is judged by the expiry stored in it and
// the program's clock; Redis' own expiry only collects the garbage, a while later.
package redisdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/store"
)

const (
	listLimit = 1000
	slack     = 10 * time.Minute // how much longer Redis keeps what has expired
)

// Options say which Redis to use. URL and Now are required.
type Options struct {
	URL    secret.Text // redis://[user:password@]host:port/db, rediss:// for TLS, unix:// for a socket
	Prefix string      // of every key; "" = "gatehouse:"
	Now    func() time.Time
	Logger *slog.Logger
}

// DB is a session.Store on Redis. It is safe for concurrent use.
type DB struct {
	client redis.UniversalClient
	prefix string
	now    func() time.Time
}

var _ session.Store = (*DB)(nil)

// Open connects lazily; a server that is away shows as store.ErrUnavailable at the first use and is used again once it is back.
// It warns if the server may evict live sessions.
func Open(ctx context.Context, o Options) (*DB, error) {
	options, err := redis.ParseURL(o.URL.Reveal())
	if err != nil {
		return nil, errors.New("open redis: the URL cannot be read") // the library's error may show the password
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = 2*time.Second, 2*time.Second, 2*time.Second
	options.MaxRetries = 2
	options.ContextTimeoutEnabled = true
	db := &DB{client: redis.NewClient(options), prefix: o.Prefix, now: o.Now}
	if db.prefix == "" {
		db.prefix = "gatehouse:"
	}
	policy, err := db.client.ConfigGet(ctx, "maxmemory-policy").Result()
	if err == nil && policy["maxmemory-policy"] != "noeviction" && o.Logger != nil {
		o.Logger.Warn("redis_may_evict_sessions", "maxmemory_policy", policy["maxmemory-policy"], "wanted", "noeviction")
	}
	return db, nil
}

// Ping asks the server whether it answers.
func (db *DB) Ping(ctx context.Context) error { return translate(db.client.Ping(ctx).Err()) }

// Close ends all connections.
func (db *DB) Close() error { return db.client.Close() }

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

// arguments are those that create and replace share: now, expiry, value, indexes, time to live, id.
func (db *DB) arguments(key session.Key, entry session.Entry) ([]any, error) {
	indexes, err := json.Marshal(entry.Indexes)
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
	written, err := createScript.Run(ctx, db.client, db.keys(key, entry.Indexes), arguments...).Int()
	if err == nil && written == 0 {
		return store.ErrConflict
	}
	return translate(err)
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
	if err := json.Unmarshal([]byte(text[3]), &found.Indexes); err != nil {
		return session.Entry{}, fmt.Errorf("read indexes: %w", err)
	}
	found.Value, found.Expires = []byte(text[0]), time.UnixMilli(expires).UTC()
	if !found.Expires.After(db.now()) {
		return session.Entry{}, store.ErrNotFound
	}
	return found, nil
}

// Replace implements session.Store.
func (db *DB) Replace(ctx context.Context, key session.Key, entry session.Entry) error {
	arguments, err := db.arguments(key, entry)
	if err != nil {
		return err
	}
	written, err := replaceScript.Run(ctx, db.client, db.keys(key, entry.Indexes), append(arguments, entry.Version)...).Int()
	switch {
	case err != nil:
		return translate(err)
	case written < 0:
		return store.ErrNotFound
	case written == 0:
		return store.ErrStale
	default:
		return nil
	}
}

// Take implements session.Store.
func (db *DB) Take(ctx context.Context, key session.Key) (session.Entry, error) {
	fields, err := takeScript.Run(ctx, db.client, []string{db.entryKey(key)}).Slice()
	if err != nil {
		return session.Entry{}, translate(err)
	}
	return db.entry(fields)
}

// Delete implements session.Store.
func (db *DB) Delete(ctx context.Context, keys ...session.Key) error {
	_, err := db.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, key := range keys {
			pipe.Del(ctx, db.entryKey(key))
		}
		return nil
	})
	return translate(err)
}

// Any implements session.Store.
func (db *DB) Any(ctx context.Context, keys ...session.Key) (bool, error) {
	results := make([]*redis.SliceCmd, len(keys))
	_, err := db.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range keys {
			results[i] = pipe.HMGet(ctx, db.entryKey(key), "v", "x", "n", "i")
		}
		return nil
	})
	if err != nil {
		return false, translate(err)
	}
	for _, result := range results {
		if _, err := db.entry(result.Val()); err == nil {
			return true, nil
		}
	}
	return false, nil
}

// List implements session.Store. What has expired or moved to another index leaves the index here.
func (db *DB) List(ctx context.Context, kind session.Kind, index string) ([]session.Listed, error) {
	ids, err := db.client.ZRevRange(ctx, db.indexKey(kind, index), 0, listLimit-1).Result()
	if err != nil || len(ids) == 0 {
		return nil, translate(err)
	}
	results := make([]*redis.SliceCmd, len(ids))
	_, err = db.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, id := range ids {
			results[i] = pipe.HMGet(ctx, db.entryKey(session.Key{Kind: kind, ID: id}), "v", "x", "n", "i")
		}
		return nil
	})
	if err != nil {
		return nil, translate(err)
	}
	var (
		found []session.Listed
		stale []any
	)
	for i, result := range results {
		entry, err := db.entry(result.Val())
		if err != nil || !slices.Contains(entry.Indexes, index) {
			stale = append(stale, ids[i])
			continue
		}
		found = append(found, session.Listed{Key: session.Key{Kind: kind, ID: ids[i]}, Entry: entry})
	}
	if len(stale) > 0 {
		err = db.client.ZRem(ctx, db.indexKey(kind, index), stale...).Err()
	}
	return found, translate(err)
}

// Hit implements session.Store.
func (db *DB) Hit(ctx context.Context, key session.Key, window time.Duration) (int, time.Time, error) {
	now := db.now()
	counted, err := hitScript.Run(ctx, db.client, []string{db.hitKey(key)},
		now.UnixMilli(), now.Add(window).UnixMilli(), (window + slack).Milliseconds()).Int64Slice()
	if err != nil {
		return 0, time.Time{}, translate(err)
	}
	return int(counted[0]), time.UnixMilli(counted[1]).UTC(), nil
}

// translate makes every failure to get an answer store.ErrUnavailable. An answer that says no is a bug and stays as it is.
func translate(err error) error {
	var answered redis.Error
	switch {
	case err == nil, errors.Is(err, redis.Nil):
		return nil
	case errors.As(err, &answered) && !redis.HasErrorPrefix(err, "LOADING") && !redis.HasErrorPrefix(err, "READONLY") &&
		!redis.HasErrorPrefix(err, "CLUSTERDOWN") && !redis.HasErrorPrefix(err, "MASTERDOWN"):
		return fmt.Errorf("redis: %w", err)
	default:
		return fmt.Errorf("%w: redis: %w", store.ErrUnavailable, err)
	}
}
