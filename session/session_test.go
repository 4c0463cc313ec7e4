package session_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/store"
)

func TestStartThenFind(t *testing.T) {
	b := newBench(t)
	in := person("user-1")
	in.Agent = "Browser/1"
	in.UpstreamSession = "upstream"
	token, started := b.start(t, in)
	if len(token.Reveal()) != 43 {
		t.Errorf("token of %d characters, want 256 bits as 43", len(token.Reveal()))
	}
	if diff := cmp.Diff(in, started, cmpopts.IgnoreFields(session.Session{}, "ID", "Created", "LastSeen", "Expires")); diff != "" {
		t.Error(diff)
	}
	now := b.clock.Now()
	if started.ID == "" || !started.Created.Equal(now) || !started.LastSeen.Equal(now) || !started.Expires.Equal(now.Add(absolute)) {
		t.Errorf("started %+v", started)
	}
	if diff := cmp.Diff(started, b.wantFound(t, token, nil)); diff != "" {
		t.Error(diff)
	}
	other, again := b.start(t, in)
	if other.Equal(token.Reveal()) || again.ID == started.ID {
		t.Error("two sessions share a token or an ID")
	}
	b.wantFound(t, secret.Random(32), store.ErrNotFound)
	b.wantFound(t, secret.Text{}, store.ErrNotFound)
	b.wantFound(t, secret.New(secret.Hash(token.Reveal())), store.ErrNotFound)
}

// TestOddUpstream: what an upstream and a browser send may be long and hold any byte.
func TestOddUpstream(t *testing.T) {
	b := newBench(t)
	token, _ := b.start(t, person("user-1"))
	b.wantFound(t, token, nil)
	for _, index := range b.store.lastEntry.Indexes {
		if len(index) > 200 || strings.Contains(index, "\x00") || !utf8.ValidString(index) {
			t.Errorf("index %q", index)
		}
	}
}

// TestStoreKeepsSecrets: neither the token nor the person is readable in what the store holds. Three letters alone are there by chance at times.
func TestStoreKeepsSecrets(t *testing.T) {
	b := newBench(t)
	token, started := b.start(t, person("user-1"))
	// Three letters without quotes are in one of a few hundred sealed texts by chance.
	for _, leak := range []string{token.Reveal(), "user-1", "192.0.2.7", "Browser", `"pwd"`, string(started.ID)} {
		if bytes.Contains(b.store.lastEntry.Value, []byte(leak)) || strings.Contains(b.store.lastKey.ID, leak) {
			t.Errorf("the store can read %q", leak)
		}
	}
	if b.store.lastKey != (session.Key{Kind: session.KindSession, ID: secret.Hash(token.Reveal())}) {
		t.Errorf("key %v", b.store.lastKey)
	}
}

func TestForeignKeyFindsNothing(t *testing.T) {
	b := newBench(t)
	token, _ := b.start(t, person("user-1"))
	b.Keys = newKeys(t)
	b.wantFound(t, token, store.ErrNotFound)
	if headers, err := b.OfUser(t.Context(), "user-1"); err != nil || len(headers) != 0 {
		t.Errorf("OfUser = %v, %v", headers, err)
	}
}

// TestSwappedRow: who can write to the store cannot give one session's row to another token.
func TestSwappedRow(t *testing.T) {
	b := newBench(t)
	_, _ = b.start(t, person("victim"))
	stolen := b.store.lastEntry
	token := secret.Random(32)
	if err := b.store.Create(t.Context(), session.Key{Kind: session.KindSession, ID: secret.Hash(token.Reveal())}, stolen); err != nil {
		t.Fatal(err)
	}
	b.wantFound(t, token, store.ErrNotFound)
	if headers, err := b.OfUser(t.Context(), "victim"); err != nil || len(headers) != 1 {
		t.Errorf("OfUser = %v, %v, want the real one only", headers, err)
	}
}

func TestIdleEnd(t *testing.T) {
	b := newBench(t)
	token, _ := b.start(t, person("user-1"))
	b.clock.Advance(idle - time.Second)
	b.wantFound(t, token, nil)
	b.clock.Advance(idle - time.Second)
	b.wantFound(t, token, nil)
	b.clock.Advance(idle)
	b.wantFound(t, token, store.ErrNotFound)
}

func TestAbsoluteEnd(t *testing.T) {
	b := newBench(t)
	token, started := b.start(t, person("user-1"))
	for b.clock.Now().Add(idle / 2).Before(started.Expires) {
		b.clock.Advance(idle / 2)
		if found := b.wantFound(t, token, nil); !found.Expires.Equal(started.Expires) {
			t.Fatalf("the absolute end moved to %v", found.Expires)
		}
	}
	b.clock.Advance(idle / 2)
	b.wantFound(t, token, store.ErrNotFound)
}

// TestAbsoluteEndIsSealed: who can write to the store cannot prolong a session.
func TestAbsoluteEndIsSealed(t *testing.T) {
	b := newBench(t)
	token, _ := b.start(t, person("user-1"))
	entry := b.store.lastEntry
	entry.Version, entry.Expires = 1, b.clock.Now().Add(1000*time.Hour)
	if err := b.store.Replace(t.Context(), b.store.lastKey, entry); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(absolute)
	b.wantFound(t, token, store.ErrNotFound)
}

// TestListEndsWithSession: the store's expiry is never after the absolute end, or lists would show the dead.
func TestListEndsWithSession(t *testing.T) {
	b := newBench(t)
	b.Idle = 10 * absolute
	_, started := b.start(t, person("user-1"))
	if !b.store.lastEntry.Expires.Equal(started.Expires) {
		t.Errorf("kept until %v, ends %v", b.store.lastEntry.Expires, started.Expires)
	}
}

// TestFindCostsOneRead: a page view reads once, and writes at most once a minute.
func TestFindCostsOneRead(t *testing.T) {
	b := newBench(t)
	token, _ := b.start(t, person("user-1"))
	b.store.writes.Store(0)
	for range 5 {
		b.clock.Advance(11 * time.Second)
		b.wantFound(t, token, nil)
	}
	if reads, writes := b.store.reads.Load(), b.store.writes.Load(); reads != 5 || writes != 0 {
		t.Errorf("%d reads and %d writes for 5 finds within a minute, want 5 and 0", reads, writes)
	}
	b.clock.Advance(5 * time.Second)
	b.wantFound(t, token, nil)
	b.wantFound(t, token, nil)
	if writes := b.store.writes.Load(); writes != 1 {
		t.Errorf("%d writes after a minute, want 1", writes)
	}
	if headers, err := b.OfUser(t.Context(), "user-1"); err != nil || len(headers) != 1 || !headers[0].LastSeen.Equal(b.clock.Now()) {
		t.Errorf("OfUser = %+v, %v", headers, err)
	}
}

func TestFindAtOnce(t *testing.T) {
	b := newBench(t)
	token, _ := b.start(t, person("user-1"))
	b.clock.Advance(2 * time.Minute)
	var views sync.WaitGroup
	for range 16 {
		views.Go(func() { b.wantFound(t, token, nil) })
	}
	views.Wait()
}

func TestRenew(t *testing.T) {
	b := newBench(t)
	old, started := b.start(t, person("user-1"))
	b.clock.Advance(10 * time.Minute)
	fresh, renewed, err := b.Renew(t.Context(), old, func(s *session.Session) { s.ACR = "3" })
	if err != nil {
		t.Fatal(err)
	}
	b.wantFound(t, old, store.ErrNotFound)
	found := b.wantFound(t, fresh, nil)
	if diff := cmp.Diff(renewed, found); diff != "" {
		t.Error(diff)
	}
	if found.ID != started.ID || !found.Created.Equal(started.Created) || found.ACR != "3" || !found.Expires.Equal(b.clock.Now().Add(absolute)) {
		t.Errorf("renewed %+v", found)
	}
	if _, _, err := b.Renew(t.Context(), old, func(*session.Session) {}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("renewing a dead token: %v", err)
	}
	if headers, err := b.OfUser(t.Context(), "user-1"); err != nil || len(headers) != 1 {
		t.Errorf("OfUser = %v, %v", headers, err)
	}
}

func TestRenewAtOnce(t *testing.T) {
	b := newBench(t)
	token, _ := b.start(t, person("user-1"))
	var (
		won      atomic.Int64
		requests sync.WaitGroup
	)
	for range 16 {
		requests.Go(func() {
			_, _, err := b.Renew(context.Background(), token, func(*session.Session) {})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
		})
	}
	requests.Wait()
	if won.Load() != 1 {
		t.Errorf("%d renewals succeeded", won.Load())
	}
}

// TestRenewDoesNotOutliveEnd: a session that is ended while Renew holds it does not come back under its new token.
func TestRenewDoesNotOutliveEnd(t *testing.T) {
	b := newBench(t)
	token, started := b.start(t, person("user-1"))
	b.store.afterTake = func() {
		if err := b.EndByID(context.Background(), started.ID); err != nil {
			t.Error(err)
		}
	}
	fresh, _, err := b.Renew(t.Context(), token, func(*session.Session) {})
	if !errors.Is(err, store.ErrNotFound) || !fresh.Empty() {
		t.Errorf("Renew = %v, want ErrNotFound and no token", err)
	}
	if headers, err := b.OfUser(t.Context(), "user-1"); err != nil || len(headers) != 0 {
		t.Errorf("left over: %v, %v", headers, err)
	}
}

func TestRenewWithoutStore(t *testing.T) {
	b := newBench(t)
	token, _ := b.start(t, person("user-1"))
	b.store.fail = store.ErrUnavailable
	if fresh, _, err := b.Renew(t.Context(), token, func(*session.Session) {}); !errors.Is(err, store.ErrUnavailable) || !fresh.Empty() {
		t.Errorf("Renew = %v, want ErrUnavailable and no token", err)
	}
}

// TestEndWithoutStore: a session that could not be looked for is not said to be ended.
func TestEndWithoutStore(t *testing.T) {
	b := newBench(t)
	_, started := b.start(t, person("user-1"))
	b.store.unlisted = store.ErrUnavailable
	if err := b.EndByID(t.Context(), started.ID); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("EndByID = %v, want ErrUnavailable", err)
	}
}

// TestEndLeavesNothing: neither an entry nor an index leads to an ended session.
func TestEndLeavesNothing(t *testing.T) {
	b := newBench(t)
	token, started := b.start(t, person("user-1"))
	indexes := b.store.lastEntry.Indexes
	if len(indexes) != 4 {
		t.Fatalf("indexes %q, want user, sid, organization and upstream", indexes)
	}
	neighbour, _ := b.start(t, person("user-1"))
	for range 2 { // ending it again is no error
		if err := b.EndByID(t.Context(), started.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.wantFound(t, token, store.ErrNotFound)
	b.wantFound(t, neighbour, nil)
	for _, index := range indexes {
		listed, err := b.store.List(t.Context(), session.KindSession, index)
		if err != nil || len(listed) > 1 {
			t.Errorf("index %s: %d entries, %v", index, len(listed), err)
		}
	}
}

// TestHeaderAndOrganization: sessions are found by their names, and by the organization that they are good for alone.
func TestHeaderAndOrganization(t *testing.T) {
	b := newBench(t)
	_, bound := b.start(t, person("user-1"))
	free := person("user-2")
	free.Organization = ""
	_, anywhere := b.start(t, free)
	for _, s := range []session.Session{bound, anywhere} {
		if got, err := b.Header(t.Context(), s.ID); err != nil || got.ID != s.ID || got.User != s.User || got.Address != s.Address {
			t.Errorf("Header = %+v, %v", got, err)
		}
	}
	if _, err := b.Header(t.Context(), "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Header of none: %v", err)
	}
	if got, err := b.OfOrganization(t.Context(), bound.Organization); err != nil || len(got) != 1 || got[0].ID != bound.ID {
		t.Errorf("OfOrganization = %+v, %v", got, err)
	}
	if got, err := b.OfOrganization(t.Context(), "another"); err != nil || len(got) != 0 {
		t.Errorf("OfOrganization = %+v, %v", got, err)
	}
}

func TestOfUser(t *testing.T) {
	b := newBench(t)
	var ids []id.Session
	for range 3 {
		b.clock.Advance(time.Second)
		_, started := b.start(t, person("user-1"))
		ids = append(ids, started.ID)
	}
	_, _ = b.start(t, person("user-2"))
	headers, err := b.OfUser(t.Context(), "user-1")
	if err != nil || len(headers) != 3 {
		t.Fatalf("OfUser = %v, %v", headers, err)
	}
	for i, header := range headers {
		if header.ID != ids[2-i] {
			t.Errorf("place %d holds %s, want newest first", i, header.ID)
		}
	}
	want := session.Header{
		ID: ids[0], User: "user-1", Organization: "org-1", Connector: "acme", Address: "192.0.2.7", Agent: "Browser \ufffd/1",
		Created: b.clock.Now().Add(-2 * time.Second), LastSeen: b.clock.Now().Add(-2 * time.Second),
	}
	if diff := cmp.Diff(want, headers[2]); diff != "" {
		t.Error(diff)
	}
	b.clock.Advance(idle)
	if headers, err := b.OfUser(t.Context(), "user-1"); err != nil || len(headers) != 0 {
		t.Errorf("expired sessions are listed: %v, %v", headers, err)
	}
}
