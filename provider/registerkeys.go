package provider

import (
	"crypto/rsa"
	"encoding/json"
	"strconv"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeySet     = 32 << 10 // bytes
	maxClientKeys = 20
)

// keysProblem says what is wrong with a client's JWK set (RFC 7517 section 5): public keys only. A symmetric key would be a secret that
// everybody reads who may read clients.
func keysProblem(raw []byte) string {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	switch err := json.Unmarshal(raw, &set); {
	case len(raw) > maxKeySet:
		return "is larger than " + strconv.Itoa(maxKeySet>>10) + " KiB"
	case err != nil:
		return `must be a JWK set: {"keys": [...]}`
	case len(set.Keys) == 0 || len(set.Keys) > maxClientKeys:
		return "must have 1 to " + strconv.Itoa(maxClientKeys) + " keys"
	}
	for i, one := range set.Keys {
		if text := keyProblem(one); text != "" {
			return "key " + strconv.Itoa(i+1) + " " + text
		}
	}
	return ""
}

func keyProblem(raw []byte) string {
	var key jose.JSONWebKey
	if err := json.Unmarshal(raw, &key); err != nil {
		return "cannot be read"
	}
	if _, symmetric := key.Key.([]byte); symmetric {
		return "is symmetric: register a public key"
	}
	public, isRSA := key.Key.(*rsa.PublicKey)
	switch {
	case !key.Valid():
		return "cannot be read"
	case !key.IsPublic():
		return "is private: keep it, and register its public part"
	case isRSA && public.N.BitLen() < minRSABits:
		return "is too short: RSA keys have " + strconv.Itoa(minRSABits) + " bits at least"
	default:
		return ""
	}
}
