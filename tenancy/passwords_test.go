package tenancy_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const otherPassword = "another horse battery"

// changedMeanwhile sets another password just before the rehash writes.
type changedMeanwhile struct {
	tenancy.Store
	hash string
}

func (c changedMeanwhile) Rehash(ctx context.Context, user id.User, old, hash string) error {
	if err := c.SetPasswordHash(ctx, user, "", c.hash, time.Time{}); err != nil {
		return err
	}
	return c.Store.Rehash(ctx, user, old, hash)
}

func TestRehashLosesToANewPassword(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "ada", Password: goodPassword})
	newer := must(f.Passwords.Hash(t.Context(), "the newer password"))(t)
	f.Passwords, f.Store = hasher(t, 128), changedMeanwhile{f.Store, newer}
	must(f.Authenticate(t.Context(), "ada", goodPassword))(t)
	if got := must(f.db.User(t.Context(), user))(t).PasswordHash; got != newer {
		t.Error("the old password came back")
	}
}

// joinsMeanwhile makes the user a member elsewhere while the new password is being hashed, before the write begins.
type joinsMeanwhile struct {
	tenancy.Store
	join func()
}

func (j joinsMeanwhile) InTx(ctx context.Context, work func(tx tenancy.Store) error) error {
	j.join()
	return j.Store.InTx(ctx, work)
}

func TestSetPasswordLooksAgainWhenItWrites(t *testing.T) {
	w := newTown(t)
	scope := w.scope(t, w.manager)
	w.Store = joinsMeanwhile{w.Store, func() { w.member(t, w.b, w.onlyA, tenancy.Member) }}
	if err := w.SetPassword(t.Context(), scope, w.onlyA, goodPassword); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("error %v, want ErrForbidden: the user is in b by now", err)
	}
	if hash := must(w.db.User(t.Context(), w.onlyA))(t).PasswordHash; hash != "" {
		t.Error("the password was set")
	}
}

// address gives a user an address, past the rules.
func (f *fixture) address(t *testing.T, user id.User, email string, verified, primary bool, created int64) {
	t.Helper()
	f.raw(t, `INSERT INTO email_addresses (id, user_id, email, value, verified, is_primary, created) VALUES ($1, $2, $3, $3, $4, $5, $6)
		ON CONFLICT DO NOTHING`, id.New[string](), string(user), email, verified, primary, created)
}

// sent is what is in the outbox, oldest first.
func (f *fixture) sent(t *testing.T) []notify.Letter {
	t.Helper()
	f.outbox.mu.Lock()
	defer f.outbox.mu.Unlock()
	var letters []notify.Letter
	for _, message := range f.outbox.messages {
		letters = append(letters, must(message.Letter(f.Keys))(t))
	}
	return letters
}

func recipients(letters []notify.Letter, kind notify.Kind) []string {
	var to []string
	for _, letter := range letters {
		if letter.Kind == kind {
			to = append(to, letter.To)
		}
	}
	slices.Sort(to)
	return to
}

// ended notes whose sessions were to end.
type ended struct {
	calls []string
	err   error
}

func (e *ended) EndOfUser(_ context.Context, user id.User, keep id.Session) error {
	e.calls = append(e.calls, string(user)+" but "+string(keep))
	return e.err
}

func (e *ended) EndOneOfUser(_ context.Context, user id.User, session id.Session) error {
	e.calls = append(e.calls, string(session)+" of "+string(user))
	return e.err
}

func (e *ended) EndOfOrganization(_ context.Context, organization id.Organization) error {
	e.calls = append(e.calls, "of "+string(organization))
	return e.err
}

func (f *fixture) hash(t *testing.T, user id.User) string {
	t.Helper()
	return must(f.db.User(t.Context(), user))(t).PasswordHash
}

func (f *fixture) token(t *testing.T, scope tenancy.Scope, n tenancy.NewAPIToken) (tenancy.APIToken, string) {
	t.Helper()
	if n.Name == "" {
		n.Name = "robot"
	}
	token, text, err := f.CreateAPIToken(t.Context(), scope, n)
	if err != nil {
		t.Fatal(err)
	}
	return token, text.Reveal()
}

func TestChangePassword(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "ada-lovelace", Password: goodPassword})
	federated := f.user(t, tenancy.NewUser{Username: "federated"})
	old := f.hash(t, user)
	for name, tt := range map[string]struct {
		user       id.User
		old, plain string
		field      string
	}{
		"wrong old one":          {user, goodPassword + "!", otherPassword, "old_password"},
		"no old one":             {user, "", otherPassword, "old_password"},
		"the same again":         {user, goodPassword, goodPassword, "new_password"},
		"weak":                   {user, goodPassword, "password1", "new_password"},
		"like the name":          {user, goodPassword, "ada-lovelace1", "new_password"},
		"without a password":     {federated, "", otherPassword, "old_password"},
		"the password of nobody": {federated, "nobody's password", otherPassword, "old_password"},
	} {
		t.Run(name, func(t *testing.T) {
			wantInvalid(t, f.ChangePassword(t.Context(), f.scope(t, tt.user), tt.old, tt.plain, tenancy.Kept{}), tt.field)
		})
	}
	if err := f.ChangePassword(t.Context(), f.scope(t, federated), "x", otherPassword, tenancy.Kept{}); !strings.Contains(err.Error(), "no password here") {
		t.Errorf("without a password: %v", err)
	}
	if f.hash(t, user) != old {
		t.Fatal("a refused change changed the password")
	}
	if err := f.ChangePassword(t.Context(), system(), goodPassword, otherPassword, tenancy.Kept{}); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("the program has no password: %v", err)
	}
	f.events = nil
	if err := f.ChangePassword(t.Context(), f.scope(t, user), goodPassword, otherPassword, tenancy.Kept{}); err != nil {
		t.Fatal(err)
	}
	must(f.Authenticate(t.Context(), "ada-lovelace", otherPassword))(t)
	if updated := must(f.db.User(t.Context(), user))(t).PasswordUpdated; !updated.Equal(f.Now()) {
		t.Errorf("updated %v", updated)
	}
	want := []audit.Change{{Field: "password", Before: audit.Masked, After: audit.Masked}}
	if len(f.events) != 1 || f.events[0].Actor != user || f.events[0].Action != "user.password_changed" || !cmp.Equal(f.events[0].Changes, want) {
		t.Errorf("events %+v", f.events)
	}
}

// TestNarrowedTokenChangesNoPassword: who holds a limited token does not take over the account with it.
func TestNarrowedTokenChangesNoPassword(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "root", Password: goodPassword, Superuser: true})
	other := f.user(t, tenancy.NewUser{Username: "other", Superuser: true})
	member := f.user(t, tenancy.NewUser{Username: "member"})
	narrow := f.scope(t, user).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.ChangeUser}})
	if err := f.ChangePassword(t.Context(), narrow, goodPassword, otherPassword, tenancy.Kept{}); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("own password: %v", err)
	}
	for name, tt := range map[string]struct {
		user id.User
		want string
	}{"own": {user, "F"}, "another superuser's": {other, "F"}, "a member's": {member, "+"}} {
		if got := outcome(f.SetPassword(t.Context(), narrow, tt.user, otherPassword)); got != tt.want {
			t.Errorf("%s password: %s, want %s", name, got, tt.want)
		}
	}
	if err := f.RemovePassword(t.Context(), narrow); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("removing: %v", err)
	}
}

func TestSetPassword(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "ada-lovelace"})
	wantInvalid(t, f.SetPassword(t.Context(), f.scope(t, user), user, "short"), "password")
	wantInvalid(t, f.SetPassword(t.Context(), f.scope(t, user), user, "ada-lovelace1"), "password")
	if err := f.SetPassword(t.Context(), f.scope(t, user), user, goodPassword); err != nil { // the first one
		t.Fatal(err)
	}
	if err := f.SetPassword(t.Context(), f.scope(t, user), user, otherPassword); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("later ones are changed, with the old one: %v", err)
	}
	if err := f.SetPassword(t.Context(), system(), user, otherPassword); err != nil {
		t.Fatal(err)
	}
	var recorded []string
	for _, event := range f.events {
		for _, change := range event.Changes {
			recorded = append(recorded, change.Before+">"+change.After)
		}
	}
	if want := []string{">" + audit.Masked, audit.Masked + ">" + audit.Masked}; !slices.Equal(recorded, want) {
		t.Errorf("recorded %q, want %q", recorded, want)
	}
	must(f.Authenticate(t.Context(), "ada-lovelace", otherPassword))(t)
	if _, err := f.Authenticate(t.Context(), "ada-lovelace", goodPassword); !errors.Is(err, tenancy.ErrBadCredentials) {
		t.Errorf("the old password: %v", err)
	}
}

// TestWhatEndsWithAPassword: tokens and sessions from before, except what the user himself is using; everybody is told.
func TestWhatEndsWithAPassword(t *testing.T) {
	setting := func(f *fixture, user id.User, _ id.APIToken) error {
		return f.SetPassword(context.Background(), system(), user, otherPassword)
	}
	changing := func(kept tenancy.Kept) func(*fixture, id.User, id.APIToken) error {
		return func(f *fixture, user id.User, token id.APIToken) error {
			if kept.Token != "" {
				kept.Token = token
			}
			scope, err := f.Scope(context.Background(), user)
			if err != nil {
				return err
			}
			return f.ChangePassword(context.Background(), scope, goodPassword, otherPassword, kept)
		}
	}
	for name, tt := range map[string]struct {
		replace func(*fixture, id.User, id.APIToken) error
		tokens  []string
		session string
	}{
		"set by somebody else":           {setting, nil, ""},
		"changed":                        {changing(tenancy.Kept{}), nil, ""},
		"changed, current ones kept":     {changing(tenancy.Kept{Session: "mine", Token: "current"}), []string{"sign-in"}, "mine"},
		"changed for its age, with both": {changing(tenancy.Kept{Session: "mine", NamedTokens: true}), []string{"robot"}, "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			sessions := &ended{}
			f.Sessions = sessions
			user := f.user(t, tenancy.NewUser{Username: "ada", Password: goodPassword})
			f.address(t, user, "first@x.example", true, true, 1)
			f.address(t, user, "second@x.example", true, false, 2)
			f.address(t, user, "unproved@x.example", false, false, 3)
			f.token(t, f.scope(t, user), tenancy.NewAPIToken{})
			current, _, err := f.IssueToken(t.Context(), user, "pwd")
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.replace(f, user, current.ID); err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, token := range must(f.APITokens(t.Context(), system(), user))(t) {
				left = append(left, token.Name)
			}
			if !slices.Equal(left, tt.tokens) {
				t.Errorf("tokens %v, want %v", left, tt.tokens)
			}
			if call := string(user) + " but " + tt.session; !slices.Equal(sessions.calls, []string{call, call}) {
				t.Errorf("sessions: %v", sessions.calls)
			}
			if to := recipients(f.sent(t), notify.KindPasswordChanged); !slices.Equal(to, []string{"first@x.example", "second@x.example"}) {
				t.Errorf("told %v", to)
			}
		})
	}
}

// TestNoChangeWithoutSignOut: where sessions cannot be ended, the password stays.
func TestNoChangeWithoutSignOut(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "ada", Password: goodPassword})
	f.Sessions = &ended{err: store.ErrUnavailable}
	old := f.hash(t, user)
	if err := f.ChangePassword(t.Context(), f.scope(t, user), goodPassword, otherPassword, tenancy.Kept{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error %v", err)
	}
	if f.hash(t, user) != old {
		t.Error("the password changed")
	}
}

func TestRemovePassword(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "ada", Password: goodPassword})
	if err := f.RemovePassword(t.Context(), f.scope(t, user)); !errors.Is(err, tenancy.ErrLastSignIn) || f.hash(t, user) == "" {
		t.Errorf("the only way in: %v", err)
	}
	if err := f.LinkIdentity(t.Context(), system(), tenancy.Identity{Connector: "c", Subject: "s", User: user}); err != nil {
		t.Fatal(err)
	}
	if err := f.RemovePassword(t.Context(), system()); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("the program has none: %v", err)
	}
	if err := f.RemovePassword(t.Context(), f.scope(t, user)); err != nil || f.hash(t, user) != "" {
		t.Errorf("%v, hash %q", err, f.hash(t, user))
	}
	f.events = nil
	if err := f.RemovePassword(t.Context(), f.scope(t, user)); err != nil || len(f.events) != 0 {
		t.Errorf("once more: %v, %v", err, f.events)
	}
}

func TestPasswordExpired(t *testing.T) {
	day := 24 * time.Hour
	now := time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC) // still 28 February west of Greenwich
	west := time.FixedZone("west", -3600)
	for name, tt := range map[string]struct {
		days, staffDays int
		zone            *time.Location
		user            tenancy.User
		want            bool
	}{
		"no policy":              {0, 0, nil, tenancy.User{PasswordHash: "x", PasswordUpdated: now.Add(-1000 * day)}, false},
		"last day":               {30, 0, nil, tenancy.User{PasswordHash: "x", PasswordUpdated: now.Add(-30 * day)}, false},
		"one day more":           {30, 0, nil, tenancy.User{PasswordHash: "x", PasswordUpdated: now.Add(-31 * day)}, true},
		"one day more, at noon":  {30, 0, nil, tenancy.User{PasswordHash: "x", PasswordUpdated: now.Add(-31 * day).Add(12 * time.Hour)}, true},
		"in the west":            {30, 0, west, tenancy.User{PasswordHash: "x", PasswordUpdated: now.Add(-31 * day).Add(12 * time.Hour)}, false},
		"unknown date":           {30, 0, nil, tenancy.User{PasswordHash: "x"}, false},
		"no password":            {30, 0, nil, tenancy.User{PasswordUpdated: now.Add(-1000 * day)}, false},
		"staff, theirs is off":   {30, 0, nil, tenancy.User{PasswordHash: "x", Staff: true, PasswordUpdated: now.Add(-1000 * day)}, false},
		"staff, theirs is on":    {0, 10, nil, tenancy.User{PasswordHash: "x", Staff: true, PasswordUpdated: now.Add(-11 * day)}, true},
		"others, only theirs on": {0, 10, nil, tenancy.User{PasswordHash: "x", PasswordUpdated: now.Add(-11 * day)}, false},
	} {
		d := tenancy.Directory{Now: func() time.Time { return now }, Settings: tenancy.Settings{
			PasswordExpiryDays: tt.days, StaffPasswordExpiryDays: tt.staffDays, Location: tt.zone,
		}}
		if got := d.PasswordExpired(tt.user); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
