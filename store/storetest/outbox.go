package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/store"
)

// Outbox runs the suite of notify.Store.
func Outbox(t *testing.T, open func(t *testing.T) notify.Store) {
	for name, test := range map[string]func(*testing.T, notify.Store){
		"Claim": testClaim, "Channels": testChannels, "Settle": testSettle, "Fence": testFence, "Retry": testRetry, "Delete": testDeleteMessages, "List": testListMessages, "RaceClaim": testRaceClaim,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func newMessage(created time.Time) notify.Message {
	return notify.Message{
		ID: id.New[id.Message](), Channel: notify.ChannelMail, Kind: notify.KindTest, Recipient: "ada@x.example", Language: "it", Content: []byte("\x00sealed\xff"),
		State: notify.StateWaiting, NextAttempt: created, Created: created,
	}
}

// enqueued puts n messages into the outbox, made a second apart.
func enqueued(t *testing.T, s notify.Store, n int) []notify.Message {
	t.Helper()
	messages := make([]notify.Message, n)
	for i := range messages {
		messages[i] = newMessage(noon.Add(time.Duration(i) * time.Second))
		must(t, s.Enqueue(t.Context(), messages[i]))
	}
	return messages
}

func testClaim(t *testing.T, s notify.Store) {
	sent := enqueued(t, s, 3)
	now, until := noon.Add(time.Second), noon.Add(time.Minute)
	claimed, err := s.ClaimMessages(t.Context(), notify.ChannelMail, noon.Add(-time.Microsecond), until, 10)
	must(t, err)
	if len(claimed) != 0 {
		t.Fatalf("claimed %d before they were due", len(claimed))
	}
	claimed, err = s.ClaimMessages(t.Context(), notify.ChannelMail, now, until, 1)
	must(t, err)
	first := sent[0]
	first.Attempts, first.NextAttempt = 1, until
	if diff := cmp.Diff([]notify.Message{first}, claimed); diff != "" {
		t.Fatal(diff)
	}
	claimed, err = s.ClaimMessages(t.Context(), notify.ChannelMail, now, until, 10)
	must(t, err)
	if len(claimed) != 1 || claimed[0].ID != sent[1].ID {
		t.Fatalf("claimed %v, want the second only", claimed)
	}
	claimed, err = s.ClaimMessages(t.Context(), notify.ChannelMail, until, until.Add(time.Minute), 10)
	must(t, err)
	if len(claimed) != 3 || claimed[0].ID != sent[0].ID || claimed[0].Attempts != 2 || claimed[2].Attempts != 1 {
		t.Fatalf("after the lease: %v", claimed)
	}
}

// testChannels: each channel has its own queue, so that none waits behind another.
func testChannels(t *testing.T, s notify.Store) {
	letters := enqueued(t, s, 2)
	notice := newMessage(noon)
	notice.Channel = notify.ChannelLogout
	must(t, s.Enqueue(t.Context(), notice))
	for channel, want := range map[notify.Channel][]notify.Message{notify.ChannelLogout: {notice}, notify.ChannelMail: letters, "pigeon": nil} {
		claimed, err := s.ClaimMessages(t.Context(), channel, noon.Add(time.Minute), noon.Add(time.Hour), 10)
		must(t, err)
		for i := range want {
			want[i].Attempts, want[i].NextAttempt = 1, noon.Add(time.Hour)
		}
		if diff := cmp.Diff(want, claimed, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", channel, diff)
		}
	}
}

func testSettle(t *testing.T, s notify.Store) {
	enqueued(t, s, 1)
	claimed, err := s.ClaimMessages(t.Context(), notify.ChannelMail, noon, noon.Add(time.Minute), 10)
	must(t, err)
	m := claimed[0]
	m.NextAttempt, m.LastError = noon.Add(30*time.Second), "451 not now"
	must(t, s.SettleMessage(t.Context(), m))
	claimed, err = s.ClaimMessages(t.Context(), notify.ChannelMail, noon.Add(29*time.Second), noon.Add(time.Minute), 10)
	must(t, err)
	if len(claimed) != 0 {
		t.Fatal("claimed before its next attempt")
	}
	claimed, err = s.ClaimMessages(t.Context(), notify.ChannelMail, noon.Add(30*time.Second), noon.Add(time.Minute), 10)
	must(t, err)
	m = claimed[0]
	m.State, m.Sent, m.LastError, m.Content = notify.StateSent, noon.Add(31*time.Second), "", nil
	must(t, s.SettleMessage(t.Context(), m))
	found, err := s.Messages(t.Context(), "", 10)
	must(t, err)
	if diff := cmp.Diff([]notify.Message{m}, found, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	want(t, s.SettleMessage(t.Context(), m), store.ErrStale)
	claimed, err = s.ClaimMessages(t.Context(), notify.ChannelMail, noon.Add(time.Hour), noon.Add(2*time.Hour), 10)
	must(t, err)
	if len(claimed) != 0 {
		t.Error("a sent message was claimed")
	}
}

// testFence: who lost his claim cannot settle the message of the next one.
func testFence(t *testing.T, s notify.Store) {
	enqueued(t, s, 1)
	slow, err := s.ClaimMessages(t.Context(), notify.ChannelMail, noon, noon.Add(time.Minute), 10)
	must(t, err)
	quick, err := s.ClaimMessages(t.Context(), notify.ChannelMail, noon.Add(time.Minute), noon.Add(2*time.Minute), 10)
	must(t, err)
	slow[0].State = notify.StateFailed
	want(t, s.SettleMessage(t.Context(), slow[0]), store.ErrStale)
	quick[0].State = notify.StateSent
	want(t, s.SettleMessage(t.Context(), quick[0]), nil)
}

func testRetry(t *testing.T, s notify.Store) {
	messages := enqueued(t, s, 2)
	want(t, s.RetryMessage(t.Context(), messages[0].ID, noon), store.ErrNotFound) // it waits
	want(t, s.RetryMessage(t.Context(), "nobody", noon), store.ErrNotFound)
	claimed, err := s.ClaimMessages(t.Context(), notify.ChannelMail, noon, noon.Add(time.Minute), 1)
	must(t, err)
	claimed[0].State, claimed[0].LastError = notify.StateFailed, "550 no such user"
	must(t, s.SettleMessage(t.Context(), claimed[0]))
	later := noon.Add(time.Hour)
	must(t, s.RetryMessage(t.Context(), messages[0].ID, later))
	want(t, s.RetryMessage(t.Context(), messages[0].ID, later), store.ErrNotFound)
	found, err := s.Messages(t.Context(), notify.StateWaiting, 10)
	must(t, err)
	again := messages[0]
	again.NextAttempt, again.LastError = later, "550 no such user"
	if diff := cmp.Diff([]notify.Message{messages[1], again}, found); diff != "" {
		t.Error(diff)
	}
}

func testDeleteMessages(t *testing.T, s notify.Store) {
	messages := enqueued(t, s, 5)
	claimed, err := s.ClaimMessages(t.Context(), notify.ChannelMail, noon.Add(3*time.Second), noon.Add(time.Minute), 10)
	must(t, err)
	for i, m := range claimed {
		m.State = notify.StateSent
		if i == 1 {
			m.State = notify.StateFailed
		}
		must(t, s.SettleMessage(t.Context(), m))
	}
	for _, step := range []struct{ limit, want int }{{2, 2}, {2, 1}, {2, 0}} { // of the four settled ones, three are old enough
		deleted, err := s.DeleteMessages(t.Context(), noon.Add(3*time.Second), step.limit)
		must(t, err)
		if deleted != step.want {
			t.Errorf("deleted %d, want %d", deleted, step.want)
		}
	}
	deleted, err := s.DeleteMessages(t.Context(), noon.Add(time.Hour), 10)
	must(t, err)
	left, err := s.Messages(t.Context(), "", 10)
	must(t, err)
	if deleted != 1 || len(left) != 1 || left[0].ID != messages[4].ID {
		t.Errorf("deleted %d, left %v, want the waiting one", deleted, left)
	}
}

func testListMessages(t *testing.T, s notify.Store) {
	messages := enqueued(t, s, 3)
	found, err := s.Messages(t.Context(), "", 2)
	must(t, err)
	if diff := cmp.Diff([]notify.Message{messages[2], messages[1]}, found); diff != "" {
		t.Error(diff)
	}
	found, err = s.Messages(t.Context(), notify.StateFailed, 2)
	must(t, err)
	if len(found) != 0 {
		t.Errorf("failed ones: %v", found)
	}
}

// testRaceClaim: whatever many nodes claim at once, each message is claimed by one.
func testRaceClaim(t *testing.T, s notify.Store) {
	const letters = 60
	enqueued(t, s, letters)
	var (
		mu     sync.Mutex
		claims = map[id.Message]int{}
	)
	race(t, nil, func(int) error {
		for range letters {
			claimed, err := s.ClaimMessages(context.Background(), notify.ChannelMail, noon.Add(time.Hour), noon.Add(2*time.Hour), 7)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, m := range claimed {
				claims[m.ID]++
			}
			done := len(claims) == letters
			mu.Unlock()
			if done {
				break
			}
		}
		return nil
	})
	if len(claims) != letters {
		t.Errorf("%d of %d were claimed", len(claims), letters)
	}
	for message, times := range claims {
		if times != 1 {
			t.Errorf("%s was claimed %d times", message, times)
		}
	}
}
