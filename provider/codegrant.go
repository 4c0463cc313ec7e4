package provider

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/ory/fosite"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// code is an authorization code: single use, short, kept under its hash. It names its grant from the start, so that a second use
// knows what to revoke even while the first is still at work.
type code struct {
	Client        id.Client
	RedirectURI   string
	Scopes        []string
	Audience      []string        // resources that were asked for; empty: all of the client
	Claims        json.RawMessage // AuthorizeRequest.Claims
	Nonce         string
	Challenge     string // PKCE, S256
	Authorization Authorization
	Granted       time.Time // when the user did
	Grant         id.Grant
	Redeemed      bool
}

// codeGrant is the authorization code grant (RFC 6749 section 4.1, RFC 7636).
type codeGrant struct{ *Provider }

var _ fosite.TokenEndpointHandler = (*codeGrant)(nil)

// HandleAuthorizeEndpointRequest implements fosite.AuthorizeEndpointHandler: it makes the code.
func (g *codeGrant) HandleAuthorizeEndpointRequest(ctx context.Context, request fosite.AuthorizeRequester, response fosite.AuthorizeResponder) error {
	session, ok := request.GetSession().(*grantSession)
	if !ok {
		return errForeignSession
	}
	form := request.GetRequestForm()
	client, ok := request.GetClient().(*fositeClient)
	if !ok {
		return errForeignSession
	}
	made := code{
		Client: client.ID, RedirectURI: form.Get("redirect_uri"), Scopes: client.grantable(request.GetRequestedScopes()),
		Nonce: form.Get("nonce"), Challenge: form.Get("code_challenge"),
		Audience: session.asked.Resources, Claims: session.asked.Claims,
		Authorization: session.authorization, Granted: g.now(), Grant: id.New[id.Grant](),
	}
	token := secret.Random(32)
	if err := g.codes.Create(ctx, token, made, g.now().Add(g.Lifetimes.Code)); err != nil {
		return err
	}
	response.AddParameter("code", token.Reveal())
	request.SetResponseTypeHandled("code")
	return nil
}

// CanSkipClientAuth implements fosite.TokenEndpointHandler.
func (*codeGrant) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// CanHandleTokenEndpointRequest implements fosite.TokenEndpointHandler.
func (*codeGrant) CanHandleTokenEndpointRequest(_ context.Context, request fosite.AccessRequester) bool {
	return request.GetGrantTypes().ExactOne(grantCode)
}

// PopulateTokenEndpointResponse implements fosite.TokenEndpointHandler.
func (g *codeGrant) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	return g.issueTokens(ctx, request, response)
}

// HandleTokenEndpointRequest implements fosite.TokenEndpointHandler: it redeems the code.
func (g *codeGrant) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	client, session, err := ours(request, grantCode)
	if err != nil {
		return err
	}
	redeemed, err := g.redeem(ctx, client, request)
	if err != nil {
		return err
	}
	return g.begin(ctx, client, redeemed, request, session)
}

// begin makes a grant of what a user has agreed to, and says in the session what to issue.
func (g *codeGrant) begin(ctx context.Context, client Client, redeemed code, request fosite.AccessRequester, session *grantSession) error {
	var err error
	if redeemed.Scopes, err = scopesNow(client, (&fositeClient{Client: client}).grantable(redeemed.Scopes), nil); err != nil {
		return err
	}
	audience, err := tokenAudience(client, redeemed.Audience, request.GetRequestForm()[resourceParameter])
	if err != nil {
		return err
	}
	subject, err := g.subjectOf(ctx, redeemed.Authorization.User, redeemed.Authorization.Organization)
	if err != nil {
		return err
	}
	session.issue = issue{client: client, grant: g.grantOf(redeemed), subject: subject, scopes: redeemed.Scopes, aud: audience, nonce: redeemed.Nonce}
	if slices.Contains(redeemed.Scopes, scopeOffline) {
		if session.issue.refresh, err = g.firstRefreshToken(ctx, &session.issue.grant); err != nil {
			return err
		}
	}
	if err := g.checkConsent(ctx, client, redeemed.Authorization, session.issue.grant); err != nil {
		return err
	}
	return g.checkEnds(ctx, session.issue.grant, redeemed.Granted)
}

// checkEnds refuses what was written for a session that has ended meanwhile, or for a user who has taken back what he let the client see; see
// EndSession and EndConsent. The client takes part in every other session.
func (g *codeGrant) checkEnds(ctx context.Context, grant Grant, granted time.Time) error {
	if err := g.join(ctx, grant); err != nil {
		return err
	}
	found, err := g.Ephemeral.Any(ctx, deniedSession(grant.Session), deniedConsent(grant.User, grant.Client))
	if err != nil || !found {
		return err
	}
	why := "The session has ended."
	ended, err := g.Ephemeral.Any(ctx, deniedSession(grant.Session))
	if err == nil && !ended {
		why = errTakenBack
		ended, err = g.takenBack(ctx, grant.User, grant.Client, granted.Unix())
	}
	if err != nil || !ended {
		return err
	}
	if err := g.revoke(ctx, grant.ID); err != nil {
		return err
	}
	return invalidGrant(why)
}

// ours unwraps what fosite hands back, and checks that the client may use the grant.
func ours(request fosite.AccessRequester, grant string) (Client, *grantSession, error) {
	client, isClient := request.GetClient().(*fositeClient)
	session, isSession := request.GetSession().(*grantSession)
	switch {
	case !isClient || !isSession:
		return Client{}, nil, errForeignSession
	case !client.may(grant) || client.Public() && grant == grantClient:
		return Client{}, nil, badRequest("unauthorized_client", "The client may not use this grant type.")
	default:
		return client.Client, session, nil
	}
}

// redeem spends the code by one conditional write, whatever is wrong with the request: a code that was shown with a bad verifier is
// in the wrong hands. A second use revokes what the first one got (RFC 6749 section 4.1.2).
func (g *codeGrant) redeem(ctx context.Context, client Client, request fosite.AccessRequester) (code, error) {
	form := request.GetRequestForm()
	if form.Get("code") == "" {
		return code{}, invalidRequest("The parameter code is missing.")
	}
	token := secret.New(form.Get("code"))
	held, err := g.codes.Find(ctx, token)
	if errors.Is(err, store.ErrNotFound) {
		return code{}, invalidGrant("The code is unknown, expired or was used before.")
	}
	if err != nil {
		return code{}, err
	}
	if held.Value.Redeemed {
		return code{}, g.replayed(ctx, held.Value)
	}
	held.Value.Redeemed = true
	held.Expires = g.now().Add(g.Lifetimes.Access) // so long a second use has something to revoke at once
	err = g.codes.Replace(ctx, token, held)
	if errors.Is(err, store.ErrStale) {
		return code{}, g.replayed(ctx, held.Value)
	}
	if errors.Is(err, store.ErrNotFound) {
		return code{}, invalidGrant("The code is unknown, expired or was used before.")
	}
	if err != nil {
		return code{}, err
	}
	return held.Value, held.Value.check(client, form.Get("redirect_uri"), form.Get("code_verifier"))
}

func (g *codeGrant) replayed(ctx context.Context, used code) error {
	if err := g.revoke(ctx, used.Grant); err != nil {
		return err
	}
	return invalidGrant("The code was used before; what it had given is revoked.")
}

func (c code) check(client Client, redirectURI, verifier string) error {
	switch {
	case c.Client != client.ID:
		return invalidGrant("The code belongs to another client.")
	case !client.serves(c.Authorization.Organization):
		return errMoved()
	case c.RedirectURI != redirectURI:
		return invalidGrant("The redirect_uri is not the one of the authorization request.")
	case !verifies(c.Challenge, verifier):
		return invalidGrant("The code_verifier is missing or does not match.")
	default:
		return nil
	}
}

func errMoved() error { return invalidGrant("The client belongs to another organization by now.") }

// verifies compares a PKCE verifier with its S256 challenge (RFC 7636 sections 4.1 and 4.6).
func verifies(challenge, verifier string) bool {
	if len(verifier) < 43 || len(verifier) > 128 || challenge == "" {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

// subjectOf describes the user if he and his membership are still there.
func (p *Provider) subjectOf(ctx context.Context, user id.User, organization id.Organization) (Subject, error) {
	subject, err := p.Subjects.Subject(ctx, user, organization)
	if errors.Is(err, store.ErrNotFound) {
		return Subject{}, invalidGrant("The user may not sign in here any more.")
	}
	return subject, err
}

func (g *codeGrant) grantOf(c code) Grant {
	now := g.now()
	return Grant{
		ID: c.Grant, Client: c.Client, User: c.Authorization.User, Organization: c.Authorization.Organization, Session: c.Authorization.Session,
		Scopes: c.Scopes, Audience: c.Audience, Claims: c.Claims, AuthTime: c.Authorization.AuthTime, ACR: c.Authorization.ACR, AMR: c.Authorization.AMR, Nonce: c.Nonce,
		Rotated: now, Created: now, Expires: now.Add(g.Lifetimes.RefreshAbsolute),
	}
}

// firstRefreshToken writes the grant. If a replay of the code has revoked it meanwhile, the tombstone makes the write fail.
func (g *codeGrant) firstRefreshToken(ctx context.Context, grant *Grant) (string, error) {
	token := g.newRefreshToken(grant.ID, 1)
	grant.Generation, grant.TokenHash = 1, secret.Hash(token)
	err := g.Store.CreateGrant(ctx, *grant)
	if errors.Is(err, store.ErrConflict) {
		return "", invalidGrant("The code was used before; what it had given is revoked.")
	}
	return token, err
}
