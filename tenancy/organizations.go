package tenancy

import (
	"context"
	"errors"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// CreateOrganization makes an active organization from name, slug, texts, policy and limit. It needs users.add_organization and a
// scope that is limited to no organization.
func (d *Directory) CreateOrganization(ctx context.Context, scope Scope, o Organization) (Organization, error) {
	if !scope.Everywhere() || !scope.Has(AddOrganization) {
		return Organization{}, ErrForbidden
	}
	if err := o.check(); err != nil {
		return Organization{}, err
	}
	o.ID, o.Active, o.Created, o.Modified, o.Version = id.New[id.Organization](), true, d.now(), d.now(), 1
	err := d.write(ctx, d.event(scope, "organization.created", string(o.ID), o.ID), func(tx Store) error {
		return tx.CreateOrganization(ctx, scope, o)
	})
	return o, taken(err, takenSlug)
}

// EnsureOrganization returns the organization with this slug, making it if there is none. An existing one is left as it is.
// It needs what CreateOrganization needs.
func (d *Directory) EnsureOrganization(ctx context.Context, scope Scope, o Organization) (Organization, error) {
	if !scope.Everywhere() || !scope.Has(AddOrganization) {
		return Organization{}, ErrForbidden
	}
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

// check says what is wrong with the fields that people fill in.
func (o Organization) check() error {
	found := problems{}
	found.name(o.Name, maxOrganizationName)
	found.slug(o.Slug)
	found.email(o.Email)
	found.url(o.URL)
	found.text("description", o.Description, maxDescription)
	if o.FactorPolicy != "" && o.FactorPolicy != FactorOptional && o.FactorPolicy != FactorRequired {
		found.add("factor_policy", "Choose optional or required.")
	}
	if o.MaxUsers < 0 {
		found.add("max_users", "This has to be a number of members, or 0 for any number.")
	}
	return found.err()
}

// Organization finds one within scope, disabled ones included. It needs users.view_organization.
func (d *Directory) Organization(ctx context.Context, scope Scope, organization id.Organization) (Organization, error) {
	return authorized(ctx, d.Store, scope, organization, ViewOrganization)
}

// OrganizationBySlug finds one within scope, with the same permission.
func (d *Directory) OrganizationBySlug(ctx context.Context, scope Scope, slug string) (Organization, error) {
	if !scope.somewhere(ViewOrganization) {
		return Organization{}, ErrForbidden
	}
	found, err := d.Store.OrganizationBySlug(ctx, scope, slug)
	if err == nil && !scope.HasIn(found.ID, ViewOrganization) {
		return Organization{}, ErrForbidden
	}
	return found, err
}

// enabled finds an organization in which something is to be created or changed: within scope and not disabled.
func enabled(ctx context.Context, tx Store, scope Scope, organization id.Organization) error {
	found, err := tx.Organization(ctx, scope, organization)
	if err == nil && !found.Active {
		return errDisabledOrganization()
	}
	return err
}
