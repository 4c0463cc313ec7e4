package tenancy

import (
	"cmp"
	"time"
)

// Settings are what an operator decides about users. The zero value is what an installation without any such decision has.
type Settings struct {
	Fields                  Fields         // further fields of users
	PhonePrefixes           []string       // international prefixes ("+39") that a bare phone number at sign-in may stand for
	PasswordExpiryDays      int            // how long the password of a user who is not staff is good; 0: for ever
	StaffPasswordExpiryDays int            // the same for staff; 0: for ever, whatever holds for others
	TokenLifetime           time.Duration  // of API tokens that a sign-in gives; 0: 30 days
	MaxTokenLifetime        time.Duration  // of other API tokens; 0: they may be good for ever
	ResetLifetime           time.Duration  // of a link to choose a new password; 0: an hour
	Location                *time.Location // where days begin and end; nil: UTC
}

func (s Settings) tokenLifetime() time.Duration { return cmp.Or(s.TokenLifetime, 30*24*time.Hour) }

func (s Settings) resetLifetime() time.Duration { return cmp.Or(s.ResetLifetime, time.Hour) }

func (s Settings) location() *time.Location { return cmp.Or(s.Location, time.UTC) }

// passwordDays is how long this user's password is good; 0: for ever.
func (s Settings) passwordDays(staff bool) int {
	if staff {
		return s.StaffPasswordExpiryDays
	}
	return s.PasswordExpiryDays
}
