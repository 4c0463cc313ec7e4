package tenancy

import (
	"context"
	"errors"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// CreateOrganization makes an active organization from name, slug, texts and policy. Superusers, and nobody else, add tenants.
func (d *Directory) CreateOrganization(ctx context.Context, scope Scope, o Organization) (Organization, error) {
	if !scope.Everywhere() {
		return Organization{}, ErrForbidden
	}
	found := problems{}
	found.line("name", o.Name, 200)
	if o.Name == "" {
		found.add("name", "An organization needs a name.")
	}
	found.slug(o.Slug)
	found.email(o.Email)
	if o.FactorPolicy != "" && o.FactorPolicy != FactorOptional && o.FactorPolicy != FactorRequired {
		found.add("factor_policy", "Choose optional or required.")
	}
	if err := found.err(); err != nil {
		return Organization{}, err
	}
	o.ID, o.Active, o.Created, o.Modified = id.New[id.Organization](), true, d.now(), d.now()
	err := d.write(ctx, d.event(scope, "organization.created", string(o.ID), o.ID), func(tx Store) error {
		return tx.CreateOrganization(ctx, scope, o)
	})
	return o, taken(err, map[string]string{"slug": "This slug is taken."})
}

// EnsureOrganization returns the organization with this slug, making it if there is none. An existing one is left as it is.
func (d *Directory) EnsureOrganization(ctx context.Context, scope Scope, o Organization) (Organization, error) {
	existing, err := d.Store.OrganizationBySlug(ctx, scope, o.Slug)
	if !errors.Is(err, store.ErrNotFound) {
		return existing, err
	}
	created, err := d.CreateOrganization(ctx, scope, o)
	var invalid *Invalid
	if errors.As(err, &invalid) && len(invalid.Fields["slug"]) > 0 { // another node was first
		if existing, again := d.Store.OrganizationBySlug(ctx, scope, o.Slug); again == nil {
			return existing, nil
		}
	}
	return created, err
}

// Organization finds one within scope.
func (d *Directory) Organization(ctx context.Context, scope Scope, organization id.Organization) (Organization, error) {
	return d.Store.Organization(ctx, scope, organization)
}

// OrganizationBySlug finds one within scope.
func (d *Directory) OrganizationBySlug(ctx context.Context, scope Scope, slug string) (Organization, error) {
	return d.Store.OrganizationBySlug(ctx, scope, slug)
}

// AddMember puts a user into an active organization within scope. It needs users.add_organizationuser. The first manager of an
// organization without owner becomes its owner; Owner itself cannot be given.
func (d *Directory) AddMember(ctx context.Context, scope Scope, organization id.Organization, user id.User, role Role) (Membership, error) {
	if !scope.Has(AddMembership) {
		return Membership{}, ErrForbidden
	}
	if role != Member && role != Manager {
		return Membership{}, &Invalid{Fields: map[string][]string{"role": {"Choose member or manager."}}}
	}
	place, err := d.Store.Organization(ctx, scope, organization)
	if err != nil {
		return Membership{}, err
	}
	if !place.Active {
		return Membership{}, &Invalid{Fields: map[string][]string{"organization": {"This organization is disabled."}}}
	}
	m := Membership{ID: id.New[id.Membership](), User: user, Organization: organization, Role: role, Created: d.now(), Modified: d.now()}
	if role == Manager {
		return d.addManager(ctx, scope, m)
	}
	return m, d.addMembership(ctx, scope, m)
}

// addManager makes the manager the owner if the organization has none: the database admits one, so that two at once cannot both be.
func (d *Directory) addManager(ctx context.Context, scope Scope, m Membership) (Membership, error) {
	m.Role = Owner
	err := d.addMembership(ctx, scope, m)
	var conflict *store.Conflict
	if errors.As(err, &conflict) && conflict.Field == "owner" {
		m.Role = Manager
		err = d.addMembership(ctx, scope, m)
	}
	return m, err
}

func (d *Directory) addMembership(ctx context.Context, scope Scope, m Membership) error {
	err := d.write(ctx, d.event(scope, "membership.created", string(m.ID), m.Organization), func(tx Store) error {
		return tx.AddMembership(ctx, scope, m)
	})
	return taken(err, map[string]string{"membership": "This user is in the organization already."})
}

// CreateGroup makes a group with permissions that the actor holds himself. Shared groups only a superuser makes.
func (d *Directory) CreateGroup(ctx context.Context, scope Scope, g Group) (Group, error) {
	if !scope.Has(AddGroup) || (g.Organization == "" && !scope.Everywhere()) {
		return Group{}, ErrForbidden
	}
	if g.Organization != "" {
		if _, err := d.Store.Organization(ctx, scope, g.Organization); err != nil {
			return Group{}, err
		}
	}
	found := problems{}
	found.line("name", g.Name, maxName)
	for _, permission := range g.Permissions {
		if !scope.Has(permission) {
			found.add("permissions", "You do not hold "+string(permission)+" yourself.")
		}
	}
	if err := found.err(); err != nil {
		return Group{}, err
	}
	g.ID = id.New[id.Group]()
	err := d.write(ctx, d.event(scope, "group.created", string(g.ID), g.Organization), func(tx Store) error {
		return tx.CreateGroup(ctx, scope, g)
	})
	return g, err
}

// GroupByName finds a shared group; everybody with users.view_group sees those.
func (d *Directory) GroupByName(ctx context.Context, scope Scope, name string) (Group, error) {
	if !scope.Has(ViewGroup) {
		return Group{}, ErrForbidden
	}
	return d.Store.SharedGroupByName(ctx, name)
}

// AddToGroup puts a user into a group, all of whose permissions the actor must hold himself.
func (d *Directory) AddToGroup(ctx context.Context, scope Scope, group id.Group, user id.User) error {
	if !scope.Has(ChangeUser) {
		return ErrForbidden
	}
	g, err := d.Store.Group(ctx, scope, group)
	if err != nil {
		return err
	}
	for _, permission := range g.Permissions {
		if !scope.Has(permission) {
			return ErrForbidden
		}
	}
	if _, err := d.accountFor(ctx, scope, user); err != nil {
		return err
	}
	return d.write(ctx, d.event(scope, "group.joined", string(group), g.Organization), func(tx Store) error {
		return tx.AddToGroup(ctx, scope, group, user)
	})
}
