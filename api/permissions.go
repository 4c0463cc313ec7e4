package api

import (
	"context"
	"net/http"

	"gatehouse/tenancy"
)

const tagPermissions = "Permissions"

func (a *API) permissions() {
	handle(a, route{http.MethodGet, "/permissions/", "list-permissions", tagPermissions, "List every registered permission", 0}, signedIn, a.listPermissions)
	handle(a, route{http.MethodPut, "/permissions/{app}/", "register-permissions", tagPermissions, "Register the permissions of an application, as often as it likes", 0}, needs(tenancy.ChangePermission), a.registerPermissions)
}

type permissionBody struct {
	Code   tenancy.Permission `json:"code"`
	App    string             `json:"app"`
	Model  string             `json:"model"`
	Action string             `json:"action"`
	Label  string             `json:"label"`
}

func writePermission(p tenancy.PermissionDefinition) permissionBody {
	return permissionBody{Code: p.Code, App: p.App, Model: p.Model, Action: p.Action, Label: p.Label}
}

func (a *API) listPermissions(ctx context.Context, c caller, _ *nothing) (*listOutput[permissionBody], error) {
	found, err := a.Directory.Permissions(ctx, c.scope)
	if err != nil {
		return nil, err
	}
	return listed(a, c, whole(found), writePermission), nil
}

type registerInput struct {
	App  string `path:"app" doc:"Of the application: lower-case letters, digits and _."`
	Body struct {
		Models []struct {
			Name    string   `json:"name" doc:"Such as device."`
			Label   string   `json:"label,omitempty" doc:"For people."`
			Actions []string `json:"actions,omitempty" doc:"Default: view, add, change, delete."`
		} `json:"models"`
		Defaults map[string][]tenancy.Permission `json:"defaults,omitempty" doc:"Permissions by name of a shared group. Each is given once in the life of the installation; what the operator takes away later stays away."`
	}
}

type registerOutput struct {
	Body struct {
		Added   []tenancy.Permission            `json:"added"`
		Removed []tenancy.Permission            `json:"removed"`
		Kept    []tenancy.Permission            `json:"kept" doc:"Not listed any more, but still held by somebody."`
		Given   map[string][]tenancy.Permission `json:"given" doc:"Now, to groups by name."`
	}
}

func (a *API) registerPermissions(ctx context.Context, c caller, in *registerInput) (*registerOutput, error) {
	models := make([]tenancy.ModelDefinition, len(in.Body.Models))
	for i, m := range in.Body.Models {
		models[i] = tenancy.ModelDefinition{Name: m.Name, Label: m.Label, Actions: m.Actions}
	}
	registered, err := a.Directory.RegisterPermissions(ctx, c.scope, in.App, models, in.Body.Defaults)
	if err != nil {
		return nil, err
	}
	out := &registerOutput{}
	out.Body.Added, out.Body.Removed, out.Body.Kept, out.Body.Given = some(registered.Added), some(registered.Removed), some(registered.Kept), registered.Given
	if out.Body.Given == nil {
		out.Body.Given = map[string][]tenancy.Permission{}
	}
	return out, nil
}

// some writes no items as an empty list, not as null.
func some[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
