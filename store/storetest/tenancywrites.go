package storetest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// membership finds the one that newWorld made.
func (w *world) membership(t *testing.T, user id.User, organization id.Organization) tenancy.Membership {
	t.Helper()
	found, err := w.Memberships(t.Context(), w.all, user)
	must(t, err)
	for _, m := range found {
		if m.Organization == organization {
			return m
		}
	}
	t.Fatalf("user %s is not in %s", user, organization)
	return tenancy.Membership{}
}

func testSetRole(t *testing.T, w *world) {
	inA, inB := w.membership(t, w.both.ID, w.a.ID), w.membership(t, w.both.ID, w.b.ID)
	later := noon.Add(time.Minute)
	want(t, w.SetRole(t.Context(), w.inA, inB.ID, tenancy.Member, tenancy.Manager, later), store.ErrStale)
	want(t, w.SetRole(t.Context(), w.scope(t, w.both.ID), inA.ID, tenancy.Member, tenancy.Manager, later), store.ErrStale)
	want(t, w.SetRole(t.Context(), w.inA, inA.ID, tenancy.Manager, tenancy.Member, later), store.ErrStale)
	want(t, w.SetRole(t.Context(), w.inA, "none", tenancy.Member, tenancy.Manager, later), store.ErrStale)
	wantConflict(t, w.SetRole(t.Context(), w.inA, inA.ID, tenancy.Member, tenancy.Owner, later), "owner")
	must(t, w.SetRole(t.Context(), w.inA, inA.ID, tenancy.Member, tenancy.Manager, later))
	inA.Role, inA.Modified, inA.Version = tenancy.Manager, later, 2
	if diff := cmp.Diff(inA, w.membership(t, w.both.ID, w.a.ID)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(inB, w.membership(t, w.both.ID, w.b.ID)); diff != "" {
		t.Errorf("the other organization's membership: %s", diff)
	}
	if won := race(t, store.ErrStale, func(int) error {
		return w.SetRole(context.Background(), w.all, inB.ID, tenancy.Member, tenancy.Manager, later)
	}); won != 1 {
		t.Errorf("%d changed one role", won)
	}
}

var errLost = errors.New("not the first")

func testOnce(t *testing.T, w *world) {
	once := func(s tenancy.Store, name string) error {
		first, err := s.Once(context.Background(), name)
		if err == nil && !first {
			return errLost
		}
		return err
	}
	want(t, w.InTx(t.Context(), func(tx tenancy.Store) error {
		must(t, once(tx, "a"))
		return errOnPurpose
	}), errOnPurpose)
	if won := race(t, errLost, func(int) error {
		return w.InTx(context.Background(), func(tx tenancy.Store) error { return once(tx, "a") })
	}); won != 1 {
		t.Errorf("%d were the first", won)
	}
	want(t, once(w, "a"), errLost)
	want(t, once(w, "clients"), nil) // names of other counters do not clash
}

// testRefusal: whatever work does with a refused statement, its transaction writes nothing, on every engine.
func testRefusal(t *testing.T, w *world) {
	err := w.InTx(t.Context(), func(tx tenancy.Store) error {
		must(t, tx.CreateUser(context.Background(), newUser("before", "")))
		wantConflict(t, tx.CreateUser(context.Background(), newUser("ada", "")), "username")
		_ = tx.CreateUser(context.Background(), newUser("after", ""))
		if found, err := tx.User(context.Background(), w.ada.ID); err == nil {
			t.Errorf("found %v after a refusal", found.Username)
		}
		return nil
	})
	want(t, err, store.ErrConflict)
	for _, name := range []string{"before", "after"} {
		_, err := w.UserByIdentifier(t.Context(), name)
		want(t, err, store.ErrNotFound)
	}
	must(t, w.InTx(t.Context(), func(tx tenancy.Store) error {
		_, err := tx.User(context.Background(), "nobody")
		want(t, err, store.ErrNotFound)
		want(t, tx.SetPasswordHash(context.Background(), w.ada.ID, "another", "x", noon), store.ErrStale)
		return tx.CreateUser(context.Background(), newUser("after", ""))
	}))
}

// testRecord: an event is there with its change and not without.
func testRecord(t *testing.T, w *world) {
	record, can := w.Store.(TenancyStore)
	if !can {
		t.Fatal("the store does not list audit events")
	}
	event := audit.Event{
		ID: id.New[string](), At: noon, Actor: w.ada.ID, Organization: w.a.ID, Action: "user.created", Object: "o",
		Detail: map[string]string{"connector": "staff"},
	}
	want(t, w.InTx(t.Context(), func(tx tenancy.Store) error {
		must(t, tx.Record(context.Background(), event))
		return errOnPurpose
	}), errOnPurpose)
	newest, err := record.AuditEvents(t.Context(), 10)
	must(t, err)
	if len(newest) != 0 {
		t.Errorf("a change that was rolled back is recorded: %v", newest)
	}
	byProgram := audit.Event{ID: id.New[string](), At: noon, Reason: "test", Action: "user.changed"}
	must(t, w.Record(t.Context(), event))
	must(t, w.Record(t.Context(), byProgram))
	newest, err = record.AuditEvents(t.Context(), 10)
	must(t, err)
	if diff := cmp.Diff([]audit.Event{byProgram, event}, newest); diff != "" {
		t.Error(diff)
	}
}

func testRacePasswordHash(t *testing.T, w *world) {
	won := race(t, store.ErrStale, func(i int) error {
		return w.SetPasswordHash(context.Background(), w.ada.ID, w.ada.PasswordHash, "hash "+string(rune('a'+i)), noon)
	})
	if won != 1 {
		t.Errorf("%d replaced one hash", won)
	}
}

func testRaceIdentity(t *testing.T, w *world) {
	people := []id.User{w.ada.ID, w.grace.ID}
	won := race(t, store.ErrConflict, func(i int) error {
		return w.CreateIdentity(context.Background(), tenancy.Identity{Connector: "staff", Subject: "1", User: people[i%2], Created: noon})
	})
	if won != 1 {
		t.Errorf("%d linked one identity", won)
	}
}

// testRaceNames: two users swap their names for one another's free ones again and again; the database may give up transactions
// of a deadlock, and the store runs them again.
func testRaceNames(t *testing.T, w *world) {
	people := []tenancy.User{w.ada, w.grace}
	race(t, store.ErrConflict, func(i int) error {
		u, err := w.User(context.Background(), people[i%2].ID)
		if err != nil {
			return err
		}
		u.Username, u.Email = "x@x.example", "y@x.example"
		if i%4 < 2 {
			u.Username, u.Email = u.Email, u.Username
		}
		err = w.UpdateUser(context.Background(), u)
		if errors.Is(err, store.ErrStale) {
			return store.ErrConflict
		}
		return err
	})
}

// testRaceLastWay: whoever takes a password away looks for a link after the write, which waits for a link that goes at the same time.
// One way to sign in stays.
func testRaceLastWay(t *testing.T, w *world) {
	for round := range 8 {
		subject := "last " + strconv.Itoa(round)
		must(t, w.SetPasswordHash(t.Context(), w.ada.ID, "", "hash", noon))
		must(t, w.CreateIdentity(t.Context(), tenancy.Identity{Connector: "staff", Subject: subject, User: w.ada.ID, Created: noon}))
		won := race(t, store.ErrStale, func(i int) error {
			if i%2 == 0 {
				return w.DeleteIdentity(context.Background(), w.ada.ID, "staff", subject)
			}
			return w.InTx(context.Background(), func(tx tenancy.Store) error {
				if err := tx.SetPasswordHash(context.Background(), w.ada.ID, "hash", "", noon); err != nil {
					return err
				}
				linked, err := tx.IdentitiesOf(context.Background(), w.ada.ID)
				if err == nil && len(linked) == 0 {
					return store.ErrStale
				}
				return err
			})
		})
		user, err := w.User(t.Context(), w.ada.ID)
		must(t, err)
		linked, err := w.IdentitiesOf(t.Context(), w.ada.ID)
		must(t, err)
		if won != 1 || (user.PasswordHash == "") != (len(linked) == 1) {
			t.Fatalf("round %d: %d won, password %q, %d links", round, won, user.PasswordHash, len(linked))
		}
		if len(linked) == 1 {
			must(t, w.SetPasswordHash(t.Context(), w.ada.ID, "", "hash", noon))
			must(t, w.DeleteIdentity(t.Context(), w.ada.ID, "staff", subject))
		}
	}
}
