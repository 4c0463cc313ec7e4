package sqldb

import (
	"context"
	"time"

	"gatehouse/audit"
	"gatehouse/provider"
	"gatehouse/store"
)

var (
	keysAll   = plain(`SELECT id, algorithm, state, private, created, activated, retires FROM signing_keys ORDER BY created, id`)
	keyInsert = plain(`INSERT INTO signing_keys (id, algorithm, state, private, created, activated, retires)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`)
	keyRetire = plain(`UPDATE signing_keys SET state = 'retired', retires = $2
		WHERE state = 'current' AND algorithm = (SELECT algorithm FROM signing_keys WHERE id = $1 AND state = 'next')`)
	keyPromote  = plain(`UPDATE signing_keys SET state = 'current', activated = $2 WHERE id = $1 AND state = 'next'`)
	keyDelete   = plain(`DELETE FROM signing_keys WHERE id = $1 RETURNING CASE WHEN state = 'current' THEN algorithm ELSE '' END`)
	keySucceed  = plain(`UPDATE signing_keys SET state = 'current', activated = $2 WHERE algorithm = $1 AND state = 'next'`)
	keysExpired = plain(`DELETE FROM signing_keys WHERE state = 'retired' AND retires < $1`)
)

// SigningKeys implements provider.SigningKeys.
func (q *queries) SigningKeys(ctx context.Context) ([]provider.SigningKey, error) {
	return all(ctx, q, q.read, func(row scanner) (provider.SigningKey, error) {
		var (
			k                           provider.SigningKey
			created, activated, retires int64
		)
		err := row.Scan(&k.ID, &k.Algorithm, &k.State, &k.Private, &created, &activated, &retires)
		k.Created, k.Activated, k.Retires = fromMicros(created), fromMicros(activated), fromMicros(retires)
		return k, err
	}, keysAll)
}

// CreateSigningKey implements provider.SigningKeys.
func (q *queries) CreateSigningKey(ctx context.Context, k provider.SigningKey) error {
	_, err := q.exec(ctx, keyInsert, k.ID, k.Algorithm, string(k.State), k.Private, micros(k.Created), micros(k.Activated), micros(k.Retires))
	return err
}

// PromoteSigningKey implements provider.SigningKeys.
func (q *queries) PromoteSigningKey(ctx context.Context, next string, at, retires time.Time, event audit.Event) error {
	return q.transaction(ctx, func(tx *queries) error {
		if _, err := tx.exec(ctx, keyRetire, next, micros(retires)); err != nil {
			return err
		}
		changed, err := tx.exec(ctx, keyPromote, next, micros(at))
		if err == nil && changed == 0 {
			return store.ErrStale
		}
		if err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
}

// RevokeSigningKey implements provider.SigningKeys.
func (q *queries) RevokeSigningKey(ctx context.Context, kid string, at time.Time, event audit.Event) error {
	return q.transaction(ctx, func(tx *queries) error {
		signedWith, err := one(ctx, tx, tx.write, value[string], keyDelete, kid)
		if err == nil && signedWith != "" {
			_, err = tx.exec(ctx, keySucceed, signedWith, micros(at))
		}
		if err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
}

// DeleteSigningKeys implements provider.SigningKeys.
func (q *queries) DeleteSigningKeys(ctx context.Context, before time.Time) (int, error) {
	deleted, err := q.exec(ctx, keysExpired, micros(before))
	return int(deleted), err
}
