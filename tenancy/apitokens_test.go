package tenancy_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

func TestCreateAPIToken(t *testing.T) {
	f := newFixture(t)
	a, b := f.organization(t, "acme"), f.organization(t, "other")
	user, member := f.user(t, tenancy.NewUser{Username: "ada"}), f.user(t, tenancy.NewUser{Username: "member", Organization: a})
	root := f.user(t, tenancy.NewUser{Username: "root", Superuser: true})
	f.member(t, a, user, tenancy.Manager)
	f.group(t, tenancy.Group{Name: "Desk", Organization: a, Permissions: []tenancy.Permission{tenancy.ChangeUser}}, user)
	later := f.Now().Add(time.Hour)
	for name, tt := range map[string]struct {
		n      tenancy.NewAPIToken
		fields []string
	}{
		"plain":                            {tenancy.NewAPIToken{Name: "x"}, nil},
		"no name":                          {tenancy.NewAPIToken{}, []string{"name"}},
		"long name":                        {tenancy.NewAPIToken{Name: strings.Repeat("x", 151)}, []string{"name"}},
		"over already":                     {tenancy.NewAPIToken{Name: "x", Expires: f.Now()}, []string{"expires"}},
		"for a while":                      {tenancy.NewAPIToken{Name: "x", Expires: later}, nil},
		"held in one organization":         {tenancy.NewAPIToken{Name: "x", Permissions: []tenancy.Permission{tenancy.ChangeUser}}, nil},
		"the same in that":                 {tenancy.NewAPIToken{Name: "x", Organization: a, Permissions: []tenancy.Permission{tenancy.ChangeUser, tenancy.ViewUser}}, nil},
		"not held":                         {tenancy.NewAPIToken{Name: "x", Permissions: []tenancy.Permission{tenancy.AddUser}}, []string{"permissions"}},
		"no permission":                    {tenancy.NewAPIToken{Name: "x", Permissions: []tenancy.Permission{"*"}}, []string{"permissions"}},
		"an organization of others":        {tenancy.NewAPIToken{Name: "x", Organization: b}, []string{"organization"}},
		"no organization":                  {tenancy.NewAPIToken{Name: "x", Organization: id.New[id.Organization]()}, []string{"organization"}},
		"everything at once":               {tenancy.NewAPIToken{Organization: b, Permissions: []tenancy.Permission{tenancy.ChangeUser}}, []string{"name", "organization", "permissions"}},
		"a permission held elsewhere only": {tenancy.NewAPIToken{Name: "x", Organization: b, Permissions: []tenancy.Permission{tenancy.ChangeUser}}, []string{"organization", "permissions"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := f.CreateAPIToken(t.Context(), f.scope(t, user), tt.n)
			if len(tt.fields) > 0 {
				wantInvalid(t, err, tt.fields...)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	if _, _, err := f.CreateAPIToken(t.Context(), system(), tenancy.NewAPIToken{Name: "x", User: f.user(t, tenancy.NewUser{Username: "off", Inactive: true})}); !errors.Is(err, tenancy.ErrDisabled) {
		t.Errorf("for an inactive user: %v", err)
	}
	limited := f.scope(t, user).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.ChangeUser}})
	limitedRoot := f.scope(t, root).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.AddAPIKey}})
	for name, tt := range map[string]struct {
		scope tenancy.Scope
		user  id.User
		want  string
	}{
		"own": {f.scope(t, user), user, "+"}, "another's": {f.scope(t, user), member, "F"}, "a superuser for another": {f.scope(t, root), member, "+"},
		"a superuser for nobody": {f.scope(t, root), id.New[id.User](), "N"}, "by a limited token": {limited, user, "F"},
		"for another by a superuser's limited token": {limitedRoot, member, "F"}, "the program": {system(), member, "+"},
	} {
		_, _, err := f.CreateAPIToken(t.Context(), tt.scope, tenancy.NewAPIToken{User: tt.user, Name: "x"})
		if got := outcome(err); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	f.Settings.MaxTokenLifetime = time.Minute
	for _, expires := range []time.Time{{}, later} {
		_, _, err := f.CreateAPIToken(t.Context(), f.scope(t, user), tenancy.NewAPIToken{Name: "x", Expires: expires})
		wantInvalid(t, err, "expires")
	}
}

func TestTokenIsKeptAsHash(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "ada"})
	token, text := f.token(t, f.scope(t, user), tenancy.NewAPIToken{})
	if !regexp.MustCompile(`^gha_[0-9a-f]{32}\.[A-Za-z0-9_-]{43}$`).MatchString(text) || !strings.HasSuffix(text, token.Hint) || len(token.Hint) != 4 {
		t.Errorf("text %s, hint %s", text, token.Hint)
	}
	stored := must(f.db.APIToken(t.Context(), token.ID))(t)
	if _, random, _ := strings.Cut(text, "."); strings.Contains(stored.Hash, random) || strings.Contains(text, stored.Hash) {
		t.Error("the token is in the database")
	}
	for _, event := range f.events {
		if event.Action == "token.created" && (event.Detail["user"] != string(user) || event.Object != string(token.ID)) {
			t.Errorf("event %+v", event)
		}
	}
}

func TestAuthenticateToken(t *testing.T) {
	f := newFixture(t)
	now := f.Now()
	f.Now = func() time.Time { return now }
	user := f.user(t, tenancy.NewUser{Username: "ada"})
	token, text := f.token(t, f.scope(t, user), tenancy.NewAPIToken{Expires: now.Add(time.Hour)})
	scope, found, err := f.AuthenticateToken(t.Context(), text)
	if err != nil || scope.Actor() != user || scope.Via() != "token:"+string(token.ID) || found.ID != token.ID || scope.MustChangePassword() {
		t.Fatalf("%v, %+v, %v", scope.Actor(), found, err)
	}
	bad := func(name, text string) {
		t.Helper()
		if _, found, err := f.AuthenticateToken(t.Context(), text); !errors.Is(err, tenancy.ErrBadToken) || found.ID != "" {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	bad("changed", text[:len(text)-1]+string(map[bool]rune{true: 'A', false: 'B'}[text[len(text)-1] != 'A']))
	bad("cut", text[:len(text)-1])
	bad("longer", text+"A")
	bad("empty", "")
	bad("its hash", found.Hash)
	for name, changes := range map[string][2]string{
		"inactive": {`active = FALSE`, `active = TRUE`},
		"expired":  {`expiration_date = '2026-02-28'`, `expiration_date = '2026-03-01'`},
	} {
		f.raw(t, `UPDATE users SET `+changes[0]+` WHERE id = $1`, string(user))
		bad(name, text)
		if _, err := f.Scope(t.Context(), user); !errors.Is(err, tenancy.ErrDisabled) {
			t.Errorf("%s: Scope says %v", name, err)
		}
		f.raw(t, `UPDATE users SET `+changes[1]+` WHERE id = $1`, string(user))
		if _, _, err := f.AuthenticateToken(t.Context(), text); err != nil {
			t.Errorf("not %s any more: %v", name, err)
		}
	}
	now = now.Add(time.Hour)
	bad("of the past", text)
}

func TestTokenIsTouchedOncePerMinute(t *testing.T) {
	f := newFixture(t)
	now := f.Now()
	f.Now = func() time.Time { return now }
	token, text := f.token(t, f.scope(t, f.user(t, tenancy.NewUser{Username: "ada"})), tenancy.NewAPIToken{})
	start := now
	for _, tt := range []struct{ after, want time.Duration }{{0, 0}, {59 * time.Second, 0}, {60 * time.Second, 60 * time.Second}, {90 * time.Second, 60 * time.Second}} {
		now = start.Add(tt.after)
		if _, _, err := f.AuthenticateToken(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		if used := must(f.db.APIToken(t.Context(), token.ID))(t).LastUsed; !used.Equal(start.Add(tt.want)) {
			t.Errorf("after %v: used %v, want %v", tt.after, used, start.Add(tt.want))
		}
	}
}

func TestLimitsOfTokens(t *testing.T) {
	f := newFixture(t)
	a, b := f.organization(t, "acme"), f.organization(t, "other")
	root := f.user(t, tenancy.NewUser{Username: "root", Superuser: true})
	_, text := f.token(t, f.scope(t, root), tenancy.NewAPIToken{Organization: a, Permissions: []tenancy.Permission{tenancy.ViewUser}})
	scope, _, err := f.AuthenticateToken(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if scope.Superuser() || scope.Everywhere() || scope.Covers(b) || !scope.HasIn(a, tenancy.ViewUser) || scope.HasIn(a, tenancy.ChangeUser) {
		t.Error("the token's limits do not hold")
	}
}

func TestIssueToken(t *testing.T) {
	day := 24 * time.Hour
	for name, tt := range map[string]struct {
		age    time.Duration
		method string
		later  time.Duration
		change bool
		life   time.Duration
	}{
		"fresh password":              {0, "pwd", 0, false, 30 * day},
		"expired password":            {11 * day, "pwd", 0, true, 15 * time.Minute},
		"expired, but signed in else": {11 * day, "fed", 0, false, 30 * day},
		"expires meanwhile":           {0, "pwd", 11 * day, true, 30 * day},
		"expires meanwhile, else":     {0, "fed", 11 * day, false, 30 * day},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			now := f.Now()
			f.Now = func() time.Time { return now }
			f.Settings.PasswordExpiryDays = 10
			user := f.user(t, tenancy.NewUser{Username: "ada", Password: goodPassword, Superuser: true})
			now = now.Add(tt.age)
			token, text, err := f.IssueToken(t.Context(), user, tt.method)
			if err != nil || !token.Expires.Equal(now.Add(tt.life)) {
				t.Fatalf("expires %v, %v", token.Expires, err)
			}
			now = now.Add(tt.later)
			scope, _, err := f.AuthenticateToken(t.Context(), text.Reveal())
			if err != nil || scope.MustChangePassword() != tt.change {
				t.Fatalf("must change = %v, %v", scope.MustChangePassword(), err)
			}
			f.Settings.PasswordExpiryDays = 0
			if again, _, err := f.AuthenticateToken(t.Context(), text.Reveal()); err != nil || again.MustChangePassword() != (token.Purpose == tenancy.PurposePasswordChange) {
				t.Errorf("without such a rule any more: must change = %v, %v", again.MustChangePassword(), err)
			}
			f.Settings.PasswordExpiryDays = 10
			if tt.change && (scope.Superuser() || scope.Everywhere() || scope.Has(tenancy.ViewUser)) {
				t.Error("it is good for more than a new password")
			}
			if _, _, err := f.CreateAPIToken(t.Context(), scope, tenancy.NewAPIToken{Name: "x"}); (outcome(err) == "F") != tt.change {
				t.Errorf("another token: %v", err)
			}
			if err := f.ChangePassword(t.Context(), scope, goodPassword, otherPassword, tenancy.Kept{}); err != nil {
				t.Error(err)
			}
			if _, _, err := f.AuthenticateToken(t.Context(), text.Reveal()); !errors.Is(err, tenancy.ErrBadToken) {
				t.Errorf("after the change: %v", err)
			}
		})
	}
	f := newFixture(t)
	if _, _, err := f.IssueToken(t.Context(), f.user(t, tenancy.NewUser{Username: "off", Inactive: true}), "pwd"); !errors.Is(err, tenancy.ErrDisabled) {
		t.Errorf("inactive: %v", err)
	}
}

func TestTokensOfOthers(t *testing.T) {
	w := newTown(t)
	theirs, _ := w.token(t, system(), tenancy.NewAPIToken{User: w.onlyA})
	for _, r := range w.requesters {
		if err := w.RevokeAPIToken(t.Context(), r.scope, "", id.New[id.APIToken]()); outcome(err) != "N" {
			t.Errorf("%s revokes none: %v", r.name, err)
		}
	}
	// system, superuser, owner, manager | bare, member, both | other, nowhere, of the disabled one
	for what, tt := range map[string]struct {
		want string
		run  func(scope tenancy.Scope) error
	}{
		"list": {"++++" + "FN+" + "NNN", func(scope tenancy.Scope) error {
			_, err := w.APITokens(t.Context(), scope, w.onlyA)
			return err
		}},
		"list a superuser's": {"++NN" + "FNN" + "NNN", func(scope tenancy.Scope) error {
			_, err := w.APITokens(t.Context(), scope, w.super)
			return err
		}},
		"list of somebody in a and b": {"++FF" + "FN+" + "FNN", func(scope tenancy.Scope) error {
			_, err := w.APITokens(t.Context(), scope, w.inBoth)
			return err
		}},
		"revoke": {"++++" + "NN+" + "NNN", func(scope tenancy.Scope) error {
			fresh, _ := w.token(t, system(), tenancy.NewAPIToken{User: w.onlyA})
			return w.RevokeAPIToken(t.Context(), scope, w.onlyA, fresh.ID)
		}},
		"revoke all": {"++++" + "FN+" + "NNN", func(scope tenancy.Scope) error {
			_, err := w.RevokeAllAPITokens(t.Context(), scope, w.onlyA)
			return err
		}},
	} {
		for i, r := range w.requesters {
			if got := outcome(tt.run(r.scope)); got != tt.want[i:i+1] {
				t.Errorf("%s as %s: %s, want %s", what, r.name, got, tt.want[i:i+1])
			}
		}
	}
	if _, err := w.db.APIToken(t.Context(), theirs.ID); err == nil {
		t.Error("revoking all left one")
	}
}

// TestTokensNeedTheirPermission: who may change an account does not see its tokens yet.
func TestTokensNeedTheirPermission(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	manager, member := f.user(t, tenancy.NewUser{Username: "manager"}), f.user(t, tenancy.NewUser{Username: "member", Organization: a})
	f.member(t, a, manager, tenancy.Manager)
	f.group(t, tenancy.Group{Name: "Changers", Permissions: []tenancy.Permission{tenancy.ChangeUser}}, manager)
	token, _ := f.token(t, system(), tenancy.NewAPIToken{User: member})
	scope := f.scope(t, manager)
	if err := f.SetPassword(t.Context(), scope, f.user(t, tenancy.NewUser{Username: "other", Organization: a}), goodPassword); err != nil {
		t.Fatalf("he may not change accounts: %v", err)
	}
	_, listing := f.APITokens(t.Context(), scope, member)
	_, all := f.RevokeAllAPITokens(t.Context(), scope, member)
	if got := outcome(listing) + outcome(all) + outcome(f.RevokeAPIToken(t.Context(), scope, member, token.ID)); got != "FFN" {
		t.Errorf("list, revoke all, revoke: %s", got)
	}
}

func TestOwnTokens(t *testing.T) {
	f := newFixture(t)
	user := f.user(t, tenancy.NewUser{Username: "ada", Superuser: true})
	scope := f.scope(t, user)
	first, _ := f.token(t, scope, tenancy.NewAPIToken{})
	limited, text := f.token(t, scope, tenancy.NewAPIToken{Permissions: []tenancy.Permission{tenancy.ViewUser}})
	by, _, err := f.AuthenticateToken(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if got := outcome(f.RevokeAPIToken(t.Context(), by, user, first.ID)); got != "N" {
		t.Errorf("a limited token revokes another: %s", got)
	}
	if _, err := f.APITokens(t.Context(), by, user); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("a limited token lists: %v", err)
	}
	if err := f.RevokeAPIToken(t.Context(), by, user, limited.ID); err != nil {
		t.Errorf("a token revokes itself: %v", err)
	}
	if err := f.RevokeAPIToken(t.Context(), scope, "", first.ID); err != nil {
		t.Error(err)
	}
	fresh, _ := f.token(t, scope, tenancy.NewAPIToken{})
	if got := outcome(f.RevokeAPIToken(t.Context(), scope, f.user(t, tenancy.NewUser{Username: "bob"}), fresh.ID)); got != "N" {
		t.Errorf("revoked as somebody else's: %s", got)
	}
	if n := must(f.RevokeAllAPITokens(t.Context(), scope, user))(t); n != 1 {
		t.Errorf("%d revoked", n)
	}
}
