package session_test

import (
	"errors"
	"testing"
	"time"

	"gatehouse/session"
)

func TestResetGuard(t *testing.T) {
	b := newBench(t)
	g := session.ResetGuard{Store: b.store}
	for name, tt := range map[string]struct {
		ask   func(who string) error
		limit int
	}{
		"from an address":      {func(who string) error { return g.Asked(t.Context(), who) }, 60},
		"for an account":       {func(who string) error { return g.AskedFor(t.Context(), who) }, 5},
		"chosen at an address": {func(who string) error { return g.Chosen(t.Context(), who) }, 60},
	} {
		for i := range tt.limit {
			if err := tt.ask("one"); err != nil {
				t.Fatalf("%s: %d: %v", name, i+1, err)
			}
		}
		var closed *session.TooManyAttempts
		if err := tt.ask("one"); !errors.As(err, &closed) || closed.Until.Sub(b.clock.Now()) != time.Hour {
			t.Errorf("%s: %v", name, err)
		}
		if err := tt.ask("other"); err != nil {
			t.Errorf("%s: somebody else waits: %v", name, err)
		}
	}
	b.clock.Advance(time.Hour)
	if err := g.AskedFor(t.Context(), "one"); err != nil {
		t.Errorf("after an hour: %v", err)
	}
}
