package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/jobs"
	"gatehouse/store/sqldb"
	"gatehouse/store/storetest"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// engines runs a test on both databases.
func engines(t *testing.T, run func(t *testing.T, s jobs.Store)) {
	for name, url := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") },
		"PostgreSQL": func(t *testing.T) string { return testenv.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(url(t)), Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			run(t, db)
		})
	}
}

func schedule(t *testing.T, text string) jobs.Schedule {
	t.Helper()
	s, err := jobs.ParseSchedule(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// log is a buffer that many may write.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// node is a runner of one job.
func node(t *testing.T, s jobs.Store, clock *storetest.Clock, every string, run func(ctx context.Context) (string, error)) (*jobs.Runner, *log) {
	t.Helper()
	l := &log{}
	return &jobs.Runner{
		Store: s, Jobs: []jobs.Job{{Name: "work", Schedule: schedule(t, every), Run: run}}, Now: clock.Now,
		Logger: slog.New(slog.NewTextHandler(l, nil)), Poll: 5 * time.Millisecond, Lease: time.Minute,
	}, l
}

// start runs a runner until the test or the returned function ends it.
func start(t *testing.T, r *jobs.Runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("%s: not within 20 s", what)
}

func record(t *testing.T, s jobs.Store) jobs.Record {
	t.Helper()
	records, err := s.JobRecords(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(records) == 0 {
		return jobs.Record{}
	}
	return records[0]
}

// TestOncePerDueTime: sixteen nodes, one run for each due time; what was missed is made up for once.
func TestOncePerDueTime(t *testing.T) {
	engines(t, func(t *testing.T, s jobs.Store) {
		clock := storetest.NewClock()
		var runs atomic.Int64
		for range 16 {
			r, _ := node(t, s, clock, "every 5m", func(context.Context) (string, error) { runs.Add(1); return "worked", nil })
			start(t, r)
		}
		eventually(t, "registered", func() bool { return record(t, s).Name == "work" })
		for i, step := range []time.Duration{5 * time.Minute, 5 * time.Minute, 72 * time.Hour} {
			clock.Advance(step)
			eventually(t, "run", func() bool { return record(t, s).Due.After(clock.Now()) })
			time.Sleep(50 * time.Millisecond)
			if got := runs.Load(); got != int64(i+1) {
				t.Fatalf("after %d due times there were %d runs", i+1, got)
			}
		}
		if got := record(t, s); got.Outcome != jobs.Done || got.Summary != "worked" || got.Holder != "" {
			t.Errorf("record = %+v", got)
		}
	})
}

// TestHolderDies: a node that dies in the middle of a run leaves it to another, after the lease.
func TestHolderDies(t *testing.T) {
	engines(t, func(t *testing.T, s jobs.Store) {
		clock := storetest.NewClock()
		var runs atomic.Int64
		r, _ := node(t, s, clock, "every 5m", func(context.Context) (string, error) { runs.Add(1); return "", nil })
		start(t, r)
		eventually(t, "registered", func() bool { return record(t, s).Name == "work" })
		due := record(t, s).Due
		// The dead node's clock was a little ahead: it has the lease before the other one looks.
		err := s.ClaimJob(t.Context(), jobs.Claim{Name: "work", Holder: "dead", Now: due, Until: due.Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		clock.Advance(due.Sub(clock.Now()) + 59*time.Second)
		time.Sleep(50 * time.Millisecond)
		if runs.Load() != 0 {
			t.Fatal("ran while another node had the lease")
		}
		clock.Advance(2 * time.Second)
		eventually(t, "taken over", func() bool { return record(t, s).Outcome == jobs.Done })
		if runs.Load() != 1 {
			t.Errorf("%d runs", runs.Load())
		}
	})
}

// TestLongRun: the lease is renewed while the job runs, and a job whose lease was taken is broken off.
func TestLongRun(t *testing.T) {
	engines(t, func(t *testing.T, s jobs.Store) {
		clock := storetest.NewClock()
		running := make(chan struct{}, 1)
		r, out := node(t, s, clock, "off", func(ctx context.Context) (string, error) {
			running <- struct{}{}
			<-ctx.Done()
			return "", ctx.Err()
		})
		r.Lease = 60 * time.Millisecond
		ended := make(chan error, 1)
		go func() { _, err := r.RunNow(context.Background(), "work", false); ended <- err }()
		<-running
		first := record(t, s)
		clock.Advance(50 * time.Millisecond)
		eventually(t, "renewed", func() bool { return record(t, s).LeasedUntil.After(first.LeasedUntil) })
		if _, err := r.RunNow(t.Context(), "work", false); !errors.Is(err, jobs.ErrRunning) {
			t.Errorf("a second run: %v", err)
		}
		thief := jobs.Claim{Name: "work", Holder: "thief", Now: clock.Now(), Until: clock.Now().Add(time.Hour), Early: true, Force: true}
		if err := s.ClaimJob(t.Context(), thief); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err == nil {
			t.Error("the run whose lease was taken was recorded")
		}
		if got := record(t, s); got.Holder != "thief" || !strings.Contains(out.String(), "job_lease_lost") {
			t.Errorf("record = %+v, log:\n%s", got, out)
		}
	})
}

// TestShutdown: a job in progress is told, and another node goes on at once.
func TestShutdown(t *testing.T) {
	engines(t, func(t *testing.T, s jobs.Store) {
		clock := storetest.NewClock()
		running := make(chan struct{}, 1)
		r, _ := node(t, s, clock, "every 5m", func(ctx context.Context) (string, error) {
			running <- struct{}{}
			<-ctx.Done()
			return "half of it", ctx.Err()
		})
		stop := start(t, r)
		eventually(t, "registered", func() bool { return record(t, s).Name == "work" })
		clock.Advance(5 * time.Minute)
		<-running
		began := time.Now()
		stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("shutdown took %v", took)
		}
		if got := record(t, s); got.Outcome != jobs.Interrupted || got.Holder != "" || got.Due.After(clock.Now()) || got.Summary != "half of it" {
			t.Errorf("record = %+v", got)
		}
		var runs atomic.Int64
		other, _ := node(t, s, clock, "every 5m", func(context.Context) (string, error) { runs.Add(1); return "", nil })
		start(t, other)
		eventually(t, "taken over", func() bool { return runs.Load() == 1 })
	})
}

// TestOutcomes: errors and crashes are recorded, the job is due again, and other jobs go on.
func TestOutcomes(t *testing.T) {
	engines(t, func(t *testing.T, s jobs.Store) {
		clock := storetest.NewClock()
		for want, run := range map[string]func(context.Context) (string, error){
			"disk is full":   func(context.Context) (string, error) { return "", errors.New("disk is full") },
			"crashed: what?": func(context.Context) (string, error) { panic("what?") },
		} {
			r, out := node(t, s, clock, "daily 00:01", run)
			got, err := r.RunNow(t.Context(), "work", false)
			if err != nil {
				t.Fatal(err)
			}
			stored := record(t, s)
			if got.Outcome != jobs.Failed || stored.Outcome != jobs.Failed || stored.Summary != want || stored.Holder != "" || !stored.Due.Equal(clock.Now().Add(10*time.Minute)) {
				t.Errorf("returned %+v, stored %+v", got, stored)
			}
			if n := strings.Count(out.String(), "job_run"); n != 1 {
				t.Errorf("%d events for one run:\n%s", n, out)
			}
		}
		r, _ := node(t, s, clock, "off", nil)
		if _, err := r.RunNow(t.Context(), "play", false); !errors.Is(err, jobs.ErrUnknown) {
			t.Errorf("error = %v", err)
		}
	})
}
