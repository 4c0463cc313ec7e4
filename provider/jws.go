package provider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
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
	signature, err := s.signature(token)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return string(encoding.AppendEncode(append(token, '.'), signature)), nil
}

// signature is PKCS #1 v1.5 for RS256, r and s of 32 bytes each for ES256 (RFC 7518 sections 3.3 and 3.4), and Ed25519 for EdDSA
// (RFC 8037 section 3.1), which hashes by itself.
func (s *signer) signature(input []byte) ([]byte, error) {
	sum := sha256.Sum256(input)
	switch private := s.private.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(private, input), nil
	case *ecdsa.PrivateKey:
		der, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
		if err != nil {
			return nil, err
		}
		return fixedSize(der)
	case *rsa.PrivateKey:
		return rsa.SignPKCS1v15(rand.Reader, private, crypto.SHA256, sum[:])
	default:
		return nil, fmt.Errorf("no way to sign with %T", private)
	}
}

var errDER = errors.New("the signature is not the DER form of two numbers")

// fixedSize writes r and s of a DER signature with 32 bytes each. Without big numbers in between it costs a tenth less than ecdsa.Sign.
func fixedSize(der []byte) ([]byte, error) {
	var r, s []byte
	numbers := cryptobyte.String(der)
	if !numbers.ReadASN1(&numbers, asn1.SEQUENCE) || !numbers.ReadASN1Integer(&r) || !numbers.ReadASN1Integer(&s) || len(r) > 32 || len(s) > 32 {
		return nil, errDER
	}
	raw := make([]byte, 64)
	copy(raw[32-len(r):], r)
	copy(raw[64-len(s):], s)
	return raw, nil
}

// halfHash is at_hash (OpenID Connect Core section 3.1.3.6): half of what the signature's algorithm hashes with. For EdDSA, which the
// standard does not name, that is the SHA-512 inside Ed25519, as relying parties compute it.
func halfHash(algorithm, token string) string {
	if algorithm == algEdDSA {
		sum := sha512.Sum512([]byte(token))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
