package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Types of token in the JWS header (RFC 9068 section 2.1).
const (
	typeAccess = "at+jwt"
	typeID     = "JWT"
)

// signer makes compact JWS (RFC 7515 section 3.1) with one key. Headers are encoded once.
type signer struct {
	algorithm string
	private   crypto.Signer
	headers   map[string]string // by typ: the encoded header with its dot
}

func newSigner(algorithm, kid string, private crypto.Signer) *signer {
	s := &signer{algorithm: algorithm, private: private, headers: map[string]string{}}
	for _, typ := range []string{typeAccess, typeID} {
		header := fmt.Sprintf(`{"alg":%q,"kid":%q,"typ":%q}`, algorithm, kid, typ)
		s.headers[typ] = base64.RawURLEncoding.EncodeToString([]byte(header)) + "."
	}
	return s
}

// sign encodes claims as JSON and signs them.
func (s *signer) sign(typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode claims: %w", err)
	}
	encoding, header := base64.RawURLEncoding, s.headers[typ]
	token := make([]byte, 0, len(header)+encoding.EncodedLen(len(payload))+1+encoding.EncodedLen(rsaBits/8))
	token = encoding.AppendEncode(append(token, header...), payload)
	sum := sha256.Sum256(token)
	signature, err := s.signature(sum[:])
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return string(encoding.AppendEncode(append(token, '.'), signature)), nil
}

// signature is PKCS #1 v1.5 for RS256, and r and s of 32 bytes each for ES256 (RFC 7518 sections 3.3 and 3.4).
func (s *signer) signature(sum []byte) ([]byte, error) {
	switch private := s.private.(type) {
	case *ecdsa.PrivateKey:
		r, t, err := ecdsa.Sign(rand.Reader, private, sum)
		if err != nil {
			return nil, err
		}
		raw := make([]byte, 64)
		r.FillBytes(raw[:32])
		t.FillBytes(raw[32:])
		return raw, nil
	case *rsa.PrivateKey:
		return rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum)
	default:
		return nil, fmt.Errorf("no way to sign with %T", private)
	}
}

// halfHash is at_hash (OpenID Connect Core section 3.1.3.6) for the algorithms with SHA-256.
func halfHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
