package api

import (
	"context"
	"net/http"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

const (
	tagMemberships = "Memberships"
	membershipPath = "/users/membership/{id}/"
)

func (a *API) memberships() {
	handle(a, route{http.MethodGet, "/users/membership/", "list-memberships", tagMemberships, "List memberships", 0}, needs(tenancy.ViewMembership), a.listMemberships)
	handle(a, route{http.MethodPost, "/users/membership/", "create-membership", tagMemberships, "Put a user into an organization", http.StatusCreated}, needs(tenancy.AddMembership), a.createMembership)
	handle(a, route{http.MethodGet, membershipPath, "membership", tagMemberships, "Read a membership", 0}, needs(tenancy.ViewMembership), a.membership)
	handle(a, route{http.MethodPut, membershipPath, "replace-membership", tagMemberships, "Change the role of a member", 0}, needs(tenancy.ChangeMembership), a.changeMembership)
	handle(a, route{http.MethodPatch, membershipPath, "change-membership", tagMemberships, "Change the role of a member", 0}, needs(tenancy.ChangeMembership), a.changeMembership)
	handle(a, route{http.MethodDelete, membershipPath, "delete-membership", tagMemberships, "Take a user out of an organization", http.StatusNoContent}, needs(tenancy.DeleteMembership), a.deleteMembership)
}

type membershipBody struct {
	ID           id.Membership   `json:"id"`
	User         id.User         `json:"user"`
	Organization id.Organization `json:"organization"`
	Role         tenancy.Role    `json:"role" enum:"member,manager,owner"`
	IsAdmin      bool            `json:"is_admin" doc:"Manager or owner."`
	Created      *time.Time      `json:"created"`
	Modified     *time.Time      `json:"modified"`

	Username         string `json:"username,omitempty"`
	OrganizationSlug string `json:"organization_slug,omitempty"`
	OrganizationName string `json:"organization_name,omitempty"`
}

func writeMembership(m tenancy.Membership) membershipBody {
	return membershipBody{
		ID: m.ID, User: m.User, Organization: m.Organization, Role: m.Role, IsAdmin: m.Role.AtLeast(tenancy.Manager), Created: moment(m.Created), Modified: moment(m.Modified),
	}
}

func writeMembershipRow(row tenancy.MembershipRow) membershipBody {
	body := writeMembership(row.Membership)
	body.Username, body.OrganizationSlug, body.OrganizationName = row.Username, row.OrganizationSlug, row.OrganizationName
	return body
}

type listMembershipsInput struct {
	ListInput

	Organization id.Organization `query:"organization" format:"uuid" doc:"In this organization."`
	User         id.User         `query:"user" format:"uuid" doc:"Of this user."`
	Role         string          `query:"role" enum:"member,manager,owner" doc:"Exactly this role."`
}

func (a *API) listMemberships(ctx context.Context, c caller, in *listMembershipsInput) (*listOutput[membershipBody], error) {
	asked, err := query(in.ListInput)
	if err != nil {
		return nil, err
	}
	page, err := a.Directory.ListMemberships(ctx, c.scope, tenancy.MembershipFilter{Organization: in.Organization, User: in.User, Role: tenancy.Role(in.Role)}, asked)
	if err != nil {
		return nil, err
	}
	return listed(a, c, page, writeMembershipRow), nil
}

type membershipOutput struct {
	ETag string `header:"ETag"`
	Body membershipBody
}

func membershipAnswer(m tenancy.Membership, err error) (*membershipOutput, error) {
	if err != nil {
		return nil, err
	}
	return &membershipOutput{ETag: etag(m.Version), Body: writeMembership(m)}, nil
}

// RoleInput says what a member is, in one of two ways.
type RoleInput struct {
	Role    optional[tenancy.Role] `json:"role,omitempty" doc:"member or manager."`
	IsAdmin optional[bool]         `json:"is_admin,omitempty" doc:"Another way to say manager."`
}

// role is what either member says, or fallback.
func (in RoleInput) role(fallback tenancy.Role) (tenancy.Role, error) {
	flagged := tenancy.Member
	if in.IsAdmin.value {
		flagged = tenancy.Manager
	}
	switch {
	case in.Role.given && in.IsAdmin.given && in.Role.value != flagged:
		return "", fieldProblem("is_admin", "This says something else than role.")
	case in.Role.given:
		return in.Role.value, nil
	case in.IsAdmin.given:
		return flagged, nil
	default:
		return fallback, nil
	}
}

type createMembershipInput struct {
	Body struct {
		RoleInput

		User         id.User         `json:"user" format:"uuid"`
		Organization id.Organization `json:"organization" format:"uuid"`
	}
}

func (a *API) createMembership(ctx context.Context, c caller, in *createMembershipInput) (*createdOutput[membershipBody], error) {
	role, err := in.Body.role(tenancy.Member)
	if err != nil {
		return nil, err
	}
	m, err := a.Directory.AddMember(ctx, c.scope, in.Body.Organization, in.Body.User, role)
	if err != nil {
		return nil, renamed(err, "membership", "user")
	}
	return &createdOutput[membershipBody]{Location: a.created("/users/membership/", string(m.ID)), ETag: etag(m.Version), Body: writeMembership(m)}, nil
}

// MembershipIDInput names a membership in the path.
type MembershipIDInput struct {
	ID id.Membership `path:"id" doc:"Of the membership."`
}

func (a *API) membership(ctx context.Context, c caller, in *MembershipIDInput) (*membershipOutput, error) {
	return membershipAnswer(a.Directory.Membership(ctx, c.scope, in.ID))
}

type changeMembershipInput struct {
	MembershipIDInput
	Precondition
	Body struct {
		RoleInput

		User         optional[id.User]         `json:"user,omitempty" doc:"Cannot be changed."`
		Organization optional[id.Organization] `json:"organization,omitempty" doc:"Cannot be changed."`
	}
}

func (a *API) changeMembership(ctx context.Context, c caller, in *changeMembershipInput) (*membershipOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	stored, err := a.Directory.Membership(ctx, c.scope, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.User.given && in.Body.User.value != stored.User {
		return nil, fieldProblem("user", "A membership stays with its user.")
	}
	if in.Body.Organization.given && in.Body.Organization.value != stored.Organization {
		return nil, fieldProblem("organization", "A membership stays with its organization.")
	}
	role, err := in.Body.role(stored.Role)
	if err != nil {
		return nil, err
	}
	m, err := a.Directory.ChangeMembership(ctx, c.scope, in.ID, tenancy.MembershipChange{Role: role, Version: version})
	return membershipAnswer(m, in.changed(err))
}

func (a *API) deleteMembership(ctx context.Context, c caller, in *MembershipIDInput) (*nothing, error) {
	return &nothing{}, a.Directory.RemoveMember(ctx, c.scope, in.ID)
}
