package api

import (
	"context"
	"net/http"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

const (
	tagGroups = "Groups"
	groupPath = "/users/group/{id}/"
)

func (a *API) groups() {
	handle(a, route{http.MethodGet, "/users/group/", "list-groups", tagGroups, "List groups", 0}, needs(tenancy.ViewGroup), a.listGroups)
	handle(a, route{http.MethodPost, "/users/group/", "create-group", tagGroups, "Create a group", http.StatusCreated}, needs(tenancy.AddGroup), a.createGroup)
	handle(a, route{http.MethodGet, groupPath, "group", tagGroups, "Read a group", 0}, needs(tenancy.ViewGroup), a.group)
	handle(a, route{http.MethodPut, groupPath, "replace-group", tagGroups, "Change a group; the name has to be there", 0}, needs(tenancy.ChangeGroup), a.replaceGroup)
	handle(a, route{http.MethodPatch, groupPath, "change-group", tagGroups, "Change a group", 0}, needs(tenancy.ChangeGroup), a.changeGroup)
	handle(a, route{http.MethodDelete, groupPath, "delete-group", tagGroups, "Delete a group", http.StatusNoContent}, needs(tenancy.DeleteGroup), a.deleteGroup)
	handle(a, route{http.MethodPut, groupPath + "user/{user}/", "join-group", tagGroups, "Put a user into a group", http.StatusNoContent}, needs(tenancy.ChangeUser), a.joinGroup)
	handle(a, route{http.MethodDelete, groupPath + "user/{user}/", "leave-group", tagGroups, "Take a user out of a group", http.StatusNoContent}, needs(tenancy.ChangeUser), a.leaveGroup)
}

type groupBody struct {
	ID           id.Group             `json:"id"`
	Name         string               `json:"name"`
	Organization *string              `json:"organization" doc:"null: shared by all organizations."`
	Permissions  []tenancy.Permission `json:"permissions"`
}

func writeGroup(g tenancy.Group) groupBody {
	body := groupBody{ID: g.ID, Name: g.Name, Organization: orNull(g.Organization), Permissions: g.Permissions}
	if body.Permissions == nil {
		body.Permissions = []tenancy.Permission{}
	}
	return body
}

type listGroupsInput struct {
	ListInput

	Organization id.Organization `query:"organization" format:"uuid" doc:"Groups of this organization, without shared ones."`
	Shared       string          `query:"shared" doc:"true: those without an organization; false: the others."`
}

func (a *API) listGroups(ctx context.Context, c caller, in *listGroupsInput) (*listOutput[groupBody], error) {
	asked, err := query(in.ListInput)
	if err != nil {
		return nil, err
	}
	shared, err := flag("shared", in.Shared)
	if err != nil {
		return nil, err
	}
	page, err := a.Directory.ListGroups(ctx, c.scope, tenancy.GroupFilter{Organization: in.Organization, Shared: shared}, asked)
	if err != nil {
		return nil, err
	}
	return listed(a, c, page, writeGroup), nil
}

type groupOutput struct {
	ETag string `header:"ETag"`
	Body groupBody
}

func groupAnswer(g tenancy.Group, err error) (*groupOutput, error) {
	if err != nil {
		return nil, err
	}
	return &groupOutput{ETag: etag(g.Version), Body: writeGroup(g)}, nil
}

// GroupIDInput names a group in the path.
type GroupIDInput struct {
	ID id.Group `path:"id" doc:"Of the group."`
}

func (a *API) group(ctx context.Context, c caller, in *GroupIDInput) (*groupOutput, error) {
	return groupAnswer(a.Directory.Group(ctx, c.scope, in.ID))
}

type groupInput struct {
	Name         optional[string]               `json:"name,omitempty"`
	Organization optional[id.Organization]      `json:"organization,omitempty" doc:"null: shared, which only superusers make. Stays as it is later."`
	Permissions  optional[[]tenancy.Permission] `json:"permissions,omitempty" doc:"All of them, such as users.change_user."`
}

type createGroupInput struct{ Body groupInput }

func (a *API) createGroup(ctx context.Context, c caller, in *createGroupInput) (*createdOutput[groupBody], error) {
	if missing := required(map[string]string{"name": in.Body.Name.value}); missing != nil {
		return nil, missing
	}
	g, err := a.Directory.CreateGroup(ctx, c.scope, tenancy.Group{
		Name: in.Body.Name.value, Organization: in.Body.Organization.value, Permissions: in.Body.Permissions.value,
	})
	if err != nil {
		return nil, err
	}
	return &createdOutput[groupBody]{Location: a.created("/users/group/", string(g.ID)), ETag: etag(g.Version), Body: writeGroup(g)}, nil
}

type changeGroupInput struct {
	GroupIDInput
	Precondition
	Body groupInput
}

func (a *API) replaceGroup(ctx context.Context, c caller, in *changeGroupInput) (*groupOutput, error) {
	if missing := required(map[string]string{"name": in.Body.Name.value}); missing != nil {
		return nil, missing
	}
	return a.changeGroup(ctx, c, in)
}

func (a *API) changeGroup(ctx context.Context, c caller, in *changeGroupInput) (*groupOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	if in.Body.Organization.given {
		stored, err := a.Directory.Group(ctx, c.scope, in.ID)
		if err != nil {
			return nil, err
		}
		if stored.Organization != in.Body.Organization.value {
			return nil, fieldProblem("organization", "A group stays where it is: make another one.")
		}
	}
	g, err := a.Directory.UpdateGroup(ctx, c.scope, in.ID, tenancy.GroupChange{Name: in.Body.Name.pointer(), Permissions: in.Body.Permissions.pointer(), Version: version})
	return groupAnswer(g, in.changed(err))
}

func (a *API) deleteGroup(ctx context.Context, c caller, in *GroupIDInput) (*nothing, error) {
	return &nothing{}, a.Directory.DeleteGroup(ctx, c.scope, in.ID)
}

type groupUserInput struct {
	GroupIDInput

	User id.User `path:"user" doc:"Of the user."`
}

func (a *API) joinGroup(ctx context.Context, c caller, in *groupUserInput) (*nothing, error) {
	return &nothing{}, a.Directory.AddToGroup(ctx, c.scope, in.ID, in.User)
}

func (a *API) leaveGroup(ctx context.Context, c caller, in *groupUserInput) (*nothing, error) {
	return &nothing{}, a.Directory.RemoveFromGroup(ctx, c.scope, in.ID, in.User)
}
