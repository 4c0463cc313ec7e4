package password_test

import (
	"strings"
	"testing"
	"time"

	"gatehouse/internal/password"
)

func TestCheck(t *testing.T) {
	about := []string{"ada.lovelace", "ada@analytical.example", "Ada", "Lovelace", "xK9qv2Lw"}
	for _, tt := range []struct {
		name, plain, says string
	}{
		{"7 characters", "kV9#xq2", "at least 8"},
		{"8 characters", "kV9#xq2z", ""},
		{"7 letters of two parts each", strings.Repeat("o\u0308", 4) + "kV9", "at least 8"},
		{"8 letters that are no ASCII", "ßñøżęćłу", ""},
		{"64 characters", strings.Repeat("kV9#xq2z", 8), ""},
		{"128 characters", strings.Repeat("correct horse battery staple ok.", 4), ""},
		{"1000 characters", strings.Repeat("kV9#xq2z", 125), ""},
		{"1025 bytes", strings.Repeat("x", 1025), "at most 1024"},
		{"words and spaces, no digits", "correct horse battery staple", ""},
		{"emoji", "🐎🔋📎🧷🦄🪐🎹🧭", ""},
		{"broken UTF-8", "kV9#xq2z\xff", "cannot be read"},
		{"common", "password", "guess"},
		{"common, longer", "password1234567", "guess"},
		{"common, disguised", "P@ssw0rd", "guess"},
		{"keyboard", "qwertyuiop", "guess"},
		{"repetition", "aaaaaaaaaaaaaaaa", "guess"},
		{"the product", "gatehouse1", "like your name"},
		{"username", "ada.lovelace", "like your name"},
		{"username in capitals", "ADA.LOVELACE1", "like your name"},
		{"address", "ada@analytical.example", "like your name"},
		{"domain and a year", "analytical2026", "like your name"},
		{"a username that looks random", "xK9qv2Lw", "like your name"},
		{"the same and more", "xk9QV2lw!!", "like your name"},
		{"a name inside a long one", "lovelace rides blue tractors", ""},
		{"three letters are no name", "kadaV9#x", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := password.Check(tt.plain, about...)
			switch {
			case tt.says == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("error %v, want one that says %q", err, tt.says)
			case err != nil && tt.name != "common" && strings.Contains(err.Error(), tt.plain):
				t.Errorf("the message repeats the password: %v", err)
			}
		})
	}
}

func TestCheckIsBounded(t *testing.T) {
	for name, plain := range map[string]string{
		"repeated":   strings.Repeat("a1!", 341),
		"varied":     strings.Repeat("qwerty1987-12-03zxcvbn", 46),
		"wide runes": strings.Repeat("🐎", 256),
	} {
		start := time.Now()
		_ = password.Check(plain, strings.Repeat("ada ", 60)) // only the time matters
		if took := time.Since(start); took > 500*time.Millisecond {
			t.Errorf("%s: took %v", name, took)
		}
	}
}
