package tenancy

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"gatehouse/internal/id"
)

// Level is how near somebody has to be to a user to see or to change a custom field of his.
type Level string

// The levels. LevelUser: the user himself and everybody above; LevelManager: who manages him, but not he himself, and superusers;
// LevelSuperuser: nobody else.
const (
	LevelUser      Level = "user"
	LevelManager   Level = "manager"
	LevelSuperuser Level = "superuser"
)

// levelOf is the level at which scope deals with a user. Narrowed scopes are no nearer to their own actor than he is himself.
func levelOf(scope Scope, user id.User) Level {
	switch {
	case scope.Superuser():
		return LevelSuperuser
	case user != "" && scope.Actor() == user:
		return LevelUser
	default:
		return LevelManager
	}
}

// allows reports whether somebody of a level may what the field asks a level for.
func (l Level) allows(actor Level) bool {
	switch l {
	case LevelUser:
		return true
	case LevelManager:
		return actor != LevelUser
	default:
		return actor == LevelSuperuser
	}
}

// Field is a further field of users that the operator declares.
type Field struct {
	Name       string // lower-case letters, digits and _, from a letter
	Title      string // for people; empty: Name
	Schema     map[string]any
	Required   bool   // asked of whoever creates a user, if he may fill it in
	Unique     bool   // no two users have the same value; texts compare folded
	Searchable bool   // searches for users look through it; not for LevelSuperuser
	Exported   bool   // a column of exports
	Claim      string // of ID tokens and userinfo that carry the scope "profile"; empty: none
	View       Level  // who sees it; empty: LevelUser
	Edit       Level  // who changes it; empty: LevelManager
}

// Fields are compiled custom fields. The zero value has none.
type Fields struct{ byName map[string]*compiledField }

type compiledField struct {
	Field
	schema  *jsonschema.Schema
	kind    string // type of the schema
	longest int    // runes of a text whose schema does not say
	expects string // in words for people
}

const maxFieldText = 1000

var fieldForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// keywords are those of JSON Schema that a field may use: enough for a single value, and none that loads something.
var keywords = []string{
	"type", "format", "enum", "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
	"title", "description",
}

// reservedClaims mean something in tokens already (RFC 7519 section 4.1, RFC 9068, OpenID Connect Core sections 2 and 5.1, and ours).
var reservedClaims = strings.Fields(`iss sub aud exp nbf iat jti auth_time nonce acr amr azp at_hash c_hash s_hash sid cnf act may_act client_id
	scope entitlements roles grant_id org_id org_slug org_name org_role groups permissions name given_name family_name middle_name nickname
	preferred_username profile picture website email email_verified gender birthdate zoneinfo locale phone_number phone_number_verified
	address updated_at typ token_use events sub_jwk _claim_names _claim_sources`)

// NewFields compiles fields. The error is *Invalid about everything that is wrong, by "[<index>].<key>": "[0].schema".
func NewFields(declared []Field) (Fields, error) {
	found, fields := problems{}, Fields{byName: map[string]*compiledField{}}
	claims := map[string]bool{}
	for i, field := range declared {
		key := func(name string) string { return fmt.Sprintf("[%d].%s", i, name) }
		if !fieldForm.MatchString(field.Name) {
			found.add(key("name"), "A name has lower-case letters, digits and _, and begins with a letter.")
		}
		if fields.byName[field.Name] != nil {
			found.add(key("name"), "Another field has this name.")
		}
		if field.Claim != "" && (slices.Contains(reservedClaims, field.Claim) || claims[field.Claim] || !claimForm.MatchString(field.Claim)) {
			found.add(key("claim"), "This is no free name of a claim.")
		}
		claims[field.Claim] = true
		field.View, field.Edit = orLevel(field.View, LevelUser), orLevel(field.Edit, LevelManager)
		for name, level := range map[string]Level{"view": field.View, "edit": field.Edit} {
			if !slices.Contains([]Level{LevelUser, LevelManager, LevelSuperuser}, level) {
				found.add(key(name), "Choose user, manager or superuser.")
			}
		}
		if len(found[key("view")]) == 0 && field.View.above(field.Edit) {
			found.add(key("edit"), "Whoever may change the field has to see it.")
		}
		if field.Searchable && field.View == LevelSuperuser { // whom a word finds tells what stands there
			found.add(key("searchable"), "Managers search too: what they may not see is nothing to search for.")
		}
		compiled, problem := compileField(field)
		if problem != "" {
			found.add(key("schema"), problem)
		}
		fields.byName[field.Name] = compiled
	}
	return fields, found.err()
}

var claimForm = regexp.MustCompile(`^[^\x00-\x20"\\]{1,100}$`)

func orLevel(level, otherwise Level) Level {
	if level == "" {
		return otherwise
	}
	return level
}

// above reports whether somebody whom edit allows is not allowed by l.
func (l Level) above(edit Level) bool {
	return slices.ContainsFunc([]Level{LevelUser, LevelManager, LevelSuperuser}, func(actor Level) bool { return edit.allows(actor) && !l.allows(actor) })
}

// nothingElse keeps schemas from loading files or addresses.
type nothingElse struct{}

func (nothingElse) Load(string) (any, error) {
	return nil, errors.New("a field's schema stands for itself")
}

// compileField also says what is wrong with the schema, "" for nothing.
func compileField(field Field) (compiled *compiledField, problem string) {
	compiled = &compiledField{Field: field, longest: maxFieldText}
	for _, keyword := range slices.Sorted(maps.Keys(field.Schema)) {
		if !slices.Contains(keywords, keyword) {
			return compiled, fmt.Sprintf("The keyword %q is not one of: %s.", keyword, strings.Join(keywords, ", "))
		}
	}
	kind, _ := field.Schema["type"].(string)
	if !slices.Contains([]string{"string", "integer", "number", "boolean"}, kind) {
		return compiled, "The type has to be string, integer, number or boolean."
	}
	if format, given := field.Schema["format"]; given && (kind != "string" || !slices.Contains([]any{"date", "email", "uri"}, format)) {
		return compiled, "The format of a string may be date, email or uri."
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(nothingElse{})
	compiler.AssertFormat()
	const place = "gatehouse:field"
	if err := compiler.AddResource(place, field.Schema); err != nil {
		return compiled, noSchema(err)
	}
	schema, err := compiler.Compile(place)
	if err != nil {
		return compiled, noSchema(err)
	}
	compiled.schema, compiled.kind, compiled.expects = schema, kind, expects(kind, field.Schema)
	if schema.MaxLength != nil {
		compiled.longest = *schema.MaxLength
	}
	return compiled, ""
}

// noSchema is the last line of the library's explanation, which is the most exact.
func noSchema(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return "This is no JSON Schema: " + strings.TrimLeft(lines[len(lines)-1], "- ")
}

// expects says in words what a schema wants.
func expects(kind string, schema map[string]any) string {
	text := map[string]string{"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}[kind]
	if format, given := schema["format"].(string); given {
		text = map[string]string{"date": "a date such as 2026-03-01", "email": "an e-mail address", "uri": "an address such as https://example.com"}[format]
	}
	if choices, given := schema["enum"].([]any); given {
		words := make([]string, len(choices))
		for i, choice := range choices {
			words[i] = fmt.Sprint(choice)
		}
		text = "one of: " + strings.Join(words, ", ")
	}
	for _, bound := range []struct{ keyword, words string }{
		{"minimum", ", %v at the least"},
		{"exclusiveMinimum", ", more than %v"},
		{"maximum", ", %v at the most"},
		{"exclusiveMaximum", ", less than %v"},
		{"multipleOf", ", a multiple of %v"},
		{"minLength", ", of %v characters at the least"},
		{"maxLength", ", of %v characters at the most"},
		{"pattern", ", of the form %v"},
	} {
		if value, given := schema[bound.keyword]; given {
			text += fmt.Sprintf(bound.words, value)
		}
	}
	return "This has to be " + text + "."
}

// List is the fields as declared, with the defaults filled in, by name.
func (f Fields) List() []Field {
	var list []Field
	for _, name := range slices.Sorted(maps.Keys(f.byName)) {
		list = append(list, f.byName[name].Field)
	}
	return list
}

// Visible lists the fields that a level sees, by name.
func (f Fields) Visible(level Level) []Field {
	return slices.DeleteFunc(f.List(), func(field Field) bool { return !field.View.allows(level) })
}
