package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// addresses are those of a user, after a look at the mirror: the user's own address is a copy of the primary one.
func (w *world) addresses(t *testing.T, user id.User) []tenancy.EmailAddress {
	t.Helper()
	found, err := w.Emails(t.Context(), user)
	must(t, err)
	u, err := w.User(t.Context(), user)
	must(t, err)
	var primary tenancy.EmailAddress
	for _, address := range found {
		if address.Primary {
			primary = address
		}
		if address.User != user {
			t.Errorf("an address of somebody else: %v", address)
		}
	}
	if u.Email != primary.Email || u.EmailVerified != primary.Verified {
		t.Errorf("the user says %q, %v; his primary address is %v", u.Email, u.EmailVerified, primary)
	}
	return found
}

// wantHolder checks whose identifier an address is, "" for nobody's.
func (w *world) wantHolder(t *testing.T, address string, holder id.User) {
	t.Helper()
	found, err := w.UserByIdentifier(t.Context(), address)
	if holder == "" {
		want(t, err, store.ErrNotFound)
		return
	}
	if err != nil || found.ID != holder {
		t.Errorf("%s is the identifier of %q (%v)", address, found.Username, err)
	}
}

func (w *world) add(t *testing.T, user id.User, email string) tenancy.EmailAddress {
	t.Helper()
	added := tenancy.EmailAddress{ID: id.New[id.Email](), User: user, Email: email, Created: noon.Add(time.Second)}
	must(t, w.AddEmail(t.Context(), added))
	return added
}

func testEmails(t *testing.T, w *world) {
	first := w.addresses(t, w.ada.ID)
	if len(first) != 1 || !first[0].Primary || !first[0].Verified || first[0].Email != w.ada.Email || !first[0].Created.Equal(noon) {
		t.Fatalf("a new user has %v", first)
	}
	if none := w.addresses(t, w.both.ID); len(none) != 0 {
		t.Errorf("a user without address has %v", none)
	}
	second := w.add(t, w.ada.ID, "Second@x.example")
	sure := second
	sure.ID, sure.Email, sure.Verified, sure.Primary = id.New[id.Email](), "third@x.example", true, true
	must(t, w.AddEmail(t.Context(), sure))
	sure.Verified, sure.Primary = false, false // whatever it says
	if diff := cmp.Diff([]tenancy.EmailAddress{first[0], second, sure}, w.addresses(t, w.ada.ID)); diff != "" {
		t.Error(diff)
	}
	again := second
	again.ID, again.Email = id.New[id.Email](), "SECOND@x.example"
	wantConflict(t, w.AddEmail(t.Context(), again), "email")
	again.User = w.grace.ID
	must(t, w.AddEmail(t.Context(), again))
	again.ID, again.User = id.New[id.Email](), "nobody"
	want(t, w.AddEmail(t.Context(), again), store.ErrNotFound)
	w.wantHolder(t, "second@x.example", "")
	if u, err := w.User(t.Context(), w.ada.ID); err != nil || u.Version != 1 {
		t.Errorf("an address that claims nothing made version %d (%v)", u.Version, err)
	}
}

func testVerifyEmail(t *testing.T, w *world) {
	ofAda, ofGrace := w.add(t, w.ada.ID, "Shared@x.example"), w.add(t, w.grace.ID, "shared@x.example")
	later := noon.Add(time.Minute)
	for user, email := range map[id.User]id.Email{w.grace.ID: ofAda.ID, "nobody": ofAda.ID, w.ada.ID: "none"} {
		want(t, w.SetEmailVerified(t.Context(), user, email, true, later), store.ErrStale)
	}
	want(t, w.SetEmailVerified(t.Context(), w.ada.ID, ofAda.ID, false, later), store.ErrStale)
	must(t, w.SetEmailVerified(t.Context(), w.ada.ID, ofAda.ID, true, later))
	want(t, w.SetEmailVerified(t.Context(), w.ada.ID, ofAda.ID, true, later), store.ErrStale)
	wantConflict(t, w.SetEmailVerified(t.Context(), w.grace.ID, ofGrace.ID, true, later), "email")
	w.wantHolder(t, "shared@x.example", w.ada.ID)
	w.wantHolder(t, "ada@x.example", w.ada.ID)
	found, err := w.User(t.Context(), w.ada.ID)
	must(t, err)
	if found.Email != w.ada.Email || found.Version != 2 || !found.Modified.Equal(later) {
		t.Errorf("user is %+v", found)
	}
	must(t, w.SetEmailVerified(t.Context(), w.ada.ID, ofAda.ID, false, later))
	w.wantHolder(t, "shared@x.example", "")
	must(t, w.SetEmailVerified(t.Context(), w.grace.ID, ofGrace.ID, true, later))
	w.wantHolder(t, "shared@x.example", w.grace.ID)
	primary := w.addresses(t, w.ada.ID)[0]
	must(t, w.SetEmailVerified(t.Context(), w.ada.ID, primary.ID, false, later))
	if w.addresses(t, w.ada.ID)[0].Verified {
		t.Error("the primary address is still verified")
	}
	w.wantHolder(t, "ada@x.example", w.ada.ID) // the primary one is so, verified or not
	taken := w.add(t, w.both.ID, "grace@x.example")
	wantConflict(t, w.SetEmailVerified(t.Context(), w.both.ID, taken.ID, true, later), "email")
}

// testPrimaryEmail: UpdateUser moves the mark of the primary address.
func testPrimaryEmail(t *testing.T, w *world) {
	second := w.add(t, w.ada.ID, "second@x.example")
	u := w.ada
	u.Email, u.EmailVerified = "second@x.example", false
	must(t, w.UpdateUser(t.Context(), u))
	found := w.addresses(t, w.ada.ID)
	if len(found) != 2 || found[0].Primary || !found[0].Verified || !found[1].Primary || found[1].ID != second.ID {
		t.Errorf("addresses %v", found)
	}
	for _, address := range []string{"ada@x.example", "second@x.example"} {
		w.wantHolder(t, address, w.ada.ID)
	}
	u.Version, u.Email = 2, ""
	must(t, w.UpdateUser(t.Context(), u))
	w.wantHolder(t, "second@x.example", "")
	u.Version, u.Email, u.EmailVerified = 3, "NEW@x.example", true
	must(t, w.UpdateUser(t.Context(), u))
	if found = w.addresses(t, w.ada.ID); len(found) != 3 {
		t.Errorf("addresses %v", found)
	}
	w.wantHolder(t, "new@x.example", w.ada.ID)
	u.Version, u.Email = 4, "New@x.example"
	must(t, w.UpdateUser(t.Context(), u))
	if found = w.addresses(t, w.ada.ID); len(found) != 3 {
		t.Errorf("another spelling made another address: %v", found)
	}
	u.Version, u.Email, u.EmailVerified = 5, "grace@x.example", false
	wantConflict(t, w.UpdateUser(t.Context(), u), "email")
	w.wantHolder(t, "new@x.example", w.ada.ID)
}

func testDeleteEmail(t *testing.T, w *world) {
	primary, second := w.addresses(t, w.ada.ID)[0], w.add(t, w.ada.ID, "second@x.example")
	must(t, w.SetEmailVerified(t.Context(), w.ada.ID, second.ID, true, noon))
	want(t, w.DeleteEmail(t.Context(), w.ada.ID, primary.ID, noon), store.ErrStale)
	want(t, w.DeleteEmail(t.Context(), w.grace.ID, second.ID, noon), store.ErrStale)
	want(t, w.DeleteEmail(t.Context(), "nobody", second.ID, noon), store.ErrStale)
	must(t, w.DeleteEmail(t.Context(), w.ada.ID, second.ID, noon.Add(time.Minute)))
	want(t, w.DeleteEmail(t.Context(), w.ada.ID, second.ID, noon), store.ErrStale)
	w.wantHolder(t, "second@x.example", "")
	w.wantHolder(t, "ada@x.example", w.ada.ID)
	if found, err := w.User(t.Context(), w.ada.ID); err != nil || found.Version != 3 || !found.Modified.Equal(noon.Add(time.Minute)) {
		t.Errorf("user is %+v, %v", found, err)
	}
	if left := w.addresses(t, w.ada.ID); len(left) != 1 || left[0] != primary {
		t.Errorf("left are %v", left)
	}
}

// testRaceVerify: one verifies, and of many users with one address one gets it.
func testRaceVerify(t *testing.T, w *world) {
	email := w.add(t, w.ada.ID, "one@x.example")
	if won := race(t, store.ErrStale, func(int) error {
		return w.SetEmailVerified(context.Background(), w.ada.ID, email.ID, true, noon)
	}); won != 1 {
		t.Errorf("%d verified one address", won)
	}
	people, addresses := make([]id.User, racers), make([]id.Email, racers)
	for i := range racers {
		u := newUser(fmt.Sprint("racer", i), "")
		must(t, w.CreateUser(t.Context(), u))
		people[i], addresses[i] = u.ID, w.add(t, u.ID, "all@x.example").ID
	}
	if won := race(t, store.ErrConflict, func(i int) error {
		return w.SetEmailVerified(context.Background(), people[i], addresses[i], true, noon)
	}); won != 1 {
		t.Errorf("%d have one address verified", won)
	}
}

// testRaceMirror: whatever happens to a user's addresses at once, his own address is a copy of the primary one.
func testRaceMirror(t *testing.T, w *world) {
	second := w.add(t, w.ada.ID, "second@x.example")
	race(t, store.ErrStale, func(i int) error {
		switch ctx := context.Background(); i % 4 {
		case 0:
			return w.SetEmailVerified(ctx, w.ada.ID, second.ID, true, noon)
		case 1:
			return w.SetEmailVerified(ctx, w.ada.ID, second.ID, false, noon)
		default:
			u, err := w.User(ctx, w.ada.ID)
			if err != nil {
				return err
			}
			if u.Email, u.EmailVerified = "second@x.example", i%4 == 2; i > racers/2 {
				u.Email = "ada@x.example"
			}
			return w.UpdateUser(ctx, u)
		}
	})
	for _, address := range w.addresses(t, w.ada.ID) {
		if address.Verified || address.Primary {
			w.wantHolder(t, address.Email, w.ada.ID)
		} else {
			w.wantHolder(t, address.Email, "")
		}
	}
}
