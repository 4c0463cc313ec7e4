// Package storetest is what every backend must pass: the sentences of the storage interfaces as tests.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/session"
	"gatehouse/store"
)

// Clock is a clock that tests set.
type Clock struct{ micros atomic.Int64 }

// NewClock starts at a moment whose microseconds show what a backend cuts off.
func NewClock() *Clock {
	c := &Clock{}
	c.micros.Store(time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC).UnixMicro())
	return c
}

// Now is the clock's time.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.micros.Load()).UTC() }

// Advance moves the clock.
func (c *Clock) Advance(by time.Duration) { c.micros.Add(by.Microseconds()) }

const racers = 16

// race runs work at once in 16 goroutines and returns how many succeeded. Failures other than lost are reported.
func race(t *testing.T, lost error, work func(i int) error) int {
	t.Helper()
	var (
		won   atomic.Int64
		ready sync.WaitGroup
		group sync.WaitGroup
		begin = make(chan struct{})
	)
	ready.Add(racers)
	for i := range racers {
		group.Go(func() {
			ready.Done()
			<-begin
			err := work(i)
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, lost):
				t.Errorf("racer %d: %v, want nil or %v", i, err, lost)
			}
		})
	}
	ready.Wait()
	close(begin)
	group.Wait()
	return int(won.Load())
}

// sessionSuite is one store with its clock; each test uses keys of its own.
type sessionSuite struct {
	store session.Store
	clock *Clock
}

// Session runs the conformance suite of session.Store. open makes a store that judges expiry by the clock; the stores of one test may
// share a server.
func Session(t *testing.T, open func(t *testing.T, clock *Clock) session.Store) {
	for name, test := range map[string]func(*testing.T, sessionSuite){
		"CreateThenFind": testCreateThenFind, "CreateTwice": testCreateTwice, "Replace": testReplace, "ReplaceStale": testReplaceStale,
		"Take": testTake, "Delete": testDelete, "Any": testAny, "List": testList, "ListFollowsReplace": testListFollowsReplace,
		"ListLimit": testListLimit, "Hit": testHit, "Forget": testForget, "Expiry": testExpiry, "OddKeys": testOddKeys, "LargeValue": testLargeValue,
		"TakeReturnsAll": testTakeReturnsAll, "ListPastTheDead": testListPastTheDead, "CreateAgainMoves": testCreateAgainMoves,
		"ReplaceKeepsPlace": testReplaceKeepsPlace, "BadKeys": testBadKeys, "RaceDelete": testRaceDelete, "RaceRebirth": testRaceRebirth,
		"KindsAreApart": testKindsAreApart, "RaceCreate": testRaceCreate, "RaceReplace": testRaceReplace, "RaceTake": testRaceTake, "RaceHit": testRaceHit,
	} {
		t.Run(name, func(t *testing.T) {
			clock := NewClock()
			test(t, sessionSuite{open(t, clock), clock})
		})
	}
}

func key(id string) session.Key { return session.Key{Kind: session.KindCode, ID: id} }

func (s sessionSuite) entry(value string, indexes ...string) session.Entry {
	return session.Entry{Value: []byte(value), Indexes: indexes, Expires: s.clock.Now().Add(time.Minute)}
}

func (s sessionSuite) mustCreate(t *testing.T, k session.Key, e session.Entry) {
	t.Helper()
	if err := s.store.Create(context.Background(), k, e); err != nil {
		t.Fatalf("Create(%v): %v", k, err)
	}
}

func want(t *testing.T, err, wanted error) {
	t.Helper()
	if !errors.Is(err, wanted) || (wanted == nil && err != nil) {
		t.Errorf("error = %v, want %v", err, wanted)
	}
}

func testCreateThenFind(t *testing.T, s sessionSuite) {
	e := s.entry("value", "user:1")
	s.mustCreate(t, key("a"), e)
	found, err := s.store.Find(t.Context(), key("a"))
	if err != nil {
		t.Fatal(err)
	}
	e.Version = 1
	e.Expires, found.Expires = e.Expires.Truncate(time.Millisecond), found.Expires.Truncate(time.Millisecond)
	if diff := cmp.Diff(e, found); diff != "" {
		t.Error(diff)
	}
	_, err = s.store.Find(t.Context(), key("b"))
	want(t, err, store.ErrNotFound)
}

func testCreateTwice(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("first"))
	want(t, s.store.Create(t.Context(), key("a"), s.entry("second")), store.ErrConflict)
	found, err := s.store.Find(t.Context(), key("a"))
	if err != nil || string(found.Value) != "first" {
		t.Errorf("found %q, %v", found.Value, err)
	}
	s.clock.Advance(time.Minute)
	s.mustCreate(t, key("a"), s.entry("third"))
	if found, err = s.store.Find(t.Context(), key("a")); err != nil || string(found.Value) != "third" || found.Version != 1 {
		t.Errorf("after expiry found %q version %d, %v", found.Value, found.Version, err)
	}
}

func testReplace(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("first"))
	e := s.entry("second")
	e.Version, e.Expires = 1, s.clock.Now().Add(time.Hour)
	want(t, s.store.Replace(t.Context(), key("a"), e), nil)
	s.clock.Advance(30 * time.Minute)
	found, err := s.store.Find(t.Context(), key("a"))
	if err != nil || string(found.Value) != "second" || found.Version != 2 {
		t.Errorf("found %q version %d, %v", found.Value, found.Version, err)
	}
}

func testReplaceStale(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("first"))
	e := s.entry("second")
	e.Version = 2
	want(t, s.store.Replace(t.Context(), key("a"), e), store.ErrStale)
	want(t, s.store.Replace(t.Context(), key("none"), e), store.ErrNotFound)
	s.clock.Advance(time.Minute)
	e.Version = 1
	want(t, s.store.Replace(t.Context(), key("a"), e), store.ErrNotFound)
}

func testTake(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("value", "user:1"))
	taken, err := s.store.Take(t.Context(), key("a"))
	if err != nil || string(taken.Value) != "value" {
		t.Errorf("took %q, %v", taken.Value, err)
	}
	_, err = s.store.Take(t.Context(), key("a"))
	want(t, err, store.ErrNotFound)
	s.wantListed(t, session.KindCode, "user:1")
	s.mustCreate(t, key("b"), s.entry("value"))
	s.clock.Advance(time.Minute)
	_, err = s.store.Take(t.Context(), key("b"))
	want(t, err, store.ErrNotFound)
}

func testDelete(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("value", "user:1"))
	s.mustCreate(t, key("b"), s.entry("value"))
	s.mustCreate(t, key("c"), s.entry("value"))
	want(t, s.store.Delete(t.Context(), key("a"), key("b"), key("none")), nil)
	want(t, s.store.Delete(t.Context()), nil)
	_, err := s.store.Find(t.Context(), key("a"))
	want(t, err, store.ErrNotFound)
	_, err = s.store.Find(t.Context(), key("c"))
	want(t, err, nil)
	s.wantListed(t, session.KindCode, "user:1")
}

func testAny(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry(""))
	var many []session.Key
	for range 20 {
		many = append(many, key("x"))
	}
	for _, c := range []struct {
		keys []session.Key
		want bool
	}{{nil, false}, {[]session.Key{key("x")}, false}, {[]session.Key{key("x"), key("a"), key("y")}, true}, {[]session.Key{{Kind: session.KindFlow, ID: "a"}}, false}, {many, false}, {append(many, key("a")), true}} {
		if found, err := s.store.Any(t.Context(), c.keys...); err != nil || found != c.want {
			t.Errorf("Any(%v) = %v, %v", c.keys, found, err)
		}
	}
	s.clock.Advance(time.Minute)
	if found, err := s.store.Any(t.Context(), key("a")); err != nil || found {
		t.Errorf("an expired entry counts: %v, %v", found, err)
	}
}

func (s sessionSuite) wantListed(t *testing.T, kind session.Kind, index string, ids ...string) {
	t.Helper()
	listed, err := s.store.List(context.Background(), kind, index)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, l := range listed {
		got = append(got, l.Key.ID)
	}
	if !slices.Equal(got, ids) {
		t.Errorf("List(%s, %s) = %v, want %v", kind, index, got, ids)
	}
}

func testList(t *testing.T, s sessionSuite) {
	for i, indexes := range [][]string{{"user:1", "org:a"}, {"user:2", "org:a"}, {"user:1", "org:b"}, nil} {
		s.mustCreate(t, key(fmt.Sprint("k", i)), s.entry("v", indexes...))
		s.clock.Advance(time.Second)
	}
	s.mustCreate(t, session.Key{Kind: session.KindFlow, ID: "k9"}, s.entry("v", "user:1"))
	s.wantListed(t, session.KindCode, "user:1", "k2", "k0")
	s.wantListed(t, session.KindCode, "org:a", "k1", "k0")
	s.wantListed(t, session.KindCode, "org:c")
	s.clock.Advance(57 * time.Second) // k0 expires
	s.wantListed(t, session.KindCode, "user:1", "k2")
}

func testListFollowsReplace(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("v", "old", "both"))
	e := s.entry("w", "new", "both")
	e.Version = 1
	want(t, s.store.Replace(t.Context(), key("a"), e), nil)
	s.wantListed(t, session.KindCode, "old")
	s.wantListed(t, session.KindCode, "new", "a")
	s.wantListed(t, session.KindCode, "both", "a")
	e.Version, e.Indexes = 2, nil
	want(t, s.store.Replace(t.Context(), key("a"), e), nil)
	s.wantListed(t, session.KindCode, "new")
}

func testListLimit(t *testing.T, s sessionSuite) {
	for i := range 1005 {
		s.mustCreate(t, key(fmt.Sprintf("%04d", i)), s.entry("v", "many"))
		s.clock.Advance(time.Millisecond)
	}
	listed, err := s.store.List(t.Context(), session.KindCode, "many")
	if err != nil || len(listed) != 1000 || listed[0].Key.ID != "1004" {
		t.Errorf("listed %d, first %v, %v", len(listed), listed[0].Key, err)
	}
}

func testHit(t *testing.T, s sessionSuite) {
	for i := 1; i <= 3; i++ {
		count, ends, err := s.store.Hit(t.Context(), key("a"), time.Minute)
		if err != nil || count != i {
			t.Fatalf("hit %d = %d, %v", i, count, err)
		}
		if left := ends.Sub(s.clock.Now()); left <= 0 || left > time.Minute {
			t.Errorf("window ends in %v", left)
		}
		s.clock.Advance(10 * time.Second)
	}
	s.clock.Advance(30 * time.Second)
	if count, _, err := s.store.Hit(t.Context(), key("a"), time.Minute); err != nil || count != 1 {
		t.Errorf("first of the next window = %d, %v", count, err)
	}
	if count, _, err := s.store.Hit(t.Context(), key("b"), time.Minute); err != nil || count != 1 {
		t.Errorf("another key = %d, %v", count, err)
	}
}

func testExpiry(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("v"))
	s.clock.Advance(time.Minute - 2*time.Millisecond)
	_, err := s.store.Find(t.Context(), key("a"))
	want(t, err, nil)
	s.clock.Advance(2 * time.Millisecond)
	_, err = s.store.Find(t.Context(), key("a"))
	want(t, err, store.ErrNotFound)
}

func testOddKeys(t *testing.T, s sessionSuite) {
	for _, id := range []string{"", "a b", "a'b\"c", "{tag}", "ü/☃", "a*?[b]", "%", strings.Repeat("x", 500), "a:b:c", "A"} {
		s.mustCreate(t, key(id), s.entry(id, "index of "+id))
		found, err := s.store.Find(t.Context(), key(id))
		if err != nil || string(found.Value) != id {
			t.Errorf("%q: found %q, %v", id, found.Value, err)
		}
		s.wantListed(t, session.KindCode, "index of "+id, id)
	}
	_, err := s.store.Find(t.Context(), key("a"))
	want(t, err, store.ErrNotFound)
}

func testLargeValue(t *testing.T, s sessionSuite) {
	value := strings.Repeat("\x00\xff binary ", 100_000)
	s.mustCreate(t, key("a"), s.entry(value, "1", "2", "3", "4", "5", "6", "7", "8"))
	found, err := s.store.Find(t.Context(), key("a"))
	if err != nil || string(found.Value) != value || len(found.Indexes) != 8 {
		t.Errorf("found %d bytes and %d indexes, %v", len(found.Value), len(found.Indexes), err)
	}
	s.mustCreate(t, key("empty"), session.Entry{Expires: s.clock.Now().Add(time.Minute)})
	if found, err = s.store.Find(t.Context(), key("empty")); err != nil || len(found.Value) != 0 {
		t.Errorf("empty value: %v, %v", found.Value, err)
	}
}

func testKindsAreApart(t *testing.T, s sessionSuite) {
	other := session.Key{Kind: session.KindFlow, ID: "a"}
	s.mustCreate(t, key("a"), s.entry("code", "user:1"))
	s.mustCreate(t, other, s.entry("flow", "user:1"))
	want(t, s.store.Delete(t.Context(), key("a")), nil)
	found, err := s.store.Find(t.Context(), other)
	if err != nil || string(found.Value) != "flow" {
		t.Errorf("found %q, %v", found.Value, err)
	}
	s.wantListed(t, session.KindFlow, "user:1", "a")
}

func testRaceCreate(t *testing.T, s sessionSuite) {
	for round := range 5 {
		k := key(fmt.Sprint("race", round))
		won := race(t, store.ErrConflict, func(i int) error { return s.store.Create(context.Background(), k, s.entry(fmt.Sprint(i), "user:1")) })
		if won != 1 {
			t.Fatalf("%d of %d created one key", won, racers)
		}
	}
}

func testRaceReplace(t *testing.T, s sessionSuite) {
	s.mustCreate(t, key("a"), s.entry("0"))
	for round := range 5 {
		won := race(t, store.ErrStale, func(i int) error {
			e := s.entry(fmt.Sprint(i))
			e.Version = int64(round + 1)
			return s.store.Replace(context.Background(), key("a"), e)
		})
		if won != 1 {
			t.Fatalf("%d of %d replaced one version", won, racers)
		}
	}
}

func testRaceTake(t *testing.T, s sessionSuite) {
	for round := range 5 {
		k := key(fmt.Sprint("race", round))
		s.mustCreate(t, k, s.entry("v", "user:1"))
		won := race(t, store.ErrNotFound, func(int) error {
			_, err := s.store.Take(context.Background(), k)
			return err
		})
		if won != 1 {
			t.Fatalf("%d of %d took one entry", won, racers)
		}
	}
}

func testRaceHit(t *testing.T, s sessionSuite) {
	var seen [racers + 1]atomic.Int64
	race(t, nil, func(int) error {
		count, _, err := s.store.Hit(context.Background(), key("a"), time.Minute)
		if err == nil && count >= 1 && count <= racers {
			seen[count].Add(1)
		}
		return err
	})
	for count := 1; count <= racers; count++ {
		if seen[count].Load() != 1 {
			t.Errorf("count %d was returned %d times", count, seen[count].Load())
		}
	}
}
