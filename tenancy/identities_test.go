package tenancy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

func TestProvision(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	f.user(t, tenancy.NewUser{Username: "taken", Email: "taken@example.org"})
	for _, tt := range []struct {
		name            string
		n               tenancy.NewIdentityUser
		username, email string // a username that ends in * begins so
	}{
		{"free", tenancy.NewIdentityUser{Username: "ada", Email: "ada@example.org", EmailVerified: true}, "ada", "ada@example.org"},
		{"taken username", tenancy.NewIdentityUser{Username: "Taken", Email: "t2@example.org"}, "Taken-*", "t2@example.org"},
		{"taken address", tenancy.NewIdentityUser{Username: "carl", Email: "TAKEN@example.org"}, "carl", ""},
		{"both taken", tenancy.NewIdentityUser{Username: "taken", Email: "taken@example.org"}, "taken-*", ""},
		{"no username", tenancy.NewIdentityUser{Email: "dora@example.org"}, "dora", "dora@example.org"},
		{"nothing", tenancy.NewIdentityUser{}, "user-*", ""},
		{"bad characters", tenancy.NewIdentityUser{Username: " Zoë <ö> K. "}, "Zoë-ö-K.", ""},
		{"letters that pass for others", tenancy.NewIdentityUser{Username: "\u0430da", Email: "turing@example.org"}, "turing", "turing@example.org"},
		{"names that turn text", tenancy.NewIdentityUser{Username: "jan", FirstName: "a\u202eb", LastName: "\u2066c"}, "jan", ""},
		{"bad address", tenancy.NewIdentityUser{Username: "eve", Email: "not an address"}, "eve", ""},
		{"own verified address as username", tenancy.NewIdentityUser{Username: "fay@example.org", Email: "Fay@example.org", EmailVerified: true}, "fay@example.org", "Fay@example.org"},
		{"own unverified address as username", tenancy.NewIdentityUser{Username: "gil@example.org", Email: "gil@example.org"}, "gil", "gil@example.org"},
		{"somebody's address as username", tenancy.NewIdentityUser{Username: "chief@example.org", Email: "hal@example.org", EmailVerified: true}, "chief", "hal@example.org"},
		{"long", tenancy.NewIdentityUser{Username: strings.Repeat("ü", 500)}, strings.Repeat("ü", 150), ""},
		{"the same long one", tenancy.NewIdentityUser{Username: strings.Repeat("ü", 500)}, strings.Repeat("ü", 140) + "-*", ""},
		{"a letter of several words", tenancy.NewIdentityUser{Username: "\ufdfa"}, "user-*", ""},
		{"broken UTF-8", tenancy.NewIdentityUser{Username: "i\xffvy", FirstName: "I\xff\x00\x1b[1m\nvy", LastName: strings.Repeat("x", 400), Language: "<x>"}, "ivy", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := tt.n
			n.Connector, n.Subject, n.Organization = "upstream", "subject of "+tt.name, a
			user := must(f.Provision(t.Context(), system(), n))(t)
			if prefix, open := strings.CutSuffix(tt.username, "*"); (open && !strings.HasPrefix(user.Username, prefix)) || (!open && user.Username != tt.username) {
				t.Errorf("username %q, want %q", user.Username, tt.username)
			}
			stored := must(f.Store.User(t.Context(), user.ID))(t)
			if !cmp.Equal(stored, user) || user.Email != tt.email || !user.Active || user.Staff || user.Superuser || user.PasswordHash != "" {
				t.Errorf("user %+v, stored %+v", user, stored)
			}
			if role := f.role(t, a, user.ID); role != tenancy.Member {
				t.Errorf("role %q, want member", role)
			}
			if linked := must(f.UserByIdentity(t.Context(), system(), n.Connector, n.Subject))(t); linked.ID != user.ID {
				t.Error("the identity is not linked")
			}
		})
	}
}

// The first user of an organization from an upstream is nobody's manager, however empty the organization is.
func TestProvisionNeverMakesManagers(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	user := must(f.Provision(t.Context(), system(), tenancy.NewIdentityUser{Connector: "c", Subject: "s", Organization: a}))(t)
	if role := f.role(t, a, user.ID); role != tenancy.Member {
		t.Errorf("role %s", role)
	}
}

func TestProvisionRefusesUnusableSubjects(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "ada"})
	for name, i := range map[string]tenancy.Identity{
		"no subject":        {Connector: "c"},
		"no connector":      {Subject: "s"},
		"long subject":      {Connector: "c", Subject: strings.Repeat("s", 1025)},
		"broken UTF-8":      {Connector: "c", Subject: "s\xff"},
		"control character": {Connector: "c", Subject: "s\x00"},
	} {
		_, err := f.Provision(t.Context(), system(), tenancy.NewIdentityUser{Connector: i.Connector, Subject: i.Subject, Username: "eve"})
		wantInvalid(t, err, "subject")
		i.User = user
		wantInvalid(t, f.LinkIdentity(t.Context(), system(), i), "subject")
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestProvisionWritesAllOrNothing(t *testing.T) {
	f := newFixture(t)
	disabled := f.organization(t, "closed")
	f.disable(t, disabled)
	for name, organization := range map[string]id.Organization{"I": disabled, "N": id.New[id.Organization]()} {
		_, err := f.Provision(t.Context(), system(), tenancy.NewIdentityUser{Connector: "c", Subject: "s", Username: "ada", Organization: organization})
		if outcome(err) != name {
			t.Errorf("%v, want %s", err, name)
		}
		if _, err := f.Store.UserByIdentifier(t.Context(), "ada"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a user was left behind: %v", err)
		}
	}
}

func TestProvisionAtOnceMakesOneUser(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	users := make([]tenancy.User, 16)
	for _, err := range atOnce(len(users), func(i int) error {
		var err error
		users[i], err = f.Provision(t.Context(), system(), tenancy.NewIdentityUser{
			Connector: "c", Subject: "s", Username: "ada", Email: "ada@example.org", Organization: a,
		})
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, user := range users {
		if user.ID != users[0].ID || user.Username != "ada" || user.Email != "ada@example.org" {
			t.Errorf("got %+v and %+v for one identity", user, users[0])
		}
	}
}

func TestSubjectsAreComparedByteByByte(t *testing.T) {
	f := newFixture(t)
	seen := map[id.User]string{}
	for _, subject := range []string{"subject", "Subject", "subject ", "ｓubject"} {
		user := must(f.Provision(t.Context(), system(), tenancy.NewIdentityUser{Connector: "c", Subject: subject}))(t)
		if other, taken := seen[user.ID]; taken {
			t.Errorf("%q and %q are one user", subject, other)
		}
		seen[user.ID] = subject
	}
	again := must(f.Provision(t.Context(), system(), tenancy.NewIdentityUser{Connector: "other", Subject: "subject"}))(t)
	if _, taken := seen[again.ID]; taken {
		t.Error("the same subject of two connectors is one user")
	}
}

func TestLinkIdentity(t *testing.T) {
	f := newFixture(t)
	ada, bob := f.user(t, tenancy.NewUser{Username: "ada"}), f.user(t, tenancy.NewUser{Username: "bob"})
	link := func(user id.User) error {
		return f.LinkIdentity(t.Context(), system(), tenancy.Identity{Connector: "c", Subject: "s", User: user})
	}
	for i, step := range []struct {
		user id.User
		want string
	}{{ada, "+"}, {ada, "+"}, {bob, "C"}} {
		if got := outcome(link(step.user)); got != step.want {
			t.Errorf("step %d: %s, want %s", i+1, got, step.want)
		}
	}
	if user := must(f.UserByIdentity(t.Context(), system(), "c", "s"))(t); user.ID != ada {
		t.Error("the link moved")
	}
	if err := f.LinkIdentity(t.Context(), system(), tenancy.Identity{Connector: "c", Subject: "s2", User: id.New[id.User]()}); outcome(err) != "N" {
		t.Errorf("link to nobody: %v", err)
	}
}

func TestRecordLogin(t *testing.T) {
	f := newFixture(t)
	user := must(f.Provision(t.Context(), system(), tenancy.NewIdentityUser{Connector: "c", Subject: "s"}))(t)
	for _, connector := range []id.Connector{"", "c"} {
		f.events = nil
		if err := f.RecordLogin(t.Context(), system(), user.ID, "pwd", connector, "s"); err != nil {
			t.Fatal(err)
		}
		if len(f.events) != 1 || f.events[0].Actor != user.ID || f.events[0].Detail["connector"] != string(connector) {
			t.Errorf("events %+v", f.events)
		}
	}
	if at := must(f.Store.User(t.Context(), user.ID))(t).LastLogin; !at.Equal(f.Now()) {
		t.Errorf("last login of the user %v", at)
	}
	if at := must(f.Store.Identity(t.Context(), "c", "s"))(t).LastLogin; !at.Equal(f.Now()) {
		t.Errorf("last login of the identity %v", at)
	}
}
