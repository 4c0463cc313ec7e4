package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/tenancy"
)

// guest is a user with a last day and a verified address.
func (f *fixture) guest(t *testing.T, name, lastDay string, n tenancy.NewUser) id.User {
	t.Helper()
	n.Username = name
	user := f.user(t, n)
	f.raw(t, `UPDATE users SET expiration_date = $1 WHERE id = $2`, lastDay, string(user))
	f.address(t, user, name+"@x.example", true, true, 1)
	return user
}

func TestExpiredAccountIsRefusedAtOnce(t *testing.T) {
	f := newFixture(t)
	now := time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC)
	f.Now = func() time.Time { return now }
	f.guest(t, "guest", "2026-03-01", tenancy.NewUser{Password: goodPassword})
	must(f.Authenticate(t.Context(), "guest", goodPassword))(t)
	f.Settings.Location = time.FixedZone("east", 3600)
	if _, err := f.Authenticate(t.Context(), "guest", goodPassword); !errors.Is(err, tenancy.ErrBadCredentials) {
		t.Errorf("it is 2 March already: %v", err)
	}
	now = now.Add(-time.Hour)
	must(f.Authenticate(t.Context(), "guest", goodPassword))(t)
}

func TestDeactivateExpired(t *testing.T) {
	f := newFixture(t)
	sessions := &ended{}
	f.Sessions = sessions
	over := f.guest(t, "over", "2026-02-28", tenancy.NewUser{})
	today, forever := f.guest(t, "today", "2026-03-01", tenancy.NewUser{}), f.guest(t, "forever", "", tenancy.NewUser{})
	f.guest(t, "off", "2026-02-28", tenancy.NewUser{Inactive: true})
	f.events = nil
	if _, err := f.DeactivateExpired(t.Context(), f.scope(t, forever)); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("a user runs the job: %v", err)
	}
	for _, want := range []int{1, 0} {
		if n, err := f.DeactivateExpired(t.Context(), system()); err != nil || n != want {
			t.Errorf("%d deactivated, %v; want %d", n, err, want)
		}
	}
	for user, want := range map[id.User]bool{over: false, today: true, forever: true} {
		if active := must(f.db.User(t.Context(), user))(t).Active; active != want {
			t.Errorf("active = %v, want %v", active, want)
		}
	}
	if to := recipients(f.sent(t), notify.KindAccountExpired); !slices.Equal(to, []string{"over@x.example"}) || f.sent(t)[0].Data["date"] != "2026-02-28" {
		t.Errorf("letters %+v", f.sent(t))
	}
	if len(f.events) != 1 || f.events[0].Action != "user.expired" || f.events[0].Changes[0].Field != "active" {
		t.Errorf("events %+v", f.events)
	}
	if len(sessions.calls) == 0 {
		t.Error("he is still signed in")
	}
}

// refusing fails to deactivate one user, or everybody without one.
type refusing struct {
	tenancy.Store
	user id.User
}

var errOnPurpose = errors.New("on purpose")

func (r refusing) InTx(ctx context.Context, work func(tx tenancy.Store) error) error {
	return r.Store.InTx(ctx, func(tx tenancy.Store) error { return work(refusing{tx, r.user}) })
}

func (r refusing) DeactivateExpired(ctx context.Context, user id.User, today tenancy.Date, now time.Time) error {
	if r.user == "" || user == r.user {
		return errOnPurpose
	}
	return r.Store.DeactivateExpired(ctx, user, today, now)
}

func TestOneFailureStopsNobodyElse(t *testing.T) {
	f := newFixture(t)
	first := f.guest(t, "first", "2026-02-01", tenancy.NewUser{})
	for i := range 250 {
		f.guest(t, fmt.Sprint("guest-", i), "2026-02-28", tenancy.NewUser{})
	}
	f.Store = refusing{f.Store, first}
	if n, err := f.DeactivateExpired(t.Context(), system()); n != 250 || !errors.Is(err, errOnPurpose) {
		t.Errorf("%d deactivated, %v", n, err)
	}
}

// TestFewFailuresAreTold: what went wrong for everybody is not said for everybody.
func TestFewFailuresAreTold(t *testing.T) {
	f := newFixture(t)
	for i := range 12 {
		f.guest(t, fmt.Sprint("guest-", i), "2026-02-28", tenancy.NewUser{})
	}
	f.Store = refusing{Store: f.Store}
	if n, err := f.DeactivateExpired(t.Context(), system()); n != 0 || strings.Count(err.Error(), errOnPurpose.Error()) != 10 {
		t.Errorf("%d deactivated, %v", n, err)
	}
}

func TestRemindExpiring(t *testing.T) {
	f := newFixture(t)
	f.guest(t, "soon", "2026-03-08", tenancy.NewUser{})
	f.guest(t, "sooner", "2026-03-07", tenancy.NewUser{})
	f.guest(t, "later", "2026-03-09", tenancy.NewUser{})
	f.guest(t, "off", "2026-03-08", tenancy.NewUser{Inactive: true})
	silent := f.user(t, tenancy.NewUser{Username: "silent"})
	f.raw(t, `UPDATE users SET expiration_date = '2026-03-08' WHERE id = $1`, string(silent))
	f.address(t, silent, "unproved@x.example", false, true, 1)
	if _, err := f.RemindExpiring(t.Context(), f.scope(t, silent), 7); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("a user runs the job: %v", err)
	}
	f.guest(t, "today", "2026-03-01", tenancy.NewUser{})
	f.guest(t, "over", "2026-02-28", tenancy.NewUser{})
	for _, days := range []int{0, -1} {
		if n, err := f.RemindExpiring(t.Context(), system(), days); err != nil || n != 0 {
			t.Errorf("%d days: %d, %v", days, n, err)
		}
	}
	for _, want := range []int{1, 0} {
		if n, err := f.RemindExpiring(t.Context(), system(), 7); err != nil || n != want {
			t.Errorf("%d reminded, %v; want %d", n, err, want)
		}
	}
	if to := recipients(f.sent(t), notify.KindAccountExpiring); !slices.Equal(to, []string{"soon@x.example"}) {
		t.Errorf("told %v", to)
	}
	f.address(t, silent, "proved@x.example", true, false, 2) // the same day
	if n := must(f.RemindExpiring(t.Context(), system(), 7))(t); n != 1 {
		t.Errorf("%d reminded", n)
	}
	f.raw(t, `UPDATE users SET expiration_date = '2026-04-01' WHERE username = 'soon'`)
	if n := must(f.RemindExpiring(t.Context(), system(), 31))(t); n != 1 {
		t.Errorf("%d reminded of another date", n)
	}
}

func TestRemindPasswordExpiring(t *testing.T) {
	f := newFixture(t)
	f.Settings.PasswordExpiryDays = 30
	aged := func(name string, set time.Time, n tenancy.NewUser) {
		t.Helper()
		user := f.guest(t, name, "", n)
		f.raw(t, `UPDATE users SET password_updated = $1 WHERE id = $2`, set.UnixMicro(), string(user))
	}
	day := time.Date(2026, 2, 6, 0, 0, 0, 0, time.UTC) // its passwords are good until 8 March
	good := tenancy.NewUser{Password: goodPassword}
	aged("first-moment", day, good)
	aged("last-moment", day.Add(24*time.Hour-time.Microsecond), good)
	aged("day-before", day.Add(-time.Microsecond), good)
	aged("day-after", day.Add(24*time.Hour), good)
	aged("staff", day, tenancy.NewUser{Password: goodPassword, Staff: true})
	aged("federated", day, tenancy.NewUser{})
	aged("off", day, tenancy.NewUser{Password: goodPassword, Inactive: true})
	aged("over", day, good)
	f.raw(t, `UPDATE users SET expiration_date = '2026-02-28' WHERE username = 'over'`)
	aged("today", time.Date(2026, 1, 30, 0, 0, 0, 0, time.UTC), good)
	for _, days := range []int{0, -1} {
		if n, err := f.RemindPasswordExpiring(t.Context(), system(), days); err != nil || n != 0 {
			t.Errorf("%d days: %d, %v", days, n, err)
		}
	}
	for _, want := range []int{2, 0} {
		if n, err := f.RemindPasswordExpiring(t.Context(), system(), 7); err != nil || n != want {
			t.Errorf("%d reminded, %v; want %d", n, err, want)
		}
	}
	if to := recipients(f.sent(t), notify.KindPasswordExpiring); !slices.Equal(to, []string{"first-moment@x.example", "last-moment@x.example"}) {
		t.Errorf("told %v", to)
	}
	if date := f.sent(t)[0].Data["date"]; date != "2026-03-08" {
		t.Errorf("date %s", date)
	}
	f.Settings.StaffPasswordExpiryDays = 30
	if n := must(f.RemindPasswordExpiring(t.Context(), system(), 7))(t); n != 1 {
		t.Errorf("%d staff reminded", n)
	}
	if _, err := f.RemindPasswordExpiring(t.Context(), f.scope(t, f.guest(t, "x", "", good)), 7); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("a user runs the job: %v", err)
	}
}

func TestSweepExpired(t *testing.T) {
	f := newFixture(t)
	now := f.Now()
	f.Now = func() time.Time { return now }
	scope := f.scope(t, f.user(t, tenancy.NewUser{Username: "ada"}))
	f.token(t, scope, tenancy.NewAPIToken{Expires: now.Add(time.Hour)})
	f.token(t, scope, tenancy.NewAPIToken{Expires: now.Add(3 * time.Hour)})
	f.token(t, scope, tenancy.NewAPIToken{})
	organization := f.organization(t, "acme")
	for i, age := range []time.Duration{89, 91} {
		f.raw(t, `INSERT INTO invitations (id, organization_id, email, value, role, group_ids, invited_by, token_hash, state, accepted_by, sent, created, modified, expires)
			VALUES ($1, $2, $1, $1, 'member', '[]', '', $1, 'open', '', 1, 0, 0, $3)`, fmt.Sprint(i), string(organization), now.Add(-age*24*time.Hour).UnixMicro())
	}
	now = now.Add(2 * time.Hour)
	for _, want := range []int{2, 0} {
		if n, err := f.SweepExpired(t.Context(), 10); err != nil || n != want {
			t.Errorf("%d swept, %v; want %d", n, err, want)
		}
	}
}
