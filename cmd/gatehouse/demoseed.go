package main

import (
	"context"
	"errors"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// seed fills both Gatehouses with people; what is there already stays.
func (d demo) seed(ctx context.Context, upstream, gatehouse *app) error {
	scope := tenancy.System("demonstration")
	var ada tenancy.User
	for _, person := range []tenancy.NewUser{
		{Username: "ada", Email: "ada@harbour.example", FirstName: "Ada", LastName: "Lindqvist", Password: d.AdaPassword},
		{Username: "grace", Email: "grace@harbour.example", FirstName: "Grace", LastName: "Okafor", Password: d.GracePassword},
	} {
		person.EmailVerified = true
		user, err := ensureMember(ctx, upstream.directory, scope, "default", person, tenancy.Member)
		if err != nil {
			return err
		}
		if person.Username == "ada" {
			ada = user
		}
	}
	if err := d.seedOwner(ctx, gatehouse.directory, scope, ada.ID); err != nil {
		return err
	}
	_, err := gatehouse.directory.CreateFirstSuperuser(ctx, tenancy.NewUser{
		Username: "admin", Email: "admin@gatehouse.example", EmailVerified: true, Password: d.AdminPassword,
	})
	if errors.Is(err, tenancy.ErrSetUpAlready) {
		return nil
	}
	return err
}

// ensureToken makes an API token for the superuser, once for a directory.
func (d *demo) ensureToken(ctx context.Context, directory *tenancy.Directory) error {
	if d.APIToken != "" {
		return nil
	}
	scope := tenancy.System("demonstration")
	admin, err := directory.FindUser(ctx, scope, "admin")
	if err != nil {
		return err
	}
	_, text, err := directory.CreateAPIToken(ctx, scope, tenancy.NewAPIToken{User: admin.ID, Name: "demonstration"})
	if err != nil {
		return err
	}
	d.APIToken = text.Reveal()
	return d.save(d.Dir)
}

// seedOwner makes Ada known to Gatehouse beforehand: owner of the organization, in the group Administrator, linked to her account at
// the upstream.
func (d demo) seedOwner(ctx context.Context, directory *tenancy.Directory, scope tenancy.Scope, upstreamID id.User) error {
	owner, err := ensureMember(ctx, directory, scope, "harbour", tenancy.NewUser{
		Username: "ada", Email: "ada@harbour.example", EmailVerified: true, FirstName: "Ada", LastName: "Lindqvist",
	}, tenancy.Manager)
	if err != nil {
		return err
	}
	standing, err := directory.Standing(ctx, scope, owner.ID)
	if err != nil {
		return err
	}
	if len(standing.Groups) == 0 {
		group, err := directory.GroupByName(ctx, scope, "Administrator")
		if err != nil {
			return err
		}
		if err := directory.AddToGroup(ctx, scope, group.ID, owner.ID); err != nil {
			return err
		}
	}
	err = directory.LinkIdentity(ctx, scope, tenancy.Identity{Connector: "staff", Subject: string(upstreamID), User: owner.ID})
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// ensureMember finds the account by its e-mail address, or makes it with a membership.
func ensureMember(ctx context.Context, directory *tenancy.Directory, scope tenancy.Scope, slug string, n tenancy.NewUser, role tenancy.Role) (tenancy.User, error) {
	user, _, err := directory.UserByEmail(ctx, scope, n.Email)
	if !errors.Is(err, store.ErrNotFound) {
		return user, err
	}
	if user, err = directory.CreateUser(ctx, scope, n); err != nil {
		return user, err
	}
	organization, err := directory.OrganizationBySlug(ctx, scope, slug)
	if err != nil {
		return user, err
	}
	_, err = directory.AddMember(ctx, scope, organization.ID, user.ID, role)
	return user, err
}
