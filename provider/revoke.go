package provider

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/store"
)

// revocation is the revocation endpoint (RFC 7009). It says that a token is void only when it is: a failure is 503, or 500, and the client tries
// again.
func (p *Provider) revocation(w http.ResponseWriter, r *http.Request) {
	client, token, err := p.tokenOfClient(w, r)
	if err == nil {
		err = p.revokeToken(r.Context(), client, token)
	}
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
}

// revokeToken revokes a token of the client. Tokens of others, unknown ones and those that have expired change nothing, and nobody
// learns which they were.
func (p *Provider) revokeToken(ctx context.Context, client Client, token string) error {
	if strings.HasPrefix(token, refreshPrefix) {
		return p.revokeRefresh(ctx, client, token)
	}
	claims, err := p.readAccess(ctx, token)
	switch {
	case errors.Is(err, ErrBadToken):
		return nil
	case err != nil:
		return err
	case claims.Client != client.ID:
		return nil
	case isOpaque(token):
		return p.opaque.Delete(ctx, secret.New(token))
	}
	end := time.Unix(claims.Expires, 0)
	if !end.After(p.now()) {
		return nil
	}
	return p.denyUntil(ctx, deniedToken(claims.ID), end)
}

// revokeRefresh ends the token's grant, of whatever generation the token is: a client that has lost our last answer knows no newer one.
func (p *Provider) revokeRefresh(ctx context.Context, client Client, token string) error {
	grantID, _, ok := p.parseRefreshToken(token)
	if !ok {
		return nil
	}
	grant, err := p.Store.Grant(ctx, grantID)
	if errors.Is(err, store.ErrNotFound) || err == nil && grant.Client != client.ID {
		return nil
	}
	if err != nil {
		return err
	}
	return p.revoke(ctx, grantID)
}
