package tenancy

import (
	"context"
	"errors"
	"slices"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/store"
)

// AddMember puts a user whom scope sees into an active organization within scope, as Member or Manager. It needs
// users.add_organizationuser there. The first manager of an organization without owner becomes its owner; Owner itself cannot be
// given. *Invalid names "organization" if that is disabled or has no room.
//
// To everybody but superusers a user without a membership in an organization of theirs is store.ErrNotFound: who could add any
// account to his organization could take over one that is nowhere else (see accountFor).
func (d *Directory) AddMember(ctx context.Context, scope Scope, organization id.Organization, user id.User, role Role) (Membership, error) {
	if !scope.somewhere(AddMembership) {
		return Membership{}, ErrForbidden
	}
	if err := givable(role); err != nil {
		return Membership{}, err
	}
	m := d.newMembership(organization, user, role)
	event := d.event(scope, "membership.created", string(m.ID), organization)
	event.Detail = map[string]string{}
	err := againIfOwned(func() error {
		return d.write(ctx, event, func(tx Store) error {
			if _, err := authorized(ctx, tx, scope, organization, AddMembership); err != nil {
				return err
			}
			if _, err := visible(ctx, tx, scope, user); err != nil {
				return err
			}
			var err error
			if m.Role, err = ownerIfNone(ctx, tx, organization, role); err != nil {
				return err
			}
			event.Detail["user"], event.Detail["role"] = string(user), string(m.Role)
			return tx.AddMembership(ctx, scope, m)
		})
	})
	return m, roomless(taken(err, map[string]string{"membership": "This user is in the organization already."}))
}

func (d *Directory) newMembership(organization id.Organization, user id.User, role Role) Membership {
	return Membership{ID: id.New[id.Membership](), User: user, Organization: organization, Role: role, Created: d.now(), Modified: d.now(), Version: 1}
}

// roomless turns a conflict with the organization's limit into words.
func roomless(err error) error {
	var conflict *store.Conflict
	if errors.As(err, &conflict) && conflict.Field == "room" {
		return &Invalid{Fields: map[string][]string{"organization": {"This organization has as many members as it may have."}}}
	}
	return err
}

// Membership finds one: a user's own, or one of a user whom scope sees. The latter needs users.view_organizationuser there.
func (d *Directory) Membership(ctx context.Context, scope Scope, membership id.Membership) (Membership, error) {
	own, err := ownMembership(ctx, d.Store, scope, membership)
	if !errors.Is(err, store.ErrNotFound) {
		return own, err
	}
	return managedMembership(ctx, d.Store, scope, membership, ViewMembership)
}

// MembershipsOf lists a user's memberships: all to himself, to others those in organizations where they have
// users.view_organizationuser.
func (d *Directory) MembershipsOf(ctx context.Context, scope Scope, user id.User) ([]Membership, error) {
	if scope.is(user) {
		return d.Store.Memberships(ctx, System("own memberships"), user)
	}
	limited, err := scope.Where(ViewMembership)
	if err != nil {
		return nil, err
	}
	if _, err := visible(ctx, d.Store, limited, user); err != nil {
		return nil, err
	}
	return d.Store.Memberships(ctx, limited, user)
}

// ownMembership finds one of the actor's, who need not manage anything; store.ErrNotFound if it is not his.
func ownMembership(ctx context.Context, tx Store, scope Scope, membership id.Membership) (Membership, error) {
	if !scope.is(scope.Actor()) {
		return Membership{}, store.ErrNotFound
	}
	memberships, err := tx.Memberships(ctx, System("own memberships"), scope.Actor())
	if err != nil {
		return Membership{}, err
	}
	at := slices.IndexFunc(memberships, func(m Membership) bool { return m.ID == membership })
	if at < 0 {
		return Membership{}, store.ErrNotFound
	}
	return memberships[at], nil
}

// managedMembership finds one of a user whom scope sees, in an organization where the actor holds a permission (see authorized).
func managedMembership(ctx context.Context, tx Store, scope Scope, membership id.Membership, permission Permission) (Membership, error) {
	if !scope.somewhere(permission) {
		return Membership{}, ErrForbidden
	}
	m, err := tx.Membership(ctx, scope, membership)
	if err != nil {
		return Membership{}, err
	}
	if _, err := visible(ctx, tx, scope, m.User); err != nil {
		return Membership{}, err
	}
	_, err = authorized(ctx, tx, scope, m.Organization, permission)
	return m, err
}

// MembershipChange is what to change of a membership. Version is the one that the caller has seen, 0 for whichever is stored now.
type MembershipChange struct {
	Role    Role // Member or Manager
	Version int64
}

// ChangeMembership makes a member of an active organization its manager, or the other way round. It needs
// users.change_organizationuser there. Promotion in an organization without owner makes the owner. Nobody demotes an owner.
func (d *Directory) ChangeMembership(ctx context.Context, scope Scope, membership id.Membership, change MembershipChange) (Membership, error) {
	return d.changeRole(ctx, scope, change, func(tx Store) (Membership, error) {
		return managedMembership(ctx, tx, scope, membership, ChangeMembership)
	})
}

// ChangeRole is ChangeMembership of the membership that a user has in an organization.
func (d *Directory) ChangeRole(ctx context.Context, scope Scope, organization id.Organization, user id.User, role Role) (Membership, error) {
	return d.changeRole(ctx, scope, MembershipChange{Role: role}, func(tx Store) (Membership, error) {
		if _, err := authorized(ctx, tx, scope, organization, ChangeMembership); err != nil {
			return Membership{}, err
		}
		if _, err := visible(ctx, tx, scope, user); err != nil {
			return Membership{}, err
		}
		return membershipIn(ctx, tx, scope, organization, user)
	})
}

func (d *Directory) changeRole(ctx context.Context, scope Scope, change MembershipChange, find func(tx Store) (Membership, error)) (Membership, error) {
	if !scope.somewhere(ChangeMembership) {
		return Membership{}, ErrForbidden
	}
	if err := givable(change.Role); err != nil {
		return Membership{}, err
	}
	var m Membership
	err := againIfOwned(func() error {
		return d.Store.InTx(ctx, func(tx Store) error {
			found, err := find(tx)
			if err != nil {
				return err
			}
			if err := current(change.Version, found.Version); err != nil {
				return err
			}
			role, err := ownerIfNone(ctx, tx, found.Organization, change.Role)
			if err != nil {
				return err
			}
			m, err = d.giveRole(ctx, tx, scope, found, role)
			return err
		})
	})
	return m, err
}

func (d *Directory) giveRole(ctx context.Context, tx Store, scope Scope, m Membership, role Role) (Membership, error) {
	if m.Role == role || (m.Role == Manager && role == Owner) || (m.Role == Owner && role == Manager) {
		return m, nil
	}
	if m.Role == Owner {
		return m, &Invalid{Fields: map[string][]string{"role": {"The owner cannot be demoted: somebody else has to become the owner first."}}}
	}
	return m, d.setRole(ctx, tx, scope, &m, role, d.event(scope, "membership.changed", string(m.ID), m.Organization))
}

// setRole writes a role, whatever it was, and records it.
func (d *Directory) setRole(ctx context.Context, tx Store, scope Scope, m *Membership, role Role, event audit.Event) error {
	if err := tx.SetRole(ctx, scope, m.ID, m.Role, role, event.At); err != nil {
		return err
	}
	event.Detail = map[string]string{"user": string(m.User)}
	event.Changes = []audit.Change{{Field: "role", Before: string(m.Role), After: string(role)}}
	m.Role, m.Modified, m.Version = role, event.At, m.Version+1
	return tx.Record(ctx, event)
}

// RemoveMember takes a user out of an organization and out of its groups; his account stays. It needs
// users.delete_organizationuser there, or is the user's own leaving; a disabled organization can be left too. Nobody removes the
// owner: *Invalid names "membership".
func (d *Directory) RemoveMember(ctx context.Context, scope Scope, membership id.Membership) error {
	return d.Store.InTx(ctx, func(tx Store) error {
		within := System("leaving")
		m, err := ownMembership(ctx, tx, scope, membership)
		if errors.Is(err, store.ErrNotFound) {
			within = scope
			m, err = managedMembership(ctx, tx, scope, membership, DeleteMembership)
		}
		if err != nil {
			return err
		}
		if m.Role == Owner {
			return &Invalid{Fields: map[string][]string{"membership": {"The owner cannot leave or be removed: somebody else has to become the owner first."}}}
		}
		if err := tx.RemoveMembership(ctx, within, m); err != nil {
			return err
		}
		event := d.event(scope, "membership.deleted", string(m.ID), m.Organization)
		event.Detail = map[string]string{"user": string(m.User), "role": string(m.Role)}
		return tx.Record(ctx, event)
	})
}

func givable(role Role) error {
	if role != Member && role != Manager {
		return &Invalid{Fields: map[string][]string{"role": {"Choose member or manager."}}}
	}
	return nil
}

// ownerIfNone is the role that somebody gets: the first manager of an organization without owner becomes its owner. It looks before the
// write, because a refused one would end the transaction, which may be one of many operations.
func ownerIfNone(ctx context.Context, tx Store, organization id.Organization, role Role) (Role, error) {
	if role != Manager {
		return role, nil
	}
	_, err := tx.OwnerOf(ctx, System("first manager"), organization)
	if errors.Is(err, store.ErrNotFound) {
		return Owner, nil
	}
	return Manager, err
}

// againIfOwned runs a transaction with ownerIfNone in it, and once more if somebody else became the owner meanwhile: the database
// admits one.
func againIfOwned(write func() error) error {
	err := write()
	var conflict *store.Conflict
	if errors.As(err, &conflict) && conflict.Field == "owner" {
		return write()
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
