package tenancy

// Settings are what an operator decides about users. The zero value is what an installation without any such decision has.
type Settings struct {
	Fields        Fields   // further fields of users
	PhonePrefixes []string // international prefixes ("+39") that a bare phone number at sign-in may stand for
}
