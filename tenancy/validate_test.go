package tenancy_test

import (
	"fmt"
	"strings"
	"testing"

	"gatehouse/tenancy"
)

// TestFormsOfAddresses: a bare address that letters can be sent to and that looks like no other one.
func TestFormsOfAddresses(t *testing.T) {
	f := newFixture(t)
	n := 0
	for email, fine := range map[string]bool{
		"ada@x.example": true, "Ada+2@X.example": true, "zoë@x.example": true, "o'neill@x.example": true,
		"ada": false, "@x.example": false, "ada@": false, "ada@x@x.example": false, "ada @x.example": false,
		"a\u200bb@x.example": false, "a\u202eb@x.example": false, "ada@x.example\n": false, "a\x00@x.example": false, "\xff@x.example": false,
		`"ada"@x.example`: false, `"a b"@x.example`: false, "<ada@x.example>": false, "Ada <ada@x.example>": false, "ada@x.example (Ada)": false,
		strings.Repeat("a", 250) + "@x.example": false, strings.Repeat("ë", 130) + "@x.example": false, // 254 bytes
	} {
		n++
		_, err := f.CreateUser(t.Context(), system(), tenancy.NewUser{Username: fmt.Sprint("user", n), Email: email})
		if fine && err != nil {
			t.Errorf("%q: %v", email, err)
		} else if !fine {
			wantInvalid(t, err, "email")
		}
	}
}

// TestBoundsOfTheProfile are those of single fields, from both sides.
func TestBoundsOfTheProfile(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Language: "en"})
	const site = "https://x.example/"
	for _, tt := range []struct {
		field string // "" where it is fine
		of    tenancy.UserChange
	}{
		{"", tenancy.UserChange{Bio: to("first\r\n\tsecond")}},
		{"bio", tenancy.UserChange{Bio: to("a\vb")}},
		{"bio", tenancy.UserChange{Bio: to("\xff")}},
		{"first_name", tenancy.UserChange{FirstName: to("\xff")}},
		{"", tenancy.UserChange{Language: to("")}},
		{"", tenancy.UserChange{Language: to("pt-BR")}},
		{"language", tenancy.UserChange{Language: to("en-x-" + strings.Repeat("abcdefgh-", 4) + "z")}},
		{"", tenancy.UserChange{URL: to("http://x.example")}},
		{"", tenancy.UserChange{URL: to(site + strings.Repeat("x", 200-len(site)))}},
		{"url", tenancy.UserChange{URL: to(site + strings.Repeat("x", 201-len(site)))}},
		{"url", tenancy.UserChange{URL: to("https:///path")}},
		{"url", tenancy.UserChange{URL: to("ftp://x.example")}},
	} {
		_, err := f.UpdateUser(t.Context(), system(), ada, tt.of)
		if tt.field != "" {
			wantInvalid(t, err, tt.field)
		} else if err != nil {
			t.Error(err)
		}
	}
}

func TestLongestSlug(t *testing.T) {
	f := newFixture(t)
	for length, want := range map[int]string{200: "+", 201: "I"} {
		_, err := f.CreateOrganization(t.Context(), system(), tenancy.Organization{Name: "long", Slug: strings.Repeat("x", length)})
		if got := outcome(err); got != want {
			t.Errorf("%d characters: %s, want %s", length, got, want)
		}
	}
}
