package redisdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/store/redisdb"
	"gatehouse/store/storetest"
)

// own opens a store on a server of the test's own and a plain client to look at it.
func own(t *testing.T, clock *storetest.Clock) (*redisdb.DB, *redis.Client, string) {
	t.Helper()
	server := testenv.StartRedis(t, testenv.Program(t, "redis-server"), testenv.FreePort(t))
	t.Cleanup(server.Stop)
	options, err := redis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return open(t, server.URL, clock), client, server.URL
}

func flow(id string) session.Key { return session.Key{Kind: session.KindFlow, ID: id} }

// TestNothingIsLeft: what has been taken, deleted or moved leaves no key behind.
func TestNothingIsLeft(t *testing.T) {
	clock := storetest.NewClock()
	db, client, _ := own(t, clock)
	entry := session.Entry{Value: []byte("v"), Indexes: []string{"a", "b"}, Expires: clock.Now().Add(time.Hour)}
	for _, id := range []string{"taken", "deleted", "moved"} {
		if err := db.Create(t.Context(), flow(id), entry); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Take(t.Context(), flow("taken")); err != nil {
		t.Error(err)
	}
	if err := db.Delete(t.Context(), flow("deleted")); err != nil {
		t.Error(err)
	}
	moved := entry
	moved.Indexes, moved.Version = nil, 1
	if err := db.Replace(t.Context(), flow("moved"), moved); err != nil {
		t.Error(err)
	}
	if keys := client.Keys(t.Context(), "*").Val(); len(keys) != 1 || !strings.HasSuffix(keys[0], "{flow}:e:moved") {
		t.Errorf("keys left: %q", keys)
	}
}

// TestIndexIsPruned: an index that is never listed does not keep what has expired.
func TestIndexIsPruned(t *testing.T) {
	clock := storetest.NewClock()
	db, client, _ := own(t, clock)
	for i := range 1000 {
		entry := session.Entry{Indexes: []string{"user:1"}, Expires: clock.Now().Add(time.Minute)}
		if err := db.Create(t.Context(), flow(strconv.Itoa(i)), entry); err != nil {
			t.Fatal(err)
		}
		clock.Advance(6 * time.Second) // ten are alive at any time
	}
	index := client.Keys(t.Context(), "*:i:user:1").Val()
	if size := client.ZCard(t.Context(), index[0]).Val(); size > 200 {
		t.Errorf("the index holds %d, 10 are alive", size)
	}
}

// TestGarbage: Redis drops every key by itself, but not before the program's clock says that it has expired.
func TestGarbage(t *testing.T) {
	clock := storetest.NewClock()
	db, client, _ := own(t, clock)
	entry := session.Entry{Indexes: []string{"user:1"}, Expires: clock.Now().Add(time.Hour)}
	if err := db.Create(t.Context(), flow("a"), entry); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.Hit(t.Context(), flow("h"), time.Hour); err != nil {
		t.Fatal(err)
	}
	keys := client.Keys(t.Context(), "*").Val()
	if len(keys) != 3 {
		t.Errorf("keys %q, want an entry, an index and a counter", keys)
	}
	for _, key := range keys {
		if left := client.PTTL(t.Context(), key).Val(); left < time.Hour || left > 2*time.Hour {
			t.Errorf("%s is kept for %v", key, left)
		}
	}
	entry.Expires, entry.Version = clock.Now().Add(9*time.Hour), 1
	if err := db.Replace(t.Context(), flow("a"), entry); err != nil {
		t.Fatal(err)
	}
	for _, key := range client.Keys(t.Context(), "*[ei]:*").Val() {
		if left := client.PTTL(t.Context(), key).Val(); left < 9*time.Hour && !strings.Contains(key, ":h:") {
			t.Errorf("after a longer life %s is kept for %v", key, left)
		}
	}
}

// TestCluster runs the suite on a cluster of one node, which refuses a script whose keys are in different slots.
func TestCluster(t *testing.T) {
	program, port := testenv.Program(t, "redis-server"), testenv.FreePort(t)
	server := testenv.StartRedis(t, program, port, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(testenv.FreePort(t)), "--dir", t.TempDir())
	t.Cleanup(server.Stop)
	address := "127.0.0.1:" + strconv.Itoa(port)
	node := redis.NewClient(&redis.Options{Addr: address})
	defer node.Close()
	if err := node.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(node.ClusterInfo(t.Context()).Val(), "cluster_state:ok") {
		time.Sleep(20 * time.Millisecond)
	}
	storetest.Session(t, func(t *testing.T, clock *storetest.Clock) session.Store {
		db, err := redisdb.Open(t.Context(), redisdb.Options{
			URL: secret.New("redis://" + address), Addrs: []string{address}, Prefix: "test:" + secret.Token(6) + ":", Now: clock.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	})
}

// TestUnixSocket: a URL may name a socket.
func TestUnixSocket(t *testing.T) {
	socket := t.TempDir() + "/redis.sock"
	server := testenv.StartRedis(t, testenv.Program(t, "redis-server"), testenv.FreePort(t), "--unixsocket", socket)
	t.Cleanup(server.Stop)
	if err := open(t, "unix://"+socket, storetest.NewClock()).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestScriptsAreForgotten: a server that was restarted or flushed does not know the scripts any more.
func TestScriptsAreForgotten(t *testing.T) {
	clock := storetest.NewClock()
	db, client, _ := own(t, clock)
	entry := session.Entry{Indexes: []string{"i"}, Expires: clock.Now().Add(time.Hour)}
	for _, id := range []string{"a", "b"} {
		if err := client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := db.Create(t.Context(), flow(id), entry); err != nil {
			t.Error(err)
		}
		if err := db.Delete(t.Context(), flow(id)); err != nil {
			t.Error(err)
		}
	}
}

func TestWarnsOfEviction(t *testing.T) {
	_, client, url := own(t, storetest.NewClock())
	for policy, warned := range map[string]bool{"noeviction": false, "allkeys-lru": true} {
		if err := client.ConfigSet(t.Context(), "maxmemory-policy", policy).Err(); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		db, err := redisdb.Open(t.Context(), redisdb.Options{URL: secret.New(url), Now: time.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if strings.Contains(log.String(), "redis_may_evict_sessions") != warned {
			t.Errorf("policy %s: log %q", policy, log.String())
		}
	}
}

// TestFullServer: a server without room is unavailable, and still answers what needs none.
func TestFullServer(t *testing.T) {
	clock := storetest.NewClock()
	db, client, _ := own(t, clock)
	entry := session.Entry{Value: []byte("v"), Expires: clock.Now().Add(time.Hour)}
	if err := db.Create(t.Context(), flow("a"), entry); err != nil {
		t.Fatal(err)
	}
	if err := client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := db.Create(t.Context(), flow("b"), entry); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error = %v, want ErrUnavailable", err)
	}
	if _, err := db.Find(t.Context(), flow("a")); err != nil {
		t.Error(err)
	}
}

// TestSilentServer: a server that takes connections and never answers is noticed within seconds.
func TestSilentServer(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go swallow(listener)
	started := time.Now()
	db := open(t, fmt.Sprintf("redis://%s/0", listener.Addr()), storetest.NewClock())
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("Open took %v", took)
	}
	started = time.Now()
	if _, err := db.Find(t.Context(), flow("a")); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error = %v, want ErrUnavailable", err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("Find took %v", took)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	started = time.Now()
	if _, err := db.Take(ctx, flow("a")); !errors.Is(err, store.ErrUnavailable) || time.Since(started) > time.Second {
		t.Errorf("with a deadline of 50ms: %v after %v", err, time.Since(started))
	}
}

func swallow(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(io.Discard, connection) }()
	}
}
