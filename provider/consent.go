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
// once. Codes and devices on their way look for the denial when they are redeemed, and codes for the consent that they rest on.

// deniedConsent names a time: tokens of the user and client that were issued until then are denied.
func deniedConsent(user id.User, client id.Client) session.Key {
	return session.Key{Kind: session.KindDenied, ID: "consent:" + string(user) + ":" + string(client)}
}

// consentSkew is how far the clocks of two nodes, and a token being signed, may be apart.
const consentSkew = 3 * time.Second

const errTakenBack = "The user has taken back the consent."

// EndConsent denies the access tokens that a client has for a user by now, and what he has granted it and it has not fetched yet. It is called before the
// consent is deleted and grants are revoked, which is one transaction that others do not see before its end: a code that is being redeemed writes its grant first
// and looks for this denial then, so that one of the two sees the other.
func (p *Provider) EndConsent(ctx context.Context, user id.User, client id.Client) error {
	key, now := deniedConsent(user, client), p.now()
	entry := session.Entry{
		Value:   strconv.AppendInt(nil, now.Add(consentSkew).Unix(), 10),
		Expires: now.Add(p.Lifetimes.Access + max(p.Lifetimes.Code, p.Lifetimes.Device) + consentSkew + clockSkew),
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
	taken, err := p.takenBack(ctx, id.User(claims.Subject), claims.Client, claims.IssuedAt)
	if err != nil || taken {
		return taken, err
	}
	return p.Ephemeral.Any(ctx, keys...)
}

// takenBack reports whether a user has taken back what he let a client see after something was given, in seconds since 1970.
func (p *Provider) takenBack(ctx context.Context, user id.User, client id.Client, given int64) (bool, error) {
	entry, err := p.Ephemeral.Find(ctx, deniedConsent(user, client))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	until, err := strconv.ParseInt(string(entry.Value), 10, 64)
	return err != nil || given <= until, err
}

// checkConsent refuses what was written by a consent that is gone, or does not go so far (any more).
func (g *codeGrant) checkConsent(ctx context.Context, client Client, a Authorization, grant Grant) error {
	if !a.Consent {
		return nil
	}
	consent, err := g.Store.Consent(ctx, grant.User, grant.Client, grant.Organization)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil && consent.Covers(asked(client, grant.Scopes, grant.Claims)) {
		return nil
	}
	if err := g.revoke(ctx, grant.ID); err != nil {
		return err
	}
	return invalidGrant(errTakenBack)
}

// Covers reports whether the user has agreed to every one of the scopes.
func (c Consent) Covers(scopes []string) bool {
	return !slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(c.Scopes, scope) })
}

// Agree adds scopes to what a user lets a client see in an organization. Of two at the same moment one may be lost: the user is asked again.
// So he is if he takes back everything at that moment: what was read before would come back otherwise.
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
	if err := p.Store.SaveConsent(ctx, consent); err != nil {
		return err
	}
	taken, err := p.takenBack(ctx, user, client, now.Unix())
	if err == nil && taken {
		_, err = p.Store.DeleteConsents(ctx, user, client, p.now())
	}
	return err
}

// Asked are the scopes of what the request asks for: its own, and those of claims that it names one by one. To these a person agrees.
func (r *AuthorizeRequest) Asked() []string { return asked(r.Client, r.Scopes, r.Claims) }

func asked(client Client, scopes []string, single json.RawMessage) []string {
	all := slices.Clone(scopes)
	var claims claimsRequest
	if len(single) > 0 && json.Unmarshal(single, &claims) != nil {
		return client.Scopes // cannot be; then for everything that the client could get
	}
	for _, names := range []wishes{claims.Userinfo, claims.IDToken} {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if scope := claimScope(name); !slices.Contains(all, scope) {
				all = append(all, scope)
			}
		}
	}
	return all
}
