package provider

import (
	"context"

	"github.com/ory/fosite"
	"github.com/ory/fosite/handler/oauth2"
)

// clientGrant is fosite's client credentials grant (RFC 6749 section 4.4) with our tokens. It writes nothing.
type clientGrant struct {
	*Provider
	checks *oauth2.ClientCredentialsGrantHandler
}

var _ fosite.TokenEndpointHandler = (*clientGrant)(nil)

func newClientGrant(p *Provider) *clientGrant {
	return &clientGrant{p, &oauth2.ClientCredentialsGrantHandler{Config: p.fositeConfig()}}
}

// CanSkipClientAuth implements fosite.TokenEndpointHandler.
func (*clientGrant) CanSkipClientAuth(context.Context, fosite.AccessRequester) bool { return false }

// CanHandleTokenEndpointRequest implements fosite.TokenEndpointHandler.
func (g *clientGrant) CanHandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) bool {
	return g.checks.CanHandleTokenEndpointRequest(ctx, request)
}

// HandleTokenEndpointRequest implements fosite.TokenEndpointHandler.
func (g *clientGrant) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	client, session, err := ours(request, grantClient)
	if err != nil {
		return err
	}
	if err := g.checks.HandleTokenEndpointRequest(ctx, request); err != nil {
		return err
	}
	for _, scope := range request.GetRequestedScopes() {
		if scope == scopeOpenID || scope == scopeOffline {
			return badRequest("invalid_scope", "openid and offline_access are for users.")
		}
	}
	audience, err := tokenAudience(client, request.GetRequestedAudience(), request.GetRequestForm()[resourceParameter])
	if err != nil {
		return err
	}
	session.issue = issue{client: client, scopes: withoutWishes(request.GetRequestedScopes()), aud: audience}
	return nil
}

// PopulateTokenEndpointResponse implements fosite.TokenEndpointHandler.
func (g *clientGrant) PopulateTokenEndpointResponse(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	return g.issueTokens(ctx, request, response)
}
