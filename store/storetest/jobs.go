package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/jobs"
	"gatehouse/store"
)

// Jobs runs the suite of jobs.Store.
func Jobs(t *testing.T, open func(t *testing.T) jobs.Store) {
	for name, test := range map[string]func(*testing.T, jobs.Store){
		"Register": testRegister, "Lease": testLease, "Early": testEarly, "Finish": testFinish, "Reschedule": testReschedule, "RaceJob": testRaceJob,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func claim(holder string, now time.Time) jobs.Claim {
	return jobs.Claim{Name: "sweep", Holder: holder, Now: now, Until: now.Add(time.Minute)}
}

func wantRecords(t *testing.T, s jobs.Store, want ...jobs.Record) {
	t.Helper()
	found, err := s.JobRecords(t.Context())
	must(t, err)
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
}

func testRegister(t *testing.T, s jobs.Store) {
	must(t, s.RegisterJob(t.Context(), "sweep", "every 1m", noon))
	must(t, s.RegisterJob(t.Context(), "remind", "off", time.Time{}))
	must(t, s.RegisterJob(t.Context(), "sweep", "every 1m", noon.Add(time.Hour))) // another node
	wantRecords(t, s, jobs.Record{Name: "remind", Schedule: "off"}, jobs.Record{Name: "sweep", Schedule: "every 1m", Due: noon})
	must(t, s.RegisterJob(t.Context(), "sweep", "every 2m", noon.Add(time.Hour)))
	wantRecords(t, s, jobs.Record{Name: "remind", Schedule: "off"}, jobs.Record{Name: "sweep", Schedule: "every 2m", Due: noon.Add(time.Hour)})
	off := claim("a", noon)
	off.Name = "remind"
	want(t, s.ClaimJob(t.Context(), off), store.ErrStale)
}

func testLease(t *testing.T, s jobs.Store) {
	want(t, s.ClaimJob(t.Context(), claim("a", noon)), store.ErrStale) // nobody has registered it
	must(t, s.RegisterJob(t.Context(), "sweep", "every 1m", noon))
	want(t, s.ClaimJob(t.Context(), claim("a", noon.Add(-time.Microsecond))), store.ErrStale)
	want(t, s.ClaimJob(t.Context(), claim("a", noon)), nil)
	wantRecords(t, s, jobs.Record{Name: "sweep", Schedule: "every 1m", Holder: "a", LeasedUntil: noon.Add(time.Minute), Due: noon, Started: noon})
	want(t, s.ClaimJob(t.Context(), claim("b", noon.Add(59*time.Second))), store.ErrStale)
	want(t, s.RenewJob(t.Context(), "sweep", "b", noon.Add(time.Hour)), store.ErrStale)
	want(t, s.RenewJob(t.Context(), "sweep", "a", noon.Add(2*time.Minute)), nil)
	want(t, s.ClaimJob(t.Context(), claim("b", noon.Add(time.Minute))), store.ErrStale)
	want(t, s.ClaimJob(t.Context(), claim("b", noon.Add(2*time.Minute))), nil) // the holder has died
	want(t, s.RenewJob(t.Context(), "sweep", "a", noon.Add(time.Hour)), store.ErrStale)
	want(t, s.FinishJob(t.Context(), jobs.Record{Name: "sweep", Schedule: "every 1m", Holder: "a", Due: noon.Add(time.Hour)}), store.ErrStale)
}

func testEarly(t *testing.T, s jobs.Store) {
	must(t, s.RegisterJob(t.Context(), "sweep", "every 1m", noon.Add(time.Hour)))
	early := claim("a", noon)
	early.Early = true
	want(t, s.ClaimJob(t.Context(), early), nil)
	early.Holder = "b"
	want(t, s.ClaimJob(t.Context(), early), store.ErrStale)
	early.Force = true
	want(t, s.ClaimJob(t.Context(), early), nil)
	want(t, s.RenewJob(t.Context(), "sweep", "a", noon.Add(time.Hour)), store.ErrStale)
}

func testFinish(t *testing.T, s jobs.Store) {
	must(t, s.RegisterJob(t.Context(), "sweep", "every 1m", noon))
	must(t, s.ClaimJob(t.Context(), claim("a", noon)))
	done := jobs.Record{
		Name: "sweep", Schedule: "every 1m", Holder: "a", Due: noon.Add(time.Minute), Finished: noon.Add(time.Second), Outcome: jobs.Done, Summary: "3 rows",
	}
	must(t, s.FinishJob(t.Context(), done))
	want(t, s.FinishJob(t.Context(), done), store.ErrStale)
	done.Holder, done.Started = "", noon
	wantRecords(t, s, done)
	want(t, s.ClaimJob(t.Context(), claim("b", noon.Add(2*time.Second))), store.ErrStale)
	want(t, s.ClaimJob(t.Context(), claim("b", noon.Add(time.Minute))), nil)
}

// testReschedule: a run that began under the old schedule does not undo the new one.
func testReschedule(t *testing.T, s jobs.Store) {
	must(t, s.RegisterJob(t.Context(), "sweep", "every 1m", noon))
	must(t, s.ClaimJob(t.Context(), claim("a", noon)))
	must(t, s.RegisterJob(t.Context(), "sweep", "off", time.Time{}))
	must(t, s.FinishJob(t.Context(), jobs.Record{Name: "sweep", Schedule: "every 1m", Holder: "a", Due: noon.Add(time.Minute), Finished: noon, Outcome: jobs.Done}))
	wantRecords(t, s, jobs.Record{Name: "sweep", Schedule: "off", Started: noon, Finished: noon, Outcome: jobs.Done})
}

// testRaceJob: one of many nodes gets the lease of each due time.
func testRaceJob(t *testing.T, s jobs.Store) {
	must(t, s.RegisterJob(t.Context(), "sweep", "every 1m", noon))
	for i := range 5 {
		now := noon.Add(time.Duration(i) * time.Minute)
		won := race(t, store.ErrStale, func(racer int) error {
			holder := fmt.Sprint(i, racer)
			if err := s.ClaimJob(context.Background(), claim(holder, now)); err != nil {
				return err
			}
			return s.FinishJob(context.Background(), jobs.Record{Name: "sweep", Schedule: "every 1m", Holder: holder, Due: now.Add(time.Minute), Finished: now, Outcome: jobs.Done})
		})
		if won != 1 {
			t.Fatalf("%d nodes ran one due time", won)
		}
	}
}
