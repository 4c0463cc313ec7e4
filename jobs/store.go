package jobs

import (
	"context"
	"time"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes.
const (
	Done        Outcome = "done"
	Failed      Outcome = "failed"
	Interrupted Outcome = "interrupted" // the node shut down; another one goes on at once
)

// Record is what is known of a job in the whole cluster.
type Record struct {
	Name        string
	Schedule    string // text with the location, to see a change of the configuration
	Holder      string // of the lease; "" when nobody runs it
	LeasedUntil time.Time
	Due         time.Time // zero: off
	Started     time.Time // of the latest run; zero: never
	Finished    time.Time // of the latest run that ended
	Outcome     Outcome   // of that one
	Summary     string    // of that one, or its error
}

// Running reports whether somebody holds the lease at a time.
func (r Record) Running(at time.Time) bool { return r.Holder != "" && r.LeasedUntil.After(at) }

// Claim asks for the lease of a job.
type Claim struct {
	Name, Holder string
	Now, Until   time.Time
	Early        bool // also if the job is not due
	Force        bool // also if somebody else holds the lease
}

// Store keeps the records. Every method is one statement.
type Store interface {
	// RegisterJob makes the record of a job, due at due. If there is one with another schedule, it gets this schedule and due time.
	RegisterJob(ctx context.Context, name, schedule string, due time.Time) error
	// ClaimJob takes the lease if the job is due and nobody holds it at Now. store.ErrStale otherwise.
	ClaimJob(ctx context.Context, c Claim) error
	// RenewJob moves the end of a holder's lease. store.ErrStale if it is not his any more.
	RenewJob(ctx context.Context, name, holder string, until time.Time) error
	// FinishJob gives a holder's lease back and writes Finished, Outcome and Summary of the record (found by Name and Holder), and Due
	// unless the job has got another schedule meanwhile. store.ErrStale if the lease is not his any more.
	FinishJob(ctx context.Context, r Record) error
	// JobRecords lists all records by name.
	JobRecords(ctx context.Context) ([]Record, error)
}
