package tenancy

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const maxIdentifier = 254 // runes: the longest e-mail address

var errIdentifier = errors.New("an identifier is 1 to 254 printable characters")

// Normalise is the form in which usernames, e-mail addresses and phone numbers are compared and unique: NFKC, case-folded, trimmed.
// It refuses empty text, more than 254 characters, invalid UTF-8, and control or format characters.
func Normalise(identifier string) (string, error) {
	if !utf8.ValidString(identifier) || len(identifier) > 4*maxIdentifier {
		return "", errIdentifier
	}
	normal := Fold(strings.TrimSpace(identifier))
	if normal == "" || utf8.RuneCountInString(normal) > maxIdentifier {
		return "", errIdentifier
	}
	if strings.ContainsFunc(normal, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) }) {
		return "", errIdentifier
	}
	return normal, nil
}

// Fold makes texts comparable without regard to case and form: NFKC, case-folded.
func Fold(text string) string {
	// Folding can leave NFKC, so it is normalised again (Unicode 16, section 3.13, caseless matching). ToLower is for Cherokee, whose
	// two cases Fold swaps.
	return norm.NFKC.String(strings.ToLower(cases.Fold().String(norm.NFKC.String(text))))
}

// Searchable is the form in which texts are searched: folded, and without the accents that Unicode can take off (of é, not of ø).
func Searchable(text string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(Fold(text)))
	return norm.NFC.String(plain)
}
