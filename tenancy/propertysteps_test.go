package tenancy_test

import (
	"context"
	"maps"
	"net/url"
	"slices"

	"pgregory.net/rapid"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

var errStale = store.ErrStale

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func (m *machine) operations() map[string]step {
	all := map[string]step{}
	for _, some := range []map[string]step{m.userSteps(), m.organizationSteps(), m.groupSteps(), m.emailSteps()} {
		maps.Copy(all, some)
	}
	return all
}

func (m *machine) userSteps() map[string]step {
	flag := func(r *rapid.T) *bool {
		return rapid.SampledFrom([]*bool{nil, nil, new(true), new(false)}).Draw(r, "flag")
	}
	return map[string]step{
		"create user": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			n := tenancy.NewUser{
				Username: anyName(r), Email: anyEmail(r), Organization: m.anyOrganization(r), Role: anyRole(r),
				Superuser: rapid.Float64().Draw(r, "superuser") > 0.8, EmailVerified: rapid.Bool().Draw(r, "verified"),
			}
			if rapid.Bool().Draw(r, "in a group") {
				n.Groups = []id.Group{m.anyGroup(r)}
			}
			user, err := m.CreateUser(ctx, scope, n)
			if err == nil {
				m.users = append(m.users, user.ID)
			}
			return err
		},
		"change user": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			change := tenancy.UserChange{Active: flag(r), Staff: flag(r), Superuser: flag(r)}
			if rapid.Bool().Draw(r, "name too") {
				change.Username = new(anyName(r))
			}
			if rapid.Bool().Draw(r, "address too") {
				change.Email = new(anyEmail(r))
			}
			if rapid.Bool().Draw(r, "phone too") {
				change.Phone = new(rapid.SampledFrom([]string{"", "+39 02 1234 5678", "+390212345679"}).Draw(r, "phone"))
			}
			if rapid.Bool().Draw(r, "expiry too") {
				change.Expires = new(rapid.SampledFrom([]tenancy.Date{"", "2026-03-01", "2027-01-01"}).Draw(r, "expiry"))
			}
			_, err := m.UpdateUser(ctx, scope, m.anyUser(r), change)
			return err
		},
		"activate": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			return m.SetUsersActive(ctx, scope, []id.User{m.anyUser(r)}, rapid.Bool().Draw(r, "active"))[0].Err
		},
		"time passes": func(ctx context.Context, r *rapid.T, _ tenancy.Scope) error {
			m.clock = m.clock.AddDate(0, rapid.IntRange(0, 3).Draw(r, "months"), 0)
			_, err := m.DeactivateExpired(ctx, system())
			return err
		},
		"delete user": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			return m.DeleteUser(ctx, scope, m.anyUser(r))
		},
		"set permissions": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			return m.SetUserPermissions(ctx, scope, m.anyUser(r), anyPermissions(r))
		},
		"create token": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			_, _, err := m.CreateAPIToken(ctx, scope, tenancy.NewAPIToken{User: m.anyUser(r), Name: "t", Permissions: anyPermissions(r)})
			return err
		},
		"revoke tokens": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			_, err := m.RevokeAllAPITokens(ctx, scope, m.anyUser(r))
			return err
		},
	}
}

func (m *machine) organizationSteps() map[string]step {
	return map[string]step{
		"add member": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			_, err := m.AddMember(ctx, scope, m.anyOrganization(r), m.anyUser(r), anyRole(r))
			return err
		},
		"change role": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			_, err := m.ChangeMembership(ctx, scope, m.membership(ctx, r), tenancy.MembershipChange{Role: anyRole(r)})
			return err
		},
		"remove member": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			return m.RemoveMember(ctx, scope, m.membership(ctx, r))
		},
		"transfer ownership": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			_, err := m.TransferOwnership(ctx, scope, m.anyOrganization(r), m.membership(ctx, r))
			return err
		},
		"remove owner": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			return m.RemoveOwner(ctx, scope, m.anyOrganization(r))
		},
		"switch": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			_, err := m.SetOrganizationActive(ctx, scope, m.anyOrganization(r), rapid.Bool().Draw(r, "active"), 0)
			return err
		},
		"limit": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			_, err := m.UpdateOrganization(ctx, scope, m.anyOrganization(r), tenancy.OrganizationChange{MaxUsers: new(rapid.IntRange(0, 5).Draw(r, "limit"))})
			return err
		},
		"delete organization": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			_, err := m.DeleteOrganization(ctx, scope, m.anyOrganization(r))
			return err
		},
		"invite": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			n := tenancy.NewInvitation{Organization: m.anyOrganization(r), Email: anyEmail(r), Role: anyRole(r)}
			if rapid.Bool().Draw(r, "to a group") {
				n.Groups = []id.Group{m.anyGroup(r)}
			}
			letters := len(m.outbox.messages)
			_, err := m.Invite(ctx, scope, n)
			if err == nil && len(m.outbox.messages) > letters {
				letter := must(m.outbox.messages[len(m.outbox.messages)-1].Letter(m.Keys))(m.t)
				link := must(url.Parse(letter.Data["link"]))(m.t)
				m.tokens = append(m.tokens, link.Query().Get("token"))
			}
			return err
		},
		"accept": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			if len(m.tokens) == 0 {
				return tenancy.ErrInvitationGone
			}
			_, err := m.AcceptInvitation(ctx, scope, m.tokens[len(m.tokens)-1])
			return err
		},
	}
}

func (m *machine) groupSteps() map[string]step {
	return map[string]step{
		"create group": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			g, err := m.CreateGroup(ctx, scope, tenancy.Group{Name: anyName(r), Organization: m.anyOrganization(r), Permissions: anyPermissions(r)})
			if err == nil {
				m.groups = append(m.groups, g.ID)
			}
			return err
		},
		"update group": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			_, err := m.UpdateGroup(ctx, scope, m.anyGroup(r), tenancy.GroupChange{Permissions: new(anyPermissions(r))})
			return err
		},
		"delete group": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			return m.DeleteGroup(ctx, scope, m.anyGroup(r))
		},
		"join": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			return m.AddToGroup(ctx, scope, m.anyGroup(r), m.anyUser(r))
		},
		"leave": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			return m.RemoveFromGroup(ctx, scope, m.anyGroup(r), m.anyUser(r))
		},
		"set groups": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			groups := rapid.SliceOfN(rapid.SampledFrom(m.groups), 0, 2).Draw(r, "groups")
			return m.SetUserGroups(ctx, scope, m.anyUser(r), groups)
		},
	}
}

func (m *machine) emailSteps() map[string]step {
	return map[string]step{
		"add address": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			_, err := m.AddEmail(ctx, scope, m.anyUser(r), anyEmail(r))
			return err
		},
		"verify address": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			user := m.anyUser(r)
			return m.SetEmailVerified(ctx, scope, user, m.email(ctx, r, user), rapid.Float64().Draw(r, "verified") > 0.2)
		},
		"make address primary": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			user := m.anyUser(r)
			return m.SetPrimaryEmail(ctx, scope, user, m.email(ctx, r, user))
		},
		"delete address": func(ctx context.Context, r *rapid.T, scope tenancy.Scope) error {
			user := m.anyUser(r)
			return m.DeleteEmail(ctx, scope, user, m.email(ctx, r, user))
		},
	}
}
