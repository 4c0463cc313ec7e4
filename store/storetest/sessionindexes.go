package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/session"
	"gatehouse/store"
)

func testTakeReturnsAll(t *testing.T, s sessionSuite) {
	e := s.entry("value", "user:1", "org:1")
	e.Expires = e.Expires.Truncate(time.Millisecond)
	s.mustCreate(t, key("a"), e)
	taken, err := s.store.Take(t.Context(), key("a"))
	if err != nil {
		t.Fatal(err)
	}
	e.Version = 1
	if diff := cmp.Diff(e, taken); diff != "" {
		t.Error(diff)
	}
	if taken.Expires.Location() != time.UTC {
		t.Errorf("expiry in %v, want UTC", taken.Expires.Location())
	}
	// The version tells whether it is still what was found before.
	s.mustCreate(t, key("a"), e)
	must(t, s.store.Replace(t.Context(), key("a"), e))
	if taken, err = s.store.Take(t.Context(), key("a")); err != nil || taken.Version != 2 {
		t.Errorf("replaced, then taken: version %d, %v", taken.Version, err)
	}
}

// testListPastTheDead: however many newer entries have come and gone, the living are listed.
func testListPastTheDead(t *testing.T, s sessionSuite) {
	old := s.entry("v", "many")
	old.Expires = s.clock.Now().Add(time.Hour)
	s.mustCreate(t, key("old"), old)
	for i := range 1300 {
		s.clock.Advance(time.Millisecond)
		k := key(fmt.Sprint("dead", i))
		s.mustCreate(t, k, s.entry("v", "many"))
		switch i % 10 {
		case 0:
			want(t, s.store.Delete(t.Context(), k), nil)
		case 1:
			_, err := s.store.Take(t.Context(), k)
			want(t, err, nil)
		}
	}
	s.clock.Advance(2 * time.Minute)
	s.wantListed(t, session.KindCode, "many", "old")
	s.wantListed(t, session.KindCode, "many", "old") // the first time may have tidied up
}

func testCreateAgainMoves(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("v", "before", "both"))
	s.clock.Advance(time.Minute)
	s.mustCreate(t, key("a"), s.entry("w", "after", "both"))
	s.wantListed(t, session.KindCode, "before")
	s.wantListed(t, session.KindCode, "both", "a")
	s.wantListed(t, session.KindCode, "after", "a")
}

func testReplaceKeepsPlace(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("v", "i"))
	s.clock.Advance(time.Second)
	s.mustCreate(t, key("b"), s.entry("v", "i"))
	s.clock.Advance(time.Second)
	e := s.entry("w", "i")
	e.Version = 1
	want(t, s.store.Replace(t.Context(), key("a"), e), nil)
	s.wantListed(t, session.KindCode, "i", "b", "a")
}

// testBadKeys: what one engine would change or cut off, every engine refuses.
func testBadKeys(t *testing.T, s sessionSuite) {
	for _, bad := range []string{"a\x00b", "a\xffb"} {
		if err := s.store.Create(t.Context(), key(bad), s.entry("v")); err == nil {
			t.Errorf("Create accepts the key %q", bad)
		}
		if err := s.store.Create(t.Context(), key("a"), s.entry("v", bad)); err == nil {
			t.Errorf("Create accepts the index %q", bad)
		}
		if _, _, err := s.store.Hit(t.Context(), key(bad), time.Minute); err == nil {
			t.Errorf("Hit accepts the key %q", bad)
		}
		_, err := s.store.Find(t.Context(), key(bad))
		want(t, err, store.ErrNotFound)
		_, err = s.store.Find(t.Context(), key("a"))
		want(t, err, store.ErrNotFound)
	}
}

// testRaceDelete: while an entry is deleted, replaced and taken at once, nobody is told nonsense, and nothing is left.
func testRaceDelete(t *testing.T, s sessionSuite) {
	for round := range 5 {
		k := key(fmt.Sprint("race", round))
		s.mustCreate(t, k, s.entry("v", "user:1"))
		var taken atomic.Int64
		race(t, nil, func(i int) error {
			switch i % 3 {
			case 0:
				return s.store.Delete(context.Background(), k)
			case 1:
				_, err := s.store.Take(context.Background(), k)
				if err == nil {
					taken.Add(1)
				}
				return unless(err, store.ErrNotFound)
			default:
				e := s.entry("w", "user:1", "user:2")
				e.Version = 1
				return unless(s.store.Replace(context.Background(), k, e), store.ErrNotFound, store.ErrStale)
			}
		})
		if taken.Load() > 1 {
			t.Errorf("%d took one entry", taken.Load())
		}
	}
	s.wantListed(t, session.KindCode, "user:1")
	s.wantListed(t, session.KindCode, "user:2")
}

// testRaceRebirth: an entry that is made anew while its predecessor is being taken keeps its place in the index.
func testRaceRebirth(t *testing.T, s sessionSuite) {
	for round := range 20 {
		k, index := key(fmt.Sprint("race", round)), fmt.Sprint("user:", round)
		s.mustCreate(t, k, s.entry("v", index))
		race(t, nil, func(i int) error {
			if i == 0 {
				_, err := s.store.Take(context.Background(), k)
				return err
			}
			for range 10 {
				if err := s.store.Create(context.Background(), k, s.entry("w", index)); !errors.Is(err, store.ErrConflict) {
					return err
				}
			}
			return nil
		})
		if _, err := s.store.Find(t.Context(), k); err == nil {
			s.wantListed(t, session.KindCode, index, k.ID)
		}
	}
}

// unless is err, or nil if it is one of the expected.
func unless(err error, expected ...error) error {
	for _, e := range expected {
		if errors.Is(err, e) {
			return nil
		}
	}
	return err
}

// testForget: a counter begins anew, and takes no entry with it.
func testForget(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("v"))
	for _, name := range []string{"a", "a", "b"} {
		if _, _, err := s.store.Hit(t.Context(), key(name), time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	want(t, s.store.Forget(t.Context(), key("a"), key("never")), nil)
	for name, expected := range map[string]int{"a": 1, "b": 2} {
		if count, _, err := s.store.Hit(t.Context(), key(name), time.Minute); err != nil || count != expected {
			t.Errorf("%s = %d, %v; want %d", name, count, err, expected)
		}
	}
	_, err := s.store.Find(t.Context(), key("a"))
	want(t, err, nil)
}
