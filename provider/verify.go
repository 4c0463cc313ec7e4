package provider

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"gatehouse/internal/id"
)

// AccessToken is a verified access token.
type AccessToken struct {
	ID           string // "jti"
	Subject      string // a user's id, or the client's for a client acting as itself
	Client       id.Client
	Organization id.Organization
	Role         string
	Session      id.Session // empty for a client acting as itself
	Scopes       []string
	Permissions  []string
	Audience     []string

	wanted wishes // what userinfo was asked for one by one
}

// ErrBadToken says that a token is malformed, forged, expired, revoked, or of another kind or issuer; nobody learns which.
var ErrBadToken = errors.New("the token is not valid")

// VerifyAccessToken checks signature, type, issuer and expiry (RFC 9068 section 4), or finds what an opaque token stands for, and that
// neither the token nor its grant or session was revoked: one verification and one look-up. It does not check the audience: the caller
// knows who it is.
func (p *Provider) VerifyAccessToken(ctx context.Context, token string) (AccessToken, error) {
	claims, err := p.accessInForce(ctx, token)
	if err != nil {
		return AccessToken{}, err
	}
	return AccessToken{
		ID: claims.ID, Subject: claims.Subject, Client: claims.Client, Organization: claims.Organization, Role: claims.Role,
		Session: claims.Session, Scopes: strings.Fields(claims.Scope), Permissions: slices.Clone(claims.Permissions), Audience: slices.Clone(claims.Audience),
		wanted: claims.Wanted,
	}, nil
}

// accessInForce reads an access token of ours that has not expired and is not revoked.
func (p *Provider) accessInForce(ctx context.Context, token string) (accessClaims, error) {
	claims, err := p.readAccess(ctx, token)
	if err != nil {
		return accessClaims{}, err
	}
	if claims.Expires <= p.now().Unix() {
		return accessClaims{}, ErrBadToken
	}
	denied, err := p.denied(ctx, claims)
	if err != nil {
		return accessClaims{}, err
	}
	if denied {
		return accessClaims{}, ErrBadToken
	}
	return claims, nil
}

// readAccess reads an access token of ours, in force or not.
func (p *Provider) readAccess(ctx context.Context, token string) (claims accessClaims, err error) {
	if isOpaque(token) {
		return p.readOpaque(ctx, token)
	}
	seen := p.keys.set(ctx).seen
	if claims, known := seen.find(token); known {
		return claims, nil
	}
	if err := p.verify(ctx, token, typeAccess, &claims); err != nil {
		return accessClaims{}, err
	}
	if claims.Issuer != p.Issuer || claims.ID == "" {
		return accessClaims{}, ErrBadToken
	}
	seen.add(token, claims)
	return claims, nil
}

const maxToken = 16 << 10

// verify checks a JWT's type and its signature by one of our own keys, with the algorithm that the key is for. Keys that the token
// itself brings or names are not looked at. By retired keys only hints are believed: ID tokens that may be old.
func (p *Provider) verify(ctx context.Context, token, typ string, claims any) error {
	if len(token) > maxToken {
		return ErrBadToken
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{algES256, algRS256, algEdDSA})
	if err != nil || len(parsed.Headers) != 1 {
		return ErrBadToken
	}
	header := parsed.Headers[0]
	if found, _ := header.ExtraHeaders[jose.HeaderType].(string); found != typ {
		return ErrBadToken
	}
	key, known := p.keys.verifier(ctx, header.KeyID)
	if !known || key.Algorithm != header.Algorithm || key.retired && typ != typeID {
		return ErrBadToken
	}
	if err := parsed.Claims(key.Key, claims); err != nil {
		return ErrBadToken
	}
	return nil
}

// hintSubject reads whom an ID token of ours is about; it may have expired (OpenID Connect Core section 3.1.2.1). Signed userinfo, which never
// expires, is none.
func (p *Provider) hintSubject(ctx context.Context, hint string) (string, error) {
	var claims idClaims
	if err := p.verify(ctx, hint, typeID, &claims); err != nil || claims.Issuer != p.Issuer || claims.Subject == "" || claims.Expires == 0 {
		return "", ErrBadToken
	}
	return claims.Subject, nil
}

func (t AccessToken) has(scope string) bool { return slices.Contains(t.Scopes, scope) }
