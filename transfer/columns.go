package transfer

import (
	"fmt"
	"slices"
	"strings"

	"gatehouse/tenancy"
)

// Field is one column of an export: a plain name, a dotted path ("custom.badge", "organizations.slug"), or a name with some of its
// Fields, which then count instead of the path.
type Field struct {
	Name         string
	Fields       []string
	Header       string   // "" = the name, with the fields in brackets if there are any
	HeaderFields []string // what stands in those brackets instead
}

// names of what a user has, and of what has fields of its own.
const (
	passwordField      = "password"
	customField        = "custom"
	profileField       = "profile" // profile.x is x: where the described system keeps a profile beside the user
	organizationsField = "organizations"
)

type plainField struct {
	name  string
	value func(tenancy.ExportedUser) any
}

// plainFields are the fields of a user in their order.
var plainFields = []plainField{
	{"id", func(u tenancy.ExportedUser) any { return string(u.ID) }},
	{"username", func(u tenancy.ExportedUser) any { return u.Username }},
	{"email", func(u tenancy.ExportedUser) any { return u.Email }},
	{"email_verified", func(u tenancy.ExportedUser) any { return u.EmailVerified }},
	{passwordField, func(u tenancy.ExportedUser) any { return u.PasswordHash }},
	{"first_name", func(u tenancy.ExportedUser) any { return u.FirstName }},
	{"last_name", func(u tenancy.ExportedUser) any { return u.LastName }},
	{"is_staff", func(u tenancy.ExportedUser) any { return u.Staff }},
	{"is_superuser", func(u tenancy.ExportedUser) any { return u.Superuser }},
	{"is_active", func(u tenancy.ExportedUser) any { return u.Active }},
	{"date_joined", func(u tenancy.ExportedUser) any { return u.Created }},
	{"last_login", func(u tenancy.ExportedUser) any { return u.LastLogin }},
	{"expiration_date", func(u tenancy.ExportedUser) any { return string(u.Expires) }},
	{"phone_number", func(u tenancy.ExportedUser) any { return u.Phone }},
	{"birth_date", func(u tenancy.ExportedUser) any { return string(u.BirthDate) }},
	{"bio", func(u tenancy.ExportedUser) any { return u.Bio }},
	{"url", func(u tenancy.ExportedUser) any { return u.URL }},
	{"company", func(u tenancy.ExportedUser) any { return u.Company }},
	{"location", func(u tenancy.ExportedUser) any { return u.Location }},
	{"notes", func(u tenancy.ExportedUser) any { return u.Notes }},
	{"language", func(u tenancy.ExportedUser) any { return u.Language }},
}

var membershipFields = map[string]func(tenancy.ExportedMembership) any{
	"id":              func(m tenancy.ExportedMembership) any { return string(m.Organization) },
	"organization_id": func(m tenancy.ExportedMembership) any { return string(m.Organization) },
	"slug":            func(m tenancy.ExportedMembership) any { return m.Slug },
	"name":            func(m tenancy.ExportedMembership) any { return m.Name },
	"role":            func(m tenancy.ExportedMembership) any { return string(m.Role) },
	"is_admin":        func(m tenancy.ExportedMembership) any { return m.Role.AtLeast(tenancy.Manager) },
	"is_owner":        func(m tenancy.ExportedMembership) any { return m.Role == tenancy.Owner },
}

// DefaultFields are the columns that the described system exports, and those of declared fields that say so.
func DefaultFields(declared tenancy.Fields) []Field {
	fields := named("id", "username", "email", passwordField, "first_name", "last_name", "is_staff", "is_active", "date_joined",
		"expiration_date", "phone_number", "birth_date", "location", "notes", "language")
	fields = append(fields, Field{Name: organizationsField, Fields: []string{"organization_id", "is_admin"}})
	for _, field := range declared.List() {
		if field.Exported {
			fields = append(fields, Field{Name: customField + "." + field.Name})
		}
	}
	return fields
}

// CompleteFields are everything that an import takes up again: the columns of JSON Lines.
func CompleteFields() []Field {
	var fields []Field
	for _, plain := range plainFields {
		if plain.name != "last_login" {
			fields = append(fields, Field{Name: plain.name})
		}
	}
	return append(fields, Field{Name: customField}, Field{Name: organizationsField, Fields: []string{"id", "slug", "name", "role"}})
}

func named(names ...string) []Field {
	fields := make([]Field, len(names))
	for i, name := range names {
		fields[i].Name = name
	}
	return fields
}

// ParseFields reads a list of names and paths separated by commas.
func ParseFields(text string) []Field { return named(splitList(text)...) }

func splitList(text string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// Without drops the fields of the given names, which may stand there or not. A name that no user has a field of is an error: what was to
// be left out would not be.
func Without(fields []Field, names string) ([]Field, error) {
	dropped := splitList(names)
	for _, name := range dropped {
		if err := (Field{Name: name}).Check(); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(fields), func(f Field) bool { return slices.Contains(dropped, f.Name) }), nil
}

// Check says what is wrong with a field, in words for people.
func (f Field) Check() error {
	base, path, dotted := strings.Cut(f.Name, ".")
	subfields := f.Fields
	if dotted && len(subfields) == 0 {
		subfields = []string{path}
	}
	if len(f.HeaderFields) > 0 && len(f.HeaderFields) != len(f.Fields) {
		return fmt.Errorf("field %q has %d header_fields for %d fields", f.Name, len(f.HeaderFields), len(f.Fields))
	}
	for _, name := range subfields {
		if (base == profileField || base == organizationsField) && !known(base, name) {
			return fmt.Errorf("%s has no field %q", base, name)
		}
	}
	plain := known(profileField, base) && !dotted && len(f.Fields) == 0
	if !plain && base != profileField && base != organizationsField && base != customField {
		return fmt.Errorf("users have no field %q", f.Name)
	}
	return nil
}

func known(base, name string) bool {
	if base == organizationsField {
		return membershipFields[name] != nil
	}
	return slices.ContainsFunc(plainFields, func(p plainField) bool { return p.name == name })
}

// header is the title of the column.
func (f Field) header() string {
	inside := f.Fields
	if len(f.HeaderFields) > 0 {
		inside = f.HeaderFields
	}
	switch {
	case f.Header != "":
		return f.Header
	case len(inside) > 0:
		return f.Name + " (" + strings.Join(inside, ", ") + ")"
	default:
		return f.Name
	}
}

// selected is what a field takes of a user: a single value, or rows of values of something that has fields of its own.
type selected struct {
	value     any
	rows      [][]any
	subfields []string // of rows
	single    bool     // always one row
}

func (f Field) of(u tenancy.ExportedUser) selected {
	base, path, dotted := strings.Cut(f.Name, ".")
	subfields := f.Fields
	if dotted && len(subfields) == 0 {
		subfields = []string{path}
	}
	switch base {
	case organizationsField:
		s := selected{subfields: subfields}
		for _, m := range u.Memberships {
			s.rows = append(s.rows, pick(subfields, func(name string) any { return membershipFields[name](m) }))
		}
		return s
	case customField:
		if len(subfields) == 0 {
			return selected{value: u.Custom}
		}
		return selected{single: true, subfields: subfields, rows: [][]any{pick(subfields, func(name string) any { return u.Custom[name] })}}
	case profileField:
		return selected{single: true, subfields: subfields, rows: [][]any{pick(subfields, func(name string) any { return plain(u, name) })}}
	default:
		return selected{value: plain(u, f.Name)}
	}
}

func pick(names []string, value func(name string) any) []any {
	values := make([]any, len(names))
	for i, name := range names {
		values[i] = value(name)
	}
	return values
}

func plain(u tenancy.ExportedUser, name string) any {
	for _, field := range plainFields {
		if field.name == name {
			return field.value(u)
		}
	}
	return nil
}
