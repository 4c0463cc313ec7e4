package tenancy

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"gatehouse/audit"
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
	"custom":          func(to *User, from User) { to.Custom = mergedCustom(to.Custom, from.Custom) },
}

// mergedCustom sets the values that a row gives; nil removes one.
func mergedCustom(has, given map[string]any) map[string]any {
	merged := maps.Clone(has)
	for name, value := range given {
		if merged == nil {
			merged = map[string]any{}
		}
		merged[name] = value
	}
	maps.DeleteFunc(merged, func(_ string, value any) bool { return value == nil })
	if len(merged) == 0 {
		return nil
	}
	return merged
}

// ImportFields are the names of what a row can give, sorted.
func ImportFields() []string {
	names := append(slices.Collect(maps.Keys(importFields)), "id", "password", "is_staff", "is_superuser", "date_joined", "organizations")
	slices.Sort(names)
	return names
}

var phoneForm = regexp.MustCompile(`^\+[1-9][0-9]{1,14}$`) // E.164

const (
	maxCompany  = 30
	maxLocation = 256
	maxProse    = 10_000
	maxCustom   = 16 << 10 // bytes of JSON
)

// importable says what is wrong with a user as a file makes him. A date of expiry may lie in the past: expired accounts move too.
func importable(u User) error {
	found := problems{}
	found.username(u.Username)
	found.email(u.Email)
	found.line("first_name", u.FirstName, maxName)
	found.line("last_name", u.LastName, maxName)
	found.line("company", u.Company, maxCompany)
	found.text("location", u.Location, maxLocation)
	found.text("bio", u.Bio, maxProse)
	found.text("notes", u.Notes, maxProse)
	found.language(u.Language)
	found.url(u.URL)
	found.day("birth_date", u.BirthDate)
	found.day("expiration_date", u.Expires)
	if u.Phone != "" && !phoneForm.MatchString(u.Phone) {
		found.add("phone_number", "A number begins with + and the country, and has digits only.")
	}
	if raw, err := json.Marshal(u.Custom); err != nil || len(raw) > maxCustom {
		found.add("custom", "These are too many fields of your own.")
	}
	if u.Created.Year() < 1 || u.Created.Year() > 9999 {
		found.add("date_joined", "This is no date.")
	}
	return found.err()
}

func (p problems) day(field string, day Date) {
	if _, err := time.Parse(time.DateOnly, string(day)); day != "" && err != nil {
		p.add(field, "This is not a date such as 2026-03-01.")
	}
}

// importChanges compares what importFields and privilege can change.
func importChanges(before, after User) []audit.Change {
	old, now := importTexts(before), importTexts(after)
	var changes []audit.Change
	for _, field := range slices.Sorted(maps.Keys(now)) {
		if old[field] != now[field] {
			changes = append(changes, audit.Change{Field: field, Before: old[field], After: now[field]})
		}
	}
	return changes
}

func importTexts(u User) map[string]string {
	custom := ""
	if len(u.Custom) > 0 {
		raw, _ := json.Marshal(u.Custom) // decoded from JSON
		custom = string(raw)
	}
	return map[string]string{
		"username": u.Username, "email": u.Email, "email_verified": strconv.FormatBool(u.EmailVerified), "first_name": u.FirstName,
		"last_name": u.LastName, "is_active": strconv.FormatBool(u.Active), "expiration_date": string(u.Expires), "phone_number": u.Phone,
		"birth_date": string(u.BirthDate), "bio": u.Bio, "url": u.URL, "company": u.Company, "location": u.Location, "notes": u.Notes,
		"language": u.Language, "custom": custom, "is_staff": strconv.FormatBool(u.Staff), "is_superuser": strconv.FormatBool(u.Superuser),
	}
}
