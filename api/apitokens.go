package api

import (
	"context"
	"net/http"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

const (
	tagTokens     = "API tokens"
	apiTokensPath = "/users/user/{id}/token/"
)

func (a *API) apiTokens() {
	handle(a, route{http.MethodGet, apiTokensPath, "list-tokens", tagTokens, "List the API tokens of a user", 0}, needs(tenancy.ViewAPIKey), a.listTokens)
	handle(a, route{http.MethodPost, apiTokensPath, "create-token", tagTokens, "Create an API token", http.StatusCreated}, needs(tenancy.AddAPIKey), a.createToken)
	handle(a, route{http.MethodDelete, apiTokensPath, "revoke-tokens", tagTokens, "Revoke all API tokens of a user", http.StatusNoContent}, needs(tenancy.DeleteAPIKey), a.revokeTokens)
	handle(a, route{http.MethodDelete, apiTokensPath + "{token}/", "revoke-token", tagTokens, "Revoke an API token", http.StatusNoContent}, needs(tenancy.DeleteAPIKey), a.revokeToken)
	handle(a, route{http.MethodDelete, "/users/token/", "revoke-own-token", tagTokens, "Revoke the token that the request is made with", http.StatusNoContent}, signedIn, a.revokeOwnToken)
}

// TokenBody is an API token without its text.
type TokenBody struct {
	ID           id.APIToken          `json:"id"`
	Name         string               `json:"name"`
	Hint         string               `json:"hint" doc:"Its last characters."`
	Organization *string              `json:"organization" doc:"The only one it is good for; null: all of the user's."`
	Permissions  []tenancy.Permission `json:"permissions" doc:"The only ones it carries; empty: all of the user's."`
	Purpose      tenancy.Purpose      `json:"purpose" enum:"api,password_change"`
	Created      *time.Time           `json:"created"`
	Expires      *time.Time           `json:"expires"`
	LastUsed     *time.Time           `json:"last_used"`
}

func writeToken(t tenancy.APIToken) TokenBody {
	body := TokenBody{
		ID: t.ID, Name: t.Name, Hint: t.Hint, Organization: orNull(t.Organization), Permissions: t.Permissions, Purpose: t.Purpose,
		Created: moment(t.Created), Expires: moment(t.Expires), LastUsed: moment(t.LastUsed),
	}
	if body.Permissions == nil {
		body.Permissions = []tenancy.Permission{}
	}
	return body
}

func (a *API) listTokens(ctx context.Context, c caller, in *UserIDInput) (*listOutput[TokenBody], error) {
	found, err := a.Directory.APITokens(ctx, c.scope, in.ID)
	if err != nil {
		return nil, err
	}
	return listed(a, c, whole(found), writeToken), nil
}

type createTokenInput struct {
	UserIDInput

	Body struct {
		Name         string               `json:"name" minLength:"1"`
		Organization id.Organization      `json:"organization,omitempty" format:"uuid" doc:"The only one that it is good for."`
		Permissions  []tenancy.Permission `json:"permissions,omitempty" doc:"The only ones that it carries; default: all of the user's."`
		ExpiresIn    int                  `json:"expires_in,omitempty" minimum:"60" maximum:"315360000" doc:"Seconds; default: no end."`
	}
}

type createTokenOutput struct {
	Body struct {
		TokenBody

		Token string `json:"token" doc:"Shown this once."`
	}
}

func (a *API) createToken(ctx context.Context, c caller, in *createTokenInput) (*createTokenOutput, error) {
	made, text, err := a.Directory.CreateAPIToken(ctx, c.scope, tenancy.NewAPIToken{
		User: in.ID, Name: in.Body.Name, Organization: in.Body.Organization, Permissions: in.Body.Permissions,
		Expires: a.expiry(in.Body.ExpiresIn),
	})
	if err != nil {
		return nil, err
	}
	out := &createTokenOutput{}
	out.Body.TokenBody, out.Body.Token = writeToken(made), text.Reveal()
	return out, nil
}

type tokenIDInput struct {
	UserIDInput

	Token id.APIToken `path:"token" doc:"Its id."`
}

// expiry is so many seconds from now; 0 is never.
func (a *API) expiry(seconds int) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return a.Now().UTC().Add(time.Duration(seconds) * time.Second)
}

func (a *API) revokeToken(ctx context.Context, c caller, in *tokenIDInput) (*nothing, error) {
	return &nothing{}, a.Directory.RevokeAPIToken(ctx, c.scope, in.ID, in.Token)
}

func (a *API) revokeTokens(ctx context.Context, c caller, in *UserIDInput) (*nothing, error) {
	_, err := a.Directory.RevokeAllAPITokens(ctx, c.scope, in.ID)
	return &nothing{}, err
}

func (a *API) revokeOwnToken(ctx context.Context, c caller, _ *nothing) (*nothing, error) {
	if c.token == "" {
		return nil, &Problem{Status: http.StatusBadRequest, Detail: "This request was not made with a token."}
	}
	return &nothing{}, a.Directory.RevokeAPIToken(ctx, c.scope, c.user, c.token)
}
