package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// decoded is a row of a file, with what is wrong with it by field.
type decoded struct {
	row      tenancy.ImportRow
	problems map[string][]string
	notes    []string
}

func (d *decoded) wrong(field, problem string) {
	if d.problems == nil {
		d.problems = map[string][]string{}
	}
	d.problems[field] = append(d.problems[field], problem)
}

// texts take the fields that any text can be put into; the directory judges them.
var texts = map[string]func(*tenancy.ImportRow) *string{
	"username":        func(r *tenancy.ImportRow) *string { return &r.Username },
	"email":           func(r *tenancy.ImportRow) *string { return &r.Email },
	passwordField:     func(r *tenancy.ImportRow) *string { return &r.PasswordHash },
	"first_name":      func(r *tenancy.ImportRow) *string { return &r.FirstName },
	"last_name":       func(r *tenancy.ImportRow) *string { return &r.LastName },
	"expiration_date": func(r *tenancy.ImportRow) *string { return (*string)(&r.Expires) },
	"phone_number":    func(r *tenancy.ImportRow) *string { return &r.Phone },
	"birth_date":      func(r *tenancy.ImportRow) *string { return (*string)(&r.BirthDate) },
	"bio":             func(r *tenancy.ImportRow) *string { return &r.Bio },
	"url":             func(r *tenancy.ImportRow) *string { return &r.URL },
	"company":         func(r *tenancy.ImportRow) *string { return &r.Company },
	"location":        func(r *tenancy.ImportRow) *string { return &r.Location },
	"notes":           func(r *tenancy.ImportRow) *string { return &r.Notes },
	"language":        func(r *tenancy.ImportRow) *string { return &r.Language },
}

// flags are true or false; an empty one says nothing.
var flags = map[string]func(*tenancy.ImportRow) *bool{
	"email_verified": func(r *tenancy.ImportRow) *bool { return &r.EmailVerified },
	"is_active":      func(r *tenancy.ImportRow) *bool { return &r.Active },
	"is_staff":       func(r *tenancy.ImportRow) *bool { return &r.Staff },
	"is_superuser":   func(r *tenancy.ImportRow) *bool { return &r.Superuser },
}

// set takes the text of one field.
func (d *decoded) set(field, value string) {
	switch {
	case texts[field] != nil:
		*texts[field](&d.row) = value
		d.row.Given[field] = true
	case flags[field] != nil:
		d.flag(field, value)
	case field == "id":
		d.identifier(value)
	case field == "date_joined":
		d.moment(field, value)
	}
}

func (d *decoded) flag(field, value string) {
	switch strings.ToLower(value) {
	case "":
		return
	case "true", "t", "1", "yes":
		*flags[field](&d.row) = true
	case "false", "f", "0", "no":
		*flags[field](&d.row) = false
	default:
		d.wrong(field, "This is neither True nor False.")
	}
	d.row.Given[field] = true
}

func (d *decoded) identifier(value string) {
	parsed, ok := id.Parse[id.User](strings.ToLower(value))
	if !ok && value != "" {
		d.notes = append(d.notes, "The id of the file is no UUID; the user gets a new one.")
	}
	d.row.ID = parsed
}

// moments are what Python and others write.
var moments = []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", time.DateOnly}

func (d *decoded) moment(field, value string) {
	if value == "" {
		return
	}
	for _, layout := range moments {
		if parsed, err := time.Parse(layout, value); err == nil {
			d.row.Created = parsed.UTC()
			d.row.Given[field] = true
			return
		}
	}
	d.wrong(field, "This is not a time such as 2026-03-01 12:00:00+00:00.")
}

// custom takes a custom field, or all of them.
func (d *decoded) custom(name string, value any) {
	if d.row.Custom == nil {
		d.row.Custom = map[string]any{}
	}
	d.row.Given[customField] = true
	if name != "" {
		if value == "" {
			value = nil
		}
		d.row.Custom[name] = value
		return
	}
	all, ok := value.(map[string]any)
	if !ok && value != nil {
		d.wrong(customField, "This is not a JSON object.")
	}
	maps.Copy(d.row.Custom, all)
}

// membership takes one organization of the user, by the names of its fields.
func (d *decoded) membership(values map[string]string) {
	m := tenancy.ImportMembership{
		Organization: id.Organization(strings.ToLower(values["organization_id"] + values["id"])), Slug: values["slug"], Name: values["name"],
		Role: tenancy.Role(values["role"]), Exact: values["role"] != "",
	}
	switch admin := strings.ToLower(values["is_admin"]); {
	case m.Organization == "" && m.Slug == "":
		d.wrong(organizationsField, "An organization without id or slug stands here.")
	case m.Exact:
	case admin == "true":
		m.Role = tenancy.Manager
	case admin == "false" || admin == "":
		m.Role = tenancy.Member
	default:
		d.wrong(organizationsField, "is_admin is neither True nor False.")
	}
	d.row.Memberships = append(d.row.Memberships, m)
}

// memberships reads one "(a,b)" a line.
func (d *decoded) memberships(fields []string, cell string) {
	for line := range strings.Lines(cell) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		inside, opened := strings.CutPrefix(line, "(")
		inside, closed := strings.CutSuffix(inside, ")")
		parts := strings.Split(inside, ",")
		if !opened || !closed || len(parts) != len(fields) {
			d.wrong(organizationsField, fmt.Sprintf("A line such as (%s) is expected.", strings.Join(fields, ",")))
			return
		}
		values := map[string]string{}
		for i, field := range fields {
			values[field] = strings.TrimSpace(parts[i])
		}
		d.membership(values)
	}
}

func newDecoded() *decoded {
	return &decoded{row: tenancy.ImportRow{Given: map[string]bool{}}}
}

// decodeObject reads a row of JSON Lines. Unknown keys are problems: somebody writes such files on purpose.
func decodeObject(raw []byte) *decoded {
	d := newDecoded()
	if !utf8.Valid(raw) || bytes.Contains(raw, []byte(`\u0000`)) {
		d.wrong("row", "The text is not UTF-8, or holds a NUL.")
		return d
	}
	var object map[string]any
	reader := json.NewDecoder(bytes.NewReader(raw))
	if err := reader.Decode(&object); err != nil || object == nil {
		d.wrong("row", "This is not a JSON object.")
		return d
	}
	if _, err := reader.Token(); !errors.Is(err, io.EOF) {
		d.wrong("row", "Something stands after the JSON object.")
		return d
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		d.setNative(key, object[key])
	}
	return d
}

func (d *decoded) setNative(key string, value any) {
	name := strings.TrimPrefix(key, profileField+".")
	sub, isCustom := strings.CutPrefix(name, customField+".")
	switch {
	case isCustom:
		d.custom(sub, value)
	case name == customField:
		d.custom("", value)
	case name == organizationsField:
		d.objects(value)
	case !slices.Contains(tenancy.ImportFields(), name):
		if name != "last_login" {
			d.wrong(key, "There is no such field.")
		}
	default:
		d.setScalar(name, value)
	}
}

func (d *decoded) setScalar(name string, value any) {
	switch v := value.(type) {
	case nil:
		d.set(name, "")
	case string:
		d.set(name, v)
	case bool:
		if flags[name] == nil {
			d.wrong(name, "This has to be a text.")
			return
		}
		d.set(name, text(v))
	default:
		d.wrong(name, "This has to be a text, or true or false.")
	}
}

func (d *decoded) objects(value any) {
	list, ok := value.([]any)
	if !ok && value != nil {
		d.wrong(organizationsField, "This is not a list.")
	}
	for _, element := range list {
		object, ok := element.(map[string]any)
		if !ok {
			d.wrong(organizationsField, "An organization is an object with id, slug, name and role.")
			return
		}
		values := map[string]string{}
		for name, part := range object {
			if membershipFields[name] == nil {
				d.wrong(organizationsField, fmt.Sprintf("An organization has no field %q.", name))
			}
			values[name] = text(part)
		}
		d.membership(values)
	}
}
