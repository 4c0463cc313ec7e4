package provider

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode"

	"gatehouse/internal/secret"
)

// userCodeLetters have no vowels, so that no words come about, and nothing that is taken for something else (RFC 8628 section 6.1).
// Eight of them are 34 bits.
const (
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength  = 8
)

// newUserCode draws a code, every one as likely as every other.
func newUserCode() string {
	var code strings.Builder
	for raw := make([]byte, 1); code.Len() < userCodeLength; {
		rand.Read(raw) // never fails (crypto/rand)
		if i := int(raw[0]); i < 256-256%len(userCodeLetters) {
			code.WriteByte(userCodeLetters[i%len(userCodeLetters)])
		}
	}
	return code.String()
}

// NormalUserCode is the one form of a user code as people type it: case, spaces, hyphens and other punctuation mean nothing. "" if it
// cannot be one.
func NormalUserCode(typed string) string {
	if len(typed) > 64 {
		return ""
	}
	var code strings.Builder
	for _, r := range typed {
		switch r = unicode.ToUpper(r); {
		case strings.ContainsRune(userCodeLetters, r):
			code.WriteRune(r)
		case unicode.IsSpace(r) || unicode.IsPunct(r):
		default:
			return ""
		}
	}
	if code.Len() != userCodeLength {
		return ""
	}
	return code.String()
}

// ShownUserCode is a user code as people read it: in two groups.
func ShownUserCode(normal string) string {
	if len(normal) != userCodeLength {
		return normal
	}
	return normal[:userCodeLength/2] + "-" + normal[userCodeLength/2:]
}

// userCodeToken is under what a user code is kept. A plain hash of so few possibilities could be tried out by whoever reads the store.
func (p *Provider) userCodeToken(normal string) secret.Text {
	digest := hmac.New(sha256.New, p.Keys.Derive("user codes"))
	digest.Write([]byte(normal))
	return secret.New("user code " + base64.RawURLEncoding.EncodeToString(digest.Sum(nil)))
}
