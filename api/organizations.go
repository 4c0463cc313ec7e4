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
	tagOrganizations = "Organizations"
	organizationPath = "/users/organization/{id}/"
)

func (a *API) organizations() {
	handle(a, route{http.MethodGet, "/users/organization/", "list-organizations", tagOrganizations, "List organizations", 0}, needs(tenancy.ViewOrganization), a.listOrganizations)
	handle(a, route{http.MethodPost, "/users/organization/", "create-organization", tagOrganizations, "Create an organization", http.StatusCreated}, needs(tenancy.AddOrganization), a.createOrganization)
	handle(a, route{http.MethodGet, organizationPath, "organization", tagOrganizations, "Read an organization", 0}, needs(tenancy.ViewOrganization), a.organization)
	handle(a, route{http.MethodPut, organizationPath, "replace-organization", tagOrganizations, "Change an organization; name and slug have to be there", 0}, needs(tenancy.ChangeOrganization), a.replaceOrganization)
	handle(a, route{http.MethodPatch, organizationPath, "change-organization", tagOrganizations, "Change an organization", 0}, needs(tenancy.ChangeOrganization), a.changeOrganization)
	handle(a, route{http.MethodDelete, organizationPath, "delete-organization", tagOrganizations, "Delete an organization with everything in it", http.StatusNoContent}, needs(tenancy.DeleteOrganization), a.deleteOrganization)
}

// OrganizationBody is an organization in lists.
type OrganizationBody struct {
	ID          id.Organization      `json:"id"`
	Name        string               `json:"name"`
	Slug        string               `json:"slug"`
	IsActive    bool                 `json:"is_active"`
	Description string               `json:"description"`
	Email       string               `json:"email"`
	URL         string               `json:"url"`
	Factors     tenancy.FactorPolicy `json:"factors" enum:"optional,required" doc:"Whether members need a second factor."`
	MaxUsers    int                  `json:"max_users" doc:"Members at most; 0: any number."`
	Created     *time.Time           `json:"created"`
	Modified    *time.Time           `json:"modified"`
}

type organizationDetail struct {
	OrganizationBody

	Owner *ownerBody `json:"owner"`
}

type ownerBody struct {
	OrganizationUser id.Membership `json:"organization_user"`
	User             id.User       `json:"user"`
}

func writeOrganization(o tenancy.Organization) OrganizationBody {
	body := OrganizationBody{
		ID: o.ID, Name: o.Name, Slug: o.Slug, IsActive: o.Active, Description: o.Description, Email: o.Email, URL: o.URL, Factors: o.FactorPolicy,
		MaxUsers: o.MaxUsers, Created: moment(o.Created), Modified: moment(o.Modified),
	}
	if body.Factors == "" {
		body.Factors = tenancy.FactorOptional
	}
	return body
}

type listOrganizationsInput struct {
	ListInput

	IsActive string  `query:"is_active" doc:"true or false."`
	Member   id.User `query:"member" format:"uuid" doc:"Those that this user is in."`
}

func (a *API) listOrganizations(ctx context.Context, c caller, in *listOrganizationsInput) (*listOutput[OrganizationBody], error) {
	asked, err := query(in.ListInput)
	if err != nil {
		return nil, err
	}
	active, err := flag("is_active", in.IsActive)
	if err != nil {
		return nil, err
	}
	page, err := a.Directory.ListOrganizations(ctx, c.scope, tenancy.OrganizationFilter{Active: active, Member: in.Member}, asked)
	if err != nil {
		return nil, err
	}
	return listed(a, c, page, writeOrganization), nil
}

// OrganizationIDInput names an organization in the path.
type OrganizationIDInput struct {
	ID id.Organization `path:"id" doc:"Of the organization."`
}

type organizationOutput struct {
	ETag string `header:"ETag"`
	Body organizationDetail
}

func (a *API) organization(ctx context.Context, c caller, in *OrganizationIDInput) (*organizationOutput, error) {
	o, err := a.Directory.Organization(ctx, c.scope, in.ID)
	if err != nil {
		return nil, err
	}
	out := &organizationOutput{ETag: etag(o.Version), Body: organizationDetail{OrganizationBody: writeOrganization(o)}}
	owner, err := a.Directory.OwnerOf(ctx, c.scope, o.ID)
	if err == nil {
		out.Body.Owner = &ownerBody{OrganizationUser: owner.ID, User: owner.User}
	}
	if errors.Is(err, errNotFound) {
		err = nil
	}
	return out, err
}

type organizationInput struct {
	Name        optional[string]     `json:"name,omitempty"`
	Slug        optional[string]     `json:"slug,omitempty"`
	IsActive    optional[bool]       `json:"is_active,omitempty"`
	Description optional[string]     `json:"description,omitempty"`
	Email       optional[string]     `json:"email,omitempty"`
	URL         optional[string]     `json:"url,omitempty"`
	Factors     optional[string]     `json:"factors,omitempty"`
	MaxUsers    optional[int]        `json:"max_users,omitempty"`
	Owner       optional[ownerInput] `json:"owner,omitempty" doc:"{organization_user: id of a membership}; null there leaves the organization without owner."`
}

type ownerInput struct {
	OrganizationUser optional[id.Membership] `json:"organization_user,omitempty"`
}

type createOrganizationInput struct{ Body organizationInput }

func (a *API) createOrganization(ctx context.Context, c caller, in *createOrganizationInput) (*createdOutput[organizationDetail], error) {
	b := in.Body
	if missing := required(map[string]string{"name": b.Name.value, "slug": b.Slug.value}); missing != nil {
		return nil, missing
	}
	if b.Owner.given {
		return nil, fieldProblem("owner", "The first manager becomes the owner; there is no member yet.")
	}
	var created tenancy.Organization
	err := a.Directory.Atomically(ctx, func(d *tenancy.Directory) error {
		var err error
		created, err = d.CreateOrganization(ctx, c.scope, tenancy.Organization{
			Name: b.Name.value, Slug: b.Slug.value, Description: b.Description.value, Email: b.Email.value, URL: b.URL.value,
			FactorPolicy: tenancy.FactorPolicy(b.Factors.value), MaxUsers: b.MaxUsers.value,
		})
		if err == nil && b.IsActive.given && !b.IsActive.value {
			_, err = d.SetOrganizationActive(ctx, c.scope, created.ID, false, 0)
		}
		return err
	})
	if err != nil {
		return nil, a.slugHolder(ctx, c, b.Slug.value, renamedOrganization(err))
	}
	out, err := a.organization(ctx, c, &OrganizationIDInput{created.ID})
	if err != nil {
		return nil, err
	}
	return &createdOutput[organizationDetail]{Location: a.created("/users/organization/", string(created.ID)), ETag: out.ETag, Body: out.Body}, nil
}

// slugHolder adds which organization has the slug, as the described system does, for those who may see it.
func (a *API) slugHolder(ctx context.Context, c caller, slug string, err error) error {
	var invalid *tenancy.Invalid
	if !errors.As(err, &invalid) || len(invalid.Fields["slug"]) == 0 {
		return err
	}
	holder, found := a.Directory.OrganizationBySlug(ctx, c.scope, slug)
	if found != nil {
		return err
	}
	return &Problem{Status: http.StatusBadRequest, Detail: badInput, Fields: invalid.Fields, Members: map[string]any{"organization": holder.ID}}
}

func renamedOrganization(err error) error {
	return renamed(renamed(err, "factor_policy", "factors"), "active", "is_active")
}

type changeOrganizationInput struct {
	OrganizationIDInput
	Precondition
	Body organizationInput
}

func (a *API) replaceOrganization(ctx context.Context, c caller, in *changeOrganizationInput) (*organizationOutput, error) {
	if missing := required(map[string]string{"name": in.Body.Name.value, "slug": in.Body.Slug.value}); missing != nil {
		return nil, missing
	}
	return a.changeOrganization(ctx, c, in)
}

// changeOrganization does everything that the request has, or nothing. Switching on comes first, because nothing else can be changed
// before; switching off comes last.
func (a *API) changeOrganization(ctx context.Context, c caller, in *changeOrganizationInput) (*organizationOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	b := in.Body
	err = a.Directory.Atomically(ctx, func(d *tenancy.Directory) error {
		if b.IsActive.value {
			o, err := d.SetOrganizationActive(ctx, c.scope, in.ID, true, version)
			if err != nil {
				return err
			}
			version = o.Version
		}
		change := tenancy.OrganizationChange{
			Name: b.Name.pointer(), Slug: b.Slug.pointer(), Description: b.Description.pointer(), Email: b.Email.pointer(), URL: b.URL.pointer(),
			FactorPolicy: as[tenancy.FactorPolicy](b.Factors), MaxUsers: b.MaxUsers.pointer(), Version: version,
		}
		if change != (tenancy.OrganizationChange{Version: version}) {
			o, err := d.UpdateOrganization(ctx, c.scope, in.ID, change)
			if err != nil {
				return err
			}
			version = o.Version
		}
		if err := a.changeOwner(ctx, d, c, in); err != nil {
			return err
		}
		if b.IsActive.given && !b.IsActive.value {
			_, err := d.SetOrganizationActive(ctx, c.scope, in.ID, false, version)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, a.slugHolder(ctx, c, b.Slug.value, in.changed(renamedOrganization(err)))
	}
	return a.organization(ctx, c, &in.OrganizationIDInput)
}

func (a *API) changeOwner(ctx context.Context, d *tenancy.Directory, c caller, in *changeOrganizationInput) error {
	owner := in.Body.Owner
	switch {
	case !owner.given:
		return nil
	case owner.value.OrganizationUser.value == "":
		return d.RemoveOwner(ctx, c.scope, in.ID)
	default:
		_, err := d.TransferOwnership(ctx, c.scope, in.ID, owner.value.OrganizationUser.value)
		return renamed(err, "membership", "owner")
	}
}

func (a *API) deleteOrganization(ctx context.Context, c caller, in *OrganizationIDInput) (*nothing, error) {
	_, err := a.Directory.DeleteOrganization(ctx, c.scope, in.ID)
	return &nothing{}, err
}
