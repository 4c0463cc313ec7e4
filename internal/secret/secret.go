// Package secret keeps secret texts from being printed by accident.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"log/slog"
)

const redacted = "[secret]"

// Text is a secret that no verb of fmt, no JSON encoder and no logger prints. The value sits behind a pointer, because fmt
// prints unexported fields of structs that hold a Text without asking its methods. The zero value is an empty secret.
type Text struct{ value *string }

// New wraps value.
func New(value string) Text { return Text{value: &value} }

// Random makes a secret of n random bytes from crypto/rand, as unpadded base64url.
func Random(n int) Text { return New(Token(n)) }

// Token returns n random bytes from crypto/rand as unpadded base64url text.
func Token(n int) string {
	raw := make([]byte, n)
	rand.Read(raw) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Reveal returns the secret itself; call it only where the value leaves the program.
func (t Text) Reveal() string {
	if t.value == nil {
		return ""
	}
	return *t.value
}

// Empty reports whether there is no secret.
func (t Text) Empty() bool { return t.Reveal() == "" }

// Equal compares in constant time (of the values' hashes, so that the length does not show either).
func (t Text) Equal(other string) bool {
	a, b := sha256.Sum256([]byte(t.Reveal())), sha256.Sum256([]byte(other))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// String hides the value.
func (t Text) String() string { return redacted }

// GoString hides the value from %#v.
func (t Text) GoString() string { return redacted }

// MarshalText hides the value from encoders.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue hides the value from loggers.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// Hash is the form in which tokens are stored: SHA-256, unpadded base64url. It suits random tokens only, never passwords.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
