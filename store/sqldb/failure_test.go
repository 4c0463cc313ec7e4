package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
)

// TestSQLiteFile: the file is this user's alone, whatever its path looks like.
func TestSQLiteFile(t *testing.T) {
	for _, name := range []string{"plain.db", "100%41 ?x=y#z.db"} {
		path := filepath.Join(t.TempDir(), "made", name)
		db := open(t, "sqlite://"+path, 0, time.Now)
		if err := db.CreateUser(t.Context(), tenancy.User{ID: id.New[id.User](), Username: "ada"}); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
		if err != nil || len(files) < 3 { // with -wal and -shm
			t.Fatalf("files %v, %v", files, err)
		}
		for _, file := range append(files, path) {
			if found, err := os.Stat(file); err != nil || found.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v, %v", file, found.Mode(), err)
			}
		}
	}
}

// TestSQLiteReadsWhileWriting: who reads neither waits for who writes nor sees what is not committed.
func TestSQLiteReadsWhileWriting(t *testing.T) {
	db := open(t, "sqlite:"+filepath.Join(t.TempDir(), "test.db"), 0, time.Now)
	ada := tenancy.User{ID: id.New[id.User](), Username: "ada"}
	err := db.InTx(t.Context(), func(tx tenancy.Store) error {
		if err := tx.CreateUser(t.Context(), ada); err != nil {
			return err
		}
		if _, err := db.User(t.Context(), ada.ID); !errors.Is(err, store.ErrNotFound) { // does not wait either
			t.Errorf("before the commit: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.User(t.Context(), ada.ID); err != nil {
		t.Errorf("after the commit: %v", err)
	}
}

// TestSQLiteLocked: a file that another program holds is store.ErrUnavailable when the caller's time is up, and works later.
func TestSQLiteLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db := open(t, "sqlite:"+path, 0, time.Now)
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	holder, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if _, err := holder.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	create := func(within time.Duration, name string) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		return db.CreateUser(ctx, tenancy.User{ID: id.New[id.User](), Username: name})
	}
	begin := time.Now()
	if err := create(300*time.Millisecond, "ada"); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error = %v, want ErrUnavailable", err)
	}
	if waited := time.Since(begin); waited > 3*time.Second {
		t.Errorf("waited %v", waited)
	}
	begin = time.Now()
	if err := create(time.Minute, "ada"); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want ErrUnavailable after busy_timeout", err)
	}
	if waited := time.Since(begin); waited > 24*time.Second { // five tries take longer
		t.Errorf("waited %v, want busy_timeout of 5 seconds once", waited)
	}
	if _, err := holder.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := create(10*time.Second, "grace"); err != nil {
		t.Error(err)
	}
}

// TestPostgresConnectionsLost: a restarted server costs at most one answer per connection, which says ErrUnavailable.
func TestPostgresConnectionsLost(t *testing.T) {
	url := testenv.Postgres(t)
	db := open(t, url, 2, time.Now)
	admin, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	grant := provider.Grant{ID: id.New[id.Grant](), Expires: time.Now()}
	if err := db.CreateGrant(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	cut := func() {
		t.Helper()
		if _, err := admin.ExecContext(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
			t.Fatal(err)
		}
	}
	cut()
	for range 3 {
		if _, err = db.Grant(t.Context(), grant.ID); err != nil && !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("error = %v, want ErrUnavailable or none", err)
		}
	}
	if err != nil {
		t.Errorf("still %v", err)
	}
	err = db.InTx(t.Context(), func(tx tenancy.Store) error {
		if _, err := tx.HasSuperuser(t.Context()); err != nil {
			return err
		}
		cut()
		return tx.CreateUser(t.Context(), tenancy.User{ID: id.New[id.User](), Username: "ada"})
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("within a transaction: %v, want ErrUnavailable", err)
	}
	err = open(t, url, 1, time.Now).CreateUser(t.Context(), tenancy.User{ID: id.New[id.User](), Username: "ada"})
	if err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestPostgresRefused: a server that refuses the connection is away for the caller, and the error shows no password.
func TestPostgresRefused(t *testing.T) {
	url := testenv.Postgres(t) + "_none"
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(url), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ping: %v", err)
	}
	if err := db.Migrate(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("migrate: %v", err)
	}
}

// TestDeadlockRunsAgain: a transaction that the database gives up runs again.
func TestDeadlockRunsAgain(t *testing.T) {
	db := open(t, testenv.Postgres(t), 4, time.Now)
	people := []tenancy.User{{ID: id.New[id.User](), Username: "ada"}, {ID: id.New[id.User](), Username: "grace"}}
	for _, u := range people {
		if err := db.CreateUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	both := make(chan struct{}, 2)
	meet := func(try int) {
		if try > 1 {
			return
		}
		both <- struct{}{}
		for len(both) < 2 {
			time.Sleep(time.Millisecond)
		}
	}
	tries := make(chan int, 2)
	update := func(first, second tenancy.User) error {
		try := 0
		defer func() { tries <- try }()
		return db.InTx(t.Context(), func(tx tenancy.Store) error {
			try++
			if err := tx.RecordLogin(t.Context(), first.ID, time.Now(), "pwd", ""); err != nil {
				return err
			}
			meet(try)
			return tx.RecordLogin(t.Context(), second.ID, time.Now(), "pwd", "")
		})
	}
	done := make(chan error)
	go func() { done <- update(people[0], people[1]) }()
	go func() { done <- update(people[1], people[0]) }()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if total := <-tries + <-tries; total < 3 { // more on a busy machine, where both may be chosen as the victim
		t.Errorf("%d tries, want one of the two at least twice", total)
	}
}

// TestStatements: what the hot paths cost.
func TestStatements(t *testing.T) {
	count := 0
	db, err := sqldb.Open(t.Context(), sqldb.Options{
		URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "test.db")), Now: time.Now, Trace: func(string) { count++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ada := tenancy.User{ID: id.New[id.User](), Username: "ada"}
	if err := db.CreateUser(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		most int
		work func() error
	}{
		"standing":       {1, func() error { _, err := db.Standing(t.Context(), ada.ID); return err }},
		"API token":      {1, func() error { _, _, err := db.StandingByToken(t.Context(), "h"); return ignore(err, store.ErrNotFound) }},
		"user's page":    {1, func() error { _, err := db.UserRow(t.Context(), tenancy.System("test"), ada.ID); return err }},
		"refresh":        {1, func() error { return ignore(db.RotateGrant(t.Context(), provider.Rotation{}), store.ErrStale) }},
		"one-time code":  {1, func() error { return ignore(db.AdvanceStep(t.Context(), "f", 1, time.Now()), store.ErrStale) }},
		"revocation":     {1, func() error { return db.RevokeGrant(t.Context(), "g", time.Now(), time.Now()) }},
		"sign-in's user": {1, func() error { _, err := db.UserByIdentifier(t.Context(), "ada"); return err }},
	} {
		count = 0
		if err := c.work(); err != nil || count != c.most {
			t.Errorf("%s: %d statements, want %d, %v", name, count, c.most, err)
		}
	}
}

func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
