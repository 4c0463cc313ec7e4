package provider

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// introspection is the answer about a token in force (RFC 7662 section 2.2): its claims, as they are now.
type introspection struct {
	Active    bool   `json:"active"`
	TokenType string `json:"token_type,omitempty"` // of access tokens
	TokenUse  string `json:"token_use"`
	Username  string `json:"username,omitempty"`
	accessClaims
}

// inactive is the answer about every other token, and about tokens that the caller may not ask about.
type inactive struct {
	Active bool `json:"active"`
}

// introspect is the introspection endpoint (RFC 7662). Unlike userinfo it takes no bearer token: whoever asks is a client that proves
// who it is.
func (p *Provider) introspect(w http.ResponseWriter, r *http.Request) {
	answer, err := p.answerIntrospection(w, r)
	switch {
	case errors.Is(err, ErrBadToken):
		writeJSON(w, http.StatusOK, inactive{})
	case err != nil:
		p.writeError(w, r, err)
	default:
		writeJSON(w, http.StatusOK, answer)
	}
}

func (p *Provider) answerIntrospection(w http.ResponseWriter, r *http.Request) (introspection, error) {
	caller, token, err := p.tokenOfClient(w, r)
	if err != nil {
		return introspection{}, err
	}
	if caller.Public() {
		return introspection{}, errClient()
	}
	if strings.HasPrefix(token, refreshPrefix) {
		return p.introspectRefresh(r.Context(), caller, token)
	}
	return p.introspectAccess(r.Context(), caller, token)
}

// tokenOfClient reads a request that is a token and the credentials of a client (RFC 7009 section 2.1, RFC 7662 section 2.1). The hint
// token_type_hint is not needed: tokens show what they are.
func (p *Provider) tokenOfClient(w http.ResponseWriter, r *http.Request) (Client, string, error) {
	if err := parseForm(w, r); err != nil {
		return Client{}, "", err
	}
	found, err := p.authenticate(r.Context(), r, r.PostForm)
	if err != nil {
		return Client{}, "", err
	}
	client, ok := found.(*fositeClient)
	switch {
	case !ok:
		return Client{}, "", errForeignSession
	case r.PostForm.Get("token") == "":
		return Client{}, "", invalidRequest("The parameter token is missing.")
	default:
		return client.Client, r.PostForm.Get("token"), nil
	}
}

// mayIntrospect reports whether a client may ask about an access token: its own, one that is meant for it, or, as resource server, any.
// A client of an organization asks about tokens of that organization only.
func mayIntrospect(caller Client, token accessClaims) bool {
	if caller.Organization != "" && caller.Organization != token.Organization {
		return false
	}
	return caller.ResourceServer || caller.ID == token.Client || slices.Contains(token.Audience, string(caller.ID))
}

func (p *Provider) introspectAccess(ctx context.Context, caller Client, token string) (introspection, error) {
	claims, err := p.accessInForce(ctx, token)
	if err != nil {
		return introspection{}, err
	}
	if !mayIntrospect(caller, claims) {
		return introspection{}, ErrBadToken
	}
	answer := introspection{Active: true, TokenType: "Bearer", TokenUse: "access_token", accessClaims: claims}
	return answer, p.bringUpToDate(ctx, &answer)
}

// introspectRefresh tells a client about its own refresh token, and nobody else: a resource server has no business with one. Its audience
// is this issuer, so that who takes it for an access token refuses it. A token that was exchanged before is not active, and is not
// taken for stolen: nobody has used it.
func (p *Provider) introspectRefresh(ctx context.Context, caller Client, token string) (introspection, error) {
	grantID, generation, ok := p.parseRefreshToken(token)
	if !ok {
		return introspection{}, ErrBadToken
	}
	grant, err := p.Store.Grant(ctx, grantID)
	if errors.Is(err, store.ErrNotFound) {
		return introspection{}, ErrBadToken
	}
	if err != nil {
		return introspection{}, err
	}
	current := subtle.ConstantTimeCompare([]byte(secret.Hash(token)), []byte(grant.TokenHash)) == 1 && generation == grant.Generation
	if grant.Client != caller.ID || !current || !p.inForce(grant) {
		return introspection{}, ErrBadToken
	}
	denied, err := p.Ephemeral.Any(ctx, deniedGrant(grant.ID), deniedSession(grant.Session))
	if err != nil {
		return introspection{}, err
	}
	if denied {
		return introspection{}, ErrBadToken
	}
	answer := introspection{Active: true, TokenUse: "refresh_token", accessClaims: accessClaims{
		Issuer: p.Issuer, Subject: string(grant.User), Audience: []string{p.Issuer}, Expires: p.endOf(grant).Unix(), IssuedAt: grant.Rotated.Unix(),
		Client: grant.Client, Scope: strings.Join(grant.Scopes, " "), AuthTime: grant.AuthTime.Unix(), ACR: grant.ACR, AMR: grant.AMR,
		Session: grant.Session, Organization: grant.Organization,
	}}
	return answer, p.bringUpToDate(ctx, &answer)
}

// bringUpToDate makes the answer what a token issued now would say; ErrBadToken if none would be issued: the client, the user, his
// membership or the organization is disabled or gone. The client is looked at now, not as of the last seconds.
func (p *Provider) bringUpToDate(ctx context.Context, answer *introspection) error {
	client, err := p.clients.now(ctx, answer.Client)
	if errors.Is(err, store.ErrNotFound) || err == nil && client.Organization != "" && client.Organization != answer.Organization {
		return ErrBadToken
	}
	if err != nil {
		return err
	}
	answer.Grant, answer.Wanted = "", nil // between us and ourselves
	if answer.Subject == string(answer.Client) && answer.Session == "" {
		return nil // it acts as itself
	}
	subject, err := p.Subjects.Subject(ctx, id.User(answer.Subject), answer.Organization)
	if errors.Is(err, store.ErrNotFound) {
		return ErrBadToken
	}
	if err != nil {
		return err
	}
	scopes := strings.Fields(answer.Scope)
	answer.Slug, answer.Role, answer.Groups, answer.Permissions = subject.OrganizationSlug, subject.Role, nil, nil
	if slices.Contains(scopes, scopeProfile) {
		answer.Username = subject.Username
	}
	if slices.Contains(scopes, scopeGroups) {
		answer.Groups = subject.Groups
	}
	if slices.Contains(scopes, scopePermissions) {
		answer.Permissions = subject.Permissions
	}
	return nil
}
