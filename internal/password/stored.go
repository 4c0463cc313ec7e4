package password

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // Django's pbkdf2_sha1, which is only read; HMAC with SHA-1 is not broken
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// Bounds of foreign hashes, like those of our own: what Django asks for today (1.2 million iterations, bcrypt cost 12) and some more.
const (
	maxIterations  = 3_000_000
	maxStoredBytes = 256
	maxSaltText    = 128
)

var errFormat = errors.New("the stored password hash cannot be read")

// verifier is a stored hash that has been understood.
type verifier struct {
	matches    func(plain string) bool
	foreign    bool       // not of our own making: to be replaced
	parameters parameters // of our own
}

// Importable reports whether a stored text is one that Verify understands, or an unusable password (see Unusable). The forms are
// ours and those of Django: pbkdf2_sha256, pbkdf2_sha1, argon2 (argon2id), bcrypt_sha256 and bcrypt, within bounds of cost.
func Importable(stored string) error {
	if Unusable(stored) {
		return nil
	}
	_, err := parse(stored)
	return err
}

// Unusable reports whether a stored text is Django's mark of an account without local password: "!" and anything.
func Unusable(stored string) bool { return strings.HasPrefix(stored, "!") }

// parse understands a stored text. Django's forms begin with the name of an algorithm and "$", ours with "$".
func parse(stored string) (verifier, error) {
	if len(stored) > maxStoredBytes {
		return verifier{}, errFormat
	}
	algorithm, rest, _ := strings.Cut(stored, "$")
	switch algorithm {
	case "":
		return parseArgon2(stored, false)
	case "argon2":
		return parseArgon2("$"+rest, true)
	case "pbkdf2_sha256":
		return parsePBKDF2(rest, sha256.New)
	case "pbkdf2_sha1":
		return parsePBKDF2(rest, sha1.New)
	case "bcrypt":
		return parseBcrypt(rest, func(plain string) []byte { return []byte(plain) })
	case "bcrypt_sha256":
		return parseBcrypt(rest, hexDigest)
	default:
		return verifier{}, errFormat
	}
}

func parseArgon2(phc string, foreign bool) (verifier, error) {
	p, err := parsePHC(phc)
	if err != nil || (!foreign && len(p.sum) != hashBytes) {
		return verifier{}, errFormat
	}
	matches := func(plain string) bool {
		return subtle.ConstantTimeCompare(p.derive(plain, uint32(len(p.sum))), p.sum) == 1
	}
	return verifier{matches: matches, foreign: foreign, parameters: p}, nil
}

// parsePBKDF2 reads "iterations$salt$base64" (RFC 8018 section 5.2). Django does not normalise passwords.
func parsePBKDF2(text string, function func() hash.Hash) (verifier, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 3 {
		return verifier{}, errFormat
	}
	iterations, err := strconv.Atoi(parts[0])
	if err != nil || iterations < 1 || iterations > maxIterations || strconv.Itoa(iterations) != parts[0] {
		return verifier{}, errFormat
	}
	salt := parts[1]
	sum, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(sum) != function().Size() || len(salt) == 0 || len(salt) > maxSaltText ||
		base64.StdEncoding.EncodeToString(sum) != parts[2] { // the decoder skips line breaks
		return verifier{}, errFormat
	}
	matches := func(plain string) bool {
		derived, err := pbkdf2.Key(function, plain, []byte(salt), iterations, len(sum))
		return err == nil && subtle.ConstantTimeCompare(derived, sum) == 1
	}
	return verifier{matches: matches, foreign: true}, nil
}

// bcryptForm has costs of 4 to 16: each step doubles the work, and 16 is some seconds.
var bcryptForm = regexp.MustCompile(`^\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}$`)

// parseBcrypt reads the text of bcrypt itself. Plain bcrypt sees the first 72 bytes of a password only; the hash of ours that
// replaces it sees all.
func parseBcrypt(text string, prepared func(plain string) []byte) (verifier, error) {
	if !bcryptForm.MatchString(text) {
		return verifier{}, errFormat
	}
	matches := func(plain string) bool { return bcrypt.CompareHashAndPassword([]byte(text), prepared(plain)) == nil }
	return verifier{matches: matches, foreign: true}, nil
}

// hexDigest is what Django gives to bcrypt instead of the password, which may be longer than 72 bytes.
func hexDigest(plain string) []byte {
	sum := sha256.Sum256([]byte(plain))
	return []byte(hex.EncodeToString(sum[:]))
}
