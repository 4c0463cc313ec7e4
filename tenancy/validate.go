package tenancy

import (
	"errors"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

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

func isConflict(err error) bool { return errors.Is(err, store.ErrConflict) }

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
	usernameForm = regexp.MustCompile(`^[\p{L}\p{N}@.+_-]{1,150}$`)
	slugForm     = regexp.MustCompile(`^[a-z0-9]+(?:-[a-z0-9]+)*$`)
)

const (
	maxName = 150
	maxSlug = 200
)

func (p problems) username(text string) {
	if !usernameForm.MatchString(text) {
		p.add("username", "A username has 1 to 150 letters, digits and the characters @ . + - _ only.")
	}
}

func (p problems) email(text string) {
	if text != "" && !validEmail(text) {
		p.add("email", "This is not an e-mail address.")
	}
}

// validEmail accepts a bare RFC 5322 address with a domain.
func validEmail(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text && len(text) <= maxIdentifier && !strings.ContainsFunc(text, unicode.IsControl)
}

func (p problems) line(field, text string, longest int) {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > longest || strings.ContainsFunc(text, unicode.IsControl) {
		p.add(field, "This has to be a single line of at most "+strconv.Itoa(longest)+" characters.")
	}
}

func (p problems) password(text string, about ...string) {
	if err := password.Check(text, about...); err != nil {
		p.add("password", err.Error())
	}
}

func (p problems) slug(text string) {
	if len(text) > maxSlug || !slugForm.MatchString(text) {
		p.add("slug", "A slug has lower-case letters, digits and single hyphens between them.")
	}
}
