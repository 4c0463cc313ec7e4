package sqldb

import (
	"context"

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
)

func scanOrganization(row scanner) (tenancy.Organization, error) {
	var (
		o                 tenancy.Organization
		created, modified int64
	)
	err := row.Scan(&o.ID, &o.Name, &o.Slug, &o.Active, &o.Description, &o.Email, &o.URL, &o.FactorPolicy, &o.MaxUsers, &created, &modified, &o.Version)
	o.Created, o.Modified = fromMicros(created), fromMicros(modified)
	return o, err
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
