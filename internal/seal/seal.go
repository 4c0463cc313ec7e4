// Package seal encrypts what must not be readable in a copy of the database.
//
// AES-256-GCM with a random nonce; the additional data name the place (table, column, row, organization), so that a sealed value
// copied to another row does not open. Each sealed value names its key, so that keys rotate: the first key of the list seals,
// every key opens.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"gatehouse/internal/secret"
)

// ErrOpen says that a sealed value could not be opened: another place, a key that is gone, or tampering.
var ErrOpen = errors.New("sealed value does not open here")

const (
	keyNameSize = 4
	minKeyText  = 32 // characters: 16 random bytes in hexadecimal at the least
)

// Keys seals and opens. Its zero value is unusable.
type Keys struct{ keys []key }

type key struct {
	name string // first bytes of the hash of the derived key
	aead cipher.AEAD
	raw  []byte
}

// NewKeys derives the keys from master secrets, newest first. Each must have at least 32 characters of random text.
func NewKeys(masters ...secret.Text) (*Keys, error) {
	if len(masters) == 0 {
		return nil, errors.New("no encryption key given")
	}
	keys := &Keys{}
	for i, master := range masters {
		if len(master.Reveal()) < minKeyText {
			return nil, fmt.Errorf("encryption key %d: needs at least %d characters", i+1, minKeyText)
		}
		raw, err := hkdf.Key(sha256.New, []byte(master.Reveal()), nil, "gatehouse seal v1", 32)
		if err != nil {
			return nil, fmt.Errorf("derive encryption key: %w", err)
		}
		next, err := newKey(raw)
		if err != nil {
			return nil, err
		}
		keys.keys = append(keys.keys, next)
	}
	return keys, nil
}

func newKey(raw []byte) (key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return key{}, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return key{}, fmt.Errorf("make cipher: %w", err)
	}
	sum := sha256.Sum256(append([]byte("name"), raw...))
	return key{name: string(sum[:keyNameSize]), aead: aead, raw: raw}, nil
}

// Seal encrypts plain for a place, e.g. Seal(secret, "factors", "secret", factorID).
func (k *Keys) Seal(plain []byte, place ...string) []byte {
	current := k.keys[0]
	return current.aead.Seal([]byte(current.name), nil, plain, placeData(place))
}

// Open decrypts what Seal returned for the same place. Every failure is ErrOpen.
func (k *Keys) Open(sealed []byte, place ...string) ([]byte, error) {
	if len(sealed) < keyNameSize {
		return nil, ErrOpen
	}
	for _, candidate := range k.keys {
		if candidate.name != string(sealed[:keyNameSize]) {
			continue
		}
		plain, err := candidate.aead.Open(nil, nil, sealed[keyNameSize:], placeData(place))
		if err == nil {
			return plain, nil
		}
	}
	return nil, ErrOpen
}

// With returns keys that seal and open only together with token: the server's key and the token are both needed. Sessions and
// single-use state are sealed so, and a copy of the store plus the server's key still opens nothing.
func (k *Keys) With(token secret.Text) *Keys {
	bound := &Keys{}
	for _, candidate := range k.keys {
		raw, err := hkdf.Key(sha256.New, append(candidate.raw[:len(candidate.raw):len(candidate.raw)], token.Reveal()...), nil, "gatehouse token-bound v1", 32)
		if err != nil {
			panic("hkdf of a fixed size: " + err.Error())
		}
		next, err := newKey(raw)
		if err != nil {
			panic("aes of a fixed size: " + err.Error())
		}
		bound.keys = append(bound.keys, next)
	}
	return bound
}

// Derive returns a 32-byte key for a named purpose other than sealing, from the newest master.
func (k *Keys) Derive(purpose string) []byte {
	raw, err := hkdf.Key(sha256.New, k.keys[0].raw, nil, "gatehouse derive v1 "+purpose, 32)
	if err != nil {
		panic("hkdf of a fixed size: " + err.Error())
	}
	return raw
}

// NewMaster makes a master secret: 32 random bytes in hexadecimal.
func NewMaster() secret.Text {
	raw := make([]byte, 32)
	rand.Read(raw) // never fails (crypto/rand)
	return secret.New(hex.EncodeToString(raw))
}

// placeData joins the parts so that no two places share additional data.
func placeData(place []string) []byte {
	var b strings.Builder
	for _, part := range place {
		fmt.Fprintf(&b, "%d:%s", len(part), part)
	}
	return []byte(b.String())
}
