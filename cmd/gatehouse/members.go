package main

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

type membersCommand struct {
	List              membersListCommand     `cmd:"" help:"List the members of an organization."`
	Add               membersAddCommand      `cmd:"" help:"Put a user into an organization."`
	Remove            membersRemoveCommand   `cmd:"" help:"Take a user out of an organization and of its groups; the account stays."`
	SetRole           membersSetRoleCommand  `cmd:"" help:"Make a member a manager, or the other way round."`
	TransferOwnership membersTransferCommand `cmd:"" help:"Make another member the owner; the old one becomes a manager."`
}

type membersListCommand struct {
	configFlag
	outputFlag
	pageFlags
	organizationArgument
	Search string `help:"Only those in whose names all these words occur."`
	Role   string `enum:"member,manager,owner," default:"" placeholder:"ROLE" help:"Only those with this role: member, manager or owner."`
}

// Run lists members.
func (c membersListCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		organization, err := findOrganization(ctx, a, c.Slug)
		if err != nil {
			return err
		}
		filter := tenancy.MembershipFilter{Organization: organization, Role: tenancy.Role(c.Role)}
		read := func(q tenancy.Query) (tenancy.Page[tenancy.MembershipRow], error) {
			return a.directory.ListMemberships(ctx, commandLine(), filter, q)
		}
		row := func(m tenancy.MembershipRow) []attribute {
			return []attribute{{"username", m.Username}, {"email", m.Email}, {"name", m.Name}, {"role", m.Role}, {"since", m.Created}, {"id", m.ID}}
		}
		return listing[tenancy.MembershipRow]{c.outputFlag, c.pageFlags, read, row}.print(t, c.Search)
	})
}

// memberArguments name an organization and a user.
type memberArguments struct {
	organizationArgument
	userArgument
}

func (m memberArguments) ends(ctx context.Context, a *app) (id.Organization, tenancy.User, error) {
	organization, err := findOrganization(ctx, a, m.Slug)
	if err != nil {
		return "", tenancy.User{}, err
	}
	user, err := m.userArgument.find(ctx, a)
	return organization, user, err
}

// inMembership runs work on the membership of the user in the organization.
func (m memberArguments) inMembership(ctx context.Context, t terminal, f configFlag, work func(a *app, user tenancy.User, membership tenancy.Membership) error) error {
	return f.inDirectory(ctx, t, func(a *app) error {
		organization, user, err := m.ends(ctx, a)
		if err != nil {
			return err
		}
		memberships, err := a.directory.MembershipsOf(ctx, commandLine(), user.ID)
		if err != nil {
			return err
		}
		for _, membership := range memberships {
			if membership.Organization == organization {
				return work(a, user, membership)
			}
		}
		return fmt.Errorf("%s is not in %s; \"members add\" changes that", user.Username, m.Slug)
	})
}

type membersAddCommand struct {
	configFlag
	memberArguments
	Role string `enum:"member,manager" default:"member" help:"member or manager."`
}

// Run adds a member.
func (c membersAddCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		organization, user, err := c.ends(ctx, a)
		if err != nil {
			return err
		}
		membership, err := a.directory.AddMember(ctx, commandLine(), organization, user.ID, tenancy.Role(c.Role))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s is in %s as %s.\n", user.Username, c.Slug, membership.Role)
		return err
	})
}

type membersRemoveCommand struct {
	configFlag
	memberArguments
}

// Run removes a member.
func (c membersRemoveCommand) Run(ctx context.Context, t terminal) error {
	return c.inMembership(ctx, t, c.configFlag, func(a *app, user tenancy.User, membership tenancy.Membership) error {
		if membership.Role == tenancy.Owner {
			return fmt.Errorf("%s owns %s; give it to somebody else first: members transfer-ownership %s USER", user.Username, c.Slug, c.Slug)
		}
		if err := a.directory.RemoveMember(ctx, commandLine(), membership.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintf(t.out, "%s is not in %s any more.\n", user.Username, c.Slug)
		return err
	})
}

type membersSetRoleCommand struct {
	configFlag
	memberArguments
	Role string `arg:"" enum:"member,manager" help:"member or manager."`
}

// Run changes a role.
func (c membersSetRoleCommand) Run(ctx context.Context, t terminal) error {
	return c.inMembership(ctx, t, c.configFlag, func(a *app, user tenancy.User, membership tenancy.Membership) error {
		changed, err := a.directory.ChangeMembership(ctx, commandLine(), membership.ID, tenancy.MembershipChange{Role: tenancy.Role(c.Role)})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s is in %s as %s.\n", user.Username, c.Slug, changed.Role)
		return err
	})
}

type membersTransferCommand struct {
	configFlag
	memberArguments
}

// Run transfers ownership.
func (c membersTransferCommand) Run(ctx context.Context, t terminal) error {
	return c.inMembership(ctx, t, c.configFlag, func(a *app, user tenancy.User, membership tenancy.Membership) error {
		_, err := a.directory.TransferOwnership(ctx, commandLine(), membership.Organization, membership.ID)
		if errors.Is(err, store.ErrStale) {
			return errors.New("somebody else changed the owner at the same moment; look with \"members list\" and try again")
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s owns %s.\n", user.Username, c.Slug)
		return err
	})
}
