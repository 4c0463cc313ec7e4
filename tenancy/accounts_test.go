package tenancy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

func TestUpdateUser(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Notes: "of administrators"})
	change := tenancy.UserChange{
		Version: 1, Username: to("ada2"), Phone: to("+39 02 1234 5678"), FirstName: to("Ada 👩‍💻"), LastName: to("לאבלייס"), Bio: to("Two\nlines"), URL: to("https://x.example"),
		Company: to("C"), Location: to("L"), BirthDate: to(tenancy.Date("1815-12-10")), Notes: to("more"), Language: to("it"),
		Expires: to(tenancy.Date("2026-03-01")), Active: to(false), Staff: to(true), Superuser: to(true),
	}
	changed := must(f.UpdateUser(t.Context(), system(), ada, change))(t)
	stored := must(f.User(t.Context(), system(), ada))(t)
	if diff := cmp.Diff(stored, changed); diff != "" {
		t.Error(diff)
	}
	if stored.Phone != "+390212345678" || stored.Version != 2 || !stored.Superuser || stored.LastName != "לאבלייס" || stored.Expires != "2026-03-01" {
		t.Errorf("stored %+v", stored)
	}
	event := f.events[len(f.events)-1]
	if len(event.Changes) != 15 || !slices.Contains(event.Changes, audit.Change{Field: "phone_number", After: "+390212345678"}) ||
		!slices.Contains(event.Changes, audit.Change{Field: "notes", Before: audit.Masked, After: audit.Masked}) {
		t.Errorf("recorded %+v", event)
	}
	if _, err := f.UpdateUser(t.Context(), system(), ada, change); !errors.Is(err, store.ErrStale) {
		t.Errorf("an older version: %v", err)
	}
	before := len(f.events)
	change.Version = 0
	if again := must(f.UpdateUser(t.Context(), system(), ada, change))(t); again.Version != 2 || len(f.events) != before {
		t.Errorf("a change of nothing made version %d, %d events", again.Version, len(f.events)-before)
	}
	if own := must(f.User(t.Context(), f.scope(t, f.user(t, tenancy.NewUser{Username: "bob", Notes: "secret"})), f.byName(t, "bob")))(t); own.Notes != "" {
		t.Error("somebody reads the notes about himself")
	}
}

func (f *fixture) byName(t *testing.T, name string) id.User {
	t.Helper()
	return must(f.db.UserByIdentifier(t.Context(), name))(t).ID
}

func TestInvalidUsers(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Password: goodPassword})
	f.user(t, tenancy.NewUser{Username: "taken", Phone: "+390212345678"})
	long := strings.Repeat("x", 20_000)
	for field, changes := range map[string][]tenancy.UserChange{
		"username":        {{Username: to("")}, {Username: to("TAKEN")}, {Username: to("a b")}, {Username: to("аda")}, {Username: to("😀")}, {Username: to("+390212345678")}},
		"phone_number":    {{Phone: to("02 1234")}, {Phone: to("+39 02 1234 5678")}, {Phone: to("+1")}, {Phone: to("+1 111 111 1111")}, {Phone: to("+1-800-FLOWERS")}, {Phone: to(long)}},
		"first_name":      {{FirstName: to(long)}, {FirstName: to("a\u202eb")}, {FirstName: to("a\nb")}},
		"last_name":       {{LastName: to("\u2066")}},
		"bio":             {{Bio: to(long)}},
		"url":             {{URL: to("javascript:alert(1)")}},
		"company":         {{Company: to(long)}},
		"location":        {{Location: to(long)}},
		"notes":           {{Notes: to(long)}},
		"language":        {{Language: to("<x>")}},
		"birth_date":      {{BirthDate: to(tenancy.Date("1815-13-10"))}, {BirthDate: to(tenancy.Date("yesterday"))}, {BirthDate: to(tenancy.Date("0000-01-01"))}, {BirthDate: to(tenancy.Date("2026-03-02"))}},
		"expiration_date": {{Expires: to(tenancy.Date("2026-02-28"))}, {Expires: to(tenancy.Date("soon"))}, {Expires: to(tenancy.Date("1"))}},
		"custom.none":     {{Custom: map[string]any{"none": 1}}},
		"groups":          {{Staff: to(true)}},
	} {
		for _, change := range changes {
			_, err := f.UpdateUser(t.Context(), system(), ada, change)
			if wantInvalid(t, err, field); strings.Count(err.Error(), ".") > 1 && strings.HasSuffix(field, "_date") {
				t.Errorf("%v says too much", err)
			}
		}
	}
	_, err := f.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "аda", Phone: "1", Expires: "2026-02-28", BirthDate: "x", Bio: long, URL: "x"})
	wantInvalid(t, err, "username", "phone_number", "expiration_date", "birth_date", "bio", "url")
}

// TestExpiry are the four rules of an account's last day.
func TestExpiry(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	f.raw(t, `UPDATE users SET expiration_date = '2026-02-28', active = FALSE`)
	date := func(text tenancy.Date) *tenancy.Date { return &text }
	for _, tt := range []struct {
		name   string
		change tenancy.UserChange
		field  string // "" = accepted
	}{
		{"another field of an account that is over", tenancy.UserChange{FirstName: to("Ada")}, ""},
		{"the same day that is over", tenancy.UserChange{Expires: date("2026-02-28")}, ""},
		{"another day that is over", tenancy.UserChange{Expires: date("2026-02-27")}, "expiration_date"},
		{"active again", tenancy.UserChange{Active: to(true)}, "is_active"},
		{"active again with the same day", tenancy.UserChange{Active: to(true), Expires: date("2026-02-28")}, "is_active"},
		{"active again, and over", tenancy.UserChange{Active: to(true), Expires: date("2026-02-27")}, "expiration_date"},
		{"active again until today", tenancy.UserChange{Active: to(true), Expires: date("2026-03-01")}, ""},
		{"for ever", tenancy.UserChange{Expires: date("")}, ""},
	} {
		_, err := f.UpdateUser(t.Context(), system(), ada, tt.change)
		if tt.field != "" {
			wantInvalid(t, err, tt.field)
		} else if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestExpiredAndStillActive: until the nightly job has come, other fields of an account that is over can be changed as well.
func TestExpiredAndStillActive(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	f.raw(t, `UPDATE users SET expiration_date = '2026-02-28'`)
	if changed := must(f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{FirstName: to("Ada")}))(t); changed.FirstName != "Ada" {
		t.Errorf("changed to %+v", changed)
	}
}

// TestBornTomorrow: a day that an import brought is in nobody's way.
func TestBornTomorrow(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	f.raw(t, `UPDATE users SET birth_date = '2026-03-02' WHERE id = $1`, string(ada))
	must(f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{FirstName: to("Ada")}))(t)
}

// TestPhoneIsTakenAway: no number is as good as one.
func TestPhoneIsTakenAway(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Phone: "+390212345678"})
	if changed, err := f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Phone: to("")}); err != nil || changed.Phone != "" {
		t.Errorf("%q, %v", changed.Phone, err)
	}
}

// TestOwnUsername: nobody calls himself by an address that he has not proved.
func TestOwnUsername(t *testing.T) {
	f := newFixture(t)
	ada, own := f.person(t, "ada")
	must(f.AddEmail(t.Context(), own, ada, "second@x.example"))(t)
	for _, address := range []string{"boss@x.example", "second@x.example"} {
		_, err := f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Username: to(address)})
		wantInvalid(t, err, "username")
	}
	must(f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Username: to("ADA@x.example")}))(t)
	must(f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Username: to("boss@x.example")}))(t)
	must(f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{FirstName: to("Ada")}))(t) // the name that a superuser gave stays
}

func TestLastSuperuserStays(t *testing.T) {
	f := newFixture(t)
	roots, scopes := make([]id.User, 16), make([]tenancy.Scope, 16)
	for i := range roots {
		roots[i] = f.user(t, tenancy.NewUser{Username: "root" + string(rune('a'+i)), Superuser: true})
		scopes[i] = f.scope(t, roots[i])
	}
	kept := 0
	for _, err := range atOnce(16, func(i int) error {
		change := tenancy.UserChange{Active: to(false)}
		if i%2 == 0 {
			change = tenancy.UserChange{Superuser: to(false)}
		}
		if i%3 == 0 {
			return f.DeleteUser(t.Context(), scopes[(i+1)%16], roots[i])
		}
		_, err := f.UpdateUser(t.Context(), scopes[(i+1)%16], roots[i], change)
		return err
	}) {
		switch {
		case errors.Is(err, tenancy.ErrLastSuperuser):
			kept++
		case err != nil:
			t.Error(err)
		}
	}
	if has := must(f.db.HasSuperuser(t.Context()))(t); !has || kept != 1 {
		t.Errorf("%d superusers were kept, one is left: %v", kept, has)
	}
}

func TestBulk(t *testing.T) {
	f := newFixture(t)
	a, b := f.organization(t, "acme"), f.organization(t, "bolt")
	user := func(name string, organizations ...id.Organization) id.User {
		user := f.user(t, tenancy.NewUser{Username: name})
		for _, organization := range organizations {
			f.member(t, organization, user, tenancy.Member)
		}
		return user
	}
	manager, one, two, foreign, both := user("manager"), user("one", a), user("two", a), user("foreign", b), user("both", a, b)
	owner := user("owner")
	f.member(t, a, owner, tenancy.Owner)
	f.member(t, a, manager, tenancy.Manager)
	f.group(t, tenancy.DefaultGroups()[1], manager)
	f.raw(t, `UPDATE users SET expiration_date = '2026-02-28', active = FALSE WHERE username = 'one'`)
	f.raw(t, `UPDATE users SET expiration_date = '2026-03-01', active = FALSE WHERE username = 'two'`)
	scope := f.scope(t, manager)
	text := func(rows []tenancy.RowResult) string {
		var b strings.Builder
		for _, row := range rows {
			b.WriteString(outcome(row.Err))
			for mark, is := range map[string]bool{"*": row.Changed && !row.ExpiryCleared, "c": row.ExpiryCleared} {
				if is {
					b.WriteString(mark)
				}
			}
		}
		return b.String()
	}
	everybody := []id.User{owner, one, foreign, two, both, id.New[id.User](), one}
	for _, step := range []struct {
		want string
		rows []tenancy.RowResult
	}{
		{"F+cN+*FN+", f.SetUsersActive(t.Context(), scope, everybody, true)},
		{"F+*N+*FN+", f.SetUsersActive(t.Context(), scope, everybody, false)},
		{"F+*N+*FNN", f.DeleteUsers(t.Context(), scope, everybody)},
		{"+*", f.DeleteUsers(t.Context(), system(), []id.User{owner})},
	} {
		if got := text(step.rows); got != step.want {
			t.Errorf("%s, want %s", got, step.want)
		}
	}
}

func TestUnlinkLeavesAWayIn(t *testing.T) {
	f := newFixture(t)
	user := must(f.Provision(t.Context(), system(), tenancy.NewIdentityUser{Connector: "c", Subject: "s", Username: "ada"}))(t).ID
	own := f.scope(t, user)
	if err := f.Unlink(t.Context(), own, user, "c", "s"); !errors.Is(err, tenancy.ErrLastSignIn) {
		t.Errorf("unlinked the only way in: %v", err)
	}
	must(0, f.SetPassword(t.Context(), own, user, goodPassword))(t)
	must(0, f.Unlink(t.Context(), own, user, "c", "s"))(t)
	if left := must(f.Identities(t.Context(), own, user))(t); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	if event := f.events[len(f.events)-1]; event.Action != "identity.unlinked" || event.Detail["connector"] != "c" {
		t.Errorf("recorded %+v", event)
	}
}

// TestSessionsEndWithTheAccount: once it is inactive or gone, and not before.
func TestSessionsEndWithTheAccount(t *testing.T) {
	f := newFixture(t)
	sessions := &ended{}
	f.Sessions = sessions
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	bob := f.scope(t, f.user(t, tenancy.NewUser{Username: "bob"}))
	if err := f.DeleteUser(t.Context(), bob, ada); outcome(err) != "F" {
		t.Error(err)
	}
	must(f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{FirstName: to("Ada")}))(t)
	if len(sessions.calls) != 0 {
		t.Errorf("ended %v", sessions.calls)
	}
	must(f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Active: to(false)}))(t)
	must(0, f.DeleteUser(t.Context(), system(), ada))(t)
	if len(sessions.calls) != 2 {
		t.Errorf("ended %v", sessions.calls)
	}
}
