package sqldb

import (
	"context"
	"time"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const organizationColumns = `o.id, o.name, o.slug, o.active, o.description, o.email, o.url, o.factor_policy, o.max_users,
	o.created, o.modified, o.version`

var (
	organizationInsert = unscoped("an insert; CreateOrganization checks the scope",
		`INSERT INTO organizations (id, name, slug, active, description, email, url, factor_policy, max_users, search, modified, created)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`)
	organizationUpdate = scoped(`UPDATE organizations SET name = $2, slug = $3, active = $4, description = $5, email = $6, url = $7,
		factor_policy = $8, max_users = $9, search = $10, modified = $11, version = version + 1 WHERE id = $1 AND version = $12 AND {id}`)
	organizationByID   = scoped(`SELECT ` + organizationColumns + ` FROM organizations o WHERE o.id = $1 AND {o.id}`)
	organizationBySlug = scoped(`SELECT ` + organizationColumns + ` FROM organizations o WHERE o.slug = $1 AND {o.id}`)

	membershipInsert = unscoped("an insert; AddMembership checks the organization",
		`INSERT INTO memberships (id, user_id, organization_id, role, created, modified) VALUES ($1, $2, $3, $4, $5, $6)`)
	membershipsOfUser = scoped(`SELECT m.id, m.user_id, m.organization_id, m.role, m.created, m.modified, m.version FROM memberships m
		WHERE m.user_id = $1 AND {m.organization_id} ORDER BY m.id`)
	membershipRole = scoped(`UPDATE memberships SET role = $3, modified = $4, version = version + 1 WHERE id = $1 AND role = $2 AND {organization_id}`)

	standingPlaces = unscoped("all places of one user, to make his scope and tokens",
		`SELECT `+organizationColumns+`, m.role FROM memberships m JOIN organizations o ON o.id = m.organization_id
		WHERE m.user_id = $1 AND o.active ORDER BY o.name, o.id`)
	standingGroups = unscoped("all groups of one user, to make his scope and tokens",
		`SELECT g.id, COALESCE(g.organization_id, ''), g.name, COALESCE(p.permission, '') FROM group_members gm
		JOIN groups g ON g.id = gm.group_id LEFT JOIN group_permissions p ON p.group_id = g.id
		WHERE gm.user_id = $1 ORDER BY g.name, g.id, p.permission`)
	standingPermissions = plain(`SELECT permission FROM user_permissions WHERE user_id = $1 ORDER BY permission`)
)

func scanOrganization(row scanner) (tenancy.Organization, error) {
	place, err := scanOrganizationAnd(row)
	return place.Organization, err
}

func scanPlace(row scanner) (tenancy.Place, error) {
	var role tenancy.Role
	place, err := scanOrganizationAnd(row, &role)
	place.Role = role
	return place, err
}

func scanOrganizationAnd(row scanner, more ...any) (tenancy.Place, error) {
	var (
		place             tenancy.Place
		created, modified int64
	)
	o := &place.Organization
	err := row.Scan(append([]any{&o.ID, &o.Name, &o.Slug, &o.Active, &o.Description, &o.Email, &o.URL, &o.FactorPolicy, &o.MaxUsers, &created, &modified, &o.Version}, more...)...)
	o.Created, o.Modified = fromMicros(created), fromMicros(modified)
	return place, err
}

// CreateOrganization implements tenancy.Organizations. Only a scope that is not limited to organizations can create one.
func (q *queries) CreateOrganization(ctx context.Context, scope tenancy.Scope, o tenancy.Organization) error {
	if !scope.Everywhere() {
		return store.ErrNotFound
	}
	_, err := q.exec(ctx, organizationInsert, append(organizationFields(o), micros(o.Created))...)
	return err
}

// UpdateOrganization implements tenancy.Organizations. Clients of the organization change with it: whether it is active decides for them.
func (q *queries) UpdateOrganization(ctx context.Context, scope tenancy.Scope, o tenancy.Organization) error {
	s, args := organizationUpdate.in(scope, append(organizationFields(o), o.Version)...)
	return q.transaction(ctx, func(tx *queries) error {
		if err := tx.conditional(ctx, s, args...); err != nil {
			return err
		}
		return tx.clientsChanged(ctx)
	})
}

// organizationFields are the arguments that organizationInsert and organizationUpdate begin with.
func organizationFields(o tenancy.Organization) []any {
	return []any{
		string(o.ID), o.Name, o.Slug, o.Active, o.Description, o.Email, o.URL, string(o.FactorPolicy), o.MaxUsers, o.SearchText(), micros(o.Modified),
	}
}

// Organization implements tenancy.Organizations.
func (q *queries) Organization(ctx context.Context, scope tenancy.Scope, organization id.Organization) (tenancy.Organization, error) {
	s, args := organizationByID.in(scope, string(organization))
	return one(ctx, q, q.read, scanOrganization, s, args...)
}

// OrganizationBySlug implements tenancy.Organizations.
func (q *queries) OrganizationBySlug(ctx context.Context, scope tenancy.Scope, slug string) (tenancy.Organization, error) {
	s, args := organizationBySlug.in(scope, slug)
	return one(ctx, q, q.read, scanOrganization, s, args...)
}

// AddMembership implements tenancy.Organizations.
func (q *queries) AddMembership(ctx context.Context, scope tenancy.Scope, m tenancy.Membership) error {
	if !scope.Covers(m.Organization) {
		return store.ErrNotFound
	}
	_, err := q.exec(ctx, membershipInsert, string(m.ID), string(m.User), string(m.Organization), string(m.Role), micros(m.Created), micros(m.Modified))
	return err
}

// Memberships implements tenancy.Organizations.
func (q *queries) Memberships(ctx context.Context, scope tenancy.Scope, user id.User) ([]tenancy.Membership, error) {
	s, args := membershipsOfUser.in(scope, string(user))
	return all(ctx, q, q.read, func(row scanner) (tenancy.Membership, error) {
		var (
			m                 tenancy.Membership
			created, modified int64
		)
		err := row.Scan(&m.ID, &m.User, &m.Organization, &m.Role, &created, &modified, &m.Version)
		m.Created, m.Modified = fromMicros(created), fromMicros(modified)
		return m, err
	}, s, args...)
}

// SetRole implements tenancy.Organizations.
func (q *queries) SetRole(ctx context.Context, scope tenancy.Scope, membership id.Membership, from, to tenancy.Role, now time.Time) error {
	s, args := membershipRole.in(scope, string(membership), string(from), string(to), micros(now))
	return q.conditional(ctx, s, args...)
}

// Standing implements tenancy.Organizations with four statements.
func (q *queries) Standing(ctx context.Context, user id.User) (tenancy.Standing, error) {
	var (
		standing tenancy.Standing
		err      error
	)
	if standing.User, err = q.User(ctx, user); err != nil {
		return tenancy.Standing{}, err
	}
	standing.Places, err = all(ctx, q, q.read, scanPlace, standingPlaces, string(user))
	if err != nil {
		return tenancy.Standing{}, err
	}
	groups, err := all(ctx, q, q.read, scanGroupPermission, standingGroups, string(user))
	if err != nil {
		return tenancy.Standing{}, err
	}
	standing.Groups = gather(groups, func(group tenancy.Group) bool {
		_, member := standing.In(group.Organization)
		return group.Organization == "" || member
	})
	standing.Permissions, err = all(ctx, q, q.read, value[tenancy.Permission], standingPermissions, string(user))
	return standing, err
}

// scanGroupPermission reads a group with at most one of its permissions.
func scanGroupPermission(row scanner) (tenancy.Group, error) {
	var (
		group      tenancy.Group
		permission tenancy.Permission
	)
	err := row.Scan(&group.ID, &group.Organization, &group.Name, &permission)
	if permission != "" {
		group.Permissions = []tenancy.Permission{permission}
	}
	return group, err
}

// gather joins consecutive rows of one group and keeps those that count.
func gather(rows []tenancy.Group, counts func(tenancy.Group) bool) []tenancy.Group {
	var groups []tenancy.Group
	for _, row := range rows {
		last := len(groups) - 1
		switch {
		case !counts(row):
		case last >= 0 && groups[last].ID == row.ID:
			groups[last].Permissions = append(groups[last].Permissions, row.Permissions...)
		default:
			groups = append(groups, row)
		}
	}
	return groups
}
