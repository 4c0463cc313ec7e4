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
	"gatehouse/jobs"
	"gatehouse/notify"
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
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(url), Now: now, PoolSize: pool, Fields: storetest.Fields(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestConformance(t *testing.T) {
	engines(t, func(t *testing.T, open func(*testing.T, func() time.Time) *sqldb.DB) {
		fresh := func(t *testing.T) *sqldb.DB { return open(t, storetest.NewClock().Now) }
		t.Run("Tenancy", func(t *testing.T) {
			storetest.Tenancy(t, func(t *testing.T) storetest.TenancyStore { return fresh(t) })
		})
		t.Run("Factors", func(t *testing.T) { storetest.Factors(t, func(t *testing.T) storetest.FactorStore { return fresh(t) }) })
		t.Run("Provider", func(t *testing.T) {
			storetest.Provider(t, func(t *testing.T) storetest.ProviderStore { return fresh(t) })
		})
		t.Run("Clients", func(t *testing.T) { storetest.Clients(t, func(t *testing.T) storetest.ClientStore { return fresh(t) }) })
		t.Run("Outbox", func(t *testing.T) { storetest.Outbox(t, func(t *testing.T) notify.Store { return fresh(t) }) })
		t.Run("Jobs", func(t *testing.T) { storetest.Jobs(t, func(t *testing.T) jobs.Store { return fresh(t) }) })
	})
}

// TestMigrateAtOnce: several nodes start on one empty database.
func TestMigrateAtOnce(t *testing.T) {
	for name, url := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") },
		"PostgreSQL": func(t *testing.T) string { return testenv.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 5 { // one node may finish before the next begins
				migrateAtOnce(t, url(t))
			}
		})
	}
}

func migrateAtOnce(t *testing.T, address string) {
	t.Helper()
	var nodes sync.WaitGroup
	begin := make(chan struct{})
	for range 4 {
		db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(address), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		nodes.Go(func() {
			defer db.Close()
			<-begin
			if err := db.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	nodes.Wait()
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
	for _, url := range []string{"", "mysql://hunter2", "sqlite:", "sqlite::memory:", "sqlite:" + t.TempDir(), "postgres://us er:hunter2@:x/"} {
		if db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(url), Now: time.Now}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", url, err)
			if err == nil {
				_ = db.Close()
			}
		}
	}
}
