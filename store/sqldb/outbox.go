package sqldb

import (
	"context"

	"gatehouse/notify"
)

var messageInsert = plain(`INSERT INTO outbox (id, kind, recipient, language, content, state, attempts, next_attempt, last_error, created, sent)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`)

// Enqueue implements tenancy.Outbox and notify.Store.
func (q *queries) Enqueue(ctx context.Context, m notify.Message) error {
	_, err := q.exec(ctx, messageInsert, string(m.ID), string(m.Kind), m.Recipient, m.Language, m.Content, string(m.State), m.Attempts,
		micros(m.NextAttempt), m.LastError, micros(m.Created), micros(m.Sent))
	return err
}
