package api

import (
	"context"
	"net/http"
	"time"

	"gatehouse/internal/id"
	"gatehouse/mfa"
	"gatehouse/tenancy"
)

const (
	tagFactors  = "Second factors"
	factorsPath = "/users/user/{id}/factor/"
)

func (a *API) factors() {
	handle(a, route{http.MethodGet, factorsPath, "list-factors", tagFactors, "List the second factors of a user", 0}, needs(tenancy.ViewUser), a.listFactors)
	handle(a, route{http.MethodDelete, factorsPath, "remove-factors", tagFactors, "Remove the second factors of somebody who has lost them", http.StatusNoContent}, needs(tenancy.ChangeUser), a.removeFactors)
}

type factorBody struct {
	ID       id.Factor  `json:"id"`
	Kind     mfa.Kind   `json:"kind" enum:"totp"`
	Name     string     `json:"name" doc:"As the user calls it."`
	Created  *time.Time `json:"created"`
	LastUsed *time.Time `json:"last_used"`
}

// listFactors shows them to whoever sees the user.
func (a *API) listFactors(ctx context.Context, c caller, in *UserIDInput) (*listOutput[factorBody], error) {
	if _, err := a.Directory.User(ctx, c.scope, in.ID); err != nil {
		return nil, err
	}
	found, err := a.Factors.Store.Factors(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return listed(a, c, whole(found), func(f mfa.Factor) factorBody {
		return factorBody{ID: f.ID, Kind: f.Kind, Name: f.Name, Created: moment(f.Created), LastUsed: moment(f.LastUsed)}
	}), nil
}

func (a *API) removeFactors(ctx context.Context, c caller, in *UserIDInput) (*nothing, error) {
	_, err := a.Directory.RemoveFactors(ctx, c.scope, in.ID)
	return &nothing{}, err
}
