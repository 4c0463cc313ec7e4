package tenancy_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/password"
	"gatehouse/store"
	"gatehouse/tenancy"
)

func TestAuthenticate(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "Ada.L", Email: "Ada@Example.org", Password: goodPassword})
	f.user(t, tenancy.NewUser{Username: "inactive", Password: goodPassword, Inactive: true})
	f.user(t, tenancy.NewUser{Username: "federated"})
	for _, tt := range []struct {
		name, identifier, plain string
		want                    bool
	}{
		{"username", "Ada.L", goodPassword, true},
		{"username in another case", "ADA.l", goodPassword, true},
		{"e-mail address", "ada@example.org", goodPassword, true},
		{"full-width letters", "Ａｄａ.L", goodPassword, true},
		{"spaces around", "  ada.l\t", goodPassword, true},
		{"wrong password", "ada.l", goodPassword + "!", false},
		{"password in another case", "ada.l", strings.ToUpper(goodPassword), false},
		{"no password given", "ada.l", "", false},
		{"unknown", "bob", goodPassword, false},
		{"inactive", "inactive", goodPassword, false},
		{"without a local password", "federated", "", false},
		{"without a local password, the dummy's", "federated", "nobody's password", false},
		{"no name", "", goodPassword, false},
		{"broken UTF-8", "ada.l\xff", goodPassword, false},
		{"NUL", "ada.l\x00", goodPassword, false},
		{"long name", strings.Repeat("a", 100_000), goodPassword, false},
		{"long password", "ada.l", strings.Repeat("a", 100_000), false},
		{"SQL", "ada.l' OR '1'='1", goodPassword, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			user, err := f.Authenticate(t.Context(), tt.identifier, tt.plain)
			switch {
			case tt.want && (err != nil || user.ID != ada):
				t.Errorf("refused: %v", err)
			case !tt.want && (!errors.Is(err, tenancy.ErrBadCredentials) || user.ID != "" || err.Error() != tenancy.ErrBadCredentials.Error()):
				t.Errorf("%v, %v; want nothing but ErrBadCredentials", user.ID, err)
			}
		})
	}
}

func TestEveryRefusalTakesAsLong(t *testing.T) {
	f := newFixture(t)
	f.Passwords = hasher(t, 8192)
	f.user(t, tenancy.NewUser{Username: "known", Password: goodPassword})
	f.user(t, tenancy.NewUser{Username: "inactive", Password: goodPassword, Inactive: true})
	f.user(t, tenancy.NewUser{Username: "federated"})
	fastest := map[string]time.Duration{"known": time.Hour, "unknown": time.Hour, "inactive": time.Hour, "federated": time.Hour, "not a \x00 name": time.Hour}
	early := ""
	for round := range 60 { // a busy machine needs more of them
		for name, best := range fastest {
			start := time.Now()
			_, _ = f.Authenticate(t.Context(), name, "a wrong password") // only the time matters
			fastest[name] = min(best, time.Since(start))
		}
		early = ""
		for name, took := range fastest {
			if took < fastest["known"]/3 {
				early = name
			}
		}
		if round >= 7 && early == "" {
			return
		}
	}
	t.Errorf("%q is refused after %v, a known name after %v", early, fastest[early], fastest["known"])
}

func TestAuthenticateSaysBusy(t *testing.T) {
	f := newFixture(t)
	var err error
	if f.Passwords, err = password.New(password.Config{MemoryKiB: 16 << 10, Passes: 4, Concurrent: 1, Queue: 1}); err != nil {
		t.Fatal(err)
	}
	busy := 0
	for _, err := range atOnce(16, func(int) error {
		_, err := f.Authenticate(t.Context(), "somebody", goodPassword)
		return err
	}) {
		switch {
		case errors.Is(err, password.ErrBusy):
			busy++
		case !errors.Is(err, tenancy.ErrBadCredentials):
			t.Errorf("unexpected error %v", err)
		}
	}
	if busy == 0 {
		t.Error("nobody was told to come back later")
	}
}

func TestOutdatedHashIsReplaced(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "ada", Password: goodPassword})
	hash := func() string { return must(f.Store.User(t.Context(), user))(t).PasswordHash }
	old := hash()
	f.Passwords = hasher(t, 128)
	if _, err := f.Authenticate(t.Context(), "ada", "a wrong password"); !errors.Is(err, tenancy.ErrBadCredentials) || hash() != old {
		t.Fatalf("a wrong password replaced the hash (%v)", err)
	}
	must(f.Authenticate(t.Context(), "ada", goodPassword))(t)
	renewed := hash()
	if renewed == old || !strings.Contains(renewed, "m=128,") {
		t.Errorf("hash %s was not replaced", renewed)
	}
	must(f.Authenticate(t.Context(), "ada", goodPassword))(t)
	if hash() != renewed {
		t.Error("a current hash was replaced")
	}
}

func TestOneNamespaceOfIdentifiers(t *testing.T) {
	f := newFixture(t)
	f.user(t, tenancy.NewUser{Username: "ada", Email: "ada@example.org"})
	for _, tt := range []struct {
		name string
		n    tenancy.NewUser
		want string
	}{
		{"same username", tenancy.NewUser{Username: "ada"}, "username"},
		{"username in another case", tenancy.NewUser{Username: "ADA"}, "username"},
		{"username in full-width letters", tenancy.NewUser{Username: "ａｄａ"}, "username"},
		{"somebody's address as username", tenancy.NewUser{Username: "Ada@example.org"}, "username"},
		{"same address in another case", tenancy.NewUser{Username: "bob", Email: "ADA@EXAMPLE.ORG"}, "email"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := f.CreateUser(t.Context(), system(), tt.n)
			wantInvalid(t, err, tt.want)
		})
	}
	f.user(t, tenancy.NewUser{Username: "carol@example.org", Email: "Carol@example.org"}) // one person's own
}

func TestCreateUserValidates(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("x", 151)
	for name, tt := range map[string]struct {
		n      tenancy.NewUser
		fields []string
	}{
		"empty":                     {tenancy.NewUser{}, []string{"username"}},
		"space":                     {tenancy.NewUser{Username: "a b"}, []string{"username"}},
		"markup":                    {tenancy.NewUser{Username: "<b>"}, []string{"username"}},
		"long":                      {tenancy.NewUser{Username: long}, []string{"username"}},
		"a letter of several words": {tenancy.NewUser{Username: "a\ufdfa"}, []string{"username"}},
		"broken UTF-8":              {tenancy.NewUser{Username: "a\xff"}, []string{"username"}},
		"no address":                {tenancy.NewUser{Username: "ok", Email: "nobody"}, []string{"email"}},
		"address with a name":       {tenancy.NewUser{Username: "ok", Email: "Ada <ada@example.org>"}, []string{"email"}},
		"address with a line break": {tenancy.NewUser{Username: "ok", Email: "ada@example.org\r\nBcc: x@example.org"}, []string{"email"}},
		"quoted address":            {tenancy.NewUser{Username: "ok", Email: `"ada x"@example.org`}, []string{"email"}},
		"long address":              {tenancy.NewUser{Username: "ok", Email: strings.Repeat("x", 250) + "@example.org"}, []string{"email"}},
		"names":                     {tenancy.NewUser{Username: "ok", FirstName: "a\nb", LastName: long}, []string{"first_name", "last_name"}},
		"language":                  {tenancy.NewUser{Username: "ok", Language: "<script>"}, []string{"language"}},
		"weak password":             {tenancy.NewUser{Username: "ok", Password: "password1"}, []string{"password"}},
		"password like the name":    {tenancy.NewUser{Username: "zq8vk2-xw", Password: "zq8vk2-xw1"}, []string{"password"}},
		"everything at once":        {tenancy.NewUser{Username: " ", Email: "x", Password: "short"}, []string{"username", "email", "password"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.CreateUser(t.Context(), system(), tt.n)
			wantInvalid(t, err, tt.fields...)
		})
	}
}

func TestCreatedUser(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	n := tenancy.NewUser{
		Organization: a, Username: "Ada", Email: "ada@example.org", EmailVerified: true, FirstName: "Ada", LastName: "L", Language: "pt-BR",
	}
	created := must(f.CreateUser(t.Context(), system(), n))(t)
	stored := must(f.Store.User(t.Context(), created.ID))(t)
	want := tenancy.User{
		ID: created.ID, Username: "Ada", Email: "ada@example.org", EmailVerified: true, FirstName: "Ada", LastName: "L",
		Language: "pt-BR", Active: true, Created: f.Now(), Modified: f.Now(), Version: 1,
	}
	if !cmp.Equal(stored, want) || !cmp.Equal(created, want) {
		t.Errorf("created %+v, stored %+v, want %+v", created, stored, want)
	}
	if role := f.role(t, a, created.ID); role != tenancy.Member {
		t.Errorf("role %q, want member", role)
	}
	unverified := must(f.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "bob", EmailVerified: true}))(t)
	if unverified.EmailVerified {
		t.Error("no address is verified")
	}
}

func TestFirstSuperuser(t *testing.T) {
	f := newFixture(t)
	if needed := must(f.NeedsSetup(t.Context()))(t); !needed {
		t.Error("a new installation needs no set-up")
	}
	_, err := f.CreateFirstSuperuser(t.Context(), tenancy.NewUser{Username: "root"})
	wantInvalid(t, err, "password")
	errs := atOnce(16, func(i int) error {
		_, err := f.CreateFirstSuperuser(t.Context(), tenancy.NewUser{Username: "root" + string(rune('a'+i)), Password: goodPassword, Inactive: true})
		return err
	})
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errors.Is(err, tenancy.ErrSetUpAlready) {
			t.Errorf("unexpected error %v", err)
		}
	}
	if made != 1 {
		t.Errorf("%d first superusers, want 1", made)
	}
	if needed := must(f.NeedsSetup(t.Context()))(t); needed {
		t.Error("set-up is still open")
	}
}

func TestUserByEmail(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Email: "Ada@Example.org"})
	f.user(t, tenancy.NewUser{Username: "bob@example.org"})
	carol := f.user(t, tenancy.NewUser{Username: "carol@example.org", Email: "carol@work.example"})
	must(f.AddEmail(t.Context(), system(), carol, "carol@example.org"))(t) // which nobody has proved
	if found, address, err := f.UserByEmail(t.Context(), system(), "ada@example.ORG"); err != nil || found.ID != ada || address.Verified {
		t.Errorf("found %s, %v, %v", found.Username, address, err)
	}
	for _, email := range []string{"bob@example.org", "carol@example.org", "ada", "", "nobody@example.org", "\x00"} {
		if _, _, err := f.UserByEmail(t.Context(), system(), email); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: %v, want ErrNotFound: a username is no address", email, err)
		}
	}
}

func TestAccountName(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Email: "Ada@Example.org"})
	for identifier, want := range map[string]string{
		"ADA": string(ada), "ada@example.ORG": string(ada), "Nobody@Example.org": "nobody@example.org", "\x00": "\x00", "": "",
	} {
		if name := must(f.AccountName(t.Context(), system(), identifier))(t); name != want {
			t.Errorf("%q counts as %q, want %q", identifier, name, want)
		}
	}
}

// raw runs a statement past every rule.
func (f *fixture) raw(t *testing.T, text string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatal(err)
	}
}

// TestTimesAreAsStored: what a call returns is what later ones read, to the microsecond.
func TestTimesAreAsStored(t *testing.T) {
	f := newFixture(t)
	at := f.Now().Add(123456789 * time.Nanosecond)
	f.Now = func() time.Time { return at }
	made := must(f.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "ada"}))(t)
	if read := must(f.User(t.Context(), system(), made.ID))(t); !read.Created.Equal(made.Created) {
		t.Errorf("created %v, read %v", made.Created, read.Created)
	}
	token, _ := f.token(t, system(), tenancy.NewAPIToken{User: made.ID, Expires: at.Add(time.Hour)})
	if read := must(f.APITokens(t.Context(), system(), made.ID))(t)[0]; !read.Expires.Equal(token.Expires) {
		t.Errorf("made until %v, read %v", token.Expires, read.Expires)
	}
}
