package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/mfa"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// FactorStore is the store under test; factors belong to users.
type FactorStore interface {
	mfa.Store
	tenancy.Store
}

// Factors runs the suite of mfa.Store.
func Factors(t *testing.T, open func(t *testing.T) FactorStore) {
	s := open(t)
	w := newWorld(t, s)
	factor := func(user id.User, name string) mfa.Factor {
		return mfa.Factor{ID: id.New[id.Factor](), User: user, Kind: mfa.KindTOTP, Name: name, Secret: []byte("\x00sealed\xff"), LastStep: 7, Created: noon, LastUsed: noon}
	}
	ofAda, ofGrace := factor(w.ada.ID, "Phone"), factor(w.grace.ID, "Phone")
	must(t, s.CreateFactor(t.Context(), ofAda))
	must(t, s.CreateFactor(t.Context(), ofGrace))
	wantConflict(t, s.CreateFactor(t.Context(), factor(w.ada.ID, "Phone")), "name")
	found, err := s.Factors(t.Context(), w.ada.ID)
	must(t, err)
	if diff := cmp.Diff([]mfa.Factor{ofAda}, found); diff != "" {
		t.Error(diff)
	}
	t.Run("Step", func(t *testing.T) {
		want(t, s.AdvanceStep(t.Context(), ofAda.ID, 7, noon), store.ErrStale)
		want(t, s.AdvanceStep(t.Context(), ofAda.ID, 6, noon), store.ErrStale)
		want(t, s.AdvanceStep(t.Context(), ofAda.ID, 8, noon.Add(time.Minute)), nil)
		want(t, s.AdvanceStep(t.Context(), ofAda.ID, 8, noon), store.ErrStale)
		for step := int64(9); step < 14; step++ {
			if won := race(t, store.ErrStale, func(int) error { return s.AdvanceStep(context.Background(), ofAda.ID, step, noon) }); won != 1 {
				t.Fatalf("%d spent one step", won)
			}
		}
		found, err := s.Factors(t.Context(), w.grace.ID)
		must(t, err)
		if found[0].LastStep != 7 {
			t.Errorf("another user's factor moved to step %d", found[0].LastStep)
		}
	})
	t.Run("Delete", func(t *testing.T) {
		want(t, s.DeleteFactor(t.Context(), w.grace.ID, ofAda.ID), store.ErrNotFound)
		want(t, s.DeleteFactor(t.Context(), w.ada.ID, ofAda.ID), nil)
		want(t, s.DeleteFactor(t.Context(), w.ada.ID, ofAda.ID), store.ErrNotFound)
	})
	t.Run("DeleteAll", func(t *testing.T) {
		for _, name := range []string{"Phone", "Tablet"} {
			must(t, s.CreateFactor(t.Context(), factor(w.ada.ID, name)))
		}
		for _, want := range []int{2, 0} {
			if removed, err := s.DeleteFactorsOf(t.Context(), w.ada.ID); err != nil || removed != want {
				t.Errorf("%d removed (%v), want %d", removed, err, want)
			}
		}
		if kept, err := s.Factors(t.Context(), w.grace.ID); err != nil || len(kept) != 1 {
			t.Errorf("of another user %d left (%v)", len(kept), err)
		}
	})
}
