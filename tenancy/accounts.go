package tenancy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// Sentinels of what an installation must not lose.
var (
	// ErrLastSuperuser: the installation would be left without an active superuser whose account has no last day.
	ErrLastSuperuser = errors.New("this is the last active superuser")
	// ErrLastSignIn: the user would be left without any way to sign in.
	ErrLastSignIn = errors.New("this is the only way to sign in that the user has")
)

const unprovedName = "A username with @ has to be an e-mail address of yours that you have confirmed."

const needsGroup = "Staff needs a group: the flag gives nothing by itself."

// User loads a user as scope may see him. Everybody sees himself, without the notes of administrators; whoever holds
// users.view_user sees who has a membership in an organization where he holds it, but no superusers, and superusers see everybody.
// The rest is store.ErrNotFound. Values of custom fields that the reader may not see are left out.
func (d *Directory) User(ctx context.Context, scope Scope, user id.User) (User, error) {
	found, err := reachable(ctx, d.Store, scope, user, ViewUser)
	if err != nil {
		return User{}, err
	}
	return d.shown(scope, found), nil
}

// shown is as much of a user as scope may read.
func (d *Directory) shown(scope Scope, user User) User {
	level := levelOf(scope, user.ID)
	if level == LevelUser {
		user.Notes = ""
	}
	user.Custom = d.Settings.Fields.visible(user.Custom, level)
	return user
}

// UpdateUser changes a user. He himself may change his profile (and custom fields that he may edit), but neither notes nor expiry nor
// flags; superusers may change everything, and a manager as accountFor says everything but the flags of staff and superusers.
//
// A new Email is added to the addresses of the user and mailed a link to confirm it. Where somebody else changes it, it is the primary
// one at once; a change of one's own is pending until the link is used, and once more mails another link. An address that the user has
// verified becomes the primary one without one. An empty Email leaves the addresses and makes none primary. The address that was the
// primary one is told, if it is verified.
//
// The sessions of who becomes inactive end afterwards. store.ErrStale if the user is not of the version given. ErrLastSuperuser where
// none would be left. *Invalid names what is wrong by the names of the REST API: username, email, phone_number, birth_date,
// expiration_date, is_active, groups, custom.<name>, ….
func (d *Directory) UpdateUser(ctx context.Context, scope Scope, user id.User, change UserChange) (User, error) {
	before, after, err := d.updateUser(ctx, scope, user, change)
	for try := 1; change.Version == 0 && errors.Is(err, store.ErrStale) && try < maxUpdateTries; try++ {
		before, after, err = d.updateUser(ctx, scope, user, change)
	}
	if err != nil {
		return User{}, d.takenBy(err)
	}
	if before.Active && !after.Active {
		err = d.endSessions(ctx, user)
	}
	return d.shown(scope, after), err
}

const maxUpdateTries = 5

// endSessions ends what a user has begun who may not sign in any more. Nobody acts by it meanwhile: each request asks the account.
func (d *Directory) endSessions(ctx context.Context, user id.User) error {
	if d.Sessions == nil {
		return nil
	}
	if err := d.Sessions.EndOfUser(ctx, user, ""); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

func (d *Directory) updateUser(ctx context.Context, scope Scope, user id.User, change UserChange) (before, after User, err error) {
	err = d.Store.InTx(ctx, func(tx Store) error {
		var err error
		if before, err = accountFor(ctx, tx, scope, user); err != nil {
			return err
		}
		if change.Version != 0 && change.Version != before.Version {
			return store.ErrStale
		}
		if after, err = d.changed(ctx, tx, scope, before, change); err != nil {
			return err
		}
		event := d.event(scope, "user.changed", string(user), "")
		pending, err := d.changeEmail(ctx, tx, scope, &after, change)
		if err != nil {
			return err
		}
		if event.Changes = userChanges(d.Settings.Fields, before, after); len(event.Changes) > 0 {
			after.Modified = event.At
			if err := tx.UpdateUser(ctx, after); err != nil {
				return err
			}
			after.Version++
			if err := d.tellOldAddress(ctx, tx, before, after.Email); err != nil {
				return err
			}
		}
		if pending != "" {
			event.Detail = map[string]string{"pending_email": pending}
		}
		if len(event.Changes) == 0 && pending == "" {
			return nil
		}
		return tx.Record(ctx, event)
	})
	return before, after, err
}

// changed is the user after a change of all but his address, if the actor may make it and it is valid.
func (d *Directory) changed(ctx context.Context, tx Store, scope Scope, before User, change UserChange) (User, error) {
	level, after := levelOf(scope, before.ID), change.apply(before)
	if level == LevelUser && (after.Notes != before.Notes || after.Expires != before.Expires || after.Active != before.Active) {
		return User{}, ErrForbidden
	}
	if level != LevelSuperuser && (change.Proved || after.Staff != before.Staff || after.Superuser != before.Superuser) {
		return User{}, ErrForbidden
	}
	found := problems{}
	found.profile(before, &after)
	found.account(before, after, d.today())
	after.Custom = d.Settings.Fields.merge(found, before, change.Custom, level)
	if level == LevelUser && after.Username != before.Username {
		if err := ownName(ctx, tx, found, after); err != nil {
			return User{}, err
		}
	}
	if after.Staff && !before.Staff && !after.Superuser {
		standing, err := tx.Standing(ctx, before.ID)
		if err != nil {
			return User{}, err
		}
		if len(standing.Groups) == 0 && len(standing.Permissions) == 0 {
			found.add("groups", needsGroup)
		}
	}
	return after, found.err()
}

// ownName refuses a username that is an e-mail address which the user has not proved: names and addresses share one namespace, and
// nobody takes the address of somebody who is still to come.
func ownName(ctx context.Context, tx Store, found problems, user User) error {
	if !strings.Contains(user.Username, "@") {
		return nil
	}
	addresses, err := tx.Emails(ctx, user.ID)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		if address.Verified && sameAddress(address.Email, user.Username) {
			return nil
		}
	}
	found.add("username", unprovedName)
	return nil
}

// DeleteUser removes an account and everything that is the user's; the record of what he did stays. It needs users.delete_user, as a
// superuser or as accountFor says: owners of organizations only superusers delete. Nobody deletes himself without that permission.
// ErrLastSuperuser where none would be left.
func (d *Directory) DeleteUser(ctx context.Context, scope Scope, user id.User) error {
	err := d.Store.InTx(ctx, func(tx Store) error {
		target, err := anothersAccount(ctx, tx, scope, user, DeleteUser)
		if err != nil {
			return err
		}
		event := d.event(scope, "user.deleted", string(user), "")
		event.Detail = map[string]string{"username": target.Username}
		if err := tx.DeleteUser(ctx, user); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
	if err != nil {
		return d.takenBy(err)
	}
	return d.endSessions(ctx, user)
}
