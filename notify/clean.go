package notify

import (
	"errors"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

const (
	maxValue   = 120 // characters of a name in a letter
	maxAddress = 254 // RFC 5321 section 4.5.3.1.3, less the brackets
)

// domainDot is the dot before the rest of a domain name.
var domainDot = regexp.MustCompile(`\.(\p{L}{2,})`)

const wordJoiner = "\u2060"

// clean makes a text that somebody chose fit for a letter: one line, without invisible and direction-changing characters, not too long,
// and nothing that mail programs would turn into a link. An account or organization named "Win at evil.example" would otherwise
// make Gatehouse send advertisements.
func clean(value string) string {
	value = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case r == unicode.ReplacementChar, unicode.In(r, unicode.Cf, unicode.Co) && r != '\u200d' && r != '\u200c': // joiners are letters of some scripts
			return -1
		}
		return r
	}, strings.ToValidUTF8(value, ""))
	value = strings.Join(strings.Fields(value), " ")
	if runes := []rune(value); len(runes) > maxValue {
		value = string(runes[:maxValue-1]) + "…"
	}
	value = strings.ReplaceAll(value, "://", ":"+wordJoiner+"//")
	return domainDot.ReplaceAllString(value, "."+wordJoiner+"$1")
}

var (
	errAddress = errors.New("not a bare e-mail address")
	errLink    = errors.New("not a path below the issuer")
)

// CheckAddress refuses what is no bare address (RFC 5322 addr-spec), such as one with a name, several, or a line break.
func CheckAddress(address string) error {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || len(address) > maxAddress || strings.ContainsFunc(address, unicode.IsControl) {
		return errAddress // the library's error would quote it
	}
	return nil
}

// absolute puts a path below the issuer; it cannot lead anywhere else.
func absolute(issuer, link string) (string, error) {
	parsed, err := url.Parse(link)
	if err != nil || !strings.HasPrefix(link, "/") || strings.HasPrefix(link, "//") || parsed.IsAbs() || parsed.Host != "" ||
		strings.ContainsAny(link, "\\ \t\r\n<>\"") || strings.ContainsFunc(link, unicode.IsControl) {
		return "", errLink
	}
	return issuer + link, nil
}

var (
	addressLike = regexp.MustCompile(`[^\s<>"'(),:;]+@[^\s<>"'(),:;]+`)
	linkLike    = regexp.MustCompile(`(?i)https?://\S+`)
)

const maxProblem = 300

// Scrub takes addresses and links out of the words of a mail server, which may quote both, and line breaks.
func Scrub(problem string) string {
	problem = linkLike.ReplaceAllString(problem, "[link]")
	problem = addressLike.ReplaceAllString(problem, "[address]")
	problem = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(problem, ""), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if runes := []rune(problem); len(runes) > maxProblem {
		problem = string(runes[:maxProblem]) + "…"
	}
	return problem
}
