package sqldb

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

var (
	organizationList = listed(listing[tenancy.Organization]{
		name: "organizations", from: "organizations o", tenant: wide(`{o.id}`), identity: []column{{text: "o.id"}}, order: "-created",
		orders: map[string][]column{
			"created": {{text: "o.created", number: true}}, "name": {{text: "o.name"}}, "slug": {{text: "o.slug"}},
		},
		columns: organizationColumns, scan: scanOrganization,
	})
	organizationSearch = narrow(`o.search LIKE ? ESCAPE '\'`)
	organizationActive = flag{wide(`o.active`), narrow(`NOT o.active`)}
	organizationOf     = narrow(`o.id IN (SELECT m.organization_id FROM memberships m WHERE m.user_id = ? AND {m.organization_id})`)
	organizationAbove  = narrow(`NOT EXISTS (SELECT 1 FROM users s WHERE s.id = ? AND s.superuser)`)

	membershipList = listed(listing[tenancy.MembershipRow]{
		name: "memberships", from: "memberships m", tenant: wide(`{m.organization_id}`), identity: []column{{text: "m.id"}}, order: "organization",
		orders: map[string][]column{
			"organization": {{text: "m.organization_id"}, {text: "m.user_id"}}, "user": {{text: "m.user_id"}, {text: "m.organization_id"}},
			"created": {{text: "m.created", number: true}},
		},
		joins: "JOIN users u ON u.id = m.user_id JOIN organizations o ON o.id = m.organization_id",
		columns: `m.id, m.user_id, m.organization_id, m.role, m.created, m.modified, m.version, u.username, u.email, u.first_name, u.last_name,
			o.name, o.slug`,
		scan: scanMembershipRow,
	})
	membershipAbove  = wide(`NOT EXISTS (SELECT 1 FROM users s WHERE s.id = m.user_id AND s.superuser)`)
	membershipIn     = narrow(`m.organization_id = ?`)
	membershipOf     = narrow(`m.user_id = ?`)
	membershipAs     = narrow(`m.role = ?`)
	membershipSearch = narrow(`m.id IN (SELECT f.id FROM users u JOIN memberships f ON f.user_id = u.id
			WHERE u.search LIKE ? ESCAPE '\' AND {f.organization_id}
		UNION SELECT f.id FROM organizations o JOIN memberships f ON f.organization_id = o.id
			WHERE o.search LIKE ? ESCAPE '\' AND {f.organization_id})`)

	groupList = listed(listing[tenancy.Group]{
		name: "groups", from: "groups g", tenant: wide(`{g.organization_id|shared}`), identity: []column{{text: "g.id"}}, order: "name",
		orders: map[string][]column{"name": {{text: "g.name"}}, "created": {{text: "g.created", number: true}}},
		columns: `g.id, COALESCE(g.organization_id, ''), g.name, g.created, g.modified, g.version,
			COALESCE((SELECT string_agg(p.permission, ',') FROM group_permissions p WHERE p.group_id = g.id), '')`,
		scan: scanGroupRow,
	})
	groupIn     = narrow(`g.organization_id = ?`)
	groupShared = flag{narrow(`g.organization_id IS NULL`), wide(`g.organization_id IS NOT NULL`)}
	groupSearch = narrow(`g.search LIKE ? ESCAPE '\'`)

	invitationList = listed(listing[tenancy.Invitation]{
		name: "invitations", from: "invitations n", tenant: wide(`{n.organization_id}`), identity: []column{{text: "n.id"}}, order: "-created",
		orders: map[string][]column{
			"created": {{text: "n.created", number: true}}, "expires": {{text: "n.expires", number: true}}, "email": {{text: "n.value"}},
		},
		columns: `n.id, n.organization_id, n.email, n.role, n.group_ids, n.invited_by, n.state, n.accepted_by, n.sent, n.created, n.modified, n.expires`,
		scan:    scanInvitationRow,
	})
	invitationTo     = narrow(`n.organization_id = ?`)
	invitationState  = narrow(`n.state = ?`)
	invitationFor    = narrow(`n.value = ?`)
	invitationSearch = narrow(`n.value LIKE ? ESCAPE '\'`)

	tokenList = listed(listing[tenancy.APIToken]{
		name: "api_tokens", from: "api_tokens t", identity: []column{{text: "t.id"}}, order: "-created",
		tenant: bounded("the tokens of one user", `t.user_id = ?`),
		orders: map[string][]column{
			"created": {{text: "t.created", number: true}}, "last_used": {{text: "t.last_used", number: true}}, "name": {{text: "t.name"}},
		},
		columns: `t.id, t.user_id, t.organization_id, t.name, t.hint, t.purpose, t.method, t.permissions, t.created, t.expires, t.last_used`,
		scan:    scanTokenRow,
	})

	auditList = listed(listing[audit.Event]{
		name: "audit", from: "audit_events e", tenant: wide(`{e.organization_id}`), identity: []column{{text: "e.id"}}, order: "-at",
		orders:  map[string][]column{"at": nil}, // identifiers are in the order of time
		columns: auditColumns, scan: scanEvent,
	})
	auditIn     = wide(`e.organization_id = ?`)
	auditBy     = wide(`e.actor = ?`)
	auditOn     = wide(`e.object = ?`)
	auditAction = narrow(`e.action LIKE ? ESCAPE '\'`)
	auditAt     = period{narrow(`e.at >= ?`), narrow(`e.at < ?`)}

	identityList = listed(listing[tenancy.Identity]{
		name: "identities", from: "identities i", identity: []column{{text: "i.connector"}, {text: "i.subject"}}, order: "-created",
		orders:  map[string][]column{"created": {{text: "i.created", number: true}}, "last_login": {{text: "i.last_login", number: true}}},
		columns: `i.connector, i.subject, i.user_id, i.created, i.last_login`, scan: scanIdentity,
	})
	identityIn = narrow(`i.user_id IN (SELECT m.user_id FROM memberships m JOIN users u ON u.id = m.user_id
		WHERE NOT u.superuser AND {m.organization_id})`)
	identityOf = narrow(`i.user_id = ?`)
	identityAt = narrow(`i.connector = ?`)
)

// ListOrganizations implements tenancy.Listings.
func (q *queries) ListOrganizations(ctx context.Context, scope tenancy.Scope, f tenancy.OrganizationFilter, query tenancy.Query) (tenancy.Page[tenancy.Organization], error) {
	r := organizationList.request(q, scope)
	r.flag(organizationActive, f.Active)
	equal(r, organizationOf, f.Member)
	if !scope.Everywhere() {
		equal(r, organizationAbove, f.Member)
	}
	r.search(organizationSearch, query.Words())
	return pageOf(ctx, q, organizationList, r, query)
}

// ListMemberships implements tenancy.Listings.
func (q *queries) ListMemberships(ctx context.Context, scope tenancy.Scope, f tenancy.MembershipFilter, query tenancy.Query) (tenancy.Page[tenancy.MembershipRow], error) {
	r := membershipList.request(q, scope)
	if !scope.Everywhere() {
		r.where(membershipAbove)
	}
	equal(r, membershipIn, f.Organization)
	equal(r, membershipOf, f.User)
	equal(r, membershipAs, f.Role)
	r.search(membershipSearch, query.Words())
	return pageOf(ctx, q, membershipList, r, query)
}

func scanMembershipRow(s scanner) (tenancy.MembershipRow, error) {
	var (
		m                 tenancy.MembershipRow
		user              tenancy.User
		created, modified int64
	)
	err := s.Scan(&m.ID, &m.User, &m.Organization, &m.Role, &created, &modified, &m.Version, &m.Username, &m.Email, &user.FirstName, &user.LastName,
		&m.OrganizationName, &m.OrganizationSlug)
	user.Username = m.Username
	m.Created, m.Modified, m.Name = fromMicros(created), fromMicros(modified), user.Name()
	return m, err
}

// ListGroups implements tenancy.Listings.
func (q *queries) ListGroups(ctx context.Context, scope tenancy.Scope, f tenancy.GroupFilter, query tenancy.Query) (tenancy.Page[tenancy.Group], error) {
	r := groupList.request(q, scope)
	equal(r, groupIn, f.Organization)
	r.flag(groupShared, f.Shared)
	r.search(groupSearch, query.Words())
	return pageOf(ctx, q, groupList, r, query)
}

func scanGroupRow(s scanner) (tenancy.Group, error) {
	var (
		g                 tenancy.Group
		created, modified int64
		permissions       string
	)
	err := s.Scan(&g.ID, &g.Organization, &g.Name, &created, &modified, &g.Version, &permissions)
	g.Created, g.Modified = fromMicros(created), fromMicros(modified)
	if permissions != "" {
		for permission := range strings.SplitSeq(permissions, ",") {
			g.Permissions = append(g.Permissions, tenancy.Permission(permission))
		}
		slices.Sort(g.Permissions)
	}
	return g, err
}

// ListInvitations implements tenancy.Listings.
func (q *queries) ListInvitations(ctx context.Context, scope tenancy.Scope, f tenancy.InvitationFilter, query tenancy.Query) (tenancy.Page[tenancy.Invitation], error) {
	r := invitationList.request(q, scope)
	equal(r, invitationTo, f.Organization)
	equal(r, invitationState, f.State)
	r.exact(invitationFor, f.Email)
	r.search(invitationSearch, strings.Fields(tenancy.Fold(query.Search)))
	return pageOf(ctx, q, invitationList, r, query)
}

func scanInvitationRow(s scanner) (tenancy.Invitation, error) {
	var (
		i                          tenancy.Invitation
		created, modified, expires int64
		groups                     string
	)
	if err := s.Scan(&i.ID, &i.Organization, &i.Email, &i.Role, &groups, &i.InvitedBy, &i.State, &i.AcceptedBy, &i.Sent, &created, &modified, &expires); err != nil {
		return i, err
	}
	i.Created, i.Modified, i.Expires = fromMicros(created), fromMicros(modified), fromMicros(expires)
	var err error
	i.Groups, err = listOf[id.Group](groups)
	return i, err
}

// listOf reads what list wrote.
func listOf[T ~string](raw string) ([]T, error) {
	if raw == "[]" {
		return nil, nil
	}
	var values []T
	return values, json.Unmarshal([]byte(raw), &values)
}

// ListAPITokens implements tenancy.Listings.
func (q *queries) ListAPITokens(ctx context.Context, user id.User, query tenancy.Query) (tenancy.Page[tenancy.APIToken], error) {
	r := tokenList.request(q, tenancy.System("the tokens of one user"), string(user))
	return pageOf(ctx, q, tokenList, r, query)
}

func scanTokenRow(s scanner) (tenancy.APIToken, error) {
	var (
		t                      tenancy.APIToken
		created, expires, used int64
		permissions            string
	)
	if err := s.Scan(&t.ID, &t.User, &t.Organization, &t.Name, &t.Hint, &t.Purpose, &t.Method, &permissions, &created, &expires, &used); err != nil {
		return t, err
	}
	t.Created, t.Expires, t.LastUsed = fromMicros(created), fromMicros(expires), fromMicros(used)
	var err error
	t.Permissions, err = listOf[tenancy.Permission](permissions)
	return t, err
}

// ListAuditEvents implements tenancy.Listings.
func (q *queries) ListAuditEvents(ctx context.Context, scope tenancy.Scope, f tenancy.AuditFilter, query tenancy.Query) (tenancy.Page[audit.Event], error) {
	r := auditList.request(q, scope)
	equal(r, auditIn, f.Organization)
	equal(r, auditBy, f.Actor)
	equal(r, auditOn, f.Object)
	if f.Action != "" {
		r.where(auditAction, likeEscaper.Replace(f.Action)+"%")
	}
	r.period(auditAt, f.At)
	return pageOf(ctx, q, auditList, r, query)
}

func scanEvent(s scanner) (audit.Event, error) {
	var (
		e               audit.Event
		at              int64
		detail, changes string
	)
	if err := s.Scan(&e.ID, &at, &e.Actor, &e.Reason, &e.Organization, &e.Action, &e.Object, &detail, &e.Via, &changes); err != nil {
		return e, err
	}
	e.At = fromMicros(at)
	return e, errors.Join(json.Unmarshal([]byte(detail), &e.Detail), json.Unmarshal([]byte(changes), &e.Changes))
}

// ListIdentities implements tenancy.Listings.
func (q *queries) ListIdentities(ctx context.Context, scope tenancy.Scope, f tenancy.IdentityFilter, query tenancy.Query) (tenancy.Page[tenancy.Identity], error) {
	r := identityList.request(q, scope)
	if !scope.Everywhere() {
		r.where(identityIn)
	}
	equal(r, identityOf, f.User)
	equal(r, identityAt, f.Connector)
	return pageOf(ctx, q, identityList, r, query)
}
