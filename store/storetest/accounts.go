package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/store"
	"gatehouse/tenancy"
)

// Fields are the custom fields with which the store under test is to be opened.
func Fields(t *testing.T) tenancy.Fields {
	t.Helper()
	text := map[string]any{"type": "string"}
	fields, err := tenancy.NewFields([]tenancy.Field{{Name: "badge", Schema: text, Unique: true}, {Name: "desk", Schema: text}})
	must(t, err)
	return fields
}

func testProfile(t *testing.T, w *world) {
	u := newUser("full", "full@x.example")
	u.Phone, u.Bio, u.URL, u.Company, u.Location, u.BirthDate = "+390212345678", "Två\nrader", "https://x.example", "X", "Y", "1990-02-28"
	u.Notes, u.Expires, u.Staff, u.PasswordUpdated = "n", "2026-12-31", true, noon
	u.Custom = map[string]any{"badge": "A 1", "desk": "x", "number": 1.5, "flag": false, "gone": "kept"}
	must(t, w.CreateUser(t.Context(), u))
	for range 2 {
		found, err := w.UserByIdentifier(t.Context(), u.Phone)
		must(t, err)
		if diff := cmp.Diff(u, found); diff != "" {
			t.Error(diff)
		}
		u.Phone, u.Bio, u.Custom, u.BirthDate, u.Notes = "+390212345679", "", map[string]any{"badge": "B"}, "", "m"
		must(t, w.UpdateUser(t.Context(), u))
		u.Version++
	}
	w.wantHolder(t, "+390212345678", "")
	taken := newUser("taken", "")
	taken.Phone = "+390212345679"
	wantConflict(t, w.CreateUser(t.Context(), taken), "phone")
	taken.Phone, taken.Username = "", "+390212345679"
	wantConflict(t, w.CreateUser(t.Context(), taken), "username")
}

func testUniqueValues(t *testing.T, w *world) {
	badge := func(u tenancy.User, value any) tenancy.User {
		u.Custom = map[string]any{"badge": value, "desk": "the same"}
		return u
	}
	must(t, w.UpdateUser(t.Context(), badge(w.ada, "Number 1")))
	wantConflict(t, w.UpdateUser(t.Context(), badge(w.grace, "NUMBER 1 ")), "custom.badge")
	wantConflict(t, w.CreateUser(t.Context(), badge(newUser("new", ""), "number 1")), "custom.badge")
	must(t, w.UpdateUser(t.Context(), badge(w.grace, "number 2")))
	ada := badge(w.ada, "number 3")
	ada.Version = 2
	must(t, w.UpdateUser(t.Context(), ada))
	must(t, w.UpdateUser(t.Context(), badge(w.both, "number 1")))
	must(t, w.DeleteUser(t.Context(), w.both.ID))
	if won := race(t, store.ErrConflict, func(i int) error {
		return w.CreateUser(context.Background(), badge(newUser(fmt.Sprint("racer", i), ""), "number 1"))
	}); won != 1 {
		t.Errorf("%d users have one unique value", won)
	}
}

func testTouchUser(t *testing.T, w *world) {
	later := noon.Add(time.Minute)
	must(t, w.TouchUser(t.Context(), w.ada.ID, later))
	want(t, w.TouchUser(t.Context(), "nobody", later), store.ErrNotFound)
	found, err := w.User(t.Context(), w.ada.ID)
	must(t, err)
	ada := w.ada
	ada.Version, ada.Modified = ada.Version+1, later
	if diff := cmp.Diff(ada, found); diff != "" {
		t.Error(diff)
	}
	want(t, w.UpdateUser(t.Context(), w.ada), store.ErrStale)
	if other, err := w.User(t.Context(), w.grace.ID); err != nil || other.Version != w.grace.Version {
		t.Errorf("somebody else's version is %d (%v)", other.Version, err)
	}
}

func testDeleteUser(t *testing.T, w *world) {
	must(t, w.CreateIdentity(t.Context(), tenancy.Identity{Connector: "c", Subject: "s", User: w.ada.ID, Created: noon}))
	must(t, w.DeleteUser(t.Context(), w.ada.ID))
	want(t, w.DeleteUser(t.Context(), w.ada.ID), store.ErrNotFound)
	_, err := w.User(t.Context(), w.ada.ID)
	want(t, err, store.ErrNotFound)
	_, err = w.Identity(t.Context(), "c", "s")
	want(t, err, store.ErrNotFound)
	if left, err := w.Memberships(t.Context(), w.all, w.ada.ID); err != nil || len(left) != 0 {
		t.Errorf("memberships %v, %v", left, err)
	}
	if left, err := w.Emails(t.Context(), w.ada.ID); err != nil || len(left) != 0 {
		t.Errorf("addresses %v, %v", left, err)
	}
	must(t, w.CreateUser(t.Context(), newUser("ada", "ada@x.example"))) // its names are free
	w.wantHolder(t, "grace", w.grace.ID)
}

func (w *world) superuser(t *testing.T, name string) tenancy.User {
	t.Helper()
	u := newUser(name, "")
	u.Superuser = true
	must(t, w.CreateUser(t.Context(), u))
	return u
}

// testLastSuperuser: there is always an active one, once there is one.
func testLastSuperuser(t *testing.T, w *world) {
	root := w.superuser(t, "root")
	idle := w.superuser(t, "idle")
	idle.Active = false
	must(t, w.UpdateUser(t.Context(), idle))
	idle.Version++
	brief := w.superuser(t, "brief")
	brief.Expires = "2030-01-01"
	must(t, w.UpdateUser(t.Context(), brief)) // does not count: it has an end
	demoted, inactive, ending := root, root, root
	demoted.Superuser, inactive.Active, ending.Expires = false, false, "2030-01-01"
	for range 2 {
		wantConflict(t, w.UpdateUser(t.Context(), ending), "superuser")
		wantConflict(t, w.UpdateUser(t.Context(), demoted), "superuser")
		wantConflict(t, w.UpdateUser(t.Context(), inactive), "superuser")
		wantConflict(t, w.DeleteUser(t.Context(), root.ID), "superuser")
		root.FirstName = "Other" // everything else goes
		must(t, w.UpdateUser(t.Context(), root))
		root.Version, demoted.Version, inactive.Version, ending.Version = 2, 2, 2, 2
	}
	must(t, w.DeleteUser(t.Context(), w.grace.ID))
	must(t, w.DeleteUser(t.Context(), brief.ID))
	idle.Active = true
	must(t, w.UpdateUser(t.Context(), idle))
	must(t, w.DeleteUser(t.Context(), root.ID))
	wantConflict(t, w.DeleteUser(t.Context(), idle.ID), "superuser")
}

// testRaceSuperusers: all are demoted, made inactive and deleted at once, and one stays.
func testRaceSuperusers(t *testing.T, w *world) {
	roots := make([]tenancy.User, racers)
	for i := range roots {
		roots[i] = w.superuser(t, fmt.Sprint("root", i))
	}
	won := race(t, store.ErrConflict, func(i int) error {
		u := roots[i]
		switch i % 3 {
		case 0:
			return w.DeleteUser(context.Background(), u.ID)
		case 1:
			u.Active = false
		default:
			u.Superuser = false
		}
		return w.UpdateUser(context.Background(), u)
	})
	if has, err := w.HasSuperuser(t.Context()); won != racers-1 || !has || err != nil {
		t.Errorf("%d of %d lost their rank; one is left: %v, %v", won, racers, has, err)
	}
}

func testDeleteIdentity(t *testing.T, w *world) {
	u := newUser("federated", "")
	u.PasswordHash = ""
	must(t, w.CreateUser(t.Context(), u))
	for i, subject := range []string{"2", "1"} {
		must(t, w.CreateIdentity(t.Context(), tenancy.Identity{Connector: "c", Subject: subject, User: u.ID, Created: noon.Add(time.Duration(i) * time.Second)}))
	}
	found, err := w.IdentitiesOf(t.Context(), u.ID)
	must(t, err)
	if len(found) != 2 || found[0].Subject != "2" || found[1].User != u.ID || found[1].Connector != "c" {
		t.Errorf("identities %v", found)
	}
	want(t, w.DeleteIdentity(t.Context(), w.ada.ID, "c", "1"), store.ErrStale)
	want(t, w.DeleteIdentity(t.Context(), u.ID, "d", "1"), store.ErrStale)
	for range 10 { // the moment between two deletions is short
		if won := race(t, store.ErrStale, func(i int) error {
			return w.DeleteIdentity(context.Background(), u.ID, "c", fmt.Sprint(i%2+1))
		}); won != 1 {
			t.Fatalf("%d of two links are gone", won)
		}
		left, err := w.IdentitiesOf(t.Context(), u.ID)
		must(t, err)
		gone := left[0]
		gone.Subject = map[string]string{"1": "2", "2": "1"}[gone.Subject]
		must(t, w.CreateIdentity(t.Context(), gone))
	}
	must(t, w.SetPasswordHash(t.Context(), u.ID, "", "hash", noon))
	left, err := w.IdentitiesOf(t.Context(), u.ID)
	must(t, err)
	for _, identity := range left {
		must(t, w.DeleteIdentity(t.Context(), u.ID, identity.Connector, identity.Subject))
	}
	must(t, w.CreateIdentity(t.Context(), tenancy.Identity{Connector: "c", Subject: "1", User: w.ada.ID, Created: noon}))
}
