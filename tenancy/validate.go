package tenancy

import (
	"errors"
	"maps"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/store"
)

// Invalid says which fields of an input are wrong and why, in words for people.
type Invalid struct{ Fields map[string][]string }

// Error lists fields and reasons.
func (i *Invalid) Error() string {
	var lines []string
	for _, field := range slices.Sorted(maps.Keys(i.Fields)) {
		lines = append(lines, field+": "+strings.Join(i.Fields[field], " "))
	}
	return strings.Join(lines, "; ")
}

// problems collects what is wrong, so that all of it is said at once.
type problems map[string][]string

func (p problems) add(field, text string) { p[field] = append(p[field], text) }

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &Invalid{Fields: p}
}

// taken turns a conflict on a field that a person filled in into words.
func taken(err error, texts map[string]string) error {
	var conflict *store.Conflict
	if !errors.As(err, &conflict) {
		return err
	}
	if text, known := texts[conflict.Field]; known {
		return &Invalid{Fields: map[string][]string{conflict.Field: {text}}}
	}
	return err
}

var (
	usernameForm   = regexp.MustCompile(`^[\p{L}\p{N}@.+_-]{1,150}$`)
	slugForm       = regexp.MustCompile(`^[a-z0-9]+(?:-[a-z0-9]+)*$`)
	permissionForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,49}\.[a-z][a-z0-9_]{0,99}$`)
)

const (
	maxName             = 150
	maxOrganizationName = 200
	maxSlug             = 200
	maxDescription      = 2000
	maxURL              = 200
)

func (p problems) username(text string) {
	if !validUsername(text) {
		p.add("username", "A username has 1 to 150 letters, digits and the characters @ . + - _ only.")
	} else if mixesScripts(text) {
		p.add("username", "A username has letters of one script only, so that it looks like nobody else's.")
	}
}

// validUsername also asks for a normalised form: some letters turn into several words there.
func validUsername(text string) bool {
	_, err := Normalise(text)
	return err == nil && usernameForm.MatchString(text)
}

const notAnEmail = "This is not an e-mail address."

func (p problems) email(text string) {
	if text != "" && !validEmail(text) {
		p.add("email", notAnEmail)
	}
}

// validEmail accepts a bare RFC 5322 address with a domain, without quoted local part, comment or display name.
func validEmail(text string) bool {
	if _, err := Normalise(text); err != nil || strings.ContainsAny(text, `"<>()`) {
		return false
	}
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text && len(text) <= maxIdentifier
}

// line accepts every script and emoji, but nothing that would turn the text around it.
func (p problems) line(field, text string, longest int) {
	bad := func(r rune) bool { return unicode.IsControl(r) || turnsText(r) }
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > longest || strings.ContainsFunc(text, bad) {
		p.add(field, "This has to be a single line of at most "+strconv.Itoa(longest)+" characters, without invisible signs that turn text.")
	}
}

func (p problems) name(text string, longest int) {
	p.line("name", text, longest)
	if strings.TrimSpace(text) == "" {
		p.add("name", "A name is needed.")
	}
}

// text is like line but may have several lines.
func (p problems) text(field, text string, longest int) {
	bad := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > longest || strings.ContainsFunc(text, bad) {
		p.add(field, "This has to be a text of at most "+strconv.Itoa(longest)+" characters.")
	}
}

func (p problems) language(text string) {
	if text == "" {
		return
	}
	if _, err := language.Parse(text); err != nil || len(text) > 35 {
		p.add("language", "This is not a language tag such as en or pt-BR.")
	}
}

// url accepts web addresses only: others (javascript:) become links in pages.
func (p problems) url(text string) {
	if text == "" {
		return
	}
	parsed, err := url.Parse(text)
	if err != nil || len(text) > maxURL || (parsed.Scheme != "https" && parsed.Scheme != "http") || parsed.Host == "" {
		p.add("url", "This is not an address that begins with https:// or http://.")
	}
}

func (p problems) password(text string, about ...string) {
	if err := password.Check(text, about...); err != nil {
		p.add("password", err.Error())
	}
}

// slug refuses the form of identifiers too: requests name an organization by either.
func (p problems) slug(text string) {
	_, identifier := id.Parse[id.Organization](text)
	if len(text) > maxSlug || !slugForm.MatchString(text) || identifier {
		p.add("slug", "A slug has lower-case letters, digits and single hyphens between them.")
	}
}

// permissions are those that scope gives in an organization ("": everywhere): nobody gives what he does not hold.
func (p problems) permissions(scope Scope, organization id.Organization, permissions []Permission) {
	for _, permission := range permissions {
		if !permissionForm.MatchString(string(permission)) {
			p.add("permissions", strconv.Quote(string(permission))+" is not a permission such as users.change_user.")
		} else if !scope.holdsIn(organization, permission) && !scope.Has(permission) {
			p.add("permissions", "You do not hold "+string(permission)+" yourself.")
		}
	}
}
