package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gatehouse/config"
	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

type invitationsCommand struct {
	List   invitationsListCommand   `cmd:"" help:"List invitations, newest first."`
	Create invitationsCreateCommand `cmd:"" help:"Invite somebody by mail; a running server sends the letter."`
	Resend invitationsResendCommand `cmd:"" help:"Mail an open invitation again, with a new link."`
	Revoke invitationsRevokeCommand `cmd:"" help:"Make an open invitation void."`
}

type invitationsListCommand struct {
	configFlag
	outputFlag
	pageFlags
	Organization string `placeholder:"SLUG" help:"Only those to this organization."`
	State        string `enum:"open,accepted,revoked," default:"" placeholder:"STATE" help:"Only open, accepted or revoked ones."`
	Email        string `placeholder:"ADDRESS" help:"Only those to this address."`
}

// Run lists invitations, never their links.
func (c invitationsListCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		organization, err := findOrganization(ctx, a, c.Organization)
		if err != nil {
			return err
		}
		filter := tenancy.InvitationFilter{Organization: organization, State: tenancy.InvitationState(c.State), Email: c.Email}
		read := func(q tenancy.Query) (tenancy.Page[tenancy.Invitation], error) {
			return a.directory.ListInvitations(ctx, commandLine(), filter, q)
		}
		known := slugs{}
		row := func(i tenancy.Invitation) []attribute {
			return invitationAttributes(i, known.of(ctx, a, i.Organization))
		}
		return listing[tenancy.Invitation]{c.outputFlag, c.pageFlags, read, row}.print(t, "")
	})
}

func invitationAttributes(i tenancy.Invitation, slug string) []attribute {
	return []attribute{
		{"id", i.ID},
		{"organization", slug},
		{"email", i.Email},
		{"role", i.Role},
		{"state", i.State},
		{"mailed", i.Sent},
		{"created", i.Created},
		{"expires", i.Expires},
	}
}

type invitationsCreateCommand struct {
	configFlag
	outputFlag
	organizationArgument
	Email    string          `arg:"" help:"E-mail address."`
	Role     string          `enum:"member,manager" default:"member" help:"Role there: member or manager."`
	Group    []string        `placeholder:"NAME" help:"Group to be put into, the organization's own or a shared one; may be given several times."`
	Lifetime config.Duration `placeholder:"7d" help:"How long the link is good, such as 12h or 7d; without, a week."`
}

// Run invites.
func (c invitationsCreateCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		organization, err := findOrganization(ctx, a, c.Slug)
		if err != nil {
			return err
		}
		n := tenancy.NewInvitation{Organization: organization, Email: c.Email, Role: tenancy.Role(c.Role), Lifetime: time.Duration(c.Lifetime)}
		for _, name := range c.Group {
			group, err := findGroup(ctx, a, name, organization, true)
			if err != nil {
				return err
			}
			n.Groups = append(n.Groups, group.ID)
		}
		made, err := a.directory.Invite(ctx, commandLine(), n)
		if err != nil {
			return err
		}
		return c.object(t, invitationAttributes(made, c.Slug)...)
	})
}

// invitationArgument names an invitation.
type invitationArgument struct {
	Invitation string `arg:"" help:"Id of the invitation, as \"invitations list\" shows it."`
}

func (i invitationArgument) problem(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no invitation %q; \"invitations list\" shows those that there are", i.Invitation)
	}
	return stale(err, "this invitation is not open any more; \"invitations create\" makes another")
}

type invitationsResendCommand struct {
	configFlag
	outputFlag
	invitationArgument
}

// Run mails an invitation again.
func (c invitationsResendCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		renewed, err := a.directory.Resend(ctx, commandLine(), id.Invitation(c.Invitation))
		if err != nil {
			return c.problem(err)
		}
		return c.object(t, invitationAttributes(renewed, slugs{}.of(ctx, a, renewed.Organization))...)
	})
}

type invitationsRevokeCommand struct {
	configFlag
	invitationArgument
}

// Run revokes an invitation.
func (c invitationsRevokeCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		if err := a.directory.Revoke(ctx, commandLine(), id.Invitation(c.Invitation)); err != nil {
			return c.problem(err)
		}
		_, err := fmt.Fprintln(t.out, "The invitation is void.")
		return err
	})
}
