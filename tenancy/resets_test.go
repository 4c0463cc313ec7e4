package tenancy_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/tenancy"
)

// resetToken asks for a link and takes it out of the letter; "" if nobody was written to.
func (f *fixture) resetToken(t *testing.T, identifier string) (token, to string) {
	t.Helper()
	before := len(f.sent(t))
	if err := f.RequestPasswordReset(t.Context(), identifier); err != nil {
		t.Fatal(err)
	}
	letters := f.sent(t)[before:]
	if len(letters) == 0 {
		return "", ""
	}
	link, err := url.Parse(letters[0].Data["link"])
	if err != nil || link.Path != "/reset-password" || link.Host != "" || len(letters) != 1 || letters[0].Kind != notify.KindPasswordReset {
		t.Fatalf("letters %+v, %v", letters, err)
	}
	return link.Query().Get("token"), letters[0].To
}

func TestRequestPasswordReset(t *testing.T) {
	f := newFixture(t)
	person := func(name string, n tenancy.NewUser) id.User {
		n.Username = name
		return f.user(t, n)
	}
	good := tenancy.NewUser{Password: goodPassword}
	primary, oldest := person("primary", good), person("oldest", good)
	f.address(t, primary, "early@x.example", true, false, 1)
	f.address(t, primary, "primary@x.example", true, true, 2)
	f.address(t, oldest, "unproved@x.example", false, true, 1)
	f.address(t, oldest, "late@x.example", true, false, 3)
	f.address(t, oldest, "oldest@x.example", true, false, 2)
	f.address(t, person("unverified", good), "u@x.example", false, true, 1)
	f.address(t, person("federated", tenancy.NewUser{}), "f@x.example", true, true, 1)
	f.address(t, person("inactive", tenancy.NewUser{Password: goodPassword, Inactive: true}), "i@x.example", true, true, 1)
	expired := person("expired", good)
	f.address(t, expired, "e@x.example", true, true, 1)
	f.raw(t, `UPDATE users SET expiration_date = '2026-02-28' WHERE id = $1`, string(expired))
	person("nowhere", good)
	for name, want := range map[string]string{
		"primary": "primary@x.example", "PRIMARY": "primary@x.example", "oldest": "oldest@x.example", "unverified": "", "federated": "",
		"inactive": "", "expired": "", "nowhere": "", "nobody": "", "": "", "a\x00b": "",
	} {
		f.events = nil
		if _, to := f.resetToken(t, name); to != want {
			t.Errorf("%q: a letter to %q, want %q", name, to, want)
		}
		if len(f.events) != 1 {
			t.Errorf("%q: events %v: everybody has to cost the same", name, f.events)
		}
	}
}

func TestResetPassword(t *testing.T) {
	f := newFixture(t)
	sessions := &ended{}
	f.Sessions = sessions
	user := f.user(t, tenancy.NewUser{Username: "ada-lovelace", Password: goodPassword})
	f.address(t, user, "ada@x.example", true, true, 1)
	f.token(t, f.scope(t, user), tenancy.NewAPIToken{})
	token, _ := f.resetToken(t, "ada-lovelace")
	for _, weak := range []string{"short", "ada-lovelace1", goodPassword} {
		_, err := f.ResetPassword(t.Context(), token, weak)
		wantInvalid(t, err, "new_password")
	}
	errs := atOnce(16, func(int) error {
		_, err := f.ResetPassword(t.Context(), token, otherPassword)
		return err
	})
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, tenancy.ErrBadLink) {
			t.Errorf("unexpected error %v", err)
		}
	}
	if won != 1 {
		t.Errorf("a link worked %d times", won)
	}
	must(f.Authenticate(t.Context(), "ada-lovelace", otherPassword))(t)
	if left := must(f.APITokens(t.Context(), system(), user))(t); len(left) != 0 {
		t.Errorf("tokens %v", left)
	}
	if len(sessions.calls) < 2 || len(recipients(f.sent(t), notify.KindPasswordChanged)) != 1 {
		t.Errorf("sessions %v, letters %v", sessions.calls, f.sent(t))
	}
}

func TestResetLinkIsVoid(t *testing.T) {
	for name, change := range map[string]func(f *fixture, t *testing.T, user id.User) string{
		"after a change": func(f *fixture, t *testing.T, user id.User) string {
			if err := f.ChangePassword(t.Context(), f.scope(t, user), goodPassword, otherPassword, tenancy.Kept{}); err != nil {
				t.Fatal(err)
			}
			return ""
		},
		"after a change of the primary address": func(f *fixture, t *testing.T, user id.User) string {
			f.raw(t, `UPDATE users SET email = 'new@x.example' WHERE id = $1`, string(user))
			return ""
		},
		"of an inactive user": func(f *fixture, t *testing.T, user id.User) string {
			f.raw(t, `UPDATE users SET active = FALSE WHERE id = $1`, string(user))
			return ""
		},
		"of an expired account": func(f *fixture, t *testing.T, user id.User) string {
			f.raw(t, `UPDATE users SET expiration_date = '2026-02-28' WHERE id = $1`, string(user))
			return ""
		},
		"without the password": func(f *fixture, t *testing.T, user id.User) string {
			f.raw(t, `UPDATE users SET password_hash = '' WHERE id = $1`, string(user))
			return ""
		},
		"of a deleted user": func(f *fixture, t *testing.T, user id.User) string {
			f.raw(t, `DELETE FROM users WHERE id = $1`, string(user))
			return ""
		},
		"after an hour": func(f *fixture, _ *testing.T, _ id.User) string {
			now := f.Now().Add(time.Hour)
			f.Now = func() time.Time { return now }
			return ""
		},
		"garbage": func(*fixture, *testing.T, id.User) string { return "garbage" },
		"long":    func(*fixture, *testing.T, id.User) string { return strings.Repeat("A", 10_000) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			user := f.user(t, tenancy.NewUser{Username: "ada", Password: goodPassword})
			f.address(t, user, "ada@x.example", true, true, 1)
			token, _ := f.resetToken(t, "ada")
			if found := must(f.ResetOf(t.Context(), token))(t); found.ID != user {
				t.Fatalf("the link is %s's", found.Username)
			}
			if other := change(f, t, user); other != "" {
				token = other
			}
			hash := ""
			if found, err := f.db.User(t.Context(), user); err == nil {
				hash = found.PasswordHash
			}
			if _, err := f.ResetOf(t.Context(), token); !errors.Is(err, tenancy.ErrBadLink) {
				t.Errorf("looked at: %v", err)
			}
			if _, err := f.ResetPassword(t.Context(), token, "granite otter umbrella 7"); !errors.Is(err, tenancy.ErrBadLink) {
				t.Errorf("used: %v", err)
			}
			if found, err := f.db.User(t.Context(), user); err == nil && found.PasswordHash != hash {
				t.Error("the password changed")
			}
		})
	}
}
