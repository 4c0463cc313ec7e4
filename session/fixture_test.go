package session_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/store/sqldb"
	"gatehouse/store/storetest"
)

const (
	idle     = time.Hour
	absolute = 3 * time.Hour
)

// spy is a real store that counts and can be interrupted.
type spy struct {
	session.Store
	reads, writes  atomic.Int64
	afterTake      func() // runs once, after the next Take
	lastKey        session.Key
	lastEntry      session.Entry
	fail, unlisted error // of every Create, of every List
}

func (s *spy) List(ctx context.Context, kind session.Kind, index string) ([]session.Listed, error) {
	if s.unlisted != nil {
		return nil, s.unlisted
	}
	return s.Store.List(ctx, kind, index)
}

func (s *spy) Find(ctx context.Context, key session.Key) (session.Entry, error) {
	s.reads.Add(1)
	return s.Store.Find(ctx, key)
}

func (s *spy) Create(ctx context.Context, key session.Key, entry session.Entry) error {
	s.writes.Add(1)
	if s.fail != nil {
		return s.fail
	}
	s.lastKey, s.lastEntry = key, entry
	return s.Store.Create(ctx, key, entry)
}

func (s *spy) Replace(ctx context.Context, key session.Key, entry session.Entry) error {
	s.writes.Add(1)
	return s.Store.Replace(ctx, key, entry)
}

func (s *spy) Take(ctx context.Context, key session.Key) (session.Entry, error) {
	entry, err := s.Store.Take(ctx, key)
	if work := s.afterTake; work != nil {
		s.afterTake = nil
		work()
	}
	return entry, err
}

type bench struct {
	*session.Manager
	store *spy
	clock *storetest.Clock
	db    *sqldb.DB
}

func newKeys(t *testing.T) *seal.Keys {
	t.Helper()
	keys, err := seal.NewKeys(seal.NewMaster())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func newBench(t *testing.T) bench {
	t.Helper()
	clock := storetest.NewClock()
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "test.db")), Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := &spy{Store: db.Ephemeral()}
	manager := session.New(session.ManagerConfig{Store: kept, Keys: newKeys(t), Now: clock.Now, Idle: idle, Absolute: absolute})
	return bench{manager, kept, clock, db}
}

func (b bench) start(t *testing.T, s session.Session) (secret.Text, session.Session) {
	t.Helper()
	token, started, err := b.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return token, started
}

func (b bench) wantFound(t *testing.T, token secret.Text, wanted error) session.Session {
	t.Helper()
	found, err := b.Find(t.Context(), token)
	if !errors.Is(err, wanted) || (wanted == nil && err != nil) {
		t.Errorf("Find: error = %v, want %v", err, wanted)
	}
	return found
}

func person(user id.User) session.Session {
	return session.Session{
		User: user, Organization: "org-1", AuthTime: time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC), AMR: []string{"pwd", "otp"}, ACR: "2",
		Connector: "acme", UpstreamSession: "up\x00\xff" + strings.Repeat("s", 5000), Address: "192.0.2.7", Agent: "Browser \xff/1",
	}
}
