package provider

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/store"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Bounds of client assertions.
const (
	assertionLongest = 10 * time.Minute // from now to "exp"
	assertionSkew    = 30 * time.Second // by which a client's clock may be wrong
	minRSABits       = 2048
	maxJTI           = 512
)

// assertionAlgorithms are those that a client may sign assertions with (RFC 7518 section 3.1, RFC 8037 section 3.1).
func assertionAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}
}

// assertion is a client's JWT (RFC 7523 section 3). Nothing about it is certain before checkAssertion.
type assertion struct {
	token  *jwt.JSONWebToken
	header jose.Header
	claims jwt.Claims
}

// readAssertion reads without checking. Whatever cannot be read is a failed authentication.
func readAssertion(form url.Values) (credentials, error) {
	if form.Get("client_assertion_type") != assertionType {
		return credentials{}, errClient()
	}
	token, err := jwt.ParseSigned(form.Get("client_assertion"), assertionAlgorithms())
	if err != nil || len(token.Headers) != 1 {
		return credentials{}, errClient()
	}
	shown := assertion{token: token, header: token.Headers[0]}
	if err := token.UnsafeClaimsWithoutVerification(&shown.claims); err != nil || shown.claims.Subject == "" || !readable(shown.claims.Subject) {
		return credentials{}, errClient()
	}
	return credentials{names: []id.Client{id.Client(shown.claims.Subject)}, assertion: &shown}, nil
}

// checkAssertion checks an assertion (RFC 7523 section 3, OpenID Connect Core section 9): what is cheap first, then the signature, and
// last that it is new. A reason means no; an error, that it cannot be known.
func (p *Provider) checkAssertion(ctx context.Context, r *http.Request, client *fositeClient, shown assertion) (why string, err error) {
	if why := p.checkClaims(r, client, shown); why != "" {
		return why, nil
	}
	keys, err := p.clientKeys.of(ctx, client, shown.header.KeyID)
	if err != nil {
		return "", err
	}
	signed := slices.ContainsFunc(keys, func(key jose.JSONWebKey) bool {
		return fits(key, shown.header) && shown.token.Claims(key.Key) == nil
	})
	if !signed {
		return "no key of the client fits the signature of the assertion", nil
	}
	return p.spendAssertion(ctx, client.ID, shown.claims)
}

// checkClaims checks what needs no key.
func (p *Provider) checkClaims(r *http.Request, client *fositeClient, shown assertion) string {
	claims, now := shown.claims, p.now()
	switch {
	case !assertionForm(shown.header):
		return "the assertion is a JWT of another type"
	case claims.Issuer != string(client.ID) || claims.Subject != string(client.ID):
		return "iss and sub of the assertion are not both the client's id"
	case !p.isAudience(r, claims.Audience):
		return "aud of the assertion is not this server alone"
	case claims.Expiry == nil || !claims.Expiry.Time().Add(assertionSkew).After(now):
		return "the assertion has expired, or has no exp"
	case claims.Expiry.Time().After(now.Add(assertionLongest + assertionSkew)):
		return "exp of the assertion is too far ahead"
	case claims.NotBefore != nil && claims.NotBefore.Time().After(now.Add(assertionSkew)):
		return "nbf of the assertion is in the future"
	case claims.IssuedAt != nil && claims.IssuedAt.Time().After(now.Add(assertionSkew)):
		return "iat of the assertion is in the future"
	case claims.ID == "" || len(claims.ID) > maxJTI:
		return "the assertion has no jti, or a too long one"
	default:
		return ""
	}
}

// assertionForm refuses JWTs that say they are something else which clients sign: request objects, DPoP proofs.
func assertionForm(header jose.Header) bool {
	typ, given := header.ExtraHeaders[jose.HeaderType]
	if !given {
		return true
	}
	name, _ := typ.(string)
	name = strings.TrimPrefix(strings.ToLower(name), "application/")
	return name == "jwt" || name == "client-authentication+jwt"
}

// isAudience reports whether an assertion is for this provider and nobody else: for its issuer, its token endpoint, or the endpoint that
// was called (OpenID Connect Core section 9, RFC 9126 section 2). Of several values each must be one of these: an assertion that
// names another server too could be passed on by that one.
func (p *Provider) isAudience(r *http.Request, audience jwt.Audience) bool {
	ours := []string{p.Issuer, p.Issuer + TokenPath, p.Issuer + r.URL.Path}
	return len(audience) > 0 && !slices.ContainsFunc(audience, func(value string) bool { return !slices.Contains(ours, value) })
}

// fits reports whether a key may verify a signature with such a header: of the algorithm's type and strength, and meant for it (RFC 7517
// section 4).
func fits(key jose.JSONWebKey, header jose.Header) bool {
	if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return (header.Algorithm == string(jose.RS256) || header.Algorithm == string(jose.PS256)) && public.N.BitLen() >= minRSABits
	case *ecdsa.PublicKey:
		return header.Algorithm == string(jose.ES256) && public.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return header.Algorithm == string(jose.EdDSA)
	default:
		return false
	}
}

// spendAssertion lets an assertion through once, however many requests show it at the same moment and on whichever node. The name is the
// client's: one client cannot spend another's.
func (p *Provider) spendAssertion(ctx context.Context, client id.Client, claims jwt.Claims) (why string, err error) {
	key := session.Key{Kind: session.KindReplay, ID: "assertion:" + secret.Hash(string(client)+"\x00"+claims.ID)}
	err = p.Ephemeral.Create(ctx, key, session.Entry{Expires: claims.Expiry.Time().Add(assertionSkew + clockSkew).UTC()})
	if errors.Is(err, store.ErrConflict) {
		return "the assertion was used before", nil
	}
	return "", err
}
