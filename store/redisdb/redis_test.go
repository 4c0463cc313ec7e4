package redisdb_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/store/redisdb"
	"gatehouse/store/storetest"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func open(t *testing.T, url string, clock *storetest.Clock) *redisdb.DB {
	t.Helper()
	db, err := redisdb.Open(t.Context(), redisdb.Options{URL: secret.New(url), Prefix: "test:" + secret.Token(6) + ":", Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestConformance(t *testing.T) {
	url := testenv.Redis(t)
	storetest.Session(t, func(t *testing.T, clock *storetest.Clock) session.Store { return open(t, url, clock) })
}

// TestOutage: a server that is away is an error at once, and is used again when it is back.
func TestOutage(t *testing.T) {
	program, port := testenv.Program(t, "redis-server"), testenv.FreePort(t)
	server := testenv.StartRedis(t, program, port)
	clock := storetest.NewClock()
	db := open(t, server.URL, clock)
	key, entry := session.Key{Kind: session.KindFlow, ID: "a"}, session.Entry{Value: []byte("v"), Expires: clock.Now().Add(time.Hour)}
	if err := db.Create(t.Context(), key, entry); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	started := time.Now()
	if _, err := db.Find(t.Context(), key); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error = %v, want ErrUnavailable", err)
	}
	if _, err := db.Take(t.Context(), key); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error = %v, want ErrUnavailable", err)
	}
	if err := db.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ping = %v, want ErrUnavailable", err)
	}
	if took := time.Since(started); took > 8*time.Second {
		t.Errorf("the outage took %v to notice", took)
	}
	again := testenv.StartRedis(t, program, port)
	defer again.Stop()
	if err := db.Create(t.Context(), key, entry); err != nil {
		t.Errorf("after the restart: %v", err)
	}
}

func TestBadURLHidesPassword(t *testing.T) {
	_, err := redisdb.Open(t.Context(), redisdb.Options{URL: secret.New("redis://:hunter2@host:port/x"), Now: time.Now})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v", err)
	}
}
