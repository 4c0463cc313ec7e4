package tenancy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// importFields copy what a row gives, by the names of the columns. Flags of privilege, ids, passwords and times are not copied
// blindly: see admission.
var importFields = map[string]func(to *User, from User){
	"username":        func(to *User, from User) { to.Username = from.Username },
	"email":           func(to *User, from User) { to.Email = from.Email },
	"email_verified":  func(to *User, from User) { to.EmailVerified = from.EmailVerified },
	"first_name":      func(to *User, from User) { to.FirstName = from.FirstName },
	"last_name":       func(to *User, from User) { to.LastName = from.LastName },
	"is_active":       func(to *User, from User) { to.Active = from.Active },
	"expiration_date": func(to *User, from User) { to.Expires = from.Expires },
	"phone_number":    func(to *User, from User) { to.Phone = from.Phone },
	"birth_date":      func(to *User, from User) { to.BirthDate = from.BirthDate },
	"bio":             func(to *User, from User) { to.Bio = from.Bio },
	"url":             func(to *User, from User) { to.URL = from.URL },
	"company":         func(to *User, from User) { to.Company = from.Company },
	"location":        func(to *User, from User) { to.Location = from.Location },
	"notes":           func(to *User, from User) { to.Notes = from.Notes },
	"language":        func(to *User, from User) { to.Language = from.Language },
}

// ImportFields are the names of what a row can give, sorted.
func ImportFields() []string {
	names := append(slices.Collect(maps.Keys(importFields)), "custom", "id", "password", "is_staff", "is_superuser", "date_joined", "organizations")
	slices.Sort(names)
	return names
}

// importable says what is wrong with a user as a row makes him, and brings his phone number into its form. A date of expiry may lie in
// the past: expired accounts move too.
func (p problems) importable(before User, user *User) {
	p.profile(before, user)
	p.date("expiration_date", user.Expires)
	if user.Created.Year() < 1 || user.Created.Year() > 9999 {
		p.add("date_joined", "This is no date.")
	}
}

// FromTexts reads values that a table or a command line can hold as text only, as the fields want them.
func (f Fields) FromTexts(given map[string]any) map[string]any {
	values := maps.Clone(given)
	for name, value := range given {
		text, isText := value.(string)
		if field := f.byName[name]; field == nil || !isText || field.kind == "string" {
			continue
		}
		var read any
		if err := json.Unmarshal([]byte(strings.ToLower(text)), &read); err == nil {
			values[name] = read
		}
	}
	return values
}
