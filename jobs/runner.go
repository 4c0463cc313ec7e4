package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// Job is something that has to be done again and again.
type Job struct {
	Name     string // lower-case words with hyphens
	Schedule Schedule
	// Run does it and says in a few words what it did, without addresses and secrets. It must do no harm when it is run again: after a
	// failure it is, and after the death of a node in the middle. It ends soon after ctx does: the lease is lost then, or the program ends.
	Run func(ctx context.Context) (summary string, err error)
}

// Sentinels for what callers branch on.
var (
	// ErrUnknown: no job has that name.
	ErrUnknown = errors.New("there is no such job")
	// ErrRunning: another holder has the lease.
	ErrRunning = errors.New("the job is running already")
)

// Runner runs jobs on one of several nodes. Store, Jobs, Now and Logger are required.
type Runner struct {
	Store    Store
	Jobs     []Job
	Location *time.Location // of daily times; nil = UTC
	Now      func() time.Time
	Logger   *slog.Logger
	Poll     time.Duration // between looks at what is due; 0 = 10 s
	Lease    time.Duration // how long a job of a dead node stays unattended; 0 = 1 min. Nodes' clocks must agree better than this

	running sync.WaitGroup
}

// retryAfter is when a job that failed is due again, unless it is due earlier anyway.
const retryAfter = 10 * time.Minute

// shutdownGrace is how long jobs have to end when the program does.
const shutdownGrace = 10 * time.Second

// Run starts what is due until ctx ends; then it waits a little for what runs.
func (r *Runner) Run(ctx context.Context) {
	ticker := time.NewTicker(cmp.Or(r.Poll, 10*time.Second))
	defer ticker.Stop()
	registered := false
	for {
		var err error
		if !registered {
			err = r.register(ctx)
			registered = err == nil
		}
		if err == nil {
			err = r.startDue(ctx)
		}
		if err != nil && ctx.Err() == nil {
			r.Logger.WarnContext(ctx, "jobs_not_looked_up", "error", err)
		}
		select {
		case <-ctx.Done():
			r.wait(shutdownGrace)
			return
		case <-ticker.C:
		}
	}
}

func (r *Runner) wait(limit time.Duration) {
	done := make(chan struct{})
	go func() { r.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(limit):
		r.Logger.Warn("jobs_left_running")
	}
}

func (r *Runner) location() *time.Location { return cmp.Or(r.Location, time.UTC) }

// schedule is the text by which a change of the configuration is seen.
func (r *Runner) schedule(j Job) string {
	if j.Schedule.daily {
		return j.Schedule.String() + " " + r.location().String()
	}
	return j.Schedule.String()
}

func (r *Runner) register(ctx context.Context) error {
	for _, j := range r.Jobs {
		if err := r.Store.RegisterJob(ctx, j.Name, r.schedule(j), j.Schedule.Next(r.Now(), r.location())); err != nil {
			return fmt.Errorf("register job %s: %w", j.Name, err)
		}
	}
	return nil
}

func (r *Runner) startDue(ctx context.Context) error {
	records, err := r.Store.JobRecords(ctx)
	if err != nil {
		return fmt.Errorf("list jobs: %w", err)
	}
	now := r.Now()
	for _, record := range records {
		j, known := r.job(record.Name)
		if !known || record.Due.IsZero() || record.Due.After(now) || record.Running(now) {
			continue
		}
		r.running.Go(func() {
			if _, err := r.attempt(ctx, j, false, false); err != nil && !errors.Is(err, ErrRunning) && ctx.Err() == nil {
				r.Logger.ErrorContext(ctx, "job_not_run", "job", j.Name, "error", err)
			}
		})
	}
	return nil
}

func (r *Runner) job(name string) (Job, bool) {
	for _, j := range r.Jobs {
		if j.Name == name {
			return j, true
		}
	}
	return Job{}, false
}

// RunNow runs a job at once, due or not, under the same lease, and returns its record. force takes the lease from whoever has it,
// whose run is broken off within a third of a lease. ErrUnknown, ErrRunning; the error of the run itself is in the record only.
func (r *Runner) RunNow(ctx context.Context, name string, force bool) (Record, error) {
	j, known := r.job(name)
	if !known {
		return Record{}, ErrUnknown
	}
	if err := r.register(ctx); err != nil {
		return Record{}, err
	}
	return r.attempt(ctx, j, true, force)
}

// attempt gets the lease, runs the job under it and records the outcome.
func (r *Runner) attempt(ctx context.Context, j Job, early, force bool) (Record, error) {
	started := r.Now()
	record := Record{Name: j.Name, Schedule: r.schedule(j), Holder: newHolder(), Started: started}
	claim := Claim{Name: j.Name, Holder: record.Holder, Now: started, Until: started.Add(r.lease()), Early: early, Force: force}
	switch err := r.Store.ClaimJob(ctx, claim); {
	case errors.Is(err, store.ErrStale):
		return Record{}, ErrRunning
	case err != nil:
		return Record{}, fmt.Errorf("claim job %s: %w", j.Name, err)
	}
	held, release := context.WithCancel(ctx)
	go r.keep(held, release, record)
	summary, err := r.guarded(held, j)
	release()

	record.Finished, record.Outcome, record.Summary = r.Now(), Done, summary
	record.Due = j.Schedule.Next(record.Finished, r.location())
	switch {
	case err != nil && ctx.Err() != nil:
		record.Outcome, record.Summary = Interrupted, summary
		record.Due = started // somebody else goes on
		if j.Schedule == (Schedule{}) {
			record.Due = time.Time{}
		}
	case err != nil:
		record.Outcome, record.Summary = Failed, err.Error()
		if again := record.Finished.Add(retryAfter); again.Before(record.Due) {
			record.Due = again
		}
	}
	return record, r.finish(ctx, record)
}

// finish records the outcome, also while the program ends, and logs the run.
func (r *Runner) finish(ctx context.Context, record Record) error {
	level := slog.LevelInfo
	if record.Outcome == Failed {
		level = slog.LevelError
	}
	r.Logger.Log(ctx, level, "job_run", "job", record.Name, "outcome", record.Outcome, "summary", record.Summary,
		"took", record.Finished.Sub(record.Started))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace/2)
	defer cancel()
	if err := r.Store.FinishJob(ctx, record); err != nil {
		return fmt.Errorf("record the run of job %s: %w", record.Name, err)
	}
	return nil
}

func (r *Runner) lease() time.Duration { return cmp.Or(r.Lease, time.Minute) }

// keep renews the lease until ctx ends, and ends the run when the lease is somebody else's or may be.
func (r *Runner) keep(ctx context.Context, release func(), record Record) {
	ticker := time.NewTicker(r.lease() / 3)
	defer ticker.Stop()
	until := record.Started.Add(r.lease())
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := r.Now()
		err := r.Store.RenewJob(ctx, record.Name, record.Holder, now.Add(r.lease()))
		switch {
		case err == nil:
			until = now.Add(r.lease())
		case errors.Is(err, store.ErrStale) || !r.Now().Before(until):
			r.Logger.WarnContext(ctx, "job_lease_lost", "job", record.Name, "error", err)
			release()
			return
		}
	}
}

// guarded runs the job; a crash is its error, and its stack goes to the log.
func (r *Runner) guarded(ctx context.Context, j Job) (summary string, err error) {
	defer func() {
		if crash := recover(); crash != nil {
			r.Logger.ErrorContext(ctx, "job_crashed", "job", j.Name, "stack", string(debug.Stack()))
			err = fmt.Errorf("crashed: %v", crash)
		}
	}()
	return j.Run(ctx)
}

// newHolder is different for each run, so that a node that was paused does not take its successor's lease for its own.
func newHolder() string { return id.New[string]() }
