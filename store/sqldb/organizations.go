package sqldb

import (
	"context"
	"slices"

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

	organizationDelete = scoped(`DELETE FROM organizations WHERE id = $1 AND {id}`)
	organizationTokens = unscoped("of the organization just deleted", `DELETE FROM api_tokens WHERE organization_id = $1`)

	organizationContents = scoped(`SELECT (SELECT COUNT(*) FROM memberships m WHERE m.organization_id = o.id),
		(SELECT COUNT(*) FROM memberships m WHERE m.organization_id = o.id AND NOT EXISTS
			(SELECT 1 FROM memberships other WHERE other.user_id = m.user_id AND other.organization_id <> o.id)),
		(SELECT COUNT(*) FROM groups g WHERE g.organization_id = o.id),
		(SELECT COUNT(*) FROM invitations i WHERE i.organization_id = o.id AND i.state = 'open'),
		(SELECT COUNT(*) FROM clients c WHERE c.organization_id = o.id),
		(SELECT COUNT(*) FROM api_tokens t WHERE t.organization_id = o.id)
		FROM organizations o WHERE o.id = $1 AND {o.id}`)

	standingPlaces = unscoped("all places of one user, to make his scope and tokens",
		`SELECT `+organizationColumns+`, m.role FROM memberships m JOIN organizations o ON o.id = m.organization_id
		WHERE m.user_id = $1 ORDER BY o.name, o.id`)
	standingGroups = unscoped("all groups of one user, to make his scope and tokens",
		`SELECT `+groupColumns+` FROM group_members gm
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

// DeleteOrganization implements tenancy.Organizations. Its clients go with it, so that every node has to read them again.
func (q *queries) DeleteOrganization(ctx context.Context, scope tenancy.Scope, organization id.Organization) error {
	return q.transaction(ctx, func(tx *queries) error {
		s, args := organizationDelete.in(scope, string(organization))
		if err := tx.mustChange(ctx, s, args...); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, organizationTokens, string(organization)); err != nil {
			return err
		}
		_, err := tx.exec(ctx, clientsVersionUp)
		return err
	})
}

// Contents implements tenancy.Organizations.
func (q *queries) Contents(ctx context.Context, scope tenancy.Scope, organization id.Organization) (tenancy.Contents, error) {
	s, args := organizationContents.in(scope, string(organization))
	return one(ctx, q, q.read, func(row scanner) (tenancy.Contents, error) {
		var c tenancy.Contents
		return c, row.Scan(&c.Memberships, &c.Homeless, &c.Groups, &c.Invitations, &c.Clients, &c.APITokens)
	}, s, args...)
}

// Standing implements tenancy.Members with four statements.
func (q *queries) Standing(ctx context.Context, user id.User) (tenancy.Standing, error) {
	var (
		standing tenancy.Standing
		err      error
	)
	if standing.User, err = q.User(ctx, user); err != nil {
		return tenancy.Standing{}, err
	}
	places, err := all(ctx, q, q.read, scanPlace, standingPlaces, string(user))
	if err != nil {
		return tenancy.Standing{}, err
	}
	for _, place := range places {
		if place.Organization.Active {
			standing.Places = append(standing.Places, place)
		} else {
			standing.Disabled = append(standing.Disabled, place)
		}
	}
	groups, err := all(ctx, q, q.read, scanGroupPermission, standingGroups, string(user))
	if err != nil {
		return tenancy.Standing{}, err
	}
	standing.Groups = gather(groups, func(group tenancy.Group) bool {
		return group.Organization == "" || among(standing.Places, group.Organization)
	})
	standing.DisabledGroups = gather(groups, func(group tenancy.Group) bool { return among(standing.Disabled, group.Organization) })
	standing.Permissions, err = all(ctx, q, q.read, value[tenancy.Permission], standingPermissions, string(user))
	return standing, err
}

func among(places []tenancy.Place, organization id.Organization) bool {
	return slices.ContainsFunc(places, func(place tenancy.Place) bool { return place.Organization.ID == organization })
}
