package provider

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// refreshGrant is the refresh token grant (RFC 6749 section 6) with rotation (RFC 9700 section 4.14.2).
//
// A refresh token names its grant and generation: "gtr_<grant>.<generation>.<random>.<tag>". The tag, sealed nothing with the rest as
// its place, keeps forged tokens away from the database and lets an old token prove that it was once real: access tokens name the
// grant too, and who knows that name must not be able to have it revoked. Sealing, because its keys rotate. The grant's one row keeps the hash
// of the current token, and that token sealed under its predecessor: whoever lost our answer and repeats the refresh within the
// grace window gets the same token again. Anything older is a sign of theft and revokes the grant.
type refreshGrant struct{ *Provider }

var _ fosite.TokenEndpointHandler = (*refreshGrant)(nil)

const refreshPrefix = "gtr_"

// newRefreshToken makes a token of 256 random bits.
func (p *Provider) newRefreshToken(grant id.Grant, generation int64) string {
	body := fmt.Sprintf("%s%s.%d.%s", refreshPrefix, grant, generation, secret.Token(32))
	return body + "." + p.refreshTag(body)
}

func (p *Provider) refreshTag(body string) string {
	return base64.RawURLEncoding.EncodeToString(p.refreshTags.Seal(nil, "refresh_tokens", "tag", body))
}

func (p *Provider) isRefreshTag(body, tag string) bool {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(tag)
	if err != nil {
		return false
	}
	_, err = p.refreshTags.Open(sealed, "refresh_tokens", "tag", body)
	return err == nil
}

// parseRefreshToken reads a token that this provider made.
func (p *Provider) parseRefreshToken(token string) (grant id.Grant, generation int64, ok bool) {
	cut := strings.LastIndexByte(token, '.')
	if cut < 0 || !p.isRefreshTag(token[:cut], token[cut+1:]) {
		return "", 0, false
	}
	parts := strings.Split(strings.TrimPrefix(token[:cut], refreshPrefix), ".")
	if len(parts) != 3 {
		return "", 0, false
	}
	generation, err := strconv.ParseInt(parts[1], 10, 64)
	return id.Grant(parts[0]), generation, err == nil
}

// CanSkipClientAuth implements fosite.TokenEndpointHandler.
func (*refreshGrant) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// CanHandleTokenEndpointRequest implements fosite.TokenEndpointHandler.
func (*refreshGrant) CanHandleTokenEndpointRequest(_ context.Context, request fosite.AccessRequester) bool {
	return request.GetGrantTypes().ExactOne(grantRefresh)
}

// PopulateTokenEndpointResponse implements fosite.TokenEndpointHandler.
func (g *refreshGrant) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	return g.issueTokens(ctx, request, response)
}

// HandleTokenEndpointRequest implements fosite.TokenEndpointHandler: it rotates the token. The one write comes last.
func (g *refreshGrant) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	client, session, err := ours(request, grantRefresh)
	if err != nil {
		return err
	}
	presented := request.GetRequestForm().Get("refresh_token")
	if presented == "" {
		return invalidRequest("The parameter refresh_token is missing.")
	}
	grantID, generation, ok := g.parseRefreshToken(presented)
	if !ok {
		return errRefreshToken()
	}
	grant, err := g.find(ctx, client, grantID)
	if err != nil {
		return err
	}
	scopes, err := scopesNow(client, grant.Scopes, request.GetRequestedScopes())
	if err != nil {
		return err
	}
	audience, err := tokenAudience(client, grant.Audience, request.GetRequestForm()[resourceParameter])
	if err != nil {
		return err
	}
	subject, err := g.subjectOrEnd(ctx, grant)
	if err != nil {
		return err
	}
	successor, err := g.rotate(ctx, grant, generation, presented)
	if err != nil {
		return err
	}
	session.issue = issue{
		client: client, grant: grant, subject: subject, scopes: scopes, aud: audience, refresh: successor,
		narrow: len(withoutWishes(request.GetRequestedScopes())) > 0,
	}
	return nil
}

func errRefreshToken() error {
	return invalidGrant("The refresh token is unknown, expired, revoked or was used before.")
}

// find loads a grant of the client that is in force. A client that shows another's token learns nothing and changes nothing.
func (g *refreshGrant) find(ctx context.Context, client Client, grantID id.Grant) (Grant, error) {
	grant, err := g.Store.Grant(ctx, grantID)
	if errors.Is(err, store.ErrNotFound) {
		return Grant{}, errRefreshToken()
	}
	if err != nil {
		return Grant{}, err
	}
	if grant.Client != client.ID || !client.serves(grant.Organization) || !g.inForce(grant) {
		return Grant{}, errRefreshToken()
	}
	return grant, g.checkDenied(ctx, grant)
}

// inForce reports whether a grant is neither revoked nor over.
func (p *Provider) inForce(grant Grant) bool {
	return grant.Revoked.IsZero() && p.endOf(grant).After(p.now())
}

// endOf is when a grant ends if it is not used any more.
func (p *Provider) endOf(grant Grant) time.Time {
	if idle := grant.Rotated.Add(p.Lifetimes.RefreshIdle); idle.Before(grant.Expires) {
		return idle
	}
	return grant.Expires
}

// checkDenied is for a revocation that was broken off half-way: the denial stands, the grant does not know of it. It is finished here.
func (g *refreshGrant) checkDenied(ctx context.Context, grant Grant) error {
	denied, err := g.Ephemeral.Any(ctx, deniedGrant(grant.ID), deniedSession(grant.Session))
	if err != nil || !denied {
		return err
	}
	if err := g.revoke(ctx, grant.ID); err != nil {
		return err
	}
	return errRefreshToken()
}

// scopesNow is the scope of the new access token: as granted, or less if the request says so (RFC 6749 section 6), without what the
// client may not ask for any more.
func scopesNow(client Client, granted, requested []string) ([]string, error) {
	wanted, err := narrowed(granted, requested)
	if err != nil || len(wanted) == 0 {
		return wanted, err
	}
	registered := (&fositeClient{Client: client}).GetScopes()
	kept := slices.DeleteFunc(slices.Clone(wanted), func(scope string) bool { return !slices.Contains(registered, scope) })
	if len(kept) == 0 {
		return nil, badRequest("invalid_scope", "The client may not ask for this scope any more.")
	}
	return kept, nil
}

// narrowed is what the request wants of what was granted.
func narrowed(granted, requested []string) ([]string, error) {
	requested = withoutWishes(requested)
	if len(requested) == 0 {
		return granted, nil
	}
	for _, scope := range requested {
		if !slices.Contains(granted, scope) {
			return nil, badRequest("invalid_scope", "The scope goes beyond what was granted.")
		}
	}
	return requested, nil
}

// rotate exchanges the presented token for its successor.
func (g *refreshGrant) rotate(ctx context.Context, grant Grant, generation int64, presented string) (string, error) {
	if generation != grant.Generation {
		return g.repeated(ctx, grant, generation, presented)
	}
	successor := g.newRefreshToken(grant.ID, generation+1)
	now := g.now()
	err := g.Store.RotateGrant(ctx, Rotation{
		Grant: grant.ID, From: generation, FromHash: secret.Hash(presented), TokenHash: secret.Hash(successor),
		Successor: g.Keys.With(secret.New(presented)).Seal([]byte(successor), "grants", "successor", string(grant.ID)),
		At:        now, IdleSince: now.Add(-g.Lifetimes.RefreshIdle),
	})
	if !errors.Is(err, store.ErrStale) {
		return successor, err
	}
	// Another request was first: with the same token, or with a revocation.
	current, err := g.Store.Grant(ctx, grant.ID)
	switch {
	case err != nil:
		return "", err
	case !current.Revoked.IsZero() || current.Generation == generation:
		return "", errRefreshToken()
	default:
		return g.repeated(ctx, current, generation, presented)
	}
}

// repeated answers a token that was exchanged before: within the grace window, and only while its successor is unused, with the same
// successor; else it revokes the grant.
func (g *refreshGrant) repeated(ctx context.Context, grant Grant, generation int64, presented string) (string, error) {
	if generation > grant.Generation {
		return "", errRefreshToken() // from a newer backup of the database
	}
	if generation == grant.Generation-1 && g.now().Before(grant.Rotated.Add(g.Lifetimes.RefreshGrace)) {
		successor, err := g.Keys.With(secret.New(presented)).Open(grant.Successor, "grants", "successor", string(grant.ID))
		if err == nil {
			return string(successor), nil
		}
	}
	if err := g.revoke(ctx, grant.ID); err != nil {
		return "", err
	}
	g.Logger.WarnContext(ctx, "refresh_token_reused", "grant", grant.ID, "client", grant.Client, "user", grant.User)
	return "", errRefreshToken()
}

// subjectOrEnd describes the grant's user now; if that is not possible any more the grant ends.
func (g *refreshGrant) subjectOrEnd(ctx context.Context, grant Grant) (Subject, error) {
	subject, err := g.subjectOf(ctx, grant.User, grant.Organization)
	var refused *oauthError
	if errors.As(err, &refused) {
		if err := g.revoke(ctx, grant.ID); err != nil {
			return Subject{}, err
		}
	}
	return subject, err
}
