package redisdb

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"

	"gatehouse/session"
)

// departure says that an entry has left indexes, or is gone.
type departure struct {
	key     session.Key
	indexes []string
}

// unindex takes entries out of indexes that they do not carry any more. It is a step of its own, because a script must name its keys
// beforehand; the script looks again, so that an entry made meanwhile stays. What a crash leaves behind, List and prune remove.
func (db *DB) unindex(ctx context.Context, gone ...departure) error {
	gone = slices.DeleteFunc(gone, func(d departure) bool { return len(d.indexes) == 0 })
	if len(gone) == 0 {
		return nil
	}
	_, err := db.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, d := range gone {
			arguments := []any{d.key.ID, db.now().UnixMilli()}
			for _, name := range d.indexes {
				arguments = append(arguments, name)
			}
			unindexScript.Eval(ctx, pipe, db.keys(d.key, d.indexes), arguments...) // EVALSHA cannot fall back within a pipeline
		}
		return nil
	})
	return translate(err)
}

// prune drops what has expired from among the oldest entries of an index.
func (db *DB) prune(ctx context.Context, kind session.Kind, index string) error {
	ids, err := db.client.ZRange(ctx, db.indexKey(kind, index), 0, pruneBatch-1).Result()
	if err != nil {
		return translate(err)
	}
	keys := make([]session.Key, len(ids))
	for i, id := range ids {
		keys[i] = session.Key{Kind: kind, ID: id}
	}
	expiries, err := db.expiries(ctx, keys)
	if err != nil {
		return err
	}
	var gone []departure
	for i, expires := range expiries {
		if !db.live(expires) {
			gone = append(gone, departure{keys[i], []string{index}})
		}
	}
	return db.unindex(ctx, gone...)
}

// List implements session.Store. What has expired leaves the index here.
func (db *DB) List(ctx context.Context, kind session.Kind, index string) ([]session.Listed, error) {
	var (
		found []session.Listed
		gone  []departure
	)
	for from := int64(0); len(found) < listLimit; from += listLimit {
		ids, err := db.client.ZRevRange(ctx, db.indexKey(kind, index), from, from+listLimit-1).Result()
		if err != nil {
			return nil, translate(err)
		}
		entries, err := db.entries(ctx, kind, ids)
		if err != nil {
			return nil, err
		}
		for i, fields := range entries {
			key := session.Key{Kind: kind, ID: ids[i]}
			entry, err := db.entry(fields)
			if err != nil || !slices.Contains(entry.Indexes, index) {
				gone = append(gone, departure{key, []string{index}})
				continue
			}
			found = append(found, session.Listed{Key: key, Entry: entry})
		}
		if len(ids) < listLimit {
			break
		}
	}
	return found[:min(len(found), listLimit)], db.unindex(ctx, gone...)
}

// entries reads the fields of entries in one round trip.
func (db *DB) entries(ctx context.Context, kind session.Kind, ids []string) ([][]any, error) {
	results := make([]*redis.SliceCmd, len(ids))
	_, err := db.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, id := range ids {
			results[i] = pipe.HMGet(ctx, db.entryKey(session.Key{Kind: kind, ID: id}), "v", "x", "n", "i")
		}
		return nil
	})
	if err != nil {
		return nil, translate(err)
	}
	entries := make([][]any, len(ids))
	for i, result := range results {
		entries[i] = result.Val()
	}
	return entries, nil
}
