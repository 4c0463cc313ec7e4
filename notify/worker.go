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

// Worker sends what waits in the outbox. Several nodes may each run one. All fields but Logouts, Wake and Poll are required.
type Worker struct {
	Store   Store
	Keys    *seal.Keys
	Texts   *Texts
	Sender  Sender
	Logouts *Logouts // nil: notices of ended sessions stay where they are
	Now     func() time.Time
	Logger  *slog.Logger
	Wake    <-chan struct{} // a message has come in; may be nil
	Poll    time.Duration   // between looks for messages of other nodes; 0 = 5 s
}

const (
	lanes     = 2 // of each channel; one slow server's answer does not hold up everything
	batchSize = 20
	// A batch is given up before its lease ends, so that no message is sent by two at once.
	leaseTime = 5 * time.Minute
	batchTime = 4 * time.Minute
	// About three days of attempts: 30 s, 1 min, 2 min … 4 h, then every 6 h.
	maxAttempts  = 20
	firstBackoff = 30 * time.Second
	maxBackoff   = 6 * time.Hour
	settleTime   = 5 * time.Second
)

// delivery sends claimed messages of one channel and settles each.
type delivery func(ctx context.Context, claimed []Message)

// Run sends until ctx ends; it returns within seconds then. A message whose fate was not known yet is sent again after its lease.
func (w *Worker) Run(ctx context.Context) {
	channels := map[Channel]delivery{ChannelMail: w.mails}
	if w.Logouts != nil {
		channels[ChannelLogout] = w.notices
	}
	var (
		all   sync.WaitGroup
		wakes []chan struct{}
	)
	for channel, deliver := range channels {
		for range lanes {
			wake := make(chan struct{}, 1)
			wakes = append(wakes, wake)
			all.Go(func() { w.lane(ctx, channel, deliver, wake) })
		}
	}
	all.Go(func() { w.spread(ctx, wakes) })
	all.Wait()
}

// spread wakes every lane: nobody has said of which channel the message is.
func (w *Worker) spread(ctx context.Context, wakes []chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.Wake:
		}
		for _, wake := range wakes {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	}
}

func (w *Worker) lane(ctx context.Context, channel Channel, deliver delivery, wake <-chan struct{}) {
	ticker := time.NewTicker(cmp.Or(w.Poll, 5*time.Second))
	defer ticker.Stop()
	for {
		claimed, err := w.batch(ctx, channel, deliver)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.Logger.WarnContext(ctx, "outbox_not_read", "channel", channel, "error", err)
		case claimed == batchSize:
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-wake:
		}
	}
}

// batch claims, sends and settles some messages; it returns how many there were.
func (w *Worker) batch(ctx context.Context, channel Channel, deliver delivery) (int, error) {
	now := w.Now()
	claimed, err := w.Store.ClaimMessages(ctx, channel, now, now.Add(leaseTime), batchSize)
	if err != nil {
		return 0, fmt.Errorf("claim messages: %w", err)
	}
	if len(claimed) > 0 {
		sending, cancel := context.WithTimeout(ctx, batchTime)
		defer cancel()
		deliver(sending, claimed)
	}
	return len(claimed), nil
}

// mails sends letters one after the other.
func (w *Worker) mails(ctx context.Context, claimed []Message) {
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
		w.Sender.Send(ctx, mails, func(i int, err error) { w.settle(ctx, messages[i], err) })
	}
}

// notices are sent all at once: each goes to a server of its own, and a client that does not answer must not hold up the others.
func (w *Worker) notices(ctx context.Context, claimed []Message) {
	var all sync.WaitGroup
	for _, message := range claimed {
		all.Go(func() { w.settle(ctx, message, w.notice(ctx, message)) })
	}
	all.Wait()
}

func (w *Worker) notice(ctx context.Context, message Message) error {
	notice, err := message.Notice(w.Keys)
	if err != nil {
		return err
	}
	return w.Logouts.tell(ctx, notice, message.Attempts)
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
	attributes := []any{"message", m.ID, "channel", m.Channel, "kind", m.Kind, "attempt", m.Attempts}
	switch {
	case errors.Is(failure, ErrNotTried):
	case m.State == StateSent:
		w.Logger.InfoContext(ctx, "message_sent", attributes...)
	case m.State == StateFailed:
		w.Logger.ErrorContext(ctx, "message_given_up", append(attributes, "error", m.LastError)...)
	default:
		w.Logger.WarnContext(ctx, "message_delayed", append(attributes, "error", m.LastError, "next", m.NextAttempt)...)
	}
	settling, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	switch err := w.Store.SettleMessage(settling, m); {
	case errors.Is(err, store.ErrStale):
		w.Logger.WarnContext(ctx, "message_lease_lost", attributes...)
	case err != nil: // it is sent again after its lease
		w.Logger.ErrorContext(ctx, "message_not_settled", append(attributes, "error", err)...)
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
