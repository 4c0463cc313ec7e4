package sqldb

import (
	"context"
	"time"

	"gatehouse/jobs"
)

var (
	jobRegister = plain(`INSERT INTO jobs (name, schedule, holder, leased_until, due, started, finished, outcome, summary)
		VALUES ($1, $2, '', 0, $3, 0, 0, '', '')
		ON CONFLICT (name) DO UPDATE SET schedule = excluded.schedule, due = excluded.due WHERE jobs.schedule <> excluded.schedule`)
	jobClaim = plain(`UPDATE jobs SET holder = $2, leased_until = $4, started = $3
		WHERE name = $1 AND ($5 OR (due > 0 AND due <= $3)) AND ($6 OR holder = '' OR leased_until <= $3)`)
	jobRenew  = plain(`UPDATE jobs SET leased_until = $3 WHERE name = $1 AND holder = $2`)
	jobFinish = plain(`UPDATE jobs SET holder = '', leased_until = 0, due = CASE WHEN schedule = $7 THEN $3 ELSE due END, finished = $4, outcome = $5,
		summary = $6 WHERE name = $1 AND holder = $2`)
	jobsList = plain(`SELECT name, schedule, holder, leased_until, due, started, finished, outcome, summary FROM jobs ORDER BY name`)
)

// RegisterJob implements jobs.Store.
func (q *queries) RegisterJob(ctx context.Context, name, schedule string, due time.Time) error {
	_, err := q.exec(ctx, jobRegister, name, schedule, micros(due))
	return err
}

// ClaimJob implements jobs.Store.
func (q *queries) ClaimJob(ctx context.Context, c jobs.Claim) error {
	return q.conditional(ctx, jobClaim, c.Name, c.Holder, micros(c.Now), micros(c.Until), c.Early, c.Force)
}

// RenewJob implements jobs.Store.
func (q *queries) RenewJob(ctx context.Context, name, holder string, until time.Time) error {
	return q.conditional(ctx, jobRenew, name, holder, micros(until))
}

// FinishJob implements jobs.Store.
func (q *queries) FinishJob(ctx context.Context, r jobs.Record) error {
	return q.conditional(ctx, jobFinish, r.Name, r.Holder, micros(r.Due), micros(r.Finished), string(r.Outcome), r.Summary, r.Schedule)
}

// JobRecords implements jobs.Store.
func (q *queries) JobRecords(ctx context.Context) ([]jobs.Record, error) {
	return all(ctx, q, q.read, scanJob, jobsList)
}

func scanJob(row scanner) (jobs.Record, error) {
	var (
		r                             jobs.Record
		until, due, started, finished int64
	)
	err := row.Scan(&r.Name, &r.Schedule, &r.Holder, &until, &due, &started, &finished, &r.Outcome, &r.Summary)
	r.LeasedUntil, r.Due, r.Started, r.Finished = fromMicros(until), fromMicros(due), fromMicros(started), fromMicros(finished)
	return r, err
}
