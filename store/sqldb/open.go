// Package sqldb stores everything durable in SQLite or PostgreSQL, and, where no Redis is configured, the short-lived state too.
//
// One SQL text serves both engines. DB implements the Store of tenancy, mfa, provider, notify and jobs; DB.Ephemeral is a session.Store.
package sqldb

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	_ "modernc.org/sqlite" // driver "sqlite"

	"gatehouse/internal/secret"
	"gatehouse/tenancy"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options say which database to open. URL and Now are required.
type Options struct {
	URL      secret.Text // "sqlite:///absolute/path", "sqlite:relative/path" or "postgres://…"
	Now      func() time.Time
	Logger   *slog.Logger      // may be nil
	PoolSize int               // connections at the most; 0 = 8. SQLite adds one writer, or has one connection at all if it is 1
	Trace    func(text string) // called with each statement but BEGIN and COMMIT, for counting; may be nil
	Enqueued func()            // called when a message has come into the outbox, after the commit; must not block; may be nil
	Fields   tenancy.Fields    // of users: which of them are searched and unique
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	*queries
	write, read *sql.DB
	prepared    *prepared // of write; nil on PostgreSQL
	dialect     goose.Dialect
	path        string // of the SQLite file
	now         func() time.Time
	logger      *slog.Logger
	trace       func(string)
	enqueued    func()
	counts      counts
	fields      tenancy.Fields
}

// Open connects lazily: a PostgreSQL server that is away shows at the first statement, as store.ErrUnavailable. Call Migrate next.
func Open(_ context.Context, o Options) (*DB, error) {
	db := &DB{now: o.Now, logger: o.Logger, trace: o.Trace, enqueued: o.Enqueued, fields: o.Fields, counts: counts{now: o.Now}}
	if db.logger == nil {
		db.logger = slog.New(slog.DiscardHandler)
	}
	if db.enqueued == nil {
		db.enqueued = func() {}
	}
	if o.PoolSize == 0 {
		o.PoolSize = 8
	}
	var err error
	switch scheme, rest, _ := strings.Cut(o.URL.Reveal(), ":"); scheme {
	case "sqlite":
		err = db.openSQLite(strings.TrimPrefix(rest, "//"), o.PoolSize)
	case "postgres", "postgresql":
		err = db.openPostgres(o)
	default:
		err = errors.New(`the URL must begin with "sqlite:" or "postgres:"`)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.connect()
	return db, nil
}

func (db *DB) connect() {
	db.queries = &queries{db: db, read: direct{db.read}, write: direct{db.write}}
	if db.dialect != goose.DialectSQLite3 {
		return
	}
	db.prepared = newPrepared(db.write)
	db.queries.write, db.queries.read = db.prepared, db.prepared
	if db.read != db.write {
		db.queries.read = newPrepared(db.read)
	}
}

// inTransaction runs statements in a transaction. learn is for after its end.
func (db *DB) inTransaction(tx *sql.Tx) (on connection, learn func(ctx context.Context)) {
	if db.prepared == nil {
		return direct{tx}, func(context.Context) {}
	}
	prepared := &preparedTx{direct: direct{tx}, tx: tx, pool: db.prepared}
	return prepared, prepared.learn
}

// openSQLite uses one writer, because SQLite has one at a time, and readers that never wait for it (WAL).
func (db *DB) openSQLite(path string, pool int) error {
	if path == "" || strings.Contains(path, ":memory:") { // each connection would have a memory of its own
		return errors.New("the SQLite URL names no file")
	}
	if err := createPrivate(path); err != nil {
		return err
	}
	name := "file:" + uriEscaper.Replace(path) + "?"
	pragmas := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)"}, "_txlock": {"immediate"}}
	var err error
	db.dialect, db.path = goose.DialectSQLite3, path
	if db.write, err = sql.Open("sqlite", name+pragmas.Encode()); err != nil {
		return err
	}
	db.write.SetMaxOpenConns(1)
	if pool == 1 {
		db.read = db.write
		return nil
	}
	pragmas.Set("_txlock", "deferred")
	pragmas.Add("_pragma", "query_only(1)")
	db.read, err = sql.Open("sqlite", name+pragmas.Encode())
	if err != nil {
		return err
	}
	db.read.SetMaxOpenConns(pool)
	db.read.SetMaxIdleConns(pool)
	return nil
}

// uriEscaper makes a path part of a SQLite URI (sqlite.org/uri.html).
var uriEscaper = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

// createPrivate makes the file, with its directory, for this user alone: it holds hashes and sealed keys, and SQLite itself would let
// everybody read it. The files beside it (-wal, -shm) get the same mode.
func createPrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

const connectTimeout = 5 * time.Second

func (db *DB) openPostgres(o Options) error {
	settings, err := pgx.ParseConfig(o.URL.Reveal())
	if err != nil {
		return errors.New("the PostgreSQL URL cannot be read") // the driver's error may show the password
	}
	if settings.ConnectTimeout == 0 { // the URL may say connect_timeout
		settings.ConnectTimeout = connectTimeout
	}
	pool := stdlib.OpenDB(*settings)
	pool.SetMaxOpenConns(o.PoolSize)
	pool.SetMaxIdleConns(o.PoolSize)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	db.dialect, db.write, db.read = goose.DialectPostgres, pool, pool
	return nil
}

// Migrate brings the schema up to this version. Any number of nodes may call it at once.
func (db *DB) Migrate(ctx context.Context) error {
	release, err := db.lockFile()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer release()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	var options []goose.ProviderOption
	if db.dialect == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120))
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	migrator, err := goose.NewProvider(db.dialect, db.write, files, options...)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	applied, err := migrator.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrate: %w", translate(err))
	}
	if len(applied) > 0 {
		db.logger.InfoContext(ctx, "database migrated", "version", applied[len(applied)-1].Source.Version, "steps", len(applied))
	}
	return db.indexSearch(ctx)
}

// lockFile keeps other processes on the same SQLite file from migrating at the same time.
func (db *DB) lockFile() (release func(), err error) {
	if db.path == "" {
		return func() {}, nil
	}
	file, err := os.OpenFile(db.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { _ = file.Close() }, nil // closing unlocks
}

// Ping asks the database whether it answers.
func (db *DB) Ping(ctx context.Context) error { return translate(db.read.PingContext(ctx)) }

// Close ends all connections.
func (db *DB) Close() error {
	if db.read == db.write {
		return db.write.Close()
	}
	return errors.Join(db.read.Close(), db.write.Close())
}
