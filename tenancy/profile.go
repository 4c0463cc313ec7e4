package tenancy

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"gatehouse/audit"
)

// UserChange is what is to become of a user: nil leaves a field as it is.
type UserChange struct {
	Version   int64 // that the caller has seen; 0 = whichever is stored
	Username  *string
	Email     *string // the primary address; see UpdateUser
	Proved    bool    // superusers say that the primary address is the user's: no letter asks for it
	Phone     *string
	FirstName *string
	LastName  *string
	Bio       *string
	URL       *string
	Company   *string
	Location  *string
	BirthDate *Date
	Notes     *string
	Language  *string
	Custom    map[string]any // by name; nil takes a value away, fields that are not named stay
	Expires   *Date
	Active    *bool
	Staff     *bool
	Superuser *bool
}

// apply is the user after the change, but for Email and Custom.
func (c UserChange) apply(u User) User {
	set(&u.Username, c.Username)
	set(&u.Phone, c.Phone)
	set(&u.FirstName, c.FirstName)
	set(&u.LastName, c.LastName)
	set(&u.Bio, c.Bio)
	set(&u.URL, c.URL)
	set(&u.Company, c.Company)
	set(&u.Location, c.Location)
	set(&u.BirthDate, c.BirthDate)
	set(&u.Notes, c.Notes)
	set(&u.Language, c.Language)
	set(&u.Expires, c.Expires)
	set(&u.Active, c.Active)
	set(&u.Staff, c.Staff)
	set(&u.Superuser, c.Superuser)
	return u
}

func set[T any](target, value *T) {
	if value != nil {
		*target = *value
	}
}

const (
	maxBio      = 2000
	maxNotes    = 10_000
	maxCompany  = 30
	maxLocation = 256
)

// profile checks the fields in which a user has changed, so that an old value which would not be accepted any more is in nobody's
// way, and brings the phone number into its form.
func (p problems) profile(before User, user *User) {
	if user.Username == "" || user.Username != before.Username {
		p.username(user.Username)
	}
	if user.Email != before.Email {
		p.email(user.Email)
	}
	if user.Phone != before.Phone {
		p.phone(&user.Phone)
	}
	for _, line := range []struct {
		field, before, after string
		longest              int
	}{
		{"first_name", before.FirstName, user.FirstName, maxName},
		{"last_name", before.LastName, user.LastName, maxName},
		{"company", before.Company, user.Company, maxCompany},
		{"location", before.Location, user.Location, maxLocation},
	} {
		if line.before != line.after {
			p.line(line.field, line.after, line.longest)
		}
	}
	if user.Bio != before.Bio {
		p.text("bio", user.Bio, maxBio)
	}
	if user.Notes != before.Notes {
		p.text("notes", user.Notes, maxNotes)
	}
	if user.URL != before.URL {
		p.url(user.URL)
	}
	if user.Language != before.Language {
		p.language(user.Language)
	}
	if user.BirthDate != before.BirthDate {
		p.date("birth_date", user.BirthDate)
	}
}

// account checks what depends on the day: nobody is born tomorrow, an expiry that is over is accepted only where it stood already, and
// nobody is active again whose account is over.
func (p problems) account(before, after User, today Date) {
	if after.BirthDate != before.BirthDate && after.BirthDate > today && len(p["birth_date"]) == 0 {
		p.add("birth_date", "This day is yet to come.")
	}
	if after.Expires != before.Expires {
		p.date("expiration_date", after.Expires)
		if after.Expires != "" && after.Expires < today && len(p["expiration_date"]) == 0 {
			p.add("expiration_date", "This day is over.")
		}
	}
	if before.ID != "" && after.Active && !before.Active && after.Expires == before.Expires && after.Expires != "" && after.Expires < today {
		p.add("is_active", "The account is over since "+string(after.Expires)+". Move or clear its last day to make it active again.")
	}
}

func (p problems) phone(number *string) {
	if *number == "" {
		return
	}
	normal, ok := normalPhone(*number)
	if !ok {
		p.add("phone_number", "This is not a phone number with international prefix, such as +39 02 1234 5678.")
		return
	}
	*number = normal
}

func (p problems) date(field string, date Date) {
	if date == "" {
		return
	}
	if parsed, err := time.Parse(time.DateOnly, string(date)); err != nil || parsed.Year() < 1 {
		p.add(field, "This is not a date such as 2026-03-01.")
	}
}

// userChanges lists the fields in which a user differs, for the record. Notes are in it without their text.
func userChanges(fields Fields, before, after User) []audit.Change {
	var changes []audit.Change
	add := func(field, before, after string) {
		if before != after {
			changes = append(changes, audit.Change{Field: field, Before: before, After: after})
		}
	}
	add("username", before.Username, after.Username)
	add("email", before.Email, after.Email)
	add("email_verified", strconv.FormatBool(before.EmailVerified), strconv.FormatBool(after.EmailVerified))
	add("phone_number", before.Phone, after.Phone)
	add("first_name", before.FirstName, after.FirstName)
	add("last_name", before.LastName, after.LastName)
	add("bio", before.Bio, after.Bio)
	add("url", before.URL, after.URL)
	add("company", before.Company, after.Company)
	add("location", before.Location, after.Location)
	add("birth_date", string(before.BirthDate), string(after.BirthDate))
	add("language", before.Language, after.Language)
	add("expiration_date", string(before.Expires), string(after.Expires))
	add("is_active", strconv.FormatBool(before.Active), strconv.FormatBool(after.Active))
	add("is_staff", strconv.FormatBool(before.Staff), strconv.FormatBool(after.Staff))
	add("is_superuser", strconv.FormatBool(before.Superuser), strconv.FormatBool(after.Superuser))
	if before.Notes != after.Notes {
		changes = append(changes, audit.Change{Field: "notes", Before: audit.Masked, After: audit.Masked})
	}
	for _, name := range slices.Sorted(maps.Keys(union(before.Custom, after.Custom))) {
		if old, new := fieldText(before.Custom[name]), fieldText(after.Custom[name]); old != new {
			if fields.masked(name) {
				old, new = audit.Masked, audit.Masked
			}
			changes = append(changes, audit.Change{Field: customKey(name), Before: old, After: new})
		}
	}
	return changes
}

func union(a, b map[string]any) map[string]any {
	both := maps.Clone(a)
	if both == nil {
		both = map[string]any{}
	}
	maps.Copy(both, b)
	return both
}
