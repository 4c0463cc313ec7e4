package provider

import (
	"context"
	"errors"
	"strings"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/store"
)

// Opaque access tokens are for clients whose resource servers ask by introspection. What one means is kept under its hash, sealed with a
// key that the token completes, until it expires.

const opaquePrefix = "gto_"

func isOpaque(token string) bool { return strings.HasPrefix(token, opaquePrefix) }

// newOpaque makes a token of 256 random bits that stands for claims.
func (p *Provider) newOpaque(ctx context.Context, claims accessClaims) (string, error) {
	token := opaquePrefix + secret.Token(32)
	return token, p.opaque.Create(ctx, secret.New(token), claims, time.Unix(claims.Expires, 0))
}

func (p *Provider) readOpaque(ctx context.Context, token string) (accessClaims, error) {
	held, err := p.opaque.Find(ctx, secret.New(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && held.Value.Issuer != p.Issuer {
		return accessClaims{}, ErrBadToken
	}
	return held.Value, err
}
