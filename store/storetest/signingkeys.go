package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
)

func signingKey(kid, algorithm string, state provider.KeyState) provider.SigningKey {
	key := provider.SigningKey{ID: kid, Algorithm: algorithm, State: state, Private: []byte("\x00sealed"), Created: noon}
	if state == provider.KeyCurrent {
		key.Activated = noon.Add(-time.Hour)
	}
	return key
}

// keyEvent is an event as the key manager writes one.
func keyEvent() audit.Event {
	return audit.Event{ID: id.New[string](), At: noon, Action: "key.changed"}
}

// wantKeyEvents checks how many events there are of changes to keys.
func wantKeyEvents(t *testing.T, s provider.Store, want int) {
	t.Helper()
	record, ok := s.(TenancyStore)
	if !ok {
		t.Fatalf("%T records nothing", s)
	}
	events, err := record.AuditEvents(t.Context(), 100)
	must(t, err)
	if len(events) != want {
		t.Errorf("%d events, want %d", len(events), want)
	}
}

func testSigningKeys(t *testing.T, s provider.Store) {
	for _, k := range []provider.SigningKey{signingKey("c", "ES256", provider.KeyCurrent), signingKey("n", "ES256", provider.KeyNext), signingKey("r", "RS256", provider.KeyCurrent)} {
		must(t, s.CreateSigningKey(t.Context(), k))
	}
	wantConflict(t, s.CreateSigningKey(t.Context(), signingKey("x", "ES256", provider.KeyCurrent)), "state")
	must(t, s.PromoteSigningKey(t.Context(), "n", noon.Add(time.Minute), noon.Add(time.Hour), keyEvent()))
	want(t, s.PromoteSigningKey(t.Context(), "n", noon.Add(time.Minute), noon.Add(time.Hour), keyEvent()), store.ErrStale)
	want(t, s.PromoteSigningKey(t.Context(), "none", noon, noon, keyEvent()), store.ErrStale)
	wantKeyEvents(t, s, 1)
	keys, err := s.SigningKeys(t.Context())
	must(t, err)
	states := map[string]provider.KeyState{}
	for _, k := range keys {
		states[k.ID] = k.State
		if k.ID == "c" && (!k.Retires.Equal(noon.Add(time.Hour)) || !k.Activated.Equal(noon.Add(-time.Hour))) {
			t.Errorf("retires = %v, activated %v", k.Retires, k.Activated)
		}
		if k.ID == "n" && (!k.Activated.Equal(noon.Add(time.Minute)) || !k.Retires.IsZero()) {
			t.Errorf("promoted: %+v", k)
		}
	}
	if diff := cmp.Diff(map[string]provider.KeyState{"c": provider.KeyRetired, "n": provider.KeyCurrent, "r": provider.KeyCurrent}, states); diff != "" {
		t.Error(diff)
	}
	if deleted, err := s.DeleteSigningKeys(t.Context(), noon); err != nil || deleted != 0 {
		t.Errorf("deleted %d, %v", deleted, err)
	}
	if deleted, err := s.DeleteSigningKeys(t.Context(), noon.Add(2*time.Hour)); err != nil || deleted != 1 {
		t.Errorf("deleted %d, %v", deleted, err)
	}
}

func testRaceSigningKey(t *testing.T, s provider.Store) {
	won := race(t, store.ErrConflict, func(i int) error {
		return s.CreateSigningKey(context.Background(), signingKey(fmt.Sprint("k", i), "ES256", provider.KeyCurrent))
	})
	if won != 1 {
		t.Errorf("%d current keys", won)
	}
}

// testRacePromote: many nodes rotate at once; one does, and there is never more or less than one current key.
func testRacePromote(t *testing.T, s provider.Store) {
	must(t, s.CreateSigningKey(t.Context(), signingKey("k0", "ES256", provider.KeyCurrent)))
	for next := range 5 {
		kid := fmt.Sprint("k", next+1)
		must(t, s.CreateSigningKey(t.Context(), signingKey(kid, "ES256", provider.KeyNext)))
		if won := race(t, store.ErrStale, func(int) error { return s.PromoteSigningKey(context.Background(), kid, noon, noon, keyEvent()) }); won != 1 {
			t.Errorf("%d promoted %s", won, kid)
		}
		keys, err := s.SigningKeys(t.Context())
		must(t, err)
		for _, k := range keys {
			if (k.State == provider.KeyCurrent) != (k.ID == kid) {
				t.Errorf("after promoting %s, %s is %s", kid, k.ID, k.State)
			}
		}
	}
}

// keyStates are the states by id.
func keyStates(t *testing.T, s provider.Store) map[string]provider.KeyState {
	t.Helper()
	keys, err := s.SigningKeys(t.Context())
	must(t, err)
	states := map[string]provider.KeyState{}
	for _, k := range keys {
		states[k.ID] = k.State
	}
	return states
}

// testRevokeSigningKey: a revoked key is gone; if it signed, the next one of its algorithm, and no other, does from then on.
func testRevokeSigningKey(t *testing.T, s provider.Store) {
	for _, k := range []provider.SigningKey{
		signingKey("c", "ES256", provider.KeyCurrent), signingKey("n", "ES256", provider.KeyNext), signingKey("old", "ES256", provider.KeyRetired),
		signingKey("rc", "RS256", provider.KeyCurrent), signingKey("rn", "RS256", provider.KeyNext), signingKey("alone", "EdDSA", provider.KeyCurrent),
	} {
		must(t, s.CreateSigningKey(t.Context(), k))
	}
	for _, kid := range []string{"old", "rn", "c", "alone"} {
		must(t, s.RevokeSigningKey(t.Context(), kid, noon.Add(time.Minute), keyEvent()))
		want(t, s.RevokeSigningKey(t.Context(), kid, noon, keyEvent()), store.ErrNotFound)
	}
	wantKeyEvents(t, s, 4)
	if diff := cmp.Diff(map[string]provider.KeyState{"n": provider.KeyCurrent, "rc": provider.KeyCurrent}, keyStates(t, s)); diff != "" {
		t.Error(diff)
	}
	keys, err := s.SigningKeys(t.Context())
	must(t, err)
	for _, k := range keys {
		if k.ID == "n" && !k.Activated.Equal(noon.Add(time.Minute)) {
			t.Errorf("activated = %v", k.Activated)
		}
	}
}

// testRaceRevokeSigningKey: a key is revoked while it is replaced; whoever is first, the next one signs and the revoked one is gone.
func testRaceRevokeSigningKey(t *testing.T, s provider.Store) {
	for round := range 10 {
		current, next := fmt.Sprint("c", round), fmt.Sprint("n", round)
		algorithm := fmt.Sprint("A", round)
		must(t, s.CreateSigningKey(t.Context(), signingKey(current, algorithm, provider.KeyCurrent)))
		must(t, s.CreateSigningKey(t.Context(), signingKey(next, algorithm, provider.KeyNext)))
		race(t, nil, func(i int) error {
			var err error
			if i%2 == 0 {
				err = s.RevokeSigningKey(context.Background(), current, noon, keyEvent())
			} else {
				err = s.PromoteSigningKey(context.Background(), next, noon, noon.Add(time.Hour), keyEvent())
			}
			if err == store.ErrNotFound || err == store.ErrStale { //nolint:errorlint // exactly these
				err = nil
			}
			return err
		})
		states := keyStates(t, s)
		if _, there := states[current]; there || states[next] != provider.KeyCurrent {
			t.Fatalf("round %d: %v", round, states)
		}
	}
}
