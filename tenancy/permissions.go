package tenancy

import "slices"

// Permissions that only organizations, groups and the registry check.
const (
	DeleteOrganization Permission = "users.delete_organization"
	DeleteOwner        Permission = "users.delete_organizationowner"
	DeleteGroup        Permission = "users.delete_group"
	ViewPermission     Permission = "users.view_permission"
	ChangePermission   Permission = "users.change_permission"
	ViewSession        Permission = "users.view_session"
	DeleteSession      Permission = "users.delete_session"
)

// Permissions that package clients checks. No default group has them: theirs are exactly the documented ones.
const (
	ViewClient   Permission = "oauth.view_client"
	AddClient    Permission = "oauth.add_client"
	ChangeClient Permission = "oauth.change_client"
	DeleteClient Permission = "oauth.delete_client"
)

// ModelDefinition is a kind of object that an application lets people act on.
type ModelDefinition struct {
	Name    string   // "nas": lower-case letters, digits and underscores
	Label   string   // for people, "access server"; "" = the name
	Actions []string // nil = view, add, change and delete
}

var standardActions = []string{"view", "add", "change", "delete"}

const ownApp = "users"

// ownModels are what the directory itself lets people act on.
func ownModels() []ModelDefinition {
	return []ModelDefinition{
		{Name: "user"},
		{Name: "organization"},
		{Name: "organizationuser", Label: "organization user"},
		{Name: "organizationowner", Label: "organization owner"},
		{Name: "invitation"},
		{Name: "group"},
		{Name: "permission"},
		{Name: "emailaddress", Label: "e-mail address"},
		{Name: "apikey", Label: "API token"},
		{Name: "auditevent", Label: "audit event"},
		{Name: "session"},
		{Name: "connector"},
	}
}

const oauthApp = "oauth"

// oauthModels are what package clients lets people act on.
func oauthModels() []ModelDefinition { return []ModelDefinition{{Name: "client"}} }

// ownDefinitions are the permissions of Gatehouse itself.
func ownDefinitions() []PermissionDefinition {
	return slices.Concat(definitions(ownApp, ownModels()), definitions(oauthApp, oauthModels()))
}

// definitions are the permissions of an application's models.
func definitions(app string, models []ModelDefinition) []PermissionDefinition {
	var found []PermissionDefinition
	for _, model := range models {
		label, actions := model.Label, model.Actions
		if label == "" {
			label = model.Name
		}
		if actions == nil {
			actions = standardActions
		}
		for _, action := range actions {
			found = append(found, PermissionDefinition{
				Code: Permission(app + "." + action + "_" + model.Name), App: app, Model: model.Name, Action: action, Label: "Can " + action + " " + label,
			})
		}
	}
	return found
}
