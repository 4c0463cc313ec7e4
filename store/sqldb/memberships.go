package sqldb

import (
	"context"
	"time"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const membershipColumns = `m.id, m.user_id, m.organization_id, m.role, m.created, m.modified, m.version`

var (
	membershipInsert = unscoped("an insert; AddMembership checks the organization",
		`INSERT INTO memberships (id, user_id, organization_id, role, created, modified) VALUES ($1, $2, $3, $4, $5, $6)`)
	// A limited organization's row is locked until the transaction ends: PostgreSQL would let two count the same room.
	organizationLimited = unscoped("a lock; AddMembership checks the organization",
		`UPDATE organizations SET max_users = max_users WHERE id = $1 AND max_users > 0`)
	membershipInsertLimited = unscoped("an insert; AddMembership checks the organization",
		`INSERT INTO memberships (id, user_id, organization_id, role, created, modified)
		SELECT $1, $2, o.id, $4, CAST($5 AS BIGINT), CAST($6 AS BIGINT) FROM organizations o
		WHERE o.id = $3 AND (SELECT COUNT(*) FROM memberships m WHERE m.organization_id = o.id) < o.max_users`)
	membershipByID    = scoped(`SELECT ` + membershipColumns + ` FROM memberships m WHERE m.id = $1 AND {m.organization_id}`)
	membershipsOfUser = scoped(`SELECT ` + membershipColumns + ` FROM memberships m WHERE m.user_id = $1 AND {m.organization_id} ORDER BY m.id`)
	membershipOfOwner = scoped(`SELECT ` + membershipColumns + ` FROM memberships m
		WHERE m.organization_id = $1 AND m.role = 'owner' AND {m.organization_id}`)
	membershipRole   = scoped(`UPDATE memberships SET role = $3, modified = $4, version = version + 1 WHERE id = $1 AND role = $2 AND {organization_id}`)
	membershipDelete = scoped(`DELETE FROM memberships WHERE id = $1 AND role <> 'owner' AND {organization_id}`)
	membershipGroups = unscoped("of the membership just deleted",
		`DELETE FROM group_members WHERE user_id = $1 AND group_id IN (SELECT g.id FROM groups g WHERE g.organization_id = $2)`)
)

// AddMembership implements tenancy.Members.
func (q *queries) AddMembership(ctx context.Context, scope tenancy.Scope, m tenancy.Membership) error {
	if !scope.Covers(m.Organization) {
		return store.ErrNotFound
	}
	args := []any{string(m.ID), string(m.User), string(m.Organization), string(m.Role), micros(m.Created), micros(m.Modified)}
	return q.transaction(ctx, func(tx *queries) error {
		limited, err := tx.exec(ctx, organizationLimited, string(m.Organization))
		if err != nil {
			return err
		}
		if limited == 0 {
			_, err := tx.exec(ctx, membershipInsert, args...)
			return err
		}
		added, err := tx.exec(ctx, membershipInsertLimited, args...)
		if err == nil && added == 0 {
			return &store.Conflict{Field: "room"}
		}
		return err
	})
}

func scanMembership(row scanner) (tenancy.Membership, error) {
	var (
		m                 tenancy.Membership
		created, modified int64
	)
	err := row.Scan(&m.ID, &m.User, &m.Organization, &m.Role, &created, &modified, &m.Version)
	m.Created, m.Modified = fromMicros(created), fromMicros(modified)
	return m, err
}

// Membership implements tenancy.Members.
func (q *queries) Membership(ctx context.Context, scope tenancy.Scope, membership id.Membership) (tenancy.Membership, error) {
	s, args := membershipByID.in(scope, string(membership))
	return one(ctx, q, q.read, scanMembership, s, args...)
}

// Memberships implements tenancy.Members.
func (q *queries) Memberships(ctx context.Context, scope tenancy.Scope, user id.User) ([]tenancy.Membership, error) {
	s, args := membershipsOfUser.in(scope, string(user))
	return all(ctx, q, q.read, scanMembership, s, args...)
}

// OwnerOf implements tenancy.Members.
func (q *queries) OwnerOf(ctx context.Context, scope tenancy.Scope, organization id.Organization) (tenancy.Membership, error) {
	s, args := membershipOfOwner.in(scope, string(organization))
	return one(ctx, q, q.read, scanMembership, s, args...)
}

// SetRole implements tenancy.Members.
func (q *queries) SetRole(ctx context.Context, scope tenancy.Scope, membership id.Membership, from, to tenancy.Role, now time.Time) error {
	s, args := membershipRole.in(scope, string(membership), string(from), string(to), micros(now))
	return q.conditional(ctx, s, args...)
}

// RemoveMembership implements tenancy.Members.
func (q *queries) RemoveMembership(ctx context.Context, scope tenancy.Scope, m tenancy.Membership) error {
	return q.transaction(ctx, func(tx *queries) error {
		s, args := membershipDelete.in(scope, string(m.ID))
		if err := tx.conditional(ctx, s, args...); err != nil {
			return err
		}
		_, err := tx.exec(ctx, membershipGroups, string(m.User), string(m.Organization))
		return err
	})
}
