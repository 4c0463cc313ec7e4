package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/store/sqldb"
	"gatehouse/store/storetest"
)

// TestSessionConformance runs the suite on one database per engine, because making one takes longer than a test of the suite.
func TestSessionConformance(t *testing.T) {
	engines(t, func(t *testing.T, open func(*testing.T, func() time.Time) *sqldb.DB) {
		var now atomic.Pointer[storetest.Clock]
		now.Store(storetest.NewClock())
		ephemeral := open(t, func() time.Time { return now.Load().Now() }).Ephemeral()
		storetest.Session(t, func(t *testing.T, clock *storetest.Clock) session.Store {
			t.Helper()
			future := storetest.NewClock()
			future.Advance(100 * 365 * 24 * time.Hour)
			now.Store(future)
			if _, err := ephemeral.Sweep(t.Context(), 1_000_000); err != nil {
				t.Fatal(err)
			}
			now.Store(clock)
			return ephemeral
		})
	})
}

func TestSweep(t *testing.T) {
	engines(t, func(t *testing.T, open func(*testing.T, func() time.Time) *sqldb.DB) {
		clock := storetest.NewClock()
		ephemeral := open(t, clock.Now).Ephemeral()
		for _, id := range []string{"a", "b", "c"} {
			if err := ephemeral.Create(t.Context(), session.Key{Kind: session.KindFlow, ID: id}, session.Entry{Expires: clock.Now().Add(time.Minute), Indexes: []string{"i"}}); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := ephemeral.Hit(t.Context(), session.Key{Kind: session.KindAttempt, ID: "h"}, time.Minute); err != nil {
			t.Fatal(err)
		}
		if swept, err := ephemeral.Sweep(t.Context(), 10); err != nil || swept != 0 {
			t.Errorf("swept %d live rows, %v", swept, err)
		}
		clock.Advance(2 * time.Minute)
		if swept, err := ephemeral.Sweep(t.Context(), 2); err != nil || swept != 3 {
			t.Errorf("swept %d, want 2 entries and 1 counter, %v", swept, err)
		}
		if swept, err := ephemeral.Sweep(t.Context(), 2); err != nil || swept != 1 {
			t.Errorf("swept %d, want the rest, %v", swept, err)
		}
	})
}

// TestSweepSparesTheReborn: an entry or a counter that another node uses anew while Sweep waits for its row lives on.
func TestSweepSparesTheReborn(t *testing.T) {
	address, clock := testenv.Postgres(t), storetest.NewClock()
	ephemeral := open(t, address, 0, clock.Now).Ephemeral()
	other, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	key := session.Key{Kind: session.KindReplay, ID: "a"}
	if err := ephemeral.Create(t.Context(), key, session.Entry{Expires: clock.Now().Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	sweepWhile(t, ephemeral, other, "UPDATE ephemeral SET expires = $1", clock.Now().Add(time.Minute))
	if _, err := ephemeral.Find(t.Context(), key); err != nil {
		t.Errorf("the entry is gone: %v", err)
	}
	if _, _, err := ephemeral.Hit(t.Context(), key, time.Minute); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	sweepWhile(t, ephemeral, other, "UPDATE ephemeral_hits SET ends = $1", clock.Now().Add(time.Minute))
	if count, _, err := ephemeral.Hit(t.Context(), key, time.Minute); err != nil || count != 2 {
		t.Errorf("the counter is at %d, %v, want 2", count, err)
	}
}

// sweepWhile runs Sweep while another node's update of the row is not committed yet.
func sweepWhile(t *testing.T, ephemeral sqldb.Ephemeral, other *sql.DB, update string, until time.Time) {
	t.Helper()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), update, until.UnixMicro()); err != nil {
		t.Fatal(err)
	}
	swept := make(chan error, 1)
	go func() {
		_, err := ephemeral.Sweep(context.Background(), 10)
		swept <- err
	}()
	waitForLock(t, other)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-swept; err != nil {
		t.Error(err)
	}
}

// waitForLock returns once a session of the database waits for a lock.
func waitForLock(t *testing.T, db *sql.DB) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var waiting int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting > 0 {
			return
		}
	}
	t.Fatal("nobody waits for the row")
}

// TestRestartKeepsEntries: a new process on the same SQLite file goes on where the old one ended.
func TestRestartKeepsEntries(t *testing.T) {
	address, clock := "sqlite:"+t.TempDir()+"/test.db", storetest.NewClock()
	key := session.Key{Kind: session.KindSession, ID: "a"}
	db := open(t, address, 0, clock.Now)
	if err := db.Ephemeral().Create(t.Context(), key, session.Entry{Value: []byte("v"), Expires: clock.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if found, err := open(t, address, 0, clock.Now).Ephemeral().Find(t.Context(), key); err != nil || string(found.Value) != "v" {
		t.Errorf("found %q, %v", found.Value, err)
	}
}

// TestEphemeralUnreachable: every operation says so.
func TestEphemeralUnreachable(t *testing.T) {
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("postgres://user@127.0.0.1:1/none"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ephemeral, key, entry := db.Ephemeral(), session.Key{Kind: session.KindFlow, ID: "a"}, session.Entry{Indexes: []string{"i"}}
	for name, operation := range map[string]func(ctx context.Context) error{
		"Create":  func(ctx context.Context) error { return ephemeral.Create(ctx, key, entry) },
		"Find":    func(ctx context.Context) error { _, err := ephemeral.Find(ctx, key); return err },
		"Replace": func(ctx context.Context) error { return ephemeral.Replace(ctx, key, entry) },
		"Take":    func(ctx context.Context) error { _, err := ephemeral.Take(ctx, key); return err },
		"Delete":  func(ctx context.Context) error { return ephemeral.Delete(ctx, key) },
		"Any":     func(ctx context.Context) error { _, err := ephemeral.Any(ctx, key); return err },
		"List":    func(ctx context.Context) error { _, err := ephemeral.List(ctx, key.Kind, "i"); return err },
		"Hit":     func(ctx context.Context) error { _, _, err := ephemeral.Hit(ctx, key, time.Minute); return err },
		"Sweep":   func(ctx context.Context) error { _, err := ephemeral.Sweep(ctx, 1); return err },
	} {
		if err := operation(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
}
