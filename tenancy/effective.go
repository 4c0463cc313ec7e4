package tenancy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gatehouse/internal/id"
)

// Effective is a permission that somebody has in an organization, and why.
type Effective struct {
	Permission Permission
	Label      string
	Reasons    []string // in words: "through the group Operator"
}

// EffectivePermissions lists what a user may do in an organization, ordered by code; without one ("") what counts everywhere. He himself
// may ask, and whoever sees him and has users.view_user; managers only for an organization of theirs. It does not say where
// the user manages: without that most permissions let him do nothing.
func (d *Directory) EffectivePermissions(ctx context.Context, scope Scope, user id.User, organization id.Organization) ([]Effective, error) {
	standing, err := d.readableStanding(ctx, scope, user)
	if err != nil {
		return nil, err
	}
	if organization != "" && !scope.is(user) {
		if err := d.mayViewUsers(ctx, scope, organization); err != nil {
			return nil, err
		}
	}
	all, err := d.Store.RegisteredPermissions(ctx)
	if err != nil {
		return nil, err
	}
	known := slices.Concat(ownDefinitions(), all)
	return effective(reasons(standing, organization, known), known), nil
}

func (d *Directory) readableStanding(ctx context.Context, scope Scope, user id.User) (Standing, error) {
	if scope.is(user) {
		return d.Store.Standing(ctx, user)
	}
	limited, err := scope.Where(ViewUser)
	if err != nil {
		return Standing{}, err
	}
	return visibleStanding(ctx, d.Store, limited, user)
}

// mayViewUsers is authorized where no more is needed of the organization than that it is there: the actor's own are.
func (d *Directory) mayViewUsers(ctx context.Context, scope Scope, organization id.Organization) error {
	if scope.HasIn(organization, ViewUser) && !scope.Everywhere() {
		return nil
	}
	_, err := authorized(ctx, d.Store, scope, organization, ViewUser)
	return err
}

type reasonsOf map[Permission][]string

func (r reasonsOf) add(permission Permission, reason string) {
	if !slices.Contains(r[permission], reason) {
		r[permission] = append(r[permission], reason)
	}
}

func reasons(standing Standing, organization id.Organization, known []PermissionDefinition) reasonsOf {
	found := reasonsOf{}
	if standing.User.Superuser {
		for _, definition := range known {
			found.add(definition.Code, "superuser")
		}
	}
	for _, permission := range standing.Permissions {
		found.add(permission, "given to the user")
	}
	for _, group := range slices.Concat(standing.Groups, standing.DisabledGroups) {
		if group.Organization != "" && group.Organization != organization {
			continue
		}
		reason := "through the group " + group.Name
		if group.Organization != "" {
			reason += " of the organization " + standing.nameOf(group.Organization)
		}
		for _, permission := range group.Permissions {
			found.add(permission, reason)
		}
	}
	for _, permission := range slices.Sorted(maps.Keys(found)) { // who may change something may view it
		if app, model, changes := strings.Cut(string(permission), ".change_"); changes {
			found.add(Permission(app+".view_"+model), "implied by "+string(permission))
		}
	}
	return found
}

func (s Standing) nameOf(organization id.Organization) string {
	for _, place := range s.everyPlace() {
		if place.Organization.ID == organization {
			return place.Organization.Name
		}
	}
	return ""
}

func effective(found reasonsOf, known []PermissionDefinition) []Effective {
	labels := map[Permission]string{}
	for _, definition := range known {
		labels[definition.Code] = definition.Label
	}
	list := []Effective{}
	for _, permission := range slices.Sorted(maps.Keys(found)) {
		list = append(list, Effective{Permission: permission, Label: labels[permission], Reasons: found[permission]})
	}
	return list
}
