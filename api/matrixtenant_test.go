package api_test

import (
	"context"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

func (w *town) organizationCalls() map[string]func(o objects) call {
	change := func(o objects, body fields, change tenancy.OrganizationChange) call {
		return call{path: at("id", string(o.organization)), body: body, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
			return nothing(d.UpdateOrganization(ctx, scope, o.organization, change))
		}}
	}
	name := "renamed"
	return map[string]func(o objects) call{
		"list-organizations": func(o objects) call {
			return call{query: everythingOver(), seek: string(o.organization), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				page, err := d.ListOrganizations(ctx, scope, tenancy.OrganizationFilter{}, everything)
				return ids(page.Items, err, func(found tenancy.Organization) id.Organization { return found.ID })
			}}
		},
		"create-organization": func(objects) call {
			return call{body: fields{"name": name, "slug": name}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.CreateOrganization(ctx, scope, tenancy.Organization{Name: name, Slug: name}))
			}}
		},
		"organization": func(o objects) call {
			return call{path: at("id", string(o.organization)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.Organization(ctx, scope, o.organization))
			}}
		},
		"change-organization": func(o objects) call {
			return change(o, fields{"description": name}, tenancy.OrganizationChange{Description: &name})
		},
		"replace-organization": func(o objects) call {
			return change(o, fields{"name": name, "slug": name}, tenancy.OrganizationChange{Name: &name, Slug: &name})
		},
		"delete-organization": func(o objects) call {
			return call{path: at("id", string(o.organization)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.DeleteOrganization(ctx, scope, o.organization))
			}}
		},
	}
}

func (w *town) membershipCalls() map[string]func(o objects) call {
	change := func(o objects) call {
		return call{path: at("id", string(o.membership)), body: fields{"is_admin": true}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
			return nothing(d.ChangeMembership(ctx, scope, o.membership, tenancy.MembershipChange{Role: tenancy.Manager}))
		}}
	}
	return map[string]func(o objects) call{
		"list-memberships": func(o objects) call {
			return call{query: everythingOver(), seek: string(o.membership), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				page, err := d.ListMemberships(ctx, scope, tenancy.MembershipFilter{}, everything)
				return ids(page.Items, err, func(row tenancy.MembershipRow) id.Membership { return row.ID })
			}}
		},
		"create-membership": func(o objects) call { // acme's member becomes one of the others, bolt's one of acme
			user := w.things[own].user
			if o.organization == w.things[own].organization {
				user = w.things[foreign].user
			}
			return call{body: fields{"user": user, "organization": o.organization, "role": "manager"}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.AddMember(ctx, scope, o.organization, user, tenancy.Manager))
			}}
		},
		"membership": func(o objects) call {
			return call{path: at("id", string(o.membership)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.Membership(ctx, scope, o.membership))
			}}
		},
		"change-membership":  change,
		"replace-membership": change,
		"delete-membership": func(o objects) call {
			return call{path: at("id", string(o.membership)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.RemoveMember(ctx, scope, o.membership)
			}}
		},
	}
}

func (w *town) invitationCalls() map[string]func(o objects) call {
	return map[string]func(o objects) call{
		"list-invitations": func(o objects) call {
			return call{query: everythingOver(), seek: string(o.invitation), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				page, err := d.ListInvitations(ctx, scope, tenancy.InvitationFilter{}, everything)
				return ids(page.Items, err, func(i tenancy.Invitation) id.Invitation { return i.ID })
			}}
		},
		"invite": func(o objects) call {
			return call{body: fields{"organization": o.organization, "email": "new@example.org"}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.Invite(ctx, scope, tenancy.NewInvitation{Organization: o.organization, Email: "new@example.org", Role: tenancy.Member}))
			}}
		},
		"accept-invitation": func(objects) call {
			return call{body: fields{"token": w.invited}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.AcceptInvitation(ctx, scope, w.invited))
			}}
		},
		"invitation": func(o objects) call {
			return call{path: at("id", string(o.invitation)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.Invitation(ctx, scope, o.invitation))
			}}
		},
		"resend-invitation": func(o objects) call {
			return call{path: at("id", string(o.invitation)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.Resend(ctx, scope, o.invitation))
			}}
		},
		"revoke-invitation": func(o objects) call {
			return call{path: at("id", string(o.invitation)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.Revoke(ctx, scope, o.invitation)
			}}
		},
	}
}

func (w *town) groupCalls() map[string]func(o objects) call {
	change := func(o objects) call {
		name := "Renamed"
		return call{path: at("id", string(o.group)), body: fields{"name": name}, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
			return nothing(d.UpdateGroup(ctx, scope, o.group, tenancy.GroupChange{Name: &name}))
		}}
	}
	member := func(o objects, act func(*tenancy.Directory) func(context.Context, tenancy.Scope, id.Group, id.User) error) call {
		return call{path: at("id", string(o.group), "user", string(o.user)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
			return nil, act(d)(ctx, scope, o.group, o.user)
		}}
	}
	return map[string]func(o objects) call{
		"list-groups": func(o objects) call {
			return call{query: everythingOver(), seek: string(o.group), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				page, err := d.ListGroups(ctx, scope, tenancy.GroupFilter{}, everything)
				return ids(page.Items, err, func(g tenancy.Group) id.Group { return g.ID })
			}}
		},
		"create-group": func(o objects) call {
			body := fields{"name": "New"}
			if o.organization != "" {
				body["organization"] = o.organization
			}
			return call{body: body, direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.CreateGroup(ctx, scope, tenancy.Group{Name: "New", Organization: o.organization}))
			}}
		},
		"group": func(o objects) call {
			return call{path: at("id", string(o.group)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(d.Group(ctx, scope, o.group))
			}}
		},
		"change-group":  change,
		"replace-group": change,
		"delete-group": func(o objects) call {
			return call{path: at("id", string(o.group)), direct: func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, d.DeleteGroup(ctx, scope, o.group)
			}}
		},
		"join-group": func(o objects) call {
			return member(o, func(d *tenancy.Directory) func(context.Context, tenancy.Scope, id.Group, id.User) error {
				return d.AddToGroup
			})
		},
		"leave-group": func(o objects) call {
			return member(o, func(d *tenancy.Directory) func(context.Context, tenancy.Scope, id.Group, id.User) error {
				return d.RemoveFromGroup
			})
		},
	}
}
