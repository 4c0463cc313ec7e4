package sqldb

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/tenancy"
)

var (
	inTransaction = plain(`SELECT 1 WHERE $1 = 1`)
	broken        = plain(`SELECT nothing FROM nowhere`)
)

// TestPrepared: fixed statements are prepared once, those of a transaction after its end, and what is made of fragments never.
func TestPrepared(t *testing.T) {
	db, err := Open(t.Context(), Options{URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "test.db")), Now: time.Now, PoolSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for round := range 3 {
		err := db.transaction(t.Context(), func(tx *queries) error {
			if known := db.prepared.known(inTransaction.text) != nil; known != (round > 0) {
				t.Errorf("round %d: prepared: %v", round, known)
			}
			for range 2 {
				if one, err := one(t.Context(), tx, tx.read, value[int], inTransaction, 1); err != nil || one != 1 {
					t.Errorf("round %d: %d, %v", round, one, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	first := db.prepared.known(inTransaction.text)
	if _, err := one(t.Context(), db.queries, db.queries.read, value[int], inTransaction, 1); err != nil || db.prepared.known(inTransaction.text) != first {
		t.Errorf("prepared twice: %v", err)
	}
	if _, err := one(t.Context(), db.queries, db.queries.read, value[int], made("SELECT 2")); err != nil || db.prepared.known("SELECT 2") != nil {
		t.Errorf("a text of fragments is kept: %v", err)
	}
	for range 2 {
		if _, err := one(t.Context(), db.queries, db.queries.read, value[int], broken); err == nil || db.prepared.known(broken.text) != nil {
			t.Errorf("a broken statement: %v", err)
		}
	}
}

// TestPreparedSurvivesRollback: what a transaction that fails has missed is prepared all the same.
func TestPreparedSurvivesRollback(t *testing.T) {
	db, err := Open(t.Context(), Options{URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "test.db")), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	refused := errors.New("refused")
	err = db.InTx(t.Context(), func(tx tenancy.Store) error {
		_, err := all(t.Context(), tx.(*queries), tx.(*queries).read, value[int], inTransaction, 1)
		return errors.Join(refused, err)
	})
	if !errors.Is(err, refused) || db.prepared.known(inTransaction.text) == nil {
		t.Errorf("error %v", err)
	}
}
