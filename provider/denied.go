package provider

import (
	"context"
	"errors"
	"time"

	"gatehouse/internal/id"
	"gatehouse/session"
	"gatehouse/store"
)

// Revoked access tokens cannot be taken back, but the endpoints of the provider refuse them until they expire.

func deniedSession(sid id.Session) session.Key {
	return session.Key{Kind: session.KindDenied, ID: "sid:" + string(sid)}
}

func deniedGrant(grant id.Grant) session.Key {
	return session.Key{Kind: session.KindDenied, ID: "grant:" + string(grant)}
}

func deniedToken(jti string) session.Key {
	return session.Key{Kind: session.KindDenied, ID: "jti:" + jti}
}

const clockSkew = time.Minute // between nodes

// deny keeps a key on the list until every access token issued so far has expired, and codes and devices too.
func (p *Provider) deny(ctx context.Context, key session.Key) error {
	return p.denyUntil(ctx, key, p.now().Add(p.Lifetimes.Access+max(p.Lifetimes.Code, p.Lifetimes.Device)))
}

// denyUntil keeps a key on the list until what it names has expired.
func (p *Provider) denyUntil(ctx context.Context, key session.Key, end time.Time) error {
	err := p.Ephemeral.Create(ctx, key, session.Entry{Expires: end.Add(clockSkew)})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}
