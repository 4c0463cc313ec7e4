package sqldb

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/store"
)

const messageColumns = `id, channel, kind, recipient, language, content, state, attempts, next_attempt, last_error, created, sent`

var (
	messageInsert = plain(`INSERT INTO outbox (` + messageColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`)
	// The outer tests are made again on a row that another node has claimed since the inner ones.
	messagesClaim = plain(`UPDATE outbox SET attempts = attempts + 1, next_attempt = $2 WHERE state = 'waiting' AND next_attempt <= $1
		AND id IN (SELECT id FROM outbox WHERE channel = $4 AND state = 'waiting' AND next_attempt <= $1 ORDER BY next_attempt, id LIMIT $3)
		RETURNING ` + messageColumns)
	messagesTo    = plain(`SELECT COUNT(*) FROM outbox WHERE lower(recipient) = lower($1) AND created > $3 AND kind = $2`)
	messageSettle = plain(`UPDATE outbox SET state = $3, next_attempt = $4, last_error = $5, sent = $6, content = $7
		WHERE id = $1 AND attempts = $2 AND state = 'waiting'`)
	messagesList   = plain(`SELECT ` + messageColumns + ` FROM outbox WHERE $1 = '' OR state = $1 ORDER BY created DESC, id DESC LIMIT $2`)
	messageRetry   = plain(`UPDATE outbox SET state = 'waiting', attempts = 0, next_attempt = $2 WHERE id = $1 AND state = 'failed'`)
	messagesDelete = plain(`DELETE FROM outbox WHERE state <> 'waiting'
		AND id IN (SELECT id FROM outbox WHERE state <> 'waiting' AND created < $1 ORDER BY created LIMIT $2)`)
)

// Enqueue implements tenancy.Outbox and notify.Store.
func (q *queries) Enqueue(ctx context.Context, m notify.Message) error {
	_, err := q.exec(ctx, messageInsert, string(m.ID), string(m.Channel), string(m.Kind), m.Recipient, m.Language, m.Content, string(m.State), m.Attempts,
		micros(m.NextAttempt), m.LastError, micros(m.Created), micros(m.Sent))
	switch {
	case err != nil:
		return err
	case q.tx != nil:
		q.tx.enqueued = true
	default:
		q.db.enqueued()
	}
	return nil
}

// MessagesTo implements tenancy.Outbox.
func (q *queries) MessagesTo(ctx context.Context, recipient string, kind notify.Kind, after time.Time) (int, error) {
	scan := func(row scanner) (count int, err error) { return count, row.Scan(&count) }
	return one(ctx, q, q.read, scan, messagesTo, recipient, string(kind), micros(after))
}

// ClaimMessages implements notify.Store. It is a transaction, so that it is run again where two nodes stood in each other's way.
func (q *queries) ClaimMessages(ctx context.Context, channel notify.Channel, now, until time.Time, limit int) ([]notify.Message, error) {
	var claimed []notify.Message
	err := q.transaction(ctx, func(tx *queries) error {
		var err error
		claimed, err = all(ctx, tx, tx.write, scanMessage, messagesClaim, micros(now), micros(until), limit, string(channel))
		return err
	})
	slices.SortFunc(claimed, func(a, b notify.Message) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return claimed, err
}

// SettleMessage implements notify.Store.
func (q *queries) SettleMessage(ctx context.Context, m notify.Message) error {
	content := m.Content
	if content == nil {
		content = []byte{}
	}
	return q.conditional(ctx, messageSettle, string(m.ID), m.Attempts, string(m.State), micros(m.NextAttempt), m.LastError, micros(m.Sent), content)
}

// Messages implements notify.Store.
func (q *queries) Messages(ctx context.Context, state notify.State, limit int) ([]notify.Message, error) {
	return all(ctx, q, q.read, scanMessage, messagesList, string(state), limit)
}

// RetryMessage implements notify.Store.
func (q *queries) RetryMessage(ctx context.Context, message id.Message, now time.Time) error {
	changed, err := q.exec(ctx, messageRetry, string(message), micros(now))
	switch {
	case err != nil:
		return err
	case changed == 0:
		return store.ErrNotFound
	}
	q.db.enqueued()
	return nil
}

// DeleteMessages implements notify.Store.
func (q *queries) DeleteMessages(ctx context.Context, before time.Time, limit int) (int, error) {
	deleted, err := q.exec(ctx, messagesDelete, micros(before), limit)
	return int(deleted), err
}

func scanMessage(row scanner) (notify.Message, error) {
	var (
		m                   notify.Message
		next, created, sent int64
	)
	err := row.Scan(&m.ID, &m.Channel, &m.Kind, &m.Recipient, &m.Language, &m.Content, &m.State, &m.Attempts, &next, &m.LastError, &created, &sent)
	m.NextAttempt, m.Created, m.Sent = fromMicros(next), fromMicros(created), fromMicros(sent)
	return m, err
}
