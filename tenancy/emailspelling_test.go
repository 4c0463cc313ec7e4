package tenancy_test

import (
	"testing"

	"gatehouse/tenancy"
)

// TestSpellingOfAnAddress: another case is his to choose; a letter that only looks the same may lead the mail elsewhere.
func TestSpellingOfAnAddress(t *testing.T) {
	for _, tt := range []struct {
		name, address, given, want string
		verified                   bool
	}{
		{"the same", "kit@x.example", "kit@x.example", "kit@x.example", true},
		{"another case", "kit@x.example", "Kit@X.example", "Kit@X.example", true},
		{"another case of one not verified", "kit@x.example", "KIT@x.example", "KIT@x.example", false},
		{"the sign of degrees Kelvin", "kit@x.example", "\u212ait@x.example", "kit@x.example", true},
		{"the same, not verified", "zoë@x.example", "zoë@x.example", "zoë@x.example", false},
	} {
		f := newFixture(t)
		user := f.user(t, tenancy.NewUser{Username: "kit", Email: tt.address, EmailVerified: tt.verified})
		changed := must(f.UpdateUser(t.Context(), f.scope(t, user), user, tenancy.UserChange{Email: &tt.given}))(t)
		if stored := f.stored(t, user); changed.Email != tt.want || stored.Email != tt.want || stored.EmailVerified != tt.verified {
			t.Errorf("%s: %q, verified %v", tt.name, stored.Email, stored.EmailVerified)
		}
		if letters := f.letters(t); len(letters) > 0 {
			t.Errorf("%s: mailed %+v", tt.name, letters)
		}
	}
}
