package main

import (
	"io"
	"strings"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/mfa"
)

func TestUsersUpdate(t *testing.T) {
	config, dir := installation(t, `
users:
  fields:
    - {name: badge, schema: {type: string, pattern: "^[A-Z][0-9]$"}}
    - {name: desk, schema: {type: integer}}
`)
	d := daily{config, dir}
	follow(t, d, []step{
		{"users create ada --email ada@x.example --email-verified", 0, ""},
		{"users update ada", 1, "nothing to change is named"},
		{"users update nobody --bio x", 1, "no user"},
		{"users update ada --first-name Ada --phone +390212345678 --expires 2999-01-01 --custom badge=B7 --custom desk=12 --json", 0, `"custom":{"badge":"B7","desk":12}`},
		{"users show ada", 0, "expiration_date  2999-01-01"},
		{"users show ada --json", 0, `"badge":"B7"`},
		{"users update ada --custom badge=nonsense --birth-date 1990 --phone 1", 1, "custom.badge"},
		{"users update ada --custom badge= --expires= --json", 0, `"custom":{"desk":12}`},
		{"users show ada --json", 0, `"expiration_date":null`},
		{"users update ada --staff", 1, "needs a group"},
		{"groups add-user Operator ada", 0, ""},
		{"users update ada --staff --superuser", 0, "is_superuser     yes"},
		{"users update ada --no-superuser", 1, "last active superuser"},
		{"admin create --username root", 0, ""},
		{"users update ada --no-superuser --no-staff", 0, "is_staff         no"},
		{"users update ada --email new@x.example --email-verified", 0, "email_verified   yes"},
		{"mail list", 0, "email_changed  ada@x.example"},
		{"users update ada --email newer@x.example", 0, "email_verified   no"},
		{"mail list", 0, "confirm_email  newer@x.example"},
		{"users remove-factors ada", 1, "ada has no second factor"},
	})
	if _, said := d.run(t, "", "mail", "list", "--json"); strings.Count(said, "confirm_email") != 1 {
		t.Errorf("a proved address is asked about: %s", said)
	}
}

func TestUsersRemoveFactors(t *testing.T) {
	d := newDaily(t)
	d.want(t, 0, "", "", "users", "create", "ada", "--no-password")
	a, err := configFlag{Config: d.config}.openDirectory(t.Context(), terminal{out: io.Discard, err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	user, err := a.directory.FindUser(t.Context(), commandLine(), "ada")
	if err == nil {
		err = a.db.CreateFactor(t.Context(), mfa.Factor{ID: id.New[id.Factor](), User: user.ID, Kind: mfa.KindTOTP, Name: "app", Secret: []byte("sealed")})
	}
	a.close()
	if err != nil {
		t.Fatal(err)
	}
	d.want(t, 1, "removes the second factors of ada, who then signs in without, and cannot be undone; say --yes", "", "users", "remove-factors", "ada")
	d.want(t, 0, "ada has no second factor any more", "", "users", "remove-factors", "ada", "--yes")
	d.want(t, 1, "ada has no second factor", "", "users", "remove-factors", "ada", "--yes")
}
