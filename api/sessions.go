package api

import (
	"context"
	"net/http"
	"time"

	"gatehouse/internal/id"
	"gatehouse/session"
	"gatehouse/tenancy"
)

const (
	tagSessions  = "Sessions"
	sessionsPath = "/users/user/{id}/session/"

	organizationSessionsPath = organizationPath + "session/"
)

func (a *API) sessions() {
	handle(a, route{http.MethodGet, sessionsPath, "list-sessions", tagSessions, "List the browsers that a user is signed in with", 0}, needs(tenancy.ViewSession), a.listSessions)
	handle(a, route{http.MethodDelete, sessionsPath, "end-sessions", tagSessions, "Sign a user out everywhere", http.StatusNoContent}, needs(tenancy.DeleteSession), a.endSessions)
	handle(a, route{http.MethodDelete, sessionsPath + "{session}/", "end-session", tagSessions, "Sign a browser out", http.StatusNoContent}, needs(tenancy.DeleteSession), a.endSession)
	handle(a, route{http.MethodGet, organizationSessionsPath, "list-organization-sessions", tagSessions, "List the browsers that an organization's own connector has signed in", 0}, needs(tenancy.ViewSession), a.listOrganizationSessions)
	handle(a, route{http.MethodDelete, organizationSessionsPath, "end-organization-sessions", tagSessions, "Sign out everybody whom an organization's own connector has signed in", http.StatusNoContent}, needs(tenancy.DeleteSession), a.endOrganizationSessions)
}

type sessionBody struct {
	ID           id.Session `json:"id"`
	User         id.User    `json:"user"`
	Organization *string    `json:"organization" doc:"The only one it is good for; null: all of the user's."`
	Connector    *string    `json:"connector" doc:"null: signed in with the password."`
	Address      string     `json:"address"`
	Agent        string     `json:"agent"`
	Created      *time.Time `json:"created"`
	LastSeen     *time.Time `json:"last_seen"`
	Current      bool       `json:"current" doc:"This request was made in it."`
}

func (a *API) listSessions(ctx context.Context, c caller, in *UserIDInput) (*listOutput[sessionBody], error) {
	if err := a.Directory.MayActOnSessions(ctx, c.scope, in.ID, tenancy.ViewSession); err != nil {
		return nil, err
	}
	headers, err := a.Sessions.OfUser(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.listedSessions(c, headers), nil
}

func (a *API) listedSessions(c caller, headers []session.Header) *listOutput[sessionBody] {
	return listed(a, c, whole(headers), func(h session.Header) sessionBody {
		return sessionBody{
			ID: h.ID, User: h.User, Organization: orNull(h.Organization), Connector: orNull(h.Connector), Address: h.Address, Agent: h.Agent,
			Created: moment(h.Created), LastSeen: moment(h.LastSeen), Current: h.ID == c.session,
		}
	})
}

func (a *API) listOrganizationSessions(ctx context.Context, c caller, in *OrganizationIDInput) (*listOutput[sessionBody], error) {
	if err := a.Directory.MayActOnSessionsOf(ctx, c.scope, in.ID, tenancy.ViewSession); err != nil {
		return nil, err
	}
	headers, err := a.Sessions.OfOrganization(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.listedSessions(c, headers), nil
}

func (a *API) endOrganizationSessions(ctx context.Context, c caller, in *OrganizationIDInput) (*nothing, error) {
	return &nothing{}, a.Directory.EndSessionsOf(ctx, c.scope, in.ID)
}

type sessionIDInput struct {
	UserIDInput

	Session id.Session `path:"session" doc:"Its id."`
}

func (a *API) endSession(ctx context.Context, c caller, in *sessionIDInput) (*nothing, error) {
	return &nothing{}, a.Directory.EndSession(ctx, c.scope, in.ID, in.Session)
}

func (a *API) endSessions(ctx context.Context, c caller, in *UserIDInput) (*nothing, error) {
	return &nothing{}, a.Directory.EndSessions(ctx, c.scope, in.ID)
}
