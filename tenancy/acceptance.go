package tenancy

import (
	"context"
	"errors"
	"strings"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// ErrInvitationGone says that the link's token is none of ours, or that its invitation was used, revoked, mailed again or has expired, or
// that its organization is disabled. Nobody learns which.
var ErrInvitationGone = errors.New("this invitation is not good, or not any more")

// OpenInvitation is what whoever follows the link reads.
type OpenInvitation struct {
	Organization string // its name
	Inviter      string // by name; "" if the program invited
	Email        string
	Role         Role
	Expires      time.Time
	Known        bool // an account has the address: its holder had better sign in
}

// InvitationByToken finds an open invitation for the page that its link opens. The token is all the authority that it needs.
func (d *Directory) InvitationByToken(ctx context.Context, token string) (OpenInvitation, error) {
	i, o, err := d.openInvitation(ctx, d.Store, token)
	if err != nil {
		return OpenInvitation{}, err
	}
	found := OpenInvitation{Organization: o.Name, Email: i.Email, Role: i.Role, Expires: i.Expires}
	inviter, err := d.Store.User(ctx, i.InvitedBy)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return OpenInvitation{}, err
	}
	if err == nil {
		found.Inviter = inviter.Name()
	}
	_, err = d.byIdentifier(ctx, i.Email)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return OpenInvitation{}, err
	}
	found.Known = err == nil
	return found, nil
}

func (d *Directory) openInvitation(ctx context.Context, tx Store, token string) (Invitation, Organization, error) {
	i, err := tx.InvitationByToken(ctx, secret.Hash(token))
	if errors.Is(err, store.ErrNotFound) {
		return Invitation{}, Organization{}, ErrInvitationGone
	}
	if err != nil {
		return Invitation{}, Organization{}, err
	}
	o, err := tx.Organization(ctx, accepting(), i.Organization)
	if err != nil {
		return Invitation{}, Organization{}, err
	}
	if i.State != InvitationOpen || !d.now().Before(i.Expires) || !o.Active {
		return Invitation{}, Organization{}, ErrInvitationGone
	}
	return i, o, nil
}

// accepting is the authority by which an invitation is fulfilled: the inviter's was checked, and the invited has none yet.
func accepting() Scope { return System("invitation") }

// AcceptInvitation makes the acting user a member. He need not have the invited address: the link proves who reads its mail, and he
// is signed in. The address is not added to his account either: links are passed on, and with an address of somebody else on his
// account that one could reset his password. Exactly one of many acceptances succeeds.
//
// The role and the groups are given with what the inviter may do now; where he may not any more, it is Member and no group. *Invalid names
// "membership" if the user is in already and "organization" if that has no room: the invitation stays open.
func (d *Directory) AcceptInvitation(ctx context.Context, scope Scope, token string) (Membership, error) {
	user := scope.Actor()
	if !scope.is(user) {
		return Membership{}, ErrForbidden
	}
	return d.accept(ctx, token, d.event(scope, "invitation.accepted", "", ""), user, func(Store) error { return nil })
}

// AcceptInvitationAsNew makes an account and its membership: username, names, language and password are taken from n. The address is
// the invited one and verified, because the link was mailed there; a username with "@" has to be that address. Otherwise it is
// AcceptInvitation.
func (d *Directory) AcceptInvitationAsNew(ctx context.Context, token string, n NewUser) (User, error) {
	i, _, err := d.openInvitation(ctx, d.Store, token)
	if err != nil {
		return User{}, err
	}
	if n.Password == "" {
		return User{}, &Invalid{Fields: map[string][]string{"password": {"Choose a password."}}}
	}
	if strings.Contains(n.Username, "@") && !sameAddress(n.Username, i.Email) {
		return User{}, refused("username", unprovedName)
	}
	user, err := d.newUser(ctx, NewUser{
		Username: n.Username, Email: i.Email, EmailVerified: true, FirstName: n.FirstName, LastName: n.LastName, Language: n.Language, Password: n.Password,
	}, "")
	if err != nil {
		return User{}, err
	}
	event := d.event(accepting(), "invitation.accepted", "", "")
	event.Actor, event.Reason = user.ID, ""
	_, err = d.accept(ctx, token, event, user.ID, func(tx Store) error {
		if err := tx.CreateUser(ctx, user); err != nil {
			return err
		}
		return tx.Record(ctx, d.event(accepting(), "user.created", string(user.ID), i.Organization))
	})
	return user, d.takenBy(err)
}

// accept takes the invitation and makes the membership, with prepare between.
func (d *Directory) accept(ctx context.Context, token string, event audit.Event, user id.User, prepare func(tx Store) error) (Membership, error) {
	var m Membership
	err := againIfOwned(func() error {
		return d.Store.InTx(ctx, func(tx Store) error {
			i, _, err := d.openInvitation(ctx, tx, token)
			if err != nil {
				return err
			}
			err = tx.TakeInvitation(ctx, i.TokenHash, user, event.At)
			if errors.Is(err, store.ErrStale) {
				return ErrInvitationGone
			}
			if err != nil {
				return err
			}
			if err := prepare(tx); err != nil {
				return err
			}
			event.Object, event.Organization, event.Detail = string(i.ID), i.Organization, map[string]string{"user": string(user)}
			if m, err = d.fulfil(ctx, tx, i, user); err != nil {
				return err
			}
			return tx.Record(ctx, event)
		})
	})
	return m, roomless(taken(err, map[string]string{"membership": "You are in this organization already."}))
}

// fulfil gives what was promised, as far as the inviter may give it now.
func (d *Directory) fulfil(ctx context.Context, tx Store, i Invitation, user id.User) (Membership, error) {
	inviter, err := d.inviter(ctx, tx, i)
	if err != nil {
		return Membership{}, err
	}
	m := d.newMembership(i.Organization, user, Member)
	able := inviter.state != nil && inviter.HasIn(i.Organization, AddMembership)
	if able {
		if m.Role, err = ownerIfNone(ctx, tx, i.Organization, i.Role); err != nil {
			return m, err
		}
	}
	if err := tx.AddMembership(ctx, accepting(), m); err != nil || !able {
		return m, err
	}
	for _, group := range i.Groups {
		if err := promised(ctx, tx, inviter, group, m); err != nil {
			return m, err
		}
	}
	return m, nil
}

// inviter is the authority of whoever invited as it is now; the zero Scope if he has none left.
func (d *Directory) inviter(ctx context.Context, tx Store, i Invitation) (Scope, error) {
	if i.InvitedBy == "" { // only the program itself leaves no name
		return accepting(), nil
	}
	standing, err := tx.Standing(ctx, i.InvitedBy)
	if errors.Is(err, store.ErrNotFound) || (err == nil && !d.MaySignIn(standing.User)) {
		return Scope{}, nil
	}
	return newScope(standing), err
}

// promised puts the new member into a group if the inviter could do so now, and leaves him out otherwise. A shared group counts in
// every organization of the user, so it takes more there (see AddToGroup).
func promised(ctx context.Context, tx Store, inviter Scope, group id.Group, m Membership) error {
	g, err := tx.Group(ctx, inviter, group)
	if err == nil && !inviter.gives(g) {
		return nil
	}
	if err == nil && g.Organization == "" {
		_, err = accountFor(ctx, tx, inviter, m.User)
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, ErrForbidden) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.AddToGroup(ctx, accepting(), group, m.User); err != nil {
		return err
	}
	return tx.TouchUser(ctx, m.User, m.Modified)
}
