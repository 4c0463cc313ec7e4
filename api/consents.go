package api

import (
	"context"
	"net/http"
	"time"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

const consentsPath = "/users/user/{id}/consent/"

func (a *API) consents() {
	handle(a, route{http.MethodGet, consentsPath, "list-consents", tagClients, "List what a user lets clients see", 0}, needs(tenancy.ViewSession), a.listConsents)
	handle(a, route{http.MethodDelete, consentsPath + "{client}/", "revoke-consent", tagClients, "Take back what a user lets a client see, with its grants and tokens", http.StatusNoContent}, needs(tenancy.DeleteSession), a.revokeConsent)
}

type consentBody struct {
	Client       id.Client  `json:"client"`
	ClientName   string     `json:"client_name"`
	Organization *string    `json:"organization"`
	Scopes       []string   `json:"scopes"`
	Created      *time.Time `json:"created"`
	Modified     *time.Time `json:"modified"`
}

func (a *API) listConsents(ctx context.Context, c caller, in *UserIDInput) (*listOutput[consentBody], error) {
	found, err := a.Clients.Consents(ctx, c.scope, in.ID)
	if err != nil {
		return nil, err
	}
	return listed(a, c, whole(found), func(given provider.Consent) consentBody {
		return consentBody{
			Client: given.Client, ClientName: given.ClientName, Organization: orNull(given.Organization), Scopes: listOf(given.Scopes),
			Created: moment(given.Created), Modified: moment(given.Modified),
		}
	}), nil
}

type consentInput struct {
	UserIDInput
	ClientIDInput
}

func (a *API) revokeConsent(ctx context.Context, c caller, in *consentInput) (*nothing, error) {
	return &nothing{}, a.Clients.RevokeConsent(ctx, c.scope, in.ID, in.Client)
}
