package tenancy_test

import (
	"slices"
	"testing"
	"time"

	"gatehouse/notify"
	"gatehouse/tenancy"
)

// TestFormerAddressIsTold: however another address becomes the primary one, or none, the one before it gets a letter.
func TestFormerAddressIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(f *fixture, t *testing.T, own tenancy.Scope, ada tenancy.User)
		told   bool
	}{
		"by an administrator": {func(f *fixture, t *testing.T, _ tenancy.Scope, ada tenancy.User) {
			must(f.UpdateUser(t.Context(), system(), ada.ID, tenancy.UserChange{Email: to("new@x.example")}))(t)
		}, true},
		"cleared": {func(f *fixture, t *testing.T, _ tenancy.Scope, ada tenancy.User) {
			must(f.UpdateUser(t.Context(), system(), ada.ID, tenancy.UserChange{Email: to("")}))(t)
		}, true},
		"only asked for": {func(f *fixture, t *testing.T, own tenancy.Scope, ada tenancy.User) {
			must(f.UpdateUser(t.Context(), own, ada.ID, tenancy.UserChange{Email: to("new@x.example")}))(t)
		}, false},
		"confirmed": {func(f *fixture, t *testing.T, own tenancy.Scope, ada tenancy.User) {
			must(f.UpdateUser(t.Context(), own, ada.ID, tenancy.UserChange{Email: to("new@x.example")}))(t)
			must(f.ConfirmEmail(t.Context(), f.link(t, "new@x.example")))(t)
		}, true},
		"another one chosen": {func(f *fixture, t *testing.T, _ tenancy.Scope, ada tenancy.User) {
			other := must(f.AddEmail(t.Context(), system(), ada.ID, "new@x.example"))(t)
			if err := f.SetPrimaryEmail(t.Context(), system(), ada.ID, other.ID); err != nil {
				t.Fatal(err)
			}
		}, true},
		"deleted": {func(f *fixture, t *testing.T, own tenancy.Scope, ada tenancy.User) {
			if err := f.DeleteEmail(t.Context(), own, ada.ID, must(f.Emails(t.Context(), own, ada.ID))(t)[0].ID); err != nil {
				t.Fatal(err)
			}
		}, true},
		"another spelling": {func(f *fixture, t *testing.T, own tenancy.Scope, ada tenancy.User) {
			must(f.UpdateUser(t.Context(), own, ada.ID, tenancy.UserChange{Email: to("ADA@x.example")}))(t)
		}, false},
		"something else": {func(f *fixture, t *testing.T, own tenancy.Scope, ada tenancy.User) {
			must(f.UpdateUser(t.Context(), own, ada.ID, tenancy.UserChange{Bio: to("b")}))(t)
		}, false},
		"never proved": {func(f *fixture, t *testing.T, _ tenancy.Scope, ada tenancy.User) {
			address := must(f.Emails(t.Context(), system(), ada.ID))(t)[0]
			if err := f.SetEmailVerified(t.Context(), system(), ada.ID, address.ID, false); err != nil {
				t.Fatal(err)
			}
			must(f.UpdateUser(t.Context(), system(), ada.ID, tenancy.UserChange{Email: to("new@x.example")}))(t)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			ada, own := f.person(t, "ada")
			tt.change(f, t, own, must(f.User(t.Context(), system(), ada))(t))
			var want []string
			if tt.told {
				want = []string{"ada@x.example"}
			}
			if got := recipients(f.sent(t), notify.KindEmailChanged); !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
		})
	}
}

// TestLinksSayWhenTheyEnd: letters with links are not sent after their end, which the sender knows by what is written here.
func TestLinksSayWhenTheyEnd(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Email: "ada@x.example", EmailVerified: true, Password: goodPassword})
	must(f.AddEmail(t.Context(), system(), ada, "more@x.example"))(t)
	if err := f.RequestPasswordReset(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	want := map[notify.Kind]time.Duration{notify.KindConfirmEmail: 3 * 24 * time.Hour, notify.KindPasswordReset: time.Hour}
	letters := f.sent(t)
	for _, letter := range letters {
		if at := f.Now().Add(want[letter.Kind]).Format(time.RFC3339); letter.Data["expires"] != at {
			t.Errorf("%s: %q, want %s", letter.Kind, letter.Data["expires"], at)
		}
	}
	if len(letters) != len(want) {
		t.Errorf("%d letters", len(letters))
	}
}
