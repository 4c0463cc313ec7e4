package provider

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"gatehouse/internal/id"
	"gatehouse/session"
	"gatehouse/store"
)

// When a consent is taken back, what the client got by it has to end: grants are revoked with the consent, in its transaction. Access tokens, of
// which most have no grant, are denied by user, client and the time up to which they were issued, so that a consent given anew is worth something at
// once. Codes on their way look for the consent when they are redeemed.

// deniedConsent names a time: tokens of the user and client that were issued until then are denied.
func deniedConsent(user id.User, client id.Client) session.Key {
	return session.Key{Kind: session.KindDenied, ID: "consent:" + string(user) + ":" + string(client)}
}

// consentSkew is how far the clocks of two nodes, and a token being signed, may be apart.
const consentSkew = 3 * time.Second

// EndConsent denies the access tokens that a client has for a user by now. It is called before the consent is deleted: a code that is being redeemed writes
// its grant first and looks for the consent then, so that one of the two sees the other.
func (p *Provider) EndConsent(ctx context.Context, user id.User, client id.Client) error {
	key, now := deniedConsent(user, client), p.now()
	entry := session.Entry{
		Value:   strconv.AppendInt(nil, now.Add(consentSkew).Unix(), 10),
		Expires: now.Add(p.Lifetimes.Access + consentSkew + clockSkew),
	}
	for {
		err := p.Ephemeral.Create(ctx, key, entry)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		existing, err := p.Ephemeral.Find(ctx, key)
		if err == nil {
			entry.Version = existing.Version
			err = p.Ephemeral.Replace(ctx, key, entry)
		}
		if !errors.Is(err, store.ErrStale) && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
}

// denied reports whether an access token, its grant or its session was revoked, or the consent that it rests on. One round trip, but where a
// consent was revoked a moment ago.
func (p *Provider) denied(ctx context.Context, claims accessClaims) (bool, error) {
	keys := []session.Key{deniedToken(claims.ID), deniedGrant(claims.Grant), deniedSession(claims.Session)}
	if claims.Session == "" {
		return p.Ephemeral.Any(ctx, keys...)
	}
	consent := deniedConsent(id.User(claims.Subject), claims.Client)
	found, err := p.Ephemeral.Any(ctx, append(slices.Clone(keys), consent)...)
	if err != nil || !found {
		return false, err
	}
	entry, err := p.Ephemeral.Find(ctx, consent)
	if errors.Is(err, store.ErrNotFound) {
		return p.Ephemeral.Any(ctx, keys...)
	}
	if err != nil {
		return false, err
	}
	until, err := strconv.ParseInt(string(entry.Value), 10, 64)
	if err != nil || claims.IssuedAt <= until {
		return true, err
	}
	return p.Ephemeral.Any(ctx, keys...)
}

// checkConsent refuses what was written by a consent that is gone, or does not go so far any more; see EndConsent.
func (g *codeGrant) checkConsent(ctx context.Context, a Authorization, grant Grant) error {
	if !a.Consent {
		return nil
	}
	consent, err := g.Store.Consent(ctx, grant.User, grant.Client, grant.Organization)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil && consent.Covers(grant.Scopes) {
		return nil
	}
	if err := g.revoke(ctx, grant.ID); err != nil {
		return err
	}
	return invalidGrant("The user has taken back the consent.")
}

// Covers reports whether the user has agreed to every one of the scopes.
func (c Consent) Covers(scopes []string) bool {
	return !slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(c.Scopes, scope) })
}

// Agree adds scopes to what a user lets a client see in an organization. Of two at the same moment one may be lost: the user is asked again.
func (p *Provider) Agree(ctx context.Context, user id.User, client id.Client, organization id.Organization, scopes []string) error {
	now := p.now()
	consent, err := p.Store.Consent(ctx, user, client, organization)
	if errors.Is(err, store.ErrNotFound) {
		consent, err = Consent{User: user, Client: client, Organization: organization, Created: now}, nil
	}
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		if !slices.Contains(consent.Scopes, scope) {
			consent.Scopes = append(consent.Scopes, scope)
		}
	}
	consent.Modified = now
	return p.Store.SaveConsent(ctx, consent)
}

// Asked are the scopes of what the request asks for: its own, and those of claims that it names one by one. To these a person agrees.
func (r *AuthorizeRequest) Asked() []string {
	asked := slices.Clone(r.Scopes)
	var claims claimsRequest
	if len(r.Claims) > 0 && json.Unmarshal(r.Claims, &claims) != nil {
		return r.Client.Scopes // cannot be; then for everything that the client could get
	}
	for _, names := range []wishes{claims.Userinfo, claims.IDToken} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if scope := claimScope(name); !slices.Contains(asked, scope) {
				asked = append(asked, scope)
			}
		}
	}
	return asked
}
