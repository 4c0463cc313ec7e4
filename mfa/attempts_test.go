package mfa_test

import (
	"errors"
	"testing"
	"time"

	"gatehouse/mfa"
)

const limit = 6

func closedUntil(err error) (time.Time, bool) {
	var many *mfa.TooManyAttempts
	if errors.As(err, &many) {
		return many.Until, true
	}
	return time.Time{}, false
}

func TestRightCodeBeyondTheLimitIsRefused(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	opened := f.clock.Now()
	for range limit {
		if _, err := f.Verify(t.Context(), f.user, f.wrongCode(t, secretText)); !errors.Is(err, mfa.ErrWrongCode) {
			t.Fatalf("within the limit: %v", err)
		}
	}
	_, err := f.Verify(t.Context(), f.user, f.codeAt(t, secretText, 0))
	if until, closed := closedUntil(err); !closed || !until.Equal(opened.Add(5*time.Minute)) {
		t.Fatalf("right code beyond the limit: %v, want TooManyAttempts until 5 minutes after the first", err)
	}
	f.clock.advance(5 * time.Minute)
	if _, err := f.Verify(t.Context(), f.user, f.codeAt(t, secretText, 0)); err != nil {
		t.Errorf("after the window: %v", err)
	}
}

func TestRightCodesDoNotResetTheLimit(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	for range limit - 1 {
		if _, err := f.Verify(t.Context(), f.user, f.wrongCode(t, secretText)); !errors.Is(err, mfa.ErrWrongCode) {
			t.Fatal(err)
		}
	}
	if _, err := f.Verify(t.Context(), f.user, f.codeAt(t, secretText, 0)); err != nil {
		t.Fatalf("one try is left: %v", err)
	}
	_, err := f.Verify(t.Context(), f.user, f.wrongCode(t, secretText))
	if _, closed := closedUntil(err); !closed {
		t.Errorf("after a right code: %v, want TooManyAttempts", err)
	}
}

func TestLimitHoldsAtTheSameTime(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	wrong := f.wrongCode(t, secretText)
	const guesses = 32
	results := make(chan error, guesses)
	for range guesses {
		go func() {
			_, err := f.Verify(t.Context(), f.user, wrong)
			results <- err
		}()
	}
	looked := 0
	for range guesses {
		err := <-results
		if errors.Is(err, mfa.ErrWrongCode) {
			looked++
		} else if _, closed := closedUntil(err); !closed {
			t.Errorf("unexpected error %v", err)
		}
	}
	if looked != limit {
		t.Errorf("%d of %d guesses at once were looked at, want %d", looked, guesses, limit)
	}
}

func TestLimitIsPerUser(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	bob := f.newUser(t, "bob")
	for range limit + 1 {
		_, _ = f.Verify(t.Context(), bob, "000000") // closes bob's codes
	}
	if _, err := f.Verify(t.Context(), f.user, f.codeAt(t, secretText, 0)); err != nil {
		t.Errorf("another user's guesses count: %v", err)
	}
}

func TestConfirmIsLimitedToo(t *testing.T) {
	f := newFixture(t)
	e := f.begin(t)
	for range limit {
		_, _ = f.Confirm(t.Context(), f.user, e, "phone", f.wrongCode(t, e.Secret)) // counted
	}
	_, err := f.Confirm(t.Context(), f.user, e, "phone", f.codeAt(t, e.Secret, 0))
	if _, closed := closedUntil(err); !closed {
		t.Errorf("right code beyond the limit: %v, want TooManyAttempts", err)
	}
}

func TestPatientGuesserIsSlowedDown(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	begun, looked := f.clock.Now(), 0
	for f.clock.Now().Sub(begun) < 24*time.Hour {
		_, err := f.Verify(t.Context(), f.user, f.wrongCode(t, secretText))
		until, closed := closedUntil(err)
		switch {
		case closed:
			f.clock.advance(until.Sub(f.clock.Now()))
		case errors.Is(err, mfa.ErrWrongCode) && looked < 1000:
			looked++
		default:
			t.Fatalf("after %d guesses: %v", looked, err)
		}
	}
	if looked < 20 || looked > 50 {
		t.Errorf("%d guesses in a day, want about 45", looked)
	}
}

func TestClosureRefusesRightCodes(t *testing.T) {
	f := newFixture(t)
	secretText := f.enrol(t)
	for range 10 {
		f.clock.advance(5 * time.Minute) // never near the short limit
		if _, err := f.Verify(t.Context(), f.user, f.wrongCode(t, secretText)); !errors.Is(err, mfa.ErrWrongCode) {
			t.Fatal(err)
		}
	}
	_, err := f.Verify(t.Context(), f.user, f.codeAt(t, secretText, 0))
	if until, closed := closedUntil(err); !closed || !until.Equal(f.clock.Now().Add(15*time.Minute)) {
		t.Fatalf("after ten wrong codes: %v, want TooManyAttempts for 15 minutes", err)
	}
	f.clock.advance(15 * time.Minute)
	for try := 1; try <= 5; try++ {
		f.clock.advance(5 * time.Minute)
		if _, err := f.Verify(t.Context(), f.user, f.codeAt(t, secretText, 0)); err != nil {
			t.Errorf("after the closure and %d wrong codes: %v", try-1, err)
		}
		_, _ = f.Verify(t.Context(), f.user, f.wrongCode(t, secretText)) // counted
	}
	_, err = f.Verify(t.Context(), f.user, f.codeAt(t, secretText, 1))
	if until, closed := closedUntil(err); !closed || !until.Equal(f.clock.Now().Add(30*time.Minute)) {
		t.Errorf("after five more: %v, want TooManyAttempts for 30 minutes", err)
	}
}
