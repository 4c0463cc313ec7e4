package tenancy_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"gatehouse/tenancy"
)

func TestNormalise(t *testing.T) {
	for _, tt := range []struct{ given, want string }{ // "" means refused
		{"ada", "ada"},
		{"Ada@Example.ORG", "ada@example.org"},
		{" ada\t", "ada"},
		{"ＡＤＡ", "ada"},
		{"Straße", "strasse"},
		{"ΣΊΣΥΦΟΣ", "σίσυφοσ"},
		{"Zoe\u0308", "zo\u00eb"},
		{"ﬁ", "fi"},
		{"\u13a0", "\uab70"}, // Cherokee, capital and small
		{"\uab70", "\uab70"},
		{"+4915112345678", "+4915112345678"},
		{strings.Repeat("x", 254), strings.Repeat("x", 254)},
		{strings.Repeat("x", 255), ""},
		{strings.Repeat(" ", 1017) + "x", ""}, // not even looked at
		{"", ""},
		{"   ", ""},
		{"a b", ""},
		{"a\u00a0b", ""},
		{"a\x00", ""},
		{"a\x7f", ""},
		{"a\u200bb", ""}, // zero width space
		{"a\u202eb", ""}, // right-to-left override
		{"a\xff", ""},
		{"a\ufdfa", ""}, // one letter that stands for four words
	} {
		got, err := tenancy.Normalise(tt.given)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("Normalise(%q) = %q, %v; want %q", tt.given, got, err, tt.want)
		}
	}
}

func TestSearchable(t *testing.T) {
	for text, want := range map[string]string{"Ångström": "angstrom", "Zoe\u0308": "zoe", "Straße": "strasse", "SØREN": "søren", "日本": "日本", "한글": "한글"} {
		if got := tenancy.Searchable(text); got != want {
			t.Errorf("Searchable(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestNormaliseIsStable(t *testing.T) {
	for r := rune(1); r <= utf8.MaxRune; r++ {
		once, err := tenancy.Normalise("a" + string(r))
		if err != nil {
			continue
		}
		if twice, err := tenancy.Normalise(once); err != nil || twice != once {
			t.Errorf("%U: %q, again %q (%v)", r, once, twice, err)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, seed := range []string{"Ada@Example.org", "Straße", "İ", "ǰ", "\u0345\u0391", "ﬁ\u200d", "\xff", "\u13a0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		once, err := tenancy.Normalise(given)
		if err != nil {
			return
		}
		if twice, err := tenancy.Normalise(once); err != nil || twice != once {
			t.Errorf("Normalise(%q) = %q, again %q (%v)", given, once, twice, err)
		}
		if !utf8.ValidString(once) || strings.TrimSpace(once) == "" || utf8.RuneCountInString(once) > 254 {
			t.Errorf("Normalise(%q) = %q", given, once)
		}
	})
}
