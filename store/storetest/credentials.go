package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// testRehash: another hash of the same password is no new password.
func testRehash(t *testing.T, w *world) {
	must(t, w.SetPasswordHash(t.Context(), w.ada.ID, "", "old", noon))
	want(t, w.Rehash(t.Context(), w.ada.ID, "another", "new"), store.ErrStale)
	must(t, w.Rehash(t.Context(), w.ada.ID, "old", "new"))
	found, err := w.User(t.Context(), w.ada.ID)
	must(t, err)
	if found.PasswordHash != "new" || !found.PasswordUpdated.Equal(noon) {
		t.Errorf("hash %q of %v", found.PasswordHash, found.PasswordUpdated)
	}
	if won := race(t, store.ErrStale, func(i int) error {
		return w.Rehash(context.Background(), w.ada.ID, "new", fmt.Sprint("newer ", i))
	}); won != 1 {
		t.Errorf("%d replaced one hash", won)
	}
}

// names are usernames in the order given.
func names(users []tenancy.User) []string {
	var found []string
	for _, u := range users {
		found = append(found, u.Username)
	}
	return found
}

func (w *world) addUser(t *testing.T, username string, change func(*tenancy.User)) tenancy.User {
	t.Helper()
	u := newUser(username, "")
	change(&u)
	must(t, w.CreateUser(t.Context(), u))
	return u
}

func testExpiringUsers(t *testing.T, w *world) {
	for _, u := range []struct {
		name   string
		last   tenancy.Date
		active bool
	}{{"late", "2026-03-03", true}, {"first", "2026-03-01", true}, {"second", "2026-03-01", true}, {"off", "2026-03-01", false}, {"third", "2026-03-02", true}} {
		w.addUser(t, u.name, func(user *tenancy.User) { user.Expires, user.Active = u.last, u.active })
	}
	list := func(from, until tenancy.Date, after tenancy.User, limit int) []tenancy.User {
		t.Helper()
		found, err := w.ExpiringUsers(t.Context(), from, until, after, limit)
		must(t, err)
		return found
	}
	all := list("", "2026-03-03", tenancy.User{}, 10)
	if diff := cmp.Diff([]string{"first", "second", "third"}, names(all)); diff != "" {
		t.Error(diff)
	}
	if found := names(list("2026-03-02", "2026-03-03", tenancy.User{}, 10)); !slices.Equal(found, []string{"third"}) {
		t.Errorf("on one day: %v", found)
	}
	var batches []string
	for after := (tenancy.User{}); ; {
		batch := list("", "9999-12-31", after, 1)
		if len(batch) == 0 {
			break
		}
		batches, after = append(batches, names(batch)...), batch[0]
	}
	if diff := cmp.Diff([]string{"first", "second", "third", "late"}, batches); diff != "" {
		t.Error(diff)
	}
}

func testAgingPasswords(t *testing.T, w *world) {
	for _, u := range []struct {
		name          string
		since         time.Time
		active, staff bool
		hash          string
	}{
		{"b", noon.Add(time.Hour), true, false, "x"},
		{"a", noon, true, false, "x"},
		{"too-late", noon.Add(2 * time.Hour), true, false, "x"},
		{"too-early", noon.Add(-time.Microsecond), true, false, "x"},
		{"off", noon, false, false, "x"},
		{"none", noon, true, false, ""},
		{"unknown", time.Time{}, true, false, "x"},
		{"c", noon.Add(time.Hour), true, false, "x"},
		{"staff", noon, true, true, "x"},
	} {
		w.addUser(t, u.name, func(user *tenancy.User) {
			user.PasswordUpdated, user.Active, user.Staff, user.PasswordHash = u.since, u.active, u.staff, u.hash
		})
	}
	list := func(staff bool, after tenancy.User, limit int) []tenancy.User {
		t.Helper()
		found, err := w.AgingPasswords(t.Context(), staff, noon, noon.Add(2*time.Hour), after, limit)
		must(t, err)
		return found
	}
	first := list(false, tenancy.User{}, 2)
	if found := names(first); !slices.Equal(found, []string{"a", "b"}) {
		t.Fatalf("first batch %v", found)
	}
	if found := names(list(false, first[1], 2)); !slices.Equal(found, []string{"c"}) {
		t.Errorf("second batch %v", found)
	}
	if found := names(list(true, tenancy.User{}, 2)); !slices.Equal(found, []string{"staff"}) {
		t.Errorf("staff %v", found)
	}
}

func testDeactivateExpired(t *testing.T, w *world) {
	u := w.addUser(t, "guest", func(user *tenancy.User) { user.Expires = "2026-03-01" })
	later := noon.Add(time.Hour)
	want(t, w.DeactivateExpired(t.Context(), u.ID, "2026-03-01", later), store.ErrStale) // the last day is not over
	want(t, w.DeactivateExpired(t.Context(), w.ada.ID, "9999-12-31", later), store.ErrStale)
	want(t, w.DeactivateExpired(t.Context(), "nobody", "9999-12-31", later), store.ErrStale)
	if won := race(t, store.ErrStale, func(int) error {
		return w.DeactivateExpired(context.Background(), u.ID, "2026-03-02", later)
	}); won != 1 {
		t.Errorf("%d deactivated one user", won)
	}
	found, err := w.User(t.Context(), u.ID)
	must(t, err)
	u.Active, u.Modified, u.Version = false, later, 2
	if diff := cmp.Diff(u, found); diff != "" {
		t.Error(diff)
	}
}

func newToken(user id.User, name string) tenancy.APIToken {
	return tenancy.APIToken{
		ID: id.New[id.APIToken](), User: user, Name: name, Hash: "hash of " + name, Hint: "abcd", Purpose: tenancy.PurposeAPI, Method: "pwd",
		Created: noon, Expires: noon.Add(time.Hour),
	}
}

func (w *world) token(t *testing.T, user id.User, name string, change func(*tenancy.APIToken)) tenancy.APIToken {
	t.Helper()
	token := newToken(user, name)
	change(&token)
	must(t, w.CreateAPIToken(t.Context(), token))
	return token
}

func testAPITokens(t *testing.T, w *world) {
	full := w.token(t, w.ada.ID, "full", func(token *tenancy.APIToken) {
		token.Organization, token.Permissions, token.LastUsed = w.a.ID, []tenancy.Permission{"app.add_x", "app.view_x"}, noon
	})
	bare := w.token(t, w.ada.ID, "bare", func(token *tenancy.APIToken) {
		token.Expires, token.Method, token.Created = time.Time{}, "", noon.Add(time.Minute)
	})
	w.token(t, w.grace.ID, "other", func(*tenancy.APIToken) {})
	byID, err := w.APIToken(t.Context(), full.ID)
	must(t, err)
	byHash, standing, err := w.StandingByToken(t.Context(), full.Hash)
	must(t, err)
	wanted, err := w.Standing(t.Context(), w.ada.ID)
	must(t, err)
	if diff := cmp.Diff(wanted, standing); diff != "" || standing.User.ID != w.ada.ID {
		t.Error(diff)
	}
	of, err := w.APITokensOf(t.Context(), w.ada.ID)
	must(t, err)
	if diff := cmp.Diff([]tenancy.APIToken{full, full, bare, full}, append([]tenancy.APIToken{byID, byHash}, of...)); diff != "" {
		t.Error(diff)
	}
	_, err = w.APIToken(t.Context(), "none")
	want(t, err, store.ErrNotFound)
	_, _, err = w.StandingByToken(t.Context(), "none")
	want(t, err, store.ErrNotFound)
	want(t, w.CreateAPIToken(t.Context(), newToken("nobody", "x")), store.ErrNotFound)
	for _, touch := range []struct{ at, before, want time.Time }{
		{noon.Add(time.Second), noon.Add(-time.Second), noon}, {noon.Add(time.Minute), noon, noon.Add(time.Minute)},
	} {
		must(t, w.TouchAPIToken(t.Context(), full.ID, touch.at, touch.before))
		if found, err := w.APIToken(t.Context(), full.ID); err != nil || !found.LastUsed.Equal(touch.want) {
			t.Errorf("last used %v, %v; want %v", found.LastUsed, err, touch.want)
		}
	}
	must(t, w.TouchAPIToken(t.Context(), "none", noon, noon))
}

func testAPITokensDeleted(t *testing.T, w *world) {
	left := func(user id.User) string {
		t.Helper()
		found, err := w.APITokensOf(t.Context(), user)
		must(t, err)
		text := ""
		for _, token := range found {
			text += token.Name + " "
		}
		return text
	}
	other := w.token(t, w.grace.ID, "grace's", func(*tenancy.APIToken) {})
	kept := w.token(t, w.ada.ID, "kept", func(*tenancy.APIToken) {})
	w.token(t, w.ada.ID, "sign-in", func(*tenancy.APIToken) {})
	w.token(t, w.ada.ID, "named", func(token *tenancy.APIToken) { token.Method = "" })
	if deleted, err := w.DeleteAPITokensOf(t.Context(), w.ada.ID, kept.ID, false); err != nil || deleted != 1 || left(w.ada.ID) != "named kept " {
		t.Errorf("%d deleted, %v; left %s", deleted, err, left(w.ada.ID))
	}
	if deleted, err := w.DeleteAPITokensOf(t.Context(), w.ada.ID, kept.ID, true); err != nil || deleted != 1 || left(w.ada.ID) != "kept " {
		t.Errorf("%d deleted, %v; left %s", deleted, err, left(w.ada.ID))
	}
	if deleted, err := w.DeleteAPITokensOf(t.Context(), w.ada.ID, "", true); err != nil || deleted != 1 || left(w.ada.ID) != "" {
		t.Errorf("%d deleted, %v; left %s", deleted, err, left(w.ada.ID))
	}
	if left(w.grace.ID) != "grace's " {
		t.Error("another user's token went, too")
	}
	if won := race(t, store.ErrNotFound, func(int) error { return w.DeleteAPIToken(context.Background(), other.ID) }); won != 1 {
		t.Errorf("%d deleted one token", won)
	}
}

func testAPITokensExpired(t *testing.T, w *world) {
	for i := range 3 {
		w.token(t, w.ada.ID, fmt.Sprint("old ", i), func(*tenancy.APIToken) {})
	}
	w.token(t, w.ada.ID, "at the time", func(token *tenancy.APIToken) { token.Expires = noon.Add(2 * time.Hour) })
	w.token(t, w.ada.ID, "for ever", func(token *tenancy.APIToken) { token.Expires = time.Time{} })
	for _, wanted := range []int{2, 1, 0} {
		if deleted, err := w.DeleteExpiredAPITokens(t.Context(), noon.Add(2*time.Hour), 2); err != nil || deleted != wanted {
			t.Errorf("%d deleted, %v; want %d", deleted, err, wanted)
		}
	}
	if found, err := w.APITokensOf(t.Context(), w.ada.ID); err != nil || len(found) != 2 {
		t.Errorf("%d left, %v", len(found), err)
	}
	if deleted, err := w.DeleteExpiredInvitations(t.Context(), noon, 2); err != nil || deleted != 0 {
		t.Errorf("invitations: %d, %v", deleted, err)
	}
}
