package password

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"
	"golang.org/x/text/unicode/norm"
)

const (
	minCharacters = 8 // NIST SP 800-63B-4 section 3.1.1.2, beside a second factor
	minScore      = 2 // of zxcvbn's 0…4: beyond online guessing
	scoredBytes   = 72
	// A password may hold a name of the account only if this many more characters are in it.
	minBesideName = 6
	minNameLength = 4
)

// Check says why a new password is not acceptable, in words for people, or nil. about are texts that a guesser would try: username,
// e-mail address, name. There are no rules of composition. Characters are counted after NFC, as Hash sees them.
func Check(plain string, about ...string) error {
	if !utf8.ValidString(plain) {
		return errors.New("This password holds characters that cannot be read.")
	}
	if len(plain) > MaxBytes {
		return fmt.Errorf("A password has at most %d bytes.", MaxBytes)
	}
	plain = norm.NFC.String(plain)
	if utf8.RuneCountInString(plain) < minCharacters {
		return fmt.Errorf("A password has at least %d characters.", minCharacters)
	}
	words := append(wordsOf(about), "gatehouse")
	if resembles(plain, words) {
		return errors.New("This password is too much like your name or address.")
	}
	// zxcvbn takes much longer for long texts, and beyond this length nothing is weak.
	scored := plain
	if len(scored) > scoredBytes {
		scored = strings.ToValidUTF8(scored[:scoredBytes], "")
	}
	if zxcvbn.PasswordStrength(scored, words).Score < minScore {
		return errors.New("This password is too easy to guess. Use a longer one, or several unrelated words.")
	}
	return nil
}

// wordsOf lists the texts and the words in them, folded to lower case.
func wordsOf(about []string) []string {
	var words []string
	for _, text := range about {
		text = strings.ToLower(norm.NFC.String(text))
		words = append(words, text)
		words = append(words, strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("@.-_+ ", r) })...)
	}
	return words
}

// resembles reports whether little is left of the password without one of the words. zxcvbn alone takes a random-looking username
// with a digit behind it for a good password.
func resembles(plain string, words []string) bool {
	folded := strings.ToLower(plain)
	for _, word := range words {
		if utf8.RuneCountInString(word) < minNameLength {
			continue
		}
		rest := strings.ReplaceAll(folded, word, "")
		if len(rest) < len(folded) && utf8.RuneCountInString(rest) < minBesideName {
			return true
		}
	}
	return false
}
