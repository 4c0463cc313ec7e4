package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

const (
	tagInvitations = "Invitations"
	invitationPath = "/users/invitation/{id}/"
)

func (a *API) invitations() {
	handle(a, route{http.MethodGet, "/users/invitation/", "list-invitations", tagInvitations, "List invitations", 0}, needs(tenancy.ViewMembership), a.listInvitations)
	handle(a, route{http.MethodPost, "/users/invitation/", "invite", tagInvitations, "Invite somebody to an organization by mail", http.StatusCreated}, needs(tenancy.AddMembership), a.invite)
	handle(a, route{http.MethodPost, "/users/invitation/accept/", "accept-invitation", tagInvitations, "Accept an invitation with the token of its link", 0}, signedIn, a.acceptInvitation)
	handle(a, route{http.MethodGet, invitationPath, "invitation", tagInvitations, "Read an invitation", 0}, needs(tenancy.ViewMembership), a.invitation)
	handle(a, route{http.MethodPost, invitationPath + "resend/", "resend-invitation", tagInvitations, "Mail it again with a fresh link; the old one is dead", 0}, needs(tenancy.AddMembership), a.resendInvitation)
	handle(a, route{http.MethodDelete, invitationPath, "revoke-invitation", tagInvitations, "Revoke an invitation", http.StatusNoContent}, needs(tenancy.DeleteMembership), a.revokeInvitation)
}

type invitationBody struct {
	ID           id.Invitation           `json:"id"`
	Organization id.Organization         `json:"organization"`
	Email        string                  `json:"email"`
	Role         tenancy.Role            `json:"role" enum:"member,manager"`
	Groups       []id.Group              `json:"groups"`
	InvitedBy    *string                 `json:"invited_by"`
	State        tenancy.InvitationState `json:"state" enum:"open,accepted,revoked"`
	AcceptedBy   *string                 `json:"accepted_by"`
	Sent         int                     `json:"sent" doc:"How often it was mailed."`
	Created      *time.Time              `json:"created"`
	Expires      *time.Time              `json:"expires"`
}

func writeInvitation(i tenancy.Invitation) invitationBody {
	body := invitationBody{
		ID: i.ID, Organization: i.Organization, Email: i.Email, Role: i.Role, Groups: i.Groups, InvitedBy: orNull(i.InvitedBy), State: i.State,
		AcceptedBy: orNull(i.AcceptedBy), Sent: i.Sent, Created: moment(i.Created), Expires: moment(i.Expires),
	}
	if body.Groups == nil {
		body.Groups = []id.Group{}
	}
	return body
}

type listInvitationsInput struct {
	ListInput

	Organization id.Organization `query:"organization" format:"uuid" doc:"To this organization."`
	State        string          `query:"state" enum:"open,accepted,revoked" doc:"What became of it."`
	Email        string          `query:"email" doc:"Exactly this, whatever its case."`
}

func (a *API) listInvitations(ctx context.Context, c caller, in *listInvitationsInput) (*listOutput[invitationBody], error) {
	asked, err := query(in.ListInput)
	if err != nil {
		return nil, err
	}
	filter := tenancy.InvitationFilter{Organization: in.Organization, State: tenancy.InvitationState(in.State), Email: in.Email}
	page, err := a.Directory.ListInvitations(ctx, c.scope, filter, asked)
	if err != nil {
		return nil, err
	}
	return listed(a, c, page, writeInvitation), nil
}

type invitationOutput struct{ Body invitationBody }

func invitationAnswer(i tenancy.Invitation, err error) (*invitationOutput, error) {
	if err != nil {
		return nil, err
	}
	return &invitationOutput{writeInvitation(i)}, nil
}

type inviteInput struct {
	Body struct {
		Organization id.Organization `json:"organization" format:"uuid"`
		Email        string          `json:"email"`
		Role         tenancy.Role    `json:"role,omitempty" enum:"member,manager" doc:"Default member."`
		Groups       []id.Group      `json:"groups,omitempty"`
		ExpiresIn    int             `json:"expires_in,omitempty" minimum:"60" maximum:"7776000" doc:"Seconds; default 7 days."`
	}
}

func (a *API) invite(ctx context.Context, c caller, in *inviteInput) (*createdOutput[invitationBody], error) {
	role := in.Body.Role
	if role == "" {
		role = tenancy.Member
	}
	i, err := a.Directory.Invite(ctx, c.scope, tenancy.NewInvitation{
		Organization: in.Body.Organization, Email: in.Body.Email, Role: role, Groups: in.Body.Groups, Lifetime: time.Duration(in.Body.ExpiresIn) * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return &createdOutput[invitationBody]{Location: a.created("/users/invitation/", string(i.ID)), Body: writeInvitation(i)}, nil
}

type invitationIDInput struct {
	ID id.Invitation `path:"id" doc:"Of the invitation."`
}

func (a *API) invitation(ctx context.Context, c caller, in *invitationIDInput) (*invitationOutput, error) {
	return invitationAnswer(a.Directory.Invitation(ctx, c.scope, in.ID))
}

func (a *API) resendInvitation(ctx context.Context, c caller, in *invitationIDInput) (*invitationOutput, error) {
	return invitationAnswer(a.Directory.Resend(ctx, c.scope, in.ID))
}

func (a *API) revokeInvitation(ctx context.Context, c caller, in *invitationIDInput) (*nothing, error) {
	return &nothing{}, a.Directory.Revoke(ctx, c.scope, in.ID)
}

type acceptInput struct {
	Body struct {
		Token string `json:"token"`
	}
}

func (a *API) acceptInvitation(ctx context.Context, c caller, in *acceptInput) (*membershipOutput, error) {
	m, err := a.Directory.AcceptInvitation(ctx, c.scope, in.Body.Token)
	if errors.Is(err, tenancy.ErrInvitationGone) {
		return nil, fieldProblem("token", "The invitation was used already, has expired or was revoked.")
	}
	return membershipAnswer(m, err)
}
