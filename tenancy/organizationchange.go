package tenancy

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/store"
)

// OrganizationChange is what to change of an organization; nil fields stay. Version is the one that the caller has seen, 0 for
// whichever is stored now.
type OrganizationChange struct {
	Name         *string
	Slug         *string
	Description  *string
	Email        *string
	URL          *string
	FactorPolicy *FactorPolicy
	MaxUsers     *int
	Version      int64
}

// apply changes o and says which fields became different.
func (c OrganizationChange) apply(o *Organization) []audit.Change {
	var changes []audit.Change
	replace(&changes, "name", &o.Name, c.Name)
	replace(&changes, "slug", &o.Slug, c.Slug)
	replace(&changes, "description", &o.Description, c.Description)
	replace(&changes, "email", &o.Email, c.Email)
	replace(&changes, "url", &o.URL, c.URL)
	replace(&changes, "factor_policy", &o.FactorPolicy, c.FactorPolicy)
	replace(&changes, "max_users", &o.MaxUsers, c.MaxUsers)
	return changes
}

// replace sets a field to what is wanted, and notes it if that makes a difference.
func replace[T comparable](changes *[]audit.Change, field string, value, wanted *T) {
	if wanted == nil || *wanted == *value {
		return
	}
	*changes = append(*changes, audit.Change{Field: field, Before: fmt.Sprint(*value), After: fmt.Sprint(*wanted)})
	*value = *wanted
}

// current is store.ErrStale unless the caller has seen the stored version or does not care.
func current(seen, stored int64) error {
	if seen != 0 && seen != stored {
		return store.ErrStale
	}
	return nil
}

// UpdateOrganization changes an active organization. It needs users.change_organization in it, and a new MaxUsers what
// CreateOrganization needs: a tenant does not set its own limit. A limit below the number of members removes nobody.
func (d *Directory) UpdateOrganization(ctx context.Context, scope Scope, organization id.Organization, change OrganizationChange) (Organization, error) {
	var updated Organization
	err := d.Store.InTx(ctx, func(tx Store) error {
		before, err := authorized(ctx, tx, scope, organization, ChangeOrganization)
		if err != nil {
			return err
		}
		if err := current(change.Version, before.Version); err != nil {
			return err
		}
		updated = before
		changes := change.apply(&updated)
		if updated.MaxUsers != before.MaxUsers && (!scope.Everywhere() || !scope.Has(AddOrganization)) {
			return ErrForbidden
		}
		if err := updated.check(); err != nil || len(changes) == 0 {
			return err
		}
		return d.saveOrganization(ctx, tx, scope, &updated, d.event(scope, "organization.changed", string(organization), organization), changes)
	})
	return updated, taken(err, takenSlug)
}

var takenSlug = map[string]string{"slug": "This slug is taken."}

func (d *Directory) saveOrganization(ctx context.Context, tx Store, scope Scope, o *Organization, event audit.Event, changes []audit.Change) error {
	o.Modified = event.At
	if err := tx.UpdateOrganization(ctx, scope, *o); err != nil {
		return err
	}
	o.Version++
	event.Changes = changes
	return tx.Record(ctx, event)
}

// SetOrganizationActive disables or enables an organization. Whoever sees every organization and has users.change_organization
// may, and its owner with that permission; another manager would lock himself out. version is as in OrganizationChange. Afterwards the
// sessions end that are good for a disabled organization alone.
func (d *Directory) SetOrganizationActive(ctx context.Context, scope Scope, organization id.Organization, active bool, version int64) (Organization, error) {
	var updated Organization
	err := d.Store.InTx(ctx, func(tx Store) error {
		found, err := switchable(ctx, tx, scope, organization)
		if err != nil {
			return err
		}
		if err := current(version, found.Version); err != nil {
			return err
		}
		updated = found
		var changes []audit.Change
		if replace(&changes, "active", &updated.Active, &active); len(changes) == 0 {
			return nil
		}
		action := map[bool]string{true: "organization.enabled", false: "organization.disabled"}[active]
		return d.saveOrganization(ctx, tx, scope, &updated, d.event(scope, action, string(organization), organization), changes)
	})
	if err == nil && !updated.Active {
		err = d.endSessionsOf(ctx, organization)
	}
	return updated, err
}

func switchable(ctx context.Context, tx Store, scope Scope, organization id.Organization) (Organization, error) {
	if !scope.somewhere(ChangeOrganization) {
		return Organization{}, ErrForbidden
	}
	found, err := tx.Organization(ctx, scope, organization)
	if err != nil {
		return Organization{}, err
	}
	if !scope.holdsIn(organization, ChangeOrganization) {
		return Organization{}, ErrForbidden
	}
	if scope.Everywhere() {
		return found, nil
	}
	owner, err := tx.OwnerOf(ctx, scope, organization)
	if errors.Is(err, store.ErrNotFound) || (err == nil && owner.User != scope.Actor()) {
		return Organization{}, ErrForbidden
	}
	return found, err
}

// Contents is how much an organization takes with it when it is deleted. Accounts are not deleted.
type Contents struct {
	Memberships int
	Homeless    int // members who are in no other organization
	Groups      int
	Invitations int // open ones
	Clients     int
	APITokens   int // that are good for this organization alone
}

// detail is Contents for the audit log.
func (c Contents) detail() map[string]string {
	return map[string]string{
		"memberships": strconv.Itoa(c.Memberships), "groups": strconv.Itoa(c.Groups), "invitations": strconv.Itoa(c.Invitations),
		"clients": strconv.Itoa(c.Clients), "api_tokens": strconv.Itoa(c.APITokens),
	}
}

// OrganizationContents says what DeleteOrganization would take with it, for those who may.
func (d *Directory) OrganizationContents(ctx context.Context, scope Scope, organization id.Organization) (Contents, error) {
	if !scope.Everywhere() || !scope.Has(DeleteOrganization) {
		return Contents{}, ErrForbidden
	}
	return d.Store.Contents(ctx, scope, organization)
}

// DeleteOrganization removes an organization, active or not, with everything that is its own, and says what that was. It needs
// users.delete_organization and a scope that is limited to no organization. Afterwards the sessions end that were good for it alone.
func (d *Directory) DeleteOrganization(ctx context.Context, scope Scope, organization id.Organization) (Contents, error) {
	if !scope.Everywhere() || !scope.Has(DeleteOrganization) {
		return Contents{}, ErrForbidden
	}
	var taken Contents
	err := d.Store.InTx(ctx, func(tx Store) error {
		found, err := tx.Organization(ctx, scope, organization)
		if err != nil {
			return err
		}
		if taken, err = tx.Contents(ctx, scope, organization); err != nil {
			return err
		}
		if err := tx.DeleteOrganization(ctx, scope, organization); err != nil {
			return err
		}
		event := d.event(scope, "organization.deleted", string(organization), organization)
		event.Detail = taken.detail()
		event.Detail["name"], event.Detail["slug"] = found.Name, found.Slug
		return tx.Record(ctx, event)
	})
	if err == nil {
		err = d.endSessionsOf(ctx, organization)
	}
	return taken, err
}
