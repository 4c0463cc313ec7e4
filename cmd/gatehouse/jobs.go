package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"gatehouse/config"
	"gatehouse/jobs"
	"gatehouse/tenancy"
)

// jobs are all periodic jobs; config.Jobs has a schedule for each.
func (a *app) jobs() []jobs.Job {
	schedules := a.config.Jobs
	return []jobs.Job{
		{Name: "sweep", Schedule: schedules.Sweep, Run: a.sweep},
		{Name: "deactivate-expired", Schedule: schedules.DeactivateExpired, Run: a.deactivateExpired},
		{Name: "remind-expiring", Schedule: schedules.RemindExpiring, Run: a.reminder(a.directory.RemindExpiring)},
		{Name: "remind-password-expiring", Schedule: schedules.RemindPasswordExpiring, Run: a.reminder(a.directory.RemindPasswordExpiring)},
		{Name: "rotate-keys", Schedule: schedules.RotateKeys, Run: a.rotateKeys},
		{Name: "delete-sent-mail", Schedule: schedules.DeleteSentMail, Run: a.deleteSentMail},
	}
}

func (a *app) runner() *jobs.Runner {
	return &jobs.Runner{Store: a.db, Jobs: a.jobs(), Location: a.config.Location(), Now: time.Now, Logger: a.logger}
}

// sweep deletes what has expired. Redis forgets by itself.
func (a *app) sweep(ctx context.Context) (string, error) {
	ephemeral := 0
	if a.config.Sessions.Store == config.SessionsInDatabase {
		var err error
		if ephemeral, err = inBatches(ctx, a.db.Ephemeral().Sweep); err != nil {
			return "", err
		}
	}
	grants, err := inBatches(ctx, func(ctx context.Context, limit int) (int, error) {
		return a.db.DeleteExpiredGrants(ctx, time.Now(), limit)
	})
	if err != nil {
		return "", err
	}
	tokens, err := inBatches(ctx, a.directory.SweepExpired)
	if err != nil {
		return "", err
	}
	keys, err := a.keyManager(jobScope()).Sweep(ctx)
	return fmt.Sprintf("deleted %d sessions and codes, %d grants, %d API tokens and invitations, %d signing keys", ephemeral, grants, tokens, keys), err
}

// jobScope is the authority of jobs.
func jobScope() tenancy.Scope { return tenancy.System("periodic job") }

func (a *app) deactivateExpired(ctx context.Context) (string, error) {
	deactivated, err := a.directory.DeactivateExpired(ctx, jobScope())
	return fmt.Sprintf("deactivated %d accounts", deactivated), err
}

// reminder runs one of the directory's reminders for the configured number of days.
func (a *app) reminder(remind func(ctx context.Context, scope tenancy.Scope, days int) (int, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		reminded, err := remind(ctx, jobScope(), a.config.Users.ExpirationWarningDays)
		return fmt.Sprintf("reminded %d people", reminded), err
	}
}

func (a *app) deleteSentMail(ctx context.Context) (string, error) {
	before := time.Now().Add(-time.Duration(a.config.Mail.Keep))
	deleted, err := inBatches(ctx, func(ctx context.Context, limit int) (int, error) {
		return a.db.DeleteMessages(ctx, before, limit)
	})
	return fmt.Sprintf("deleted %d letters", deleted), err
}

// inBatches goes on while batches come back full, leaving room for others in between. It returns how many were removed.
func inBatches(ctx context.Context, remove func(ctx context.Context, limit int) (int, error)) (int, error) {
	const batch = 500
	for total := 0; ; {
		removed, err := remove(ctx, batch)
		total += removed
		if err != nil || removed < batch {
			return total, err
		}
	}
}

type jobsCommand struct {
	List jobsListCommand `cmd:"" help:"List jobs with schedule, last run and next due time."`
	Run  jobsRunCommand  `cmd:"" help:"Run a job now, due or not; never beside another run of it."`
}

type jobsListCommand struct {
	configFlag
	JSON bool `name:"json" help:"Print JSON."`
}

// listedJob is a job as the command line shows it.
type listedJob struct {
	Name     string     `json:"name"`
	Schedule string     `json:"schedule"`
	Running  bool       `json:"running"`
	LastRun  *time.Time `json:"last_run"`
	Outcome  string     `json:"outcome,omitempty"`
	Summary  string     `json:"summary,omitempty"`
	NextDue  *time.Time `json:"next_due"`
}

// Run prints the jobs of the configuration with what the database knows of their runs.
func (c jobsListCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.open(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	records, err := a.db.JobRecords(ctx)
	if err != nil {
		return err
	}
	listed := []listedJob{}
	for _, job := range a.jobs() {
		next := listedJob{Name: job.Name, Schedule: job.Schedule.String()}
		if i := slices.IndexFunc(records, func(r jobs.Record) bool { return r.Name == job.Name }); i >= 0 {
			r := records[i]
			next.Running, next.LastRun, next.NextDue = r.Running(time.Now()), known(r.Finished), known(r.Due)
			next.Outcome, next.Summary = string(r.Outcome), r.Summary
		}
		listed = append(listed, next)
	}
	if c.JSON {
		return printJSON(t.out, listed)
	}
	return printJobs(t.out, listed, a.config.Location())
}

func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func printJobs(out io.Writer, listed []listedJob, in *time.Location) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "JOB\tSCHEDULE\tLAST RUN\tOUTCOME\tNEXT DUE\tSUMMARY")
	for _, j := range listed {
		outcome := cmp.Or(j.Outcome, "-")
		if j.Running {
			outcome = "running"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", j.Name, j.Schedule, clock(j.LastRun, in), outcome, clock(j.NextDue, in), j.Summary)
	}
	return table.Flush()
}

func clock(at *time.Time, in *time.Location) string {
	if at == nil {
		return "-"
	}
	return at.In(in).Format("2006-01-02 15:04:05 MST")
}

type jobsRunCommand struct {
	configFlag
	Name  string `arg:"" help:"Name of the job; see jobs list."`
	Force bool   `help:"Even if another node runs it, which is told to stop: for a node that hangs."`
}

// Run runs one job and prints what it did. A job that fails makes the command fail.
func (c jobsRunCommand) Run(ctx context.Context, t terminal) error {
	loaded, err := c.installed()
	if err != nil {
		return err
	}
	// All of the program, as serve has it: jobs also end sessions.
	a, err := openApp(ctx, loaded, newLogger(loaded.Log, t.err))
	if err != nil {
		return err
	}
	defer a.close()
	stop := showProgress(t.err, c.Name)
	record, err := a.runner().RunNow(ctx, c.Name, c.Force)
	stop()
	switch {
	case errors.Is(err, jobs.ErrUnknown):
		var names []string
		for _, job := range a.jobs() {
			names = append(names, job.Name)
		}
		return fmt.Errorf("there is no job %q; there are: %s", c.Name, strings.Join(names, ", "))
	case errors.Is(err, jobs.ErrRunning):
		return fmt.Errorf("%s is running already, perhaps on another node; --force takes it over", c.Name)
	case err != nil:
		return err
	case record.Outcome != jobs.Done:
		return fmt.Errorf("%s: %s: %s", c.Name, record.Outcome, record.Summary)
	}
	_, err = fmt.Fprintf(t.out, "%s: %s (%s)\n", c.Name, record.Summary, record.Finished.Sub(record.Started).Round(time.Millisecond))
	return err
}

// showProgress tells on a terminal for how long the job has been running, until the returned function is called.
func showProgress(out io.Writer, name string) (stop func()) {
	file, isFile := out.(*os.File)
	if !isFile || !term.IsTerminal(int(file.Fd())) {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		started := time.Now()
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				fmt.Fprint(out, "\r\x1b[K")
				return
			case <-ticker.C:
				fmt.Fprintf(out, "\r\x1b[K%s: running for %s", name, time.Since(started).Round(time.Second))
			}
		}
	}()
	return func() { close(done); <-ended }
}
