package session_test

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"gatehouse/session"
	"gatehouse/store/storetest"
)

func newGuard(t *testing.T) (session.Guard, *storetest.Clock) {
	t.Helper()
	b := newBench(t)
	return session.Guard{Store: b.store, Now: b.clock.Now, Name: "test"}, b.clock
}

// try is one attempt with a wrong proof, or how long it is refused.
func try(t *testing.T, g session.Guard, account, address string) time.Duration {
	t.Helper()
	err := g.Admit(t.Context(), account, address)
	var tooMany *session.TooManyAttempts
	if errors.As(err, &tooMany) {
		return tooMany.Until.Sub(g.Now())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Failed(t.Context(), account, address); err != nil {
		t.Fatal(err)
	}
	return 0
}

func TestGuardClosesPair(t *testing.T) {
	g, clock := newGuard(t)
	for i := range 10 {
		if wait := try(t, g, "ada", "10.0.0.1"); wait != 0 {
			t.Fatalf("try %d waits %v", i+1, wait)
		}
	}
	if wait := try(t, g, "ada", "10.0.0.1"); wait != 15*time.Minute {
		t.Errorf("after 10 failures %v", wait)
	}
	for _, other := range [][2]string{{"ada", "10.0.0.2"}, {"grace", "10.0.0.1"}} {
		if wait := try(t, g, other[0], other[1]); wait != 0 {
			t.Errorf("%v waits %v", other, wait)
		}
	}
	for _, expected := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour} {
		clock.Advance(try(t, g, "ada", "10.0.0.1"))
		for range 5 {
			if wait := try(t, g, "ada", "10.0.0.1"); wait != 0 {
				t.Fatalf("waits %v before %v", wait, expected)
			}
		}
		if wait := try(t, g, "ada", "10.0.0.1"); wait != expected {
			t.Errorf("waits %v, want %v", wait, expected)
		}
	}
}

// TestGuardBurst: no more than ten proofs are looked at, however many come at the same moment.
func TestGuardBurst(t *testing.T) {
	g, _ := newGuard(t)
	var (
		all      sync.WaitGroup
		mu       sync.Mutex
		admitted int
	)
	for range 64 {
		all.Go(func() {
			if g.Admit(t.Context(), "ada", "10.0.0.1") == nil {
				mu.Lock()
				admitted++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if admitted != 10 {
		t.Errorf("%d admitted", admitted)
	}
}

// TestGuardAccount: guesses from many addresses close the account for all but those where its owner was.
func TestGuardAccount(t *testing.T) {
	g, clock := newGuard(t)
	if err := g.Succeeded(t.Context(), "ada", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if wait := try(t, g, "ada", "10.0.1."+strconv.Itoa(i)); wait != 0 {
			t.Fatalf("try %d waits %v", i+1, wait)
		}
	}
	if wait := try(t, g, "ada", "10.0.2.1"); wait <= 0 || wait > 5*time.Minute {
		t.Errorf("after 50 failures %v", wait)
	}
	if err := g.Admit(t.Context(), "ada", "192.0.2.1"); err != nil {
		t.Errorf("the owner is locked out: %v", err)
	}
	clock.Advance(5 * time.Minute)
	if wait := try(t, g, "ada", "10.0.2.1"); wait != 0 {
		t.Errorf("after the window %v", wait)
	}
}

func TestGuardAddress(t *testing.T) {
	g, _ := newGuard(t)
	for i := range 300 {
		if wait := try(t, g, "user"+strconv.Itoa(i), "10.0.0.1"); wait != 0 {
			t.Fatalf("try %d waits %v", i+1, wait)
		}
	}
	if wait := try(t, g, "another", "10.0.0.1"); wait <= 0 || wait > 5*time.Minute {
		t.Errorf("after 300 failures %v", wait)
	}
	if wait := try(t, g, "another", "10.0.0.2"); wait != 0 {
		t.Errorf("another address waits %v", wait)
	}
}

// TestGuardForgets: who succeeds may go on, and his failures before do not count on.
func TestGuardForgets(t *testing.T) {
	g, _ := newGuard(t)
	for range 4 {
		for range 9 {
			if wait := try(t, g, "ada", "10.0.0.1"); wait != 0 {
				t.Fatalf("waits %v", wait)
			}
		}
		if err := g.Succeeded(t.Context(), "ada", "10.0.0.1"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGuardsAreApart: what one counts another does not.
func TestGuardsAreApart(t *testing.T) {
	g, _ := newGuard(t)
	for range 10 {
		try(t, g, "ada", "10.0.0.1")
	}
	other := g
	other.Name = "other"
	if err := other.Admit(t.Context(), "ada", "10.0.0.1"); err != nil {
		t.Error(err)
	}
}
