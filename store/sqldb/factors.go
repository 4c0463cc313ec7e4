package sqldb

import (
	"context"
	"time"

	"gatehouse/internal/id"
	"gatehouse/mfa"
)

var (
	factorInsert = plain(`INSERT INTO factors (id, user_id, kind, name, secret, last_step, created, last_used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`)
	factorsOfUser = plain(`SELECT id, user_id, kind, name, secret, last_step, created, last_used FROM factors WHERE user_id = $1 ORDER BY id`)
	factorAdvance = plain(`UPDATE factors SET last_step = $2, last_used = $3 WHERE id = $1 AND last_step < $2`)
	factorDelete  = plain(`DELETE FROM factors WHERE user_id = $1 AND id = $2`)
	factorsDelete = plain(`DELETE FROM factors WHERE user_id = $1`)
)

// CreateFactor implements mfa.Store.
func (q *queries) CreateFactor(ctx context.Context, f mfa.Factor) error {
	_, err := q.exec(ctx, factorInsert, string(f.ID), string(f.User), string(f.Kind), f.Name, f.Secret, f.LastStep, micros(f.Created), micros(f.LastUsed))
	return err
}

// Factors implements mfa.Store.
func (q *queries) Factors(ctx context.Context, user id.User) ([]mfa.Factor, error) {
	return all(ctx, q, q.read, func(row scanner) (mfa.Factor, error) {
		var (
			f             mfa.Factor
			created, used int64
		)
		err := row.Scan(&f.ID, &f.User, &f.Kind, &f.Name, &f.Secret, &f.LastStep, &created, &used)
		f.Created, f.LastUsed = fromMicros(created), fromMicros(used)
		return f, err
	}, factorsOfUser, string(user))
}

// AdvanceStep implements mfa.Store.
func (q *queries) AdvanceStep(ctx context.Context, factor id.Factor, step int64, now time.Time) error {
	return q.conditional(ctx, factorAdvance, string(factor), step, micros(now))
}

// DeleteFactor implements mfa.Store.
func (q *queries) DeleteFactor(ctx context.Context, user id.User, factor id.Factor) error {
	return q.mustChange(ctx, factorDelete, string(user), string(factor))
}

// DeleteFactorsOf implements tenancy.Factors.
func (q *queries) DeleteFactorsOf(ctx context.Context, user id.User) (int, error) {
	removed, err := q.exec(ctx, factorsDelete, string(user))
	return int(removed), err
}
