package tenancy

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const customPrefix = "custom."

func customKey(name string) string { return customPrefix + name }

// has reports whether a key of *Invalid or of a conflict is that of a field.
func (f Fields) has(key string) bool {
	name, is := strings.CutPrefix(key, customPrefix)
	return is && f.byName[name] != nil
}

// masked reports whether the record shows that a field changed, but not to what.
func (f Fields) masked(name string) bool {
	field := f.byName[name]
	return field == nil || field.View == LevelSuperuser
}

// SearchText is what searches for a user look through: names, address, phone and searchable fields, in their searchable form.
func (f Fields) SearchText(u User) string {
	words := []string{u.Username, u.Email, u.FirstName, u.LastName, u.Phone}
	for _, field := range f.List() {
		if value, given := u.Custom[field.Name]; given && field.Searchable {
			words = append(words, fieldText(value))
		}
	}
	return Searchable(strings.Join(words, " "))
}

// UniqueValues are the user's values of unique fields in the form in which they are compared, by name.
func (f Fields) UniqueValues(u User) map[string]string {
	values := map[string]string{}
	for name, field := range f.byName {
		if value, given := u.Custom[name]; given && field.Unique {
			values[name] = Fold(strings.TrimSpace(fieldText(value)))
		}
	}
	return values
}

// Claims are what tokens tell of a user's fields, by the name of the claim.
func (f Fields) Claims(u User) map[string]any {
	var claims map[string]any
	for name, field := range f.byName {
		if value, given := u.Custom[name]; given && field.Claim != "" {
			if claims == nil {
				claims = map[string]any{}
			}
			claims[field.Claim] = value
		}
	}
	return claims
}

// visible is what somebody of a level sees of values. Values whose field is not declared any more are kept, but shown to nobody.
func (f Fields) visible(values map[string]any, level Level) map[string]any {
	var shown map[string]any
	for name, value := range values {
		if field := f.byName[name]; field != nil && field.View.allows(level) {
			if shown == nil {
				shown = map[string]any{}
			}
			shown[name] = value
		}
	}
	return shown
}

// merge is the values of a user (the zero one: to be created) after a change by somebody of a level. The empty level is not asked for
// required values; nobody is for those that he may not fill in, or that were missing before.
func (f Fields) merge(found problems, user User, change map[string]any, level Level) map[string]any {
	before, after := user.Custom, maps.Clone(user.Custom)
	for _, name := range slices.Sorted(maps.Keys(change)) {
		field, key := f.byName[name], customKey(name)
		if field == nil || (level != "" && !field.View.allows(level)) {
			found.add(key, "There is no such field.")
			continue
		}
		value, ok := field.canonical(change[name])
		switch {
		case ok && value == before[name]: // as it is, whatever it is
		case level != "" && !field.Edit.allows(level):
			found.add(key, "You may not change this.")
		case !ok:
			found.add(key, field.expects)
		case value == nil:
			delete(after, name)
		default:
			if after == nil {
				after = map[string]any{}
			}
			after[name] = value
		}
	}
	for name, field := range f.byName {
		missed := before[name] != nil || user.ID == ""
		if level != "" && field.Required && missed && after[name] == nil && field.Edit.allows(level) && len(found[customKey(name)]) == 0 {
			found.add(customKey(name), "This is needed.")
		}
	}
	if len(after) == 0 {
		return nil
	}
	return after
}

// canonical is a value as it is kept: nil for none, a bool, a text, or a number as JSON decodes it; ok is false for what the schema
// does not accept.
func (f *compiledField) canonical(value any) (canonical any, ok bool) {
	switch v := value.(type) {
	case nil:
		return nil, true
	case string:
		if v == "" {
			return nil, true
		}
		bad := func(r rune) bool { return unicode.IsControl(r) || turnsText(r) }
		if !utf8.ValidString(v) || utf8.RuneCountInString(v) > f.longest || strings.ContainsFunc(v, bad) {
			return nil, false
		}
	case bool, float64:
	case int, int64, json.Number:
		number, err := json.Number(fmt.Sprint(v)).Float64()
		if err != nil {
			return nil, false
		}
		value = number
	default:
		return nil, false
	}
	const exact = 1 << 53 // whole numbers beyond are not told apart
	if number, is := value.(float64); is && (math.IsNaN(number) || math.IsInf(number, 0) || (f.kind == "integer" && math.Abs(number) > exact)) {
		return nil, false
	}
	return value, f.schema.Validate(value) == nil
}

// fieldText is a value as a text, "" for none.
func fieldText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(raw)
	}
}
