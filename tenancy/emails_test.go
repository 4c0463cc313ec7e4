package tenancy_test

import (
	"database/sql"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/tenancy"
)

// letters are those in the outbox, oldest first, but for notices to former addresses.
func (f *fixture) letters(t *testing.T) []notify.Letter {
	t.Helper()
	db := must(sql.Open("sqlite", "file:"+f.path))(t)
	defer db.Close()
	rows := must(db.QueryContext(t.Context(), `SELECT id, content FROM outbox ORDER BY id`))(t)
	defer rows.Close()
	var letters []notify.Letter
	for rows.Next() {
		var message notify.Message
		if err := rows.Scan(&message.ID, &message.Content); err != nil {
			t.Fatal(err)
		}
		if letter := must(message.Letter(f.Keys))(t); letter.Kind != notify.KindEmailChanged {
			letters = append(letters, letter)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return letters
}

// link is the token in the newest letter, which has to be to an address.
func (f *fixture) link(t *testing.T, address string) string {
	t.Helper()
	letters := f.letters(t)
	if len(letters) == 0 {
		t.Fatalf("no letter to %s", address)
	}
	newest := letters[len(letters)-1]
	if newest.To != address || newest.Kind != notify.KindConfirmEmail || newest.Data["name"] == "" {
		t.Errorf("letter %+v, want a link for %s", newest, address)
	}
	parsed := must(url.Parse(newest.Data["link"]))(t)
	if parsed.Path != "/confirm-email" || parsed.Host != "" {
		t.Errorf("link %s", newest.Data["link"])
	}
	return parsed.Query().Get("token")
}

// wantEmails checks the addresses of a user: "*" marks the primary one, "!" what nobody has verified.
func (f *fixture) wantEmails(t *testing.T, user id.User, want string) {
	t.Helper()
	var got []string
	for _, address := range must(f.Emails(t.Context(), system(), user))(t) {
		text := address.Email
		if address.Primary {
			text = "*" + text
		}
		if !address.Verified {
			text += "!"
		}
		got = append(got, text)
	}
	if text := strings.Join(got, " "); text != want {
		t.Errorf("addresses %q, want %q", text, want)
	}
}

// person is a user with a verified address, and his own scope.
func (f *fixture) person(t *testing.T, name string) (id.User, tenancy.Scope) {
	t.Helper()
	user := f.user(t, tenancy.NewUser{Username: name, Email: name + "@x.example", EmailVerified: true})
	return user, f.scope(t, user)
}

func TestOwnAddressIsPendingUntilConfirmed(t *testing.T) {
	f := newFixture(t)
	ada, own := f.person(t, "ada")
	changed := must(f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Email: to("new@x.example")}))(t)
	if changed.Email != "ada@x.example" || !changed.EmailVerified {
		t.Errorf("the new address is in force at once: %q", changed.Email)
	}
	f.wantEmails(t, ada, "*ada@x.example new@x.example!")
	token := f.link(t, "new@x.example")
	confirmed := must(f.ConfirmEmail(t.Context(), token))(t)
	if confirmed.ID != ada || confirmed.Email != "new@x.example" || !confirmed.EmailVerified {
		t.Errorf("confirmed %+v", confirmed)
	}
	f.wantEmails(t, ada, "ada@x.example *new@x.example")
	if last := f.events[len(f.events)-1]; last.Action != "email.verified" || last.Actor != ada {
		t.Errorf("recorded %+v", last)
	}
	if _, err := f.ConfirmEmail(t.Context(), token); !errors.Is(err, tenancy.ErrBadLink) {
		t.Errorf("the link works again: %v", err)
	}
	before := len(f.letters(t))
	back := must(f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Email: to("ADA@x.example")}))(t)
	if back.Email != "ada@x.example" || !back.EmailVerified || len(f.letters(t)) != before {
		t.Errorf("a verified address of one's own is not the primary one at once: %q", back.Email)
	}
	must(f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Email: to("")}))(t)
	f.wantEmails(t, ada, "ada@x.example new@x.example")
	_, err := f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Email: to("nonsense")})
	wantInvalid(t, err, "email")
}

func TestAddressFromAManager(t *testing.T) {
	f := newFixture(t)
	ada, own := f.person(t, "ada")
	changed := must(f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Email: to("new@x.example")}))(t)
	if changed.Email != "new@x.example" || changed.EmailVerified {
		t.Errorf("user %+v", changed)
	}
	if event := f.events[len(f.events)-1]; event.Action != "user.changed" || event.Detail["pending_email"] != "" {
		t.Errorf("recorded %+v", event)
	}
	f.wantEmails(t, ada, "ada@x.example *new@x.example!")
	token := f.link(t, "new@x.example")
	must(f.ConfirmEmail(t.Context(), token))(t)
	f.wantEmails(t, ada, "ada@x.example *new@x.example")
	f.person(t, "bob")
	_, err := f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Email: to("BOB@x.example")})
	wantInvalid(t, err, "email")
	f.wantEmails(t, ada, "ada@x.example *new@x.example")
	if n := len(f.letters(t)); n != 1 {
		t.Errorf("%d letters; a refused change mails none", n)
	}
	must(f.AddEmail(t.Context(), own, ada, "bob@x.example"))(t) // nobody's claim, until it is confirmed
	_, err = f.ConfirmEmail(t.Context(), f.link(t, "bob@x.example"))
	wantInvalid(t, err, "email")
	f.wantEmails(t, ada, "ada@x.example *new@x.example bob@x.example!")
}

func TestConfirmationLinksAreVoid(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, f *fixture, user id.User, email id.Email){
		"once deleted": func(t *testing.T, f *fixture, user id.User, email id.Email) {
			t.Helper()
			must(0, f.DeleteEmail(t.Context(), system(), user, email))(t)
		},
		"once verified": func(t *testing.T, f *fixture, user id.User, email id.Email) {
			t.Helper()
			must(0, f.SetEmailVerified(t.Context(), system(), user, email, true))(t)
		},
		"once another": func(t *testing.T, f *fixture, _ id.User, email id.Email) {
			t.Helper()
			f.raw(t, `UPDATE email_addresses SET email = 'other@x.example' WHERE id = $1`, string(email))
		},
		"with the user": func(t *testing.T, f *fixture, user id.User, _ id.Email) {
			t.Helper()
			must(0, f.DeleteUser(t.Context(), system(), user))(t)
		},
		"after three days": func(_ *testing.T, f *fixture, _ id.User, _ id.Email) {
			later := f.Now().Add(72 * time.Hour)
			f.Now = func() time.Time { return later }
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			ada, own := f.person(t, "ada")
			added := must(f.AddEmail(t.Context(), own, ada, "new@x.example"))(t)
			token := f.link(t, "new@x.example")
			spoil(t, f, ada, added.ID)
			if _, err := f.ConfirmEmail(t.Context(), token); !errors.Is(err, tenancy.ErrBadLink) {
				t.Errorf("confirmed: %v", err)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	f := newFixture(t)
	ada, own := f.person(t, "ada")
	added := must(f.AddEmail(t.Context(), own, ada, "new@x.example"))(t)
	_, err := f.AddEmail(t.Context(), own, ada, "NEW@x.example")
	wantInvalid(t, err, "email")
	_, err = f.AddEmail(t.Context(), own, ada, "")
	wantInvalid(t, err, "email")
	wantInvalid(t, f.SetPrimaryEmail(t.Context(), own, ada, added.ID), "email")
	must(0, f.SendConfirmation(t.Context(), own, ada, added.ID))(t)
	must(f.ConfirmEmail(t.Context(), f.link(t, "new@x.example")))(t)
	wantInvalid(t, f.SendConfirmation(t.Context(), own, ada, added.ID), "email")
	f.wantEmails(t, ada, "*ada@x.example new@x.example") // confirmed is not chosen
	must(0, f.SetPrimaryEmail(t.Context(), own, ada, added.ID))(t)
	f.wantEmails(t, ada, "ada@x.example *new@x.example")
	if found, address, err := f.UserByEmail(t.Context(), system(), "ADA@x.example"); err != nil || found.ID != ada || !address.Verified || address.Primary {
		t.Errorf("by another verified address: %v, %v, %v", found.Username, address, err)
	}
	must(0, f.DeleteEmail(t.Context(), own, ada, added.ID))(t)
	f.wantEmails(t, ada, "*ada@x.example")
	left := must(f.Emails(t.Context(), own, ada))(t)[0]
	must(0, f.DeleteEmail(t.Context(), own, ada, left.ID))(t)
	f.wantEmails(t, ada, "")
	must(f.AddEmail(t.Context(), own, ada, "first@x.example"))(t)
	must(f.ConfirmEmail(t.Context(), f.link(t, "first@x.example")))(t)
	f.wantEmails(t, ada, "*first@x.example") // who has none gets one
	for _, name := range strings.Fields("a b c d e f g h i j k l m n o p q r s") {
		must(f.AddEmail(t.Context(), own, ada, name+"@x.example"))(t)
	}
	_, err = f.AddEmail(t.Context(), own, ada, "t@x.example")
	wantInvalid(t, err, "email")
}

// TestOneVerifies: of many users with one address one gets it, and of many links to one address one works.
func TestOneVerifies(t *testing.T) {
	f := newFixture(t)
	tokens := make([]string, 16)
	for i := range tokens {
		user, own := f.person(t, "racer"+string(rune('a'+i)))
		later := f.Now().Add(10 * time.Minute) // or there would be too many letters to one address
		f.Now = func() time.Time { return later }
		must(f.AddEmail(t.Context(), own, user, "one@x.example"))(t)
		tokens[i] = f.link(t, "one@x.example")
	}
	won := 0
	for _, err := range atOnce(16, func(i int) error {
		_, err := f.ConfirmEmail(t.Context(), tokens[i])
		return err
	}) {
		var invalid *tenancy.Invalid
		switch {
		case err == nil:
			won++
		case !errors.As(err, &invalid) && !errors.Is(err, tenancy.ErrBadLink):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d confirmed", won)
	}
}

func TestNewUsersAreAskedToConfirm(t *testing.T) {
	f := newFixture(t)
	_, root := f.person(t, "root")
	f.raw(t, `UPDATE users SET superuser = TRUE`)
	root = f.scope(t, root.Actor())
	for email, verified := range map[string]bool{"a@x.example": true, "b@x.example": false, "": false} {
		must(f.CreateUser(t.Context(), root, tenancy.NewUser{Username: "new" + email, Email: email, EmailVerified: verified}))(t)
	}
	if f.link(t, "b@x.example"); len(f.letters(t)) != 1 {
		t.Errorf("letters %v", f.letters(t))
	}
	f.user(t, tenancy.NewUser{Username: "quiet", Email: "quiet@x.example"})
	if len(f.letters(t)) != 1 {
		t.Error("the program mails whom it makes")
	}
}

// TestProvedAddress: only superusers say that an address is its user's; then no letter asks for it.
func TestProvedAddress(t *testing.T) {
	w := newTown(t)
	change := tenancy.UserChange{Email: to("new@x.example"), Proved: true}
	for _, r := range w.requesters[2:] {
		if _, err := w.UpdateUser(t.Context(), r.scope, w.onlyA, change); err == nil {
			t.Errorf("%s may", r.name)
		}
	}
	before := len(w.letters(t))
	changed := must(w.UpdateUser(t.Context(), system(), w.onlyA, change))(t)
	if changed.Email != "new@x.example" || !changed.EmailVerified || len(w.letters(t)) != before {
		t.Errorf("%q, %v, %d letters", changed.Email, changed.EmailVerified, len(w.letters(t))-before)
	}
	w.wantEmails(t, w.onlyA, "*new@x.example")
	changed = must(w.UpdateUser(t.Context(), system(), w.inBoth, tenancy.UserChange{Proved: true}))(t)
	if changed.EmailVerified {
		t.Error("no address is verified")
	}
	_, err := w.UpdateUser(t.Context(), system(), w.inBoth, change)
	wantInvalid(t, err, "email")
}
