package tenancy

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/notify"
	"gatehouse/store"
)

// NewInvitation asks whoever reads the mail of an address to join an organization.
type NewInvitation struct {
	Organization id.Organization
	Email        string
	Role         Role          // Member or Manager
	Groups       []id.Group    // to be put into; shared ones or the organization's own
	Lifetime     time.Duration // of the link; 0 = a week
}

const (
	invitationLifetime = 7 * 24 * time.Hour
	invitationLongest  = 90 * 24 * time.Hour
	invitationPause    = time.Minute // between two letters of one invitation

	// InvitationPath is the page that the link in the letter opens, with the parameter "token".
	InvitationPath = "/invitation"
)

// Invite mails an invitation. It needs users.add_organizationuser in the active organization, and with Groups what AddToGroup asks for
// each. *Invalid names "email" if the address belongs to a member or has an open invitation.
func (d *Directory) Invite(ctx context.Context, scope Scope, n NewInvitation) (Invitation, error) {
	if !scope.somewhere(AddMembership) {
		return Invitation{}, ErrForbidden
	}
	if err := n.check(); err != nil {
		return Invitation{}, err
	}
	token := secret.Random(32)
	i := Invitation{
		ID: id.New[id.Invitation](), Organization: n.Organization, Email: n.Email, Role: n.Role, Groups: distinct(n.Groups), InvitedBy: scope.Actor(),
		TokenHash: secret.Hash(token.Reveal()), State: InvitationOpen, Sent: 1, Created: d.now(), Modified: d.now(),
		Expires: d.now().Add(n.lifetime()),
	}
	event := d.event(scope, "invitation.created", string(i.ID), i.Organization)
	event.Detail = map[string]string{"email": i.Email, "role": string(i.Role)}
	err := d.write(ctx, event, func(tx Store) error {
		o, err := authorized(ctx, tx, scope, n.Organization, AddMembership)
		if err != nil {
			return err
		}
		for _, group := range i.Groups {
			if err := invitableTo(ctx, tx, scope, o.ID, group); err != nil {
				return err
			}
		}
		if err := noMember(ctx, tx, scope, o.ID, n.Email); err != nil {
			return err
		}
		if err := tx.CreateInvitation(ctx, scope, i); err != nil {
			return err
		}
		return d.mailInvitation(ctx, tx, i, o, token)
	})
	return i, taken(err, map[string]string{"email": "This address has an open invitation already."})
}

func (n NewInvitation) lifetime() time.Duration {
	if n.Lifetime == 0 {
		return invitationLifetime
	}
	return n.Lifetime
}

func (n NewInvitation) check() error {
	found := problems{}
	if found.email(n.Email); n.Email == "" {
		found.add("email", "An address is needed.")
	}
	if n.Role != Member && n.Role != Manager {
		found.add("role", "Choose member or manager.")
	}
	if n.Lifetime < 0 || n.Lifetime > invitationLongest {
		found.add("lifetime", "An invitation is good for at most 90 days.")
	}
	return found.err()
}

func distinct[T ~string](values []T) []T { return slices.Compact(slices.Sorted(slices.Values(values))) }

// invitableTo refuses a group that the inviter could not put a member of the organization into.
func invitableTo(ctx context.Context, tx Store, scope Scope, organization id.Organization, group id.Group) error {
	g, err := tx.Group(ctx, scope, group)
	if errors.Is(err, store.ErrNotFound) || (err == nil && g.Organization != "" && g.Organization != organization) {
		return &Invalid{Fields: map[string][]string{"groups": {"There is no such group."}}}
	}
	if err == nil && !scope.gives(g) {
		return &Invalid{Fields: map[string][]string{"groups": {"You may not put anybody into the group " + g.Name + "."}}}
	}
	return err
}

// gives reports whether the actor may put people into a group and holds all its permissions.
func (s Scope) gives(g Group) bool {
	return s.HasIn(g.Organization, ChangeUser) && s.holds(g.Organization, g.Permissions...)
}

// noMember refuses the address of a member whom scope sees. Others learn at the end that they are in already.
func noMember(ctx context.Context, tx Store, scope Scope, organization id.Organization, email string) error {
	normal, err := Normalise(email)
	if err != nil {
		return err
	}
	holder, err := tx.UserByIdentifier(ctx, normal)
	if err == nil {
		_, err = visible(ctx, tx, scope, holder.ID)
	}
	if err == nil {
		_, err = membershipIn(ctx, tx, scope, organization, holder.ID)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	default:
		return &Invalid{Fields: map[string][]string{"email": {"Whoever has this address is in the organization already."}}}
	}
}

// mailInvitation writes the letter. The token stands in it alone.
func (d *Directory) mailInvitation(ctx context.Context, tx Store, i Invitation, o Organization, token secret.Text) error {
	inviter, err := tx.User(ctx, i.InvitedBy)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	data := map[string]string{
		"link": InvitationPath + "?token=" + url.QueryEscape(token.Reveal()), "organization": o.Name, "expires": i.Expires.Format(time.RFC3339),
	}
	if err == nil {
		data["inviter"] = inviter.Name()
	}
	return d.tellUnasked(ctx, tx, notify.Letter{Kind: notify.KindInvitation, To: i.Email, Language: inviter.Language, Data: data})
}

// Invitation finds one within scope. It needs users.view_organizationuser in its organization.
func (d *Directory) Invitation(ctx context.Context, scope Scope, invitation id.Invitation) (Invitation, error) {
	i, _, err := invitationFor(ctx, d.Store, scope, invitation, ViewMembership)
	if err != nil {
		return i, err
	}
	return d.seenInvitation(ctx, scope, i)
}

// invitationFor finds one of an organization in which the actor holds a permission (see authorized).
func invitationFor(ctx context.Context, tx Store, scope Scope, invitation id.Invitation, permission Permission) (Invitation, Organization, error) {
	if !scope.somewhere(permission) {
		return Invitation{}, Organization{}, ErrForbidden
	}
	i, err := tx.Invitation(ctx, scope, invitation)
	if err != nil {
		return Invitation{}, Organization{}, err
	}
	o, err := authorized(ctx, tx, scope, i.Organization, permission)
	if err != nil {
		return Invitation{}, Organization{}, err
	}
	return i, o, nil
}

// Resend mails an open invitation again, with a fresh token and the lifetime that it had; the old link is dead. It needs
// users.add_organizationuser. *Invalid names "invitation" within a minute after the last letter and if it is not open any more.
func (d *Directory) Resend(ctx context.Context, scope Scope, invitation id.Invitation) (Invitation, error) {
	token := secret.Random(32)
	var i Invitation
	err := d.Store.InTx(ctx, func(tx Store) error {
		found, o, err := invitationFor(ctx, tx, scope, invitation, AddMembership)
		if err != nil {
			return err
		}
		event := d.event(scope, "invitation.resent", string(invitation), found.Organization)
		switch {
		case found.State != InvitationOpen:
			return &Invalid{Fields: map[string][]string{"invitation": {"This invitation is not open any more."}}}
		case event.At.Before(found.Modified.Add(invitationPause)):
			return &Invalid{Fields: map[string][]string{"invitation": {"It was mailed less than a minute ago. Wait a little."}}}
		}
		i = found
		i.TokenHash, i.Expires, i.Modified = secret.Hash(token.Reveal()), event.At.Add(found.Expires.Sub(found.Modified)), event.At
		if err := tx.RenewInvitation(ctx, scope, i); err != nil {
			return err
		}
		i.Sent++
		event.Detail = map[string]string{"email": i.Email}
		if err := d.mailInvitation(ctx, tx, i, o, token); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
	if err != nil {
		return i, err
	}
	return d.seenInvitation(ctx, scope, i)
}

// Revoke makes an open invitation void, in a disabled organization too. It needs users.add_organizationuser or
// users.delete_organizationuser. store.ErrStale if it is not open any more.
func (d *Directory) Revoke(ctx context.Context, scope Scope, invitation id.Invitation) error {
	return d.Store.InTx(ctx, func(tx Store) error {
		i, _, err := invitationFor(ctx, tx, scope, invitation, DeleteMembership)
		if errors.Is(err, ErrForbidden) {
			i, _, err = invitationFor(ctx, tx, scope, invitation, AddMembership)
		}
		if err != nil {
			return err
		}
		event := d.event(scope, "invitation.revoked", string(invitation), i.Organization)
		event.Detail = map[string]string{"email": i.Email}
		if err := tx.RevokeInvitation(ctx, scope, invitation, event.At); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
}
