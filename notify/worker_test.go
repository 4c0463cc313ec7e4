package notify_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/notify"
	"gatehouse/store/sqldb"
	"gatehouse/store/storetest"
)

// post is an outbox with its workers.
type post struct {
	db    *sqldb.DB
	clock *storetest.Clock
	keys  *seal.Keys
	wake  chan struct{}
	mu    sync.Mutex
	log   bytes.Buffer
}

func (p *post) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(line)
}

func newPost(t *testing.T) *post {
	t.Helper()
	p := &post{clock: storetest.NewClock(), wake: make(chan struct{}, 1)}
	var err error
	if p.keys, err = seal.NewKeys(seal.NewMaster()); err != nil {
		t.Fatal(err)
	}
	p.db, err = sqldb.Open(t.Context(), sqldb.Options{
		URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "test.db")), Now: p.clock.Now, Enqueued: func() {
			select {
			case p.wake <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.db.Close() })
	if err := p.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// work runs a worker that looks every poll until the test ends, or stop is called.
func (p *post) work(t *testing.T, s notify.Sender, poll time.Duration) (stop func()) {
	t.Helper()
	w := &notify.Worker{
		Store: p.db, Keys: p.keys, Texts: newTexts(t), Sender: s, Now: p.clock.Now, Logger: slog.New(slog.NewTextHandler(p, nil)), Wake: p.wake, Poll: poll,
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func (p *post) enqueue(t *testing.T, to string) id.Message {
	t.Helper()
	l := letter(notify.KindPasswordReset)
	l.To = to
	message, err := notify.NewMessage(p.keys, l, p.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.db.Enqueue(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	return message.ID
}

func (p *post) message(t *testing.T, wanted id.Message) notify.Message {
	t.Helper()
	all, err := p.db.Messages(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.ID == wanted {
			return m
		}
	}
	t.Fatalf("no message %s", wanted)
	return notify.Message{}
}

func (p *post) eventually(t *testing.T, what string, message id.Message, holds func(m notify.Message) bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if holds(p.message(t, message)) {
			return
		}
	}
	t.Fatalf("%s: not within 20 s: %+v", what, p.message(t, message))
}

func is(state notify.State) func(notify.Message) bool {
	return func(m notify.Message) bool { return m.State == state }
}

// TestWorker: letters arrive at once though the worker looks rarely; refused ones are given up; nothing secret is logged or kept.
func TestWorker(t *testing.T) {
	p := newPost(t)
	server := testenv.StartMail(t, testenv.MailOptions{Refuse: func(to string) error {
		if strings.HasPrefix(to, "nobody") {
			return testenv.SMTPError(550, "<"+to+"> unknown, see https://id.example.com/confirm?token=a-b_c")
		}
		return nil
	}})
	p.work(t, sender(server, notify.StartTLS), time.Hour)
	lost, sent := p.enqueue(t, "nobody@x.example"), p.enqueue(t, "ada@x.example")
	p.eventually(t, "sent", sent, is(notify.StateSent))
	p.eventually(t, "given up", lost, is(notify.StateFailed))
	if m := p.message(t, sent); len(m.Content) != 0 || m.Sent.IsZero() || m.Attempts != 1 {
		t.Errorf("sent: %+v", m)
	}
	if m := p.message(t, lost); strings.Contains(m.LastError, "nobody") || strings.Contains(m.LastError, "token") || len(m.Content) == 0 {
		t.Errorf("given up: %+v", m)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, bad := range []string{"x.example", "a-b_c", "Lindqvist"} {
		if strings.Contains(p.log.String(), bad) {
			t.Errorf("the log has %q:\n%s", bad, p.log.String())
		}
	}
}

// TestWorkerRetries: a server that is away delays, longer each time; when it is back, the letter arrives.
func TestWorkerRetries(t *testing.T) {
	p := newPost(t)
	server := testenv.StartMail(t, testenv.MailOptions{})
	s := sender(server, notify.StartTLS)
	s.Port = testenv.FreePort(t)
	message := p.enqueue(t, "ada@x.example")
	stop := p.work(t, s, 5*time.Millisecond)
	for attempt, least := range []time.Duration{27 * time.Second, 54 * time.Second, 108 * time.Second} {
		p.eventually(t, "delayed", message, func(m notify.Message) bool {
			return m.Attempts == attempt+1 && m.LastError != "" && m.NextAttempt.Before(p.clock.Now().Add(4*time.Minute))
		})
		wait := p.message(t, message).NextAttempt.Sub(p.clock.Now())
		if wait < least || wait > least*5/4 {
			t.Errorf("attempt %d: next in %v, want about %v", attempt+1, wait, least)
		}
		p.clock.Advance(wait)
	}
	stop()
	p.work(t, sender(server, notify.StartTLS), 5*time.Millisecond)
	p.clock.Advance(time.Hour)
	p.eventually(t, "sent", message, is(notify.StateSent))
}

// TestDeadLink: a letter whose link works no more is not sent any more.
func TestDeadLink(t *testing.T) {
	p := newPost(t)
	late := p.enqueue(t, "ada@x.example")
	expires, err := time.Parse(time.RFC3339, letter(notify.KindPasswordReset).Data["expires"])
	if err != nil {
		t.Fatal(err)
	}
	p.clock.Advance(expires.Sub(p.clock.Now()))
	server := testenv.StartMail(t, testenv.MailOptions{})
	p.work(t, sender(server, notify.StartTLS), 5*time.Millisecond)
	p.eventually(t, "given up", late, is(notify.StateFailed))
	if m := p.message(t, late); m.Attempts != 1 || m.LastError != "its link works no more" {
		t.Errorf("%+v", m)
	}
	if n := len(server.Received()); n != 0 {
		t.Errorf("%d arrived", n)
	}
}

// TestNodesShareTheWork: eight workers send each letter once.
func TestNodesShareTheWork(t *testing.T) {
	p := newPost(t)
	server := testenv.StartMail(t, testenv.MailOptions{Plain: true})
	var messages []id.Message
	for range 100 {
		messages = append(messages, p.enqueue(t, "ada@x.example"))
	}
	for range 8 {
		p.work(t, sender(server, notify.NoTLS), 5*time.Millisecond)
	}
	for _, message := range messages {
		p.eventually(t, "sent", message, is(notify.StateSent))
	}
	if n := len(server.Received()); n != len(messages) {
		t.Errorf("%d arrived, want %d", n, len(messages))
	}
}

// TestShutdown: a server that hangs does not keep the program, and the letter is due again.
func TestShutdown(t *testing.T) {
	p := newPost(t)
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	server := testenv.StartMail(t, testenv.MailOptions{Hang: hang})
	message := p.enqueue(t, "ada@x.example")
	stop := p.work(t, sender(server, notify.StartTLS), 5*time.Millisecond)
	p.eventually(t, "claimed", message, func(m notify.Message) bool { return m.Attempts == 1 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("shutdown took %v", took)
	}
	if m := p.message(t, message); m.State != notify.StateWaiting {
		t.Errorf("message = %+v", m)
	}
}

// TestUnreadable: a letter whose key is gone does not stop the rest.
func TestUnreadable(t *testing.T) {
	p := newPost(t)
	good := p.keys
	var err error
	if p.keys, err = seal.NewKeys(seal.NewMaster()); err != nil {
		t.Fatal(err)
	}
	unreadable := p.enqueue(t, "ada@x.example")
	p.keys = good
	message := p.enqueue(t, "ada@x.example")
	p.work(t, &notify.Files{Envelope: envelope(), Directory: t.TempDir()}, 5*time.Millisecond)
	p.eventually(t, "sent", message, is(notify.StateSent))
	p.eventually(t, "delayed", unreadable, func(m notify.Message) bool { return m.LastError != "" })
}

// TestGivesUp: after about three days of attempts a letter is given up.
func TestGivesUp(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := notify.Message{State: notify.StateWaiting, Created: now, NextAttempt: now}
	for m.State == notify.StateWaiting {
		now = m.NextAttempt
		m.Attempts++
		m = notify.After(m, context.DeadlineExceeded, now)
	}
	if after := now.Sub(m.Created); m.State != notify.StateFailed || after < 54*time.Hour || after > 84*time.Hour {
		t.Errorf("%s after %v and %d attempts", m.State, after, m.Attempts)
	}
}
