package tenancy

import (
	"context"
	"errors"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// TransferOwnership makes another member of an active organization its owner, in one step with making the old one a manager. The owner
// himself may, with a scope that nothing narrows or with users.change_organizationowner, and whoever sees every organization and has
// that permission. Without an owner it makes one. *Invalid names "organization_user" if the membership is not one of this
// organization. store.ErrStale if the owner changed meanwhile.
func (d *Directory) TransferOwnership(ctx context.Context, scope Scope, organization id.Organization, to id.Membership) (Membership, error) {
	var m Membership
	err := d.Store.InTx(ctx, func(tx Store) error {
		owner, err := ownerFor(ctx, tx, scope, organization)
		if err != nil {
			return err
		}
		if m, err = successor(ctx, tx, scope, organization, to); err != nil || m.ID == owner.ID {
			return err
		}
		if owner.ID != "" {
			event := d.event(scope, "owner.removed", string(owner.ID), organization)
			if err := d.setRole(ctx, tx, scope, &owner, Manager, event); err != nil {
				return err
			}
		}
		return d.setRole(ctx, tx, scope, &m, Owner, d.event(scope, "owner.set", string(m.ID), organization))
	})
	var conflict *store.Conflict
	if errors.As(err, &conflict) && conflict.Field == "owner" { // somebody else became the owner a moment ago
		return m, store.ErrStale
	}
	return m, err
}

// ownerFor finds the owner of an active organization whose ownership scope may move; empty if there is none.
func ownerFor(ctx context.Context, tx Store, scope Scope, organization id.Organization) (Membership, error) {
	if !scope.Covers(organization) && !scope.somewhere(ChangeOwner) {
		return Membership{}, ErrForbidden
	}
	if _, err := tx.Organization(ctx, scope, organization); err != nil {
		return Membership{}, err
	}
	owner, err := tx.OwnerOf(ctx, scope, organization)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Membership{}, err
	}
	himself := owner.User != "" && owner.User == scope.Actor() && (scope.is(owner.User) || scope.holdsIn(organization, ChangeOwner))
	if !himself && (!scope.Everywhere() || !scope.Has(ChangeOwner)) {
		return Membership{}, ErrForbidden
	}
	return owner, enabled(ctx, tx, scope, organization)
}

// successor finds the membership that is to become the owner's.
func successor(ctx context.Context, tx Store, scope Scope, organization id.Organization, to id.Membership) (Membership, error) {
	elsewhere := &Invalid{Fields: map[string][]string{"organization_user": {"This is not a membership of this organization."}}}
	m, err := tx.Membership(ctx, scope, to)
	if errors.Is(err, store.ErrNotFound) || (err == nil && m.Organization != organization) {
		return Membership{}, elsewhere
	}
	if err != nil {
		return Membership{}, err
	}
	user, err := visible(ctx, tx, scope, m.User)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Membership{}, elsewhere
	case err != nil:
		return Membership{}, err
	case !user.Active:
		return Membership{}, &Invalid{Fields: map[string][]string{"organization_user": {"This account is disabled."}}}
	default:
		return m, nil
	}
}

// RemoveOwner makes the owner of an active organization a manager, which leaves it without owner until somebody is promoted. It needs
// users.delete_organizationowner and a scope that is limited to no organization. store.ErrNotFound without an owner.
func (d *Directory) RemoveOwner(ctx context.Context, scope Scope, organization id.Organization) error {
	if !scope.Everywhere() || !scope.Has(DeleteOwner) {
		return ErrForbidden
	}
	return d.Store.InTx(ctx, func(tx Store) error {
		if err := enabled(ctx, tx, scope, organization); err != nil {
			return err
		}
		owner, err := tx.OwnerOf(ctx, scope, organization)
		if err != nil {
			return err
		}
		return d.setRole(ctx, tx, scope, &owner, Manager, d.event(scope, "owner.removed", string(owner.ID), organization))
	})
}
