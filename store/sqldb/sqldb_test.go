package sqldb_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/store/sqldb"
	"gatehouse/store/storetest"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// engines are the databases that everything runs on. With a pool of one connection a store that leaves its own transaction freezes.
func engines(t *testing.T, run func(t *testing.T, open func(t *testing.T, now func() time.Time) *sqldb.DB)) {
	sqlite := func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") }
	for name, engine := range map[string]struct {
		url  func(*testing.T) string
		pool int
	}{
		"SQLite": {sqlite, 0}, "SQLitePoolOfOne": {sqlite, 1},
		"PostgreSQL":          {func(t *testing.T) string { return testenv.Postgres(t) }, 0},
		"PostgreSQLPoolOfOne": {func(t *testing.T) string { return testenv.Postgres(t) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, now func() time.Time) *sqldb.DB {
				t.Helper()
				return open(t, engine.url(t), engine.pool, now)
			})
		})
	}
}

func open(t *testing.T, url string, pool int, now func() time.Time) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(url), Now: now, PoolSize: pool})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestSessionConformance(t *testing.T) {
	engines(t, func(t *testing.T, open func(*testing.T, func() time.Time) *sqldb.DB) {
		storetest.Session(t, func(t *testing.T, clock *storetest.Clock) session.Store { return open(t, clock.Now).Ephemeral() })
	})
}

func TestConformance(t *testing.T) {
	engines(t, func(t *testing.T, open func(*testing.T, func() time.Time) *sqldb.DB) {
		fresh := func(t *testing.T) *sqldb.DB { return open(t, storetest.NewClock().Now) }
		t.Run("Tenancy", func(t *testing.T) {
			storetest.Tenancy(t, func(t *testing.T) storetest.TenancyStore { return fresh(t) })
		})
		t.Run("Factors", func(t *testing.T) { storetest.Factors(t, func(t *testing.T) storetest.FactorStore { return fresh(t) }) })
		t.Run("Provider", func(t *testing.T) { storetest.Provider(t, func(t *testing.T) storetest.ProviderStore { return fresh(t) }) })
	})
}

// TestMigrateAtOnce: several nodes start on one empty database.
func TestMigrateAtOnce(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") },
		"PostgreSQL": func(t *testing.T) string { return testenv.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			address := url(t)
			var nodes sync.WaitGroup
			for range 4 {
				nodes.Go(func() {
					db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(address), Now: time.Now})
					if err != nil {
						t.Error(err)
						return
					}
					defer db.Close()
					if err := db.Migrate(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			nodes.Wait()
		})
	}
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

// TestUnreachable: a database that is away is store.ErrUnavailable, and no error shows the password.
func TestUnreachable(t *testing.T) {
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("postgres://user:hunter2@127.0.0.1:1/none"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.User(t.Context(), "u")
	if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v, want ErrUnavailable without password", err)
	}
	for _, url := range []string{"", "mysql://hunter2", "sqlite:", "postgres://us er:hunter2@:x/"} {
		if db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(url), Now: time.Now}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
			if err == nil {
				_ = db.Close()
			}
		}
	}
}
