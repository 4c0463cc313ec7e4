package sqldb_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/notify"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
)

// TestEnqueuedIsToldAfterTheCommit: the sender is woken when it can find the letter, and not for one that was rolled back.
func TestEnqueuedIsToldAfterTheCommit(t *testing.T) {
	var told int
	db, err := sqldb.Open(t.Context(), sqldb.Options{
		URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "test.db")), Now: time.Now, Enqueued: func() { told++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("no")
	for _, outcome := range []error{failure, nil} {
		err := db.InTx(t.Context(), func(tx tenancy.Store) error {
			if err := tx.Enqueue(t.Context(), notify.Message{ID: id.New[id.Message](), Content: []byte("x"), State: notify.StateWaiting}); err != nil {
				return err
			}
			if told != 0 {
				t.Error("told before the end of the transaction")
			}
			return outcome
		})
		if !errors.Is(err, outcome) {
			t.Fatal(err)
		}
	}
	if told != 1 {
		t.Errorf("told %d times, want once", told)
	}
}
