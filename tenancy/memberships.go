package tenancy

import (
	"context"
	"errors"
	"slices"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// AddMember puts a user whom scope sees into an active organization within scope, as Member or Manager. It needs
// users.add_organizationuser. The first manager of an organization without owner becomes its owner; Owner itself cannot be given.
//
// To everybody but superusers a user without a membership in an organization of theirs is store.ErrNotFound: who could add any
// account to his organization could take over one that is nowhere else (see accountFor).
func (d *Directory) AddMember(ctx context.Context, scope Scope, organization id.Organization, user id.User, role Role) (Membership, error) {
	if !scope.Has(AddMembership) {
		return Membership{}, ErrForbidden
	}
	if err := givable(role); err != nil {
		return Membership{}, err
	}
	m := d.newMembership(organization, user, role)
	err := asManagerOrOwner(role, func(role Role) error {
		m.Role = role
		event := d.event(scope, "membership.created", string(m.ID), organization)
		event.Detail = map[string]string{"user": string(user), "role": string(role)}
		return d.write(ctx, event, func(tx Store) error {
			if err := enabled(ctx, tx, scope, organization); err != nil {
				return err
			}
			if _, err := visible(ctx, tx, scope, user); err != nil {
				return err
			}
			return tx.AddMembership(ctx, scope, m)
		})
	})
	return m, taken(err, map[string]string{"membership": "This user is in the organization already."})
}

func (d *Directory) newMembership(organization id.Organization, user id.User, role Role) Membership {
	return Membership{ID: id.New[id.Membership](), User: user, Organization: organization, Role: role, Created: d.now(), Modified: d.now(), Version: 1}
}

// ChangeRole makes a member of an active organization its manager, or the other way round. It needs
// users.change_organizationuser. Promotion in an organization without owner makes the owner. Nobody demotes an owner.
func (d *Directory) ChangeRole(ctx context.Context, scope Scope, organization id.Organization, user id.User, role Role) (Membership, error) {
	if !scope.Has(ChangeMembership) {
		return Membership{}, ErrForbidden
	}
	if err := givable(role); err != nil {
		return Membership{}, err
	}
	var m Membership
	err := asManagerOrOwner(role, func(role Role) error {
		var err error
		m, err = d.changeRole(ctx, scope, organization, user, role)
		return err
	})
	return m, err
}

func (d *Directory) changeRole(ctx context.Context, scope Scope, organization id.Organization, user id.User, role Role) (Membership, error) {
	var m Membership
	event := d.event(scope, "membership.changed", "", organization)
	err := d.Store.InTx(ctx, func(tx Store) error {
		if err := enabled(ctx, tx, scope, organization); err != nil {
			return err
		}
		if _, err := visible(ctx, tx, scope, user); err != nil {
			return err
		}
		var err error
		if m, err = membershipIn(ctx, tx, scope, organization, user); err != nil {
			return err
		}
		if m.Role == Owner {
			return ErrForbidden
		}
		if m.Role == role || (m.Role == Manager && role == Owner) {
			return nil
		}
		event.Object, event.Detail = string(m.ID), map[string]string{"user": string(user), "role": string(role), "was": string(m.Role)}
		if err := tx.SetRole(ctx, scope, m.ID, m.Role, role, event.At); err != nil {
			return err
		}
		m.Role, m.Modified = role, event.At
		return tx.Record(ctx, event)
	})
	return m, err
}

func givable(role Role) error {
	if role != Member && role != Manager {
		return &Invalid{Fields: map[string][]string{"role": {"Choose member or manager."}}}
	}
	return nil
}

// asManagerOrOwner runs write for the role, and where it is Manager first for Owner: the database admits one owner, so that of two
// first managers at once only one becomes it. Each try is a transaction of its own, because PostgreSQL ends one at a conflict.
func asManagerOrOwner(role Role, write func(Role) error) error {
	if role != Manager {
		return write(role)
	}
	err := write(Owner)
	var conflict *store.Conflict
	if errors.As(err, &conflict) && conflict.Field == "owner" {
		return write(Manager)
	}
	return err
}

// membershipIn finds the membership of a user in one organization within scope.
func membershipIn(ctx context.Context, tx Store, scope Scope, organization id.Organization, user id.User) (Membership, error) {
	memberships, err := tx.Memberships(ctx, scope, user)
	if err != nil {
		return Membership{}, err
	}
	at := slices.IndexFunc(memberships, func(m Membership) bool { return m.Organization == organization })
	if at < 0 {
		return Membership{}, store.ErrNotFound
	}
	return memberships[at], nil
}
