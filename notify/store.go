package notify

import (
	"context"
	"time"

	"gatehouse/internal/id"
)

// Store is the outbox as its sender needs it. Every method is one statement.
type Store interface {
	// Enqueue adds a message.
	Enqueue(ctx context.Context, m Message) error
	// ClaimMessages takes up to limit waiting messages of a channel that are due at now, oldest first, and counts an attempt on each.
	// Nobody else gets them before until; at until they are due again.
	ClaimMessages(ctx context.Context, channel Channel, now, until time.Time, limit int) ([]Message, error)
	// SettleMessage writes State, NextAttempt, LastError, Sent and Content of a claimed message. store.ErrStale if it was claimed
	// again since (its Attempts differ) or no longer waits.
	SettleMessage(ctx context.Context, m Message) error
	// Messages lists messages in a state ("" for any), newest first.
	Messages(ctx context.Context, state State, limit int) ([]Message, error)
	// RetryMessage makes a failed message wait again, due at now, as if it had never been tried. store.ErrNotFound if no failed
	// message has the id.
	RetryMessage(ctx context.Context, message id.Message, now time.Time) error
	// DeleteMessages deletes up to limit messages that were made before a time and no longer wait, and returns how many.
	DeleteMessages(ctx context.Context, before time.Time, limit int) (int, error)
}
