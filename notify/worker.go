package notify

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gatehouse/internal/seal"
	"gatehouse/store"
)

// Worker sends what waits in the outbox. Several nodes may each run one. All fields but Wake and Poll are required.
type Worker struct {
	Store  Store
	Keys   *seal.Keys
	Texts  *Texts
	Sender Sender
	Now    func() time.Time
	Logger *slog.Logger
	Wake   <-chan struct{} // a letter has come in; may be nil
	Poll   time.Duration   // between looks for letters of other nodes; 0 = 5 s
}

const (
	lanes     = 2 // connections at once; one slow server's answer does not hold up everything
	batchSize = 20
	// A batch is given up before its lease ends, so that no letter is sent by two at once.
	leaseTime = 5 * time.Minute
	batchTime = 4 * time.Minute
	// About three days of attempts: 30 s, 1 min, 2 min … 4 h, then every 6 h.
	maxAttempts  = 20
	firstBackoff = 30 * time.Second
	maxBackoff   = 6 * time.Hour
	settleTime   = 5 * time.Second
)

// Run sends until ctx ends; it returns within seconds then. A letter whose fate was not known yet is sent again after its lease.
func (w *Worker) Run(ctx context.Context) {
	var all sync.WaitGroup
	for range lanes {
		all.Go(func() { w.lane(ctx) })
	}
	all.Wait()
}

func (w *Worker) lane(ctx context.Context) {
	ticker := time.NewTicker(cmp.Or(w.Poll, 5*time.Second))
	defer ticker.Stop()
	for {
		claimed, err := w.batch(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.Logger.WarnContext(ctx, "outbox_not_read", "error", err)
		case claimed == batchSize:
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-w.Wake:
		}
	}
}

// batch claims, sends and settles some letters; it returns how many there were.
func (w *Worker) batch(ctx context.Context) (int, error) {
	now := w.Now()
	claimed, err := w.Store.ClaimMessages(ctx, now, now.Add(leaseTime), batchSize)
	if err != nil {
		return 0, fmt.Errorf("claim messages: %w", err)
	}
	var (
		messages []Message
		mails    []Mail
	)
	for _, message := range claimed {
		mail, err := w.mail(message)
		if err != nil {
			w.settle(ctx, message, err)
			continue
		}
		messages, mails = append(messages, message), append(mails, mail)
	}
	if len(mails) > 0 {
		sending, cancel := context.WithTimeout(ctx, batchTime)
		defer cancel()
		w.Sender.Send(sending, mails, func(i int, err error) { w.settle(ctx, messages[i], err) })
	}
	return len(claimed), nil
}

func (w *Worker) mail(message Message) (Mail, error) {
	letter, err := message.Letter(w.Keys)
	if err != nil {
		return Mail{}, err
	}
	if ends, err := time.Parse(time.RFC3339, letter.Data["expires"]); err == nil && !w.Now().Before(ends) {
		return Mail{}, ErrOver
	}
	mail, err := w.Texts.Render(letter)
	mail.ID = message.ID
	return mail, err
}

// settle writes what became of a message, also while the program ends, and logs it without address and text.
func (w *Worker) settle(ctx context.Context, m Message, failure error) {
	m = After(m, failure, w.Now())
	attributes := []any{"message", m.ID, "kind", m.Kind, "attempt", m.Attempts}
	switch {
	case errors.Is(failure, ErrNotTried):
	case m.State == StateSent:
		w.Logger.InfoContext(ctx, "mail_sent", attributes...)
	case m.State == StateFailed:
		w.Logger.ErrorContext(ctx, "mail_given_up", append(attributes, "error", m.LastError)...)
	default:
		w.Logger.WarnContext(ctx, "mail_delayed", append(attributes, "error", m.LastError, "next", m.NextAttempt)...)
	}
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	switch err := w.Store.SettleMessage(settling, m); {
	case errors.Is(err, store.ErrStale):
		w.Logger.WarnContext(ctx, "mail_lease_lost", attributes...)
	case err != nil: // it is sent again after its lease
		w.Logger.ErrorContext(ctx, "mail_not_settled", append(attributes, "error", err)...)
	}
}

// After is a claimed message after an attempt that ended with failure (nil: sent): sent, to be tried again later, or given up.
func After(m Message, failure error, now time.Time) Message {
	switch {
	case failure == nil:
		m.State, m.Sent, m.LastError, m.Content = StateSent, now, "", nil
	case errors.Is(failure, ErrNotTried):
		m.NextAttempt = now
	case errors.Is(failure, ErrRefused), errors.Is(failure, ErrOver), m.Attempts >= maxAttempts:
		m.State, m.LastError = StateFailed, Scrub(failure.Error())
	default:
		m.NextAttempt, m.LastError = now.Add(backoff(m.Attempts)), Scrub(failure.Error())
	}
	return m
}

// backoff doubles with each attempt, from the first, and varies by a fifth, so that letters which failed together do not come back together.
func backoff(attempts int) time.Duration {
	wait := firstBackoff << min(max(attempts-1, 0), 12)
	wait = min(wait, maxBackoff)
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	jitter := time.Duration(binary.BigEndian.Uint64(random[:]) % uint64(wait/5))
	return wait - wait/10 + jitter
}
