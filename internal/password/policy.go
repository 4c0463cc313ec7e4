package password

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"
)

const (
	minCharacters = 8 // NIST SP 800-63B-4: with a second factor; section 3.1.1.2
	minScore      = 2 // of zxcvbn's 0…4: beyond online guessing
	scoredBytes   = 72
)

// Check says why a new password is not acceptable, in words for people, or nil. about are texts that a guesser would try: username,
// e-mail address, name. There are no rules of composition.
func Check(plain string, about ...string) error {
	switch {
	case !utf8.ValidString(plain):
		return errors.New("This password holds characters that cannot be read.")
	case utf8.RuneCountInString(plain) < minCharacters:
		return fmt.Errorf("A password has at least %d characters.", minCharacters)
	case len(plain) > MaxBytes:
		return fmt.Errorf("A password has at most %d bytes.", MaxBytes)
	}
	var words []string
	for _, text := range about {
		words = append(words, strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("@.-_+ ", r) })...)
		words = append(words, text)
	}
	// zxcvbn takes much longer for long texts, and beyond this length nothing is weak.
	scored := plain
	if len(scored) > scoredBytes {
		scored = strings.ToValidUTF8(scored[:scoredBytes], "")
	}
	if zxcvbn.PasswordStrength(scored, append(words, "gatehouse")).Score < minScore {
		return errors.New("This password is too easy to guess. Use a longer one, or several unrelated words.")
	}
	return nil
}
