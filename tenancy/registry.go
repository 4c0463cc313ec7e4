package tenancy

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// Registration is what RegisterPermissions did.
type Registration struct {
	Added   []Permission
	Removed []Permission
	Kept    []Permission            // not listed any more, but somebody holds them
	Given   map[string][]Permission // now, to default groups by name
}

var (
	registryWord = regexp.MustCompile(`^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$`)
	actionWord   = regexp.MustCompile(`^[a-z][a-z0-9]*$`) // without underscore: it ends the action in a permission
	// Applications that would be taken for Gatehouse itself.
	reservedApps = []string{ownApp, oauthApp, "gatehouse", "admin", "auth", "oauth2", "openid"}
)

const (
	maxModels = 500
	maxWord   = 40
)

// RegisterPermissions makes the permissions of a sibling's models known, so that they can be granted: once more for the same ones
// changes nothing but labels. What is not listed any more is removed unless somebody holds it. It needs users.change_permission and a
// scope that is limited to no organization.
//
// defaults are given to the default groups, by name, once in the life of the installation for each application, group and permission:
// what the operator took away afterwards, a group that he renamed or deleted, stays so.
func (d *Directory) RegisterPermissions(ctx context.Context, scope Scope, app string, models []ModelDefinition, defaults map[string][]Permission) (Registration, error) {
	if !scope.Everywhere() || !scope.Has(ChangePermission) {
		return Registration{}, ErrForbidden
	}
	wanted := definitions(app, models)
	if err := checkRegistration(app, models, wanted, defaults); err != nil {
		return Registration{}, err
	}
	var done Registration
	err := d.Store.InTx(ctx, func(tx Store) error {
		var err error
		if done, err = register(ctx, tx, app, wanted); err != nil {
			return err
		}
		done.Given = map[string][]Permission{}
		for _, name := range slices.Sorted(maps.Keys(defaults)) {
			given, err := d.giveDefaults(ctx, tx, scope, app, name, distinct(defaults[name]))
			if err != nil {
				return err
			}
			if len(given) > 0 {
				done.Given[name] = given
			}
		}
		if len(done.Added)+len(done.Removed) == 0 {
			return nil
		}
		event := d.event(scope, "permissions.registered", app, "")
		event.Detail = map[string]string{"added": joined(done.Added), "removed": joined(done.Removed)}
		return tx.Record(ctx, event)
	})
	return done, err
}

func checkRegistration(app string, models []ModelDefinition, wanted []PermissionDefinition, defaults map[string][]Permission) error {
	found := problems{}
	if !registryWord.MatchString(app) || len(app) > maxWord {
		found.add("app", "An application's name has lower-case letters, digits and underscores.")
	}
	if slices.Contains(reservedApps, app) {
		found.add("app", "This name is Gatehouse's own.")
	}
	if len(models) > maxModels {
		found.add("models", "At most "+strconv.Itoa(maxModels)+" models.")
	}
	known := map[Permission]bool{}
	for _, definition := range wanted {
		known[definition.Code] = true
	}
	if len(known) < len(wanted) {
		found.add("models", "Two models or actions have the same name.")
	}
	for _, model := range models {
		bad := slices.ContainsFunc(model.Actions, func(action string) bool { return !actionWord.MatchString(action) || len(action) > maxWord })
		if bad || !registryWord.MatchString(model.Name) || len(model.Name) > maxWord {
			found.add("models", "The names of models and actions have lower-case letters and digits: "+strconv.Quote(model.Name)+".")
		}
		found.line("models", model.Label, maxName)
	}
	for name, permissions := range defaults {
		if !slices.ContainsFunc(DefaultGroups(), func(g Group) bool { return g.Name == name }) {
			found.add("defaults", "There is no default group "+strconv.Quote(name)+".")
		}
		if slices.ContainsFunc(permissions, func(permission Permission) bool { return !known[permission] }) {
			found.add("defaults", "Default groups get permissions of this application's models only.")
		}
	}
	return found.err()
}

// register makes the definitions of an application the wanted ones.
func register(ctx context.Context, tx Store, app string, wanted []PermissionDefinition) (Registration, error) {
	var done Registration
	all, err := tx.RegisteredPermissions(ctx)
	if err != nil {
		return done, err
	}
	before := map[Permission]PermissionDefinition{}
	for _, definition := range all {
		if definition.App == app {
			before[definition.Code] = definition
		}
	}
	for _, definition := range wanted {
		existing, known := before[definition.Code]
		delete(before, definition.Code)
		if existing == definition {
			continue
		}
		if !known {
			done.Added = append(done.Added, definition.Code)
		}
		if err := tx.PutPermission(ctx, definition); err != nil {
			return done, err
		}
	}
	for _, permission := range slices.Sorted(maps.Keys(before)) {
		switch err := tx.DropPermission(ctx, permission); {
		case errors.Is(err, store.ErrStale):
			done.Kept = append(done.Kept, permission)
		case err != nil:
			return done, err
		default:
			done.Removed = append(done.Removed, permission)
		}
	}
	return done, nil
}

// giveDefaults gives a default group what it was never given before, and says what that was.
func (d *Directory) giveDefaults(ctx context.Context, tx Store, scope Scope, app, name string, permissions []Permission) ([]Permission, error) {
	var given []Permission
	for _, permission := range permissions {
		first, err := tx.Once(ctx, "default permission: "+app+" "+name+" "+string(permission))
		if err != nil {
			return nil, err
		}
		if first {
			given = append(given, permission)
		}
	}
	g, err := tx.SharedGroupByName(ctx, name)
	if errors.Is(err, store.ErrNotFound) || len(given) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := distinct(slices.Concat(g.Permissions, given))
	changes := GroupChange{Permissions: &all}.apply(&g)
	if len(changes) == 0 {
		return nil, nil
	}
	return given, d.saveGroup(ctx, tx, scope, &g, changes)
}

// Permissions lists the registered permissions, ordered by code. It needs users.view_permission, or users.view_group anywhere: who
// reads groups reads what their permissions mean.
func (d *Directory) Permissions(ctx context.Context, scope Scope) ([]PermissionDefinition, error) {
	if !scope.somewhere(ViewPermission) && !scope.somewhere(ViewGroup) {
		return nil, ErrForbidden
	}
	return d.Store.RegisteredPermissions(ctx)
}

// registered refuses permissions that nobody registered: *Invalid names "permissions". The directory's own need no row.
func registered(ctx context.Context, tx Store, permissions []Permission) error {
	unknown := slices.Clone(permissions)
	drop := func(definitions []PermissionDefinition) {
		for _, definition := range definitions {
			unknown = slices.DeleteFunc(unknown, func(permission Permission) bool { return permission == definition.Code })
		}
	}
	if drop(ownDefinitions()); len(unknown) == 0 {
		return nil
	}
	all, err := tx.RegisteredPermissions(ctx)
	if err != nil {
		return err
	}
	drop(all)
	found := problems{}
	for _, permission := range unknown {
		found.add("permissions", "There is no permission "+strconv.Quote(string(permission))+".")
	}
	return found.err()
}

// SetUserPermissions makes registered permissions the ones that a user holds without a group. Only superusers whom nothing narrows do:
// they count in every organization.
func (d *Directory) SetUserPermissions(ctx context.Context, scope Scope, user id.User, permissions []Permission) error {
	if !scope.Superuser() {
		return ErrForbidden
	}
	permissions = distinct(permissions)
	return d.Store.InTx(ctx, func(tx Store) error {
		held, err := tx.UserPermissions(ctx, user)
		if err != nil {
			return err
		}
		if err := registered(ctx, tx, added(held, permissions)); err != nil {
			return err
		}
		event := d.event(scope, "user.permissions_changed", string(user), "")
		before, after := joined(held), joined(permissions)
		replace(&event.Changes, "permissions", &before, &after)
		if err := tx.SetUserPermissions(ctx, user, permissions); err != nil || len(event.Changes) == 0 {
			return err
		}
		if err := tx.TouchUser(ctx, user, event.At); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
}
