// Package redisdb keeps short-lived state (package session) in Redis.
//
// An entry is a hash, an index a sorted set of entry ids by time of creation. Keys of one kind share a hash tag, so that the scripts,
// which touch an entry and its indexes together, also run on Redis Cluster (where one kind therefore lives on one node). Whether an entry has expired is judged by the expiry stored in it and
// the program's clock; Redis' own expiry only collects the garbage, a while later.
package redisdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/store"
)

const (
	listLimit = 1000
	slack     = 10 * time.Minute // how much longer Redis keeps what has expired
	timeout   = time.Second      // of one dial, read or write
	retries   = 1

	// pruneBatch is how many of an index's oldest entries are looked at whenever it has grown by pruneEvery, so that an index that
	// nobody lists does not keep what has expired.
	pruneBatch = 2 * pruneEvery
	pruneEvery = 64
)

// Options say which Redis to use. URL and Now are required.
type Options struct {
	URL        secret.Text // redis://[user:password@]host:port/db, rediss:// for TLS, unix:// for a socket
	Addrs      []string    // more host:port of a Cluster, or of Sentinels; URL gives everything else
	MasterName string      // of Sentinels: what they call the master
	Prefix     string      // of every key; "" = "gatehouse:"
	Now        func() time.Time
	Logger     *slog.Logger // may be nil
}

// DB is a session.Store on Redis. It is safe for concurrent use.
type DB struct {
	client redis.UniversalClient
	prefix string
	now    func() time.Time
}

var _ session.Store = (*DB)(nil)

// Open connects lazily; a server that is away shows as store.ErrUnavailable at the first use and is used again once it is back.
// It warns if the server may evict live sessions.
func Open(ctx context.Context, o Options) (*DB, error) {
	silence()
	options, err := universal(o)
	if err != nil {
		return nil, err
	}
	db := &DB{client: redis.NewUniversalClient(options), prefix: o.Prefix, now: o.Now}
	if db.prefix == "" {
		db.prefix = "gatehouse:"
	}
	policy, err := db.client.ConfigGet(ctx, "maxmemory-policy").Result() // hosted servers refuse this; then nobody is warned
	if err == nil && policy["maxmemory-policy"] != "noeviction" && o.Logger != nil {
		o.Logger.Warn("redis_may_evict_sessions", "maxmemory_policy", policy["maxmemory-policy"], "wanted", "noeviction")
	}
	return db, nil
}

// silence keeps the library from writing lines of its own to standard error, beside the log. What it would say comes back as an error
// from each use. Its logger is one for the whole process, hence once.
var silence = sync.OnceFunc(func() { redis.SetLogger(silent{}) })

type silent struct{}

// Printf says nothing.
func (silent) Printf(context.Context, string, ...any) {}

func universal(o Options) (*redis.UniversalOptions, error) {
	single, err := redis.ParseURL(o.URL.Reveal())
	if err != nil {
		return nil, errors.New("open redis: the URL cannot be read") // the library's error may show the password
	}
	options := &redis.UniversalOptions{
		Addrs: append([]string{single.Addr}, o.Addrs...), MasterName: o.MasterName,
		Username: single.Username, Password: single.Password, DB: single.DB, TLSConfig: single.TLSConfig, PoolSize: single.PoolSize,
		DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout,
		MaxRetries: retries, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if single.Network == "unix" {
		options.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: timeout}).DialContext(ctx, "unix", single.Addr)
		}
	}
	if len(o.Addrs) > 0 && options.TLSConfig != nil {
		options.TLSConfig.ServerName = "" // each node has its own
	}
	return options, nil
}

// Ping asks the server whether it answers.
func (db *DB) Ping(ctx context.Context) error { return translate(db.client.Ping(ctx).Err()) }

// Close ends all connections.
func (db *DB) Close() error { return db.client.Close() }

// passing begins the answers of a server that cannot work now and may later.
var passing = []string{"LOADING", "READONLY", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "NOREPLICAS", "OOM", "MISCONF", "BUSY", "ERR max number of clients"}

// translate makes every failure to get an answer store.ErrUnavailable. An answer that says no is a bug and stays as it is.
func translate(err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return nil
	}
	var answered redis.Error
	refused := func(prefix string) bool { return strings.HasPrefix(answered.Error(), prefix) }
	if errors.As(err, &answered) && !slices.ContainsFunc(passing, refused) {
		return fmt.Errorf("redis: %w", err)
	}
	return fmt.Errorf("%w: redis: %w", store.ErrUnavailable, err)
}
