package tenancy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// phoneForm admits what people write between digits. Letters are numbers to the library ("+1-800-FLOWERS"), not to us.
var phoneForm = regexp.MustCompile(`^\+?[0-9 ().\-/\x{a0}]{3,40}$`)

var phoneSeparators = strings.NewReplacer(" ", "", "(", "", ")", "", ".", "", "-", "", "/", "", "\u00a0", "")

// normalPhone is a phone number with international prefix in E.164 form; ok is false for anything else.
func normalPhone(text string) (number string, ok bool) {
	if !phoneForm.MatchString(text) || !strings.HasPrefix(text, "+") {
		return "", false
	}
	parsed, err := phonenumbers.Parse(text, "")
	if err != nil || !phonenumbers.IsValidNumber(parsed) {
		return "", false
	}
	return phonenumbers.Format(parsed, phonenumbers.E164), true
}

// phoneReadings are the numbers that somebody may mean who types text to sign in: as typed and without a leading 0, each with no
// prefix and with every one of prefixes, in that order. Separators do not count.
func phoneReadings(text string, prefixes []string) []string {
	if !phoneForm.MatchString(text) {
		return nil
	}
	digits := phoneSeparators.Replace(text)
	typed := []string{digits}
	if bare, found := strings.CutPrefix(digits, "0"); found {
		typed = append(typed, bare)
	}
	var readings []string
	for _, digits := range typed {
		for _, prefix := range append([]string{""}, prefixes...) {
			if number, ok := normalPhone(prefix + digits); ok && !slices.Contains(readings, number) {
				readings = append(readings, number)
			}
		}
	}
	return readings
}
