// Package tenancy holds users, organizations, memberships, groups and permissions.
//
// Directory is the one policy layer: every interface (sign-in, REST, admin site, command line) calls its methods, and each of them
// authorizes, validates, writes and records in one transaction. Scope is the authority that it checks.
package tenancy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/notify"
	"gatehouse/store"
)

// Directory is every operation on users and organizations. All fields but Settings and Sessions are required.
type Directory struct {
	Store     Store
	Passwords *password.Hasher
	Keys      *seal.Keys // seal letters and the links in them
	Now       func() time.Time
	Settings  Settings // may be left out
	Sessions  Sessions // nil: nobody is signed in here
}

// Sessions are the signed-in browsers, of which the directory knows only how to end them.
type Sessions interface {
	// EndOfUser ends the sessions of a user but for keep ("": all), with everything that was issued from them.
	EndOfUser(ctx context.Context, user id.User, keep id.Session) error
	// EndOneOfUser ends one session of a user in the same way; store.ErrNotFound if he has none of this id.
	EndOneOfUser(ctx context.Context, user id.User, session id.Session) error
	// EndOfOrganization ends the sessions that are good for an organization alone, because people came through its own connector, with
	// everything that was issued from them.
	EndOfOrganization(ctx context.Context, organization id.Organization) error
}

// Sentinels for what callers branch on.
var (
	// ErrForbidden: the actor sees the object but may not do this.
	ErrForbidden = errors.New("not allowed")
	// ErrBadCredentials: unknown name, wrong password, no password, or inactive account; nobody learns which.
	ErrBadCredentials = errors.New("wrong name or password")
	// ErrDisabled: the account is inactive, or its last day is over.
	ErrDisabled = errors.New("the account is disabled")
	// ErrBadToken: no such API token, an expired one, or one of an account that may not sign in; nobody learns which.
	ErrBadToken = errors.New("this token is not good, or not any more")
	// ErrSetUpAlready: the installation has a superuser.
	ErrSetUpAlready = errors.New("the installation has an administrator already")
)

// Permissions that the directory itself checks.
const (
	AddUser            Permission = "users.add_user"
	ChangeUser         Permission = "users.change_user"
	AddOrganization    Permission = "users.add_organization"
	AddMembership      Permission = "users.add_organizationuser"
	AddGroup           Permission = "users.add_group"
	ChangeGroup        Permission = "users.change_group"
	ViewOrganization   Permission = "users.view_organization"
	ChangeOrganization Permission = "users.change_organization"
	ChangeOwner        Permission = "users.change_organizationowner"
	ViewGroup          Permission = "users.view_group"
	DeleteUser         Permission = "users.delete_user"
	ViewUser           Permission = "users.view_user"
	ChangeMembership   Permission = "users.change_organizationuser"
	DeleteMembership   Permission = "users.delete_organizationuser"
	ViewMembership     Permission = "users.view_organizationuser"
	AddEmailAddress    Permission = "users.add_emailaddress"
	ViewEmailAddress   Permission = "users.view_emailaddress"
	ChangeEmailAddress Permission = "users.change_emailaddress"
	DeleteEmailAddress Permission = "users.delete_emailaddress"
	AddAPIKey          Permission = "users.add_apikey"
	ChangeAPIKey       Permission = "users.change_apikey"
	DeleteAPIKey       Permission = "users.delete_apikey"
	ViewAPIKey         Permission = "users.view_apikey"
	ViewAuditEvent     Permission = "users.view_auditevent"
)

const defaultOrganization = "default"

// event fills an audit event of this moment.
func (d *Directory) event(scope Scope, action, object string, organization id.Organization) audit.Event {
	return audit.Event{
		ID: id.New[string](), At: d.now(), Actor: scope.Actor(), Reason: scope.Reason(),
		Organization: organization, Action: action, Object: object, Via: scope.Via(),
	}
}

// now is as exact as the store keeps times, so that what a call returns is what later ones read.
func (d *Directory) now() time.Time { return d.Now().UTC().Truncate(time.Microsecond) }

// write runs work and records the event in one transaction.
func (d *Directory) write(ctx context.Context, event audit.Event, work func(tx Store) error) error {
	return d.Store.InTx(ctx, func(tx Store) error {
		if err := work(tx); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
}

// Atomically runs several operations in one transaction: all of them happen, or none. work must use only the Directory it is given.
// Sessions that the operations end are ended after the commit.
func (d *Directory) Atomically(ctx context.Context, work func(d *Directory) error) error {
	var later endings
	err := d.Store.InTx(ctx, func(tx Store) error {
		later = nil
		within := *d
		within.Store = tx
		if d.Sessions != nil {
			within.Sessions = &later
		}
		return work(&within)
	})
	if err != nil {
		return err
	}
	for _, e := range later {
		if err := e(ctx, d.Sessions); err != nil {
			return fmt.Errorf("end sessions: %w", err)
		}
	}
	return nil
}

// endings are sessions to be ended once a transaction has committed. Within it, a store of sessions in the same database would wait
// for the transaction, and the transaction for it.
type endings []ending

// ending is the end of some sessions.
type ending func(ctx context.Context, sessions Sessions) error

// EndOfUser implements Sessions.
func (e *endings) EndOfUser(_ context.Context, user id.User, keep id.Session) error {
	*e = append(*e, func(ctx context.Context, sessions Sessions) error { return sessions.EndOfUser(ctx, user, keep) })
	return nil
}

// EndOneOfUser implements Sessions.
func (e *endings) EndOneOfUser(_ context.Context, user id.User, session id.Session) error {
	*e = append(*e, func(ctx context.Context, sessions Sessions) error { return sessions.EndOneOfUser(ctx, user, session) })
	return nil
}

// EndOfOrganization implements Sessions.
func (e *endings) EndOfOrganization(_ context.Context, organization id.Organization) error {
	*e = append(*e, func(ctx context.Context, sessions Sessions) error {
		return sessions.EndOfOrganization(ctx, organization)
	})
	return nil
}

const (
	unaskedWindow = time.Hour
	unaskedLimit  = 10 // letters of one kind to one address within it
)

// tellUnasked is tell to an address that nobody may have proved yet. *Invalid names "email" where it got enough of such letters within
// an hour, whoever asked for them: what somebody has mailed to a stranger must not flood him.
func (d *Directory) tellUnasked(ctx context.Context, tx Store, letter notify.Letter) error {
	sent, err := tx.MessagesTo(ctx, letter.To, letter.Kind, d.now().Add(-unaskedWindow))
	if err != nil {
		return err
	}
	if sent >= unaskedLimit {
		return refused("email", "Many letters went to this address in the last hour. Wait before you send another.")
	}
	return d.tell(ctx, tx, letter)
}

// tell puts a letter to a user into the outbox, within the transaction of what it tells of.
func (d *Directory) tell(ctx context.Context, tx Store, letter notify.Letter) error {
	message, err := notify.NewMessage(d.Keys, letter, d.now())
	if err != nil {
		return err
	}
	return tx.Enqueue(ctx, message)
}

// Scope loads the authority of a user. ErrDisabled for one who may not sign in, store.ErrNotFound for none.
func (d *Directory) Scope(ctx context.Context, user id.User) (Scope, error) {
	scope, _, err := d.Actor(ctx, user)
	return scope, err
}

// Actor is Scope together with what it was made from.
func (d *Directory) Actor(ctx context.Context, user id.User) (Scope, Standing, error) {
	standing, err := d.Store.Standing(ctx, user)
	if err != nil {
		return Scope{}, Standing{}, err
	}
	if !d.MaySignIn(standing.User) {
		return Scope{}, Standing{}, ErrDisabled
	}
	return newScope(standing), standing, nil
}

// Standing loads a user with everything that decides what he may do. The user himself may, the program, and whoever sees every
// organization and has users.view_user; to others every user is ErrForbidden, there or not.
func (d *Directory) Standing(ctx context.Context, scope Scope, user id.User) (Standing, error) {
	if !scope.is(user) && (!scope.Everywhere() || !scope.Has(ViewUser)) {
		return Standing{}, ErrForbidden
	}
	return d.Store.Standing(ctx, user)
}

// Bootstrap makes what every installation starts with: the organization "default" and the groups Administrator and Operator. It
// happens once in the life of an installation: what is changed, renamed or deleted afterwards stays so. The directory's own
// permissions are registered each time. Safe on many nodes at once.
func (d *Directory) Bootstrap(ctx context.Context, scope Scope) error {
	if !scope.Superuser() {
		return ErrForbidden
	}
	return d.Store.InTx(ctx, func(tx Store) error {
		for _, own := range []struct {
			app    string
			models []ModelDefinition
		}{{ownApp, ownModels()}, {oauthApp, oauthModels()}} {
			if _, err := register(ctx, tx, own.app, definitions(own.app, own.models)); err != nil {
				return err
			}
		}
		first, err := tx.Once(ctx, "bootstrap")
		if err != nil || !first {
			return err
		}
		within := *d
		within.Store = tx
		_, err = within.EnsureOrganization(ctx, scope, Organization{Name: defaultOrganization, Slug: defaultOrganization})
		if err != nil {
			return err
		}
		return within.ensureGroups(ctx, scope, DefaultGroups())
	})
}

func (d *Directory) ensureGroups(ctx context.Context, scope Scope, groups []Group) error {
	for _, group := range groups {
		_, err := d.Store.SharedGroupByName(ctx, group.Name)
		if errors.Is(err, store.ErrNotFound) {
			_, err = d.CreateGroup(ctx, scope, group)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DefaultGroups are the groups of a new installation, with the permissions that the described system documents.
func DefaultGroups() []Group {
	return []Group{
		{Name: "Operator", Permissions: []Permission{ViewOrganization}},
		{Name: "Administrator", Permissions: []Permission{
			AddUser, ChangeUser, DeleteUser, ViewUser,
			AddMembership, ChangeMembership, DeleteMembership, ViewMembership,
			ViewGroup, ChangeOrganization, ChangeOwner,
			ViewEmailAddress, ChangeEmailAddress, DeleteEmailAddress,
			AddAPIKey, ChangeAPIKey, DeleteAPIKey, ViewAPIKey,
		}},
	}
}
