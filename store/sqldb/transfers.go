package sqldb

import (
	"context"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

var (
	exportUsers = scoped(`SELECT ` + userColumns + ` FROM users u WHERE (u.created, u.id) > ($1, $2)
		AND ($3 = '' OR EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = u.id AND m.organization_id = $3 AND {m.organization_id}))
		ORDER BY u.created, u.id LIMIT $4`)
	exportMemberships = scoped(`SELECT m.user_id, o.id, o.slug, o.name, m.role FROM users u JOIN memberships m ON m.user_id = u.id
		JOIN organizations o ON o.id = m.organization_id WHERE (u.created, u.id) > ($1, $2) AND (u.created, u.id) <= ($3, $4)
		AND ($5 = '' OR m.organization_id = $5) AND {m.organization_id} ORDER BY o.slug`)
)

// ExportUsers implements tenancy.Transfers.
func (q *queries) ExportUsers(ctx context.Context, scope tenancy.Scope, organization id.Organization, after tenancy.ExportCursor, limit int) ([]tenancy.ExportedUser, error) {
	if !scope.Everywhere() {
		return nil, nil
	}
	s, args := exportUsers.in(scope, micros(after.Created), string(after.ID), string(organization), limit)
	users, err := all(ctx, q, q.read, scanUser, s, args...)
	if err != nil || len(users) == 0 {
		return nil, err
	}
	exported := make([]tenancy.ExportedUser, len(users))
	places := map[id.User]*tenancy.ExportedUser{}
	for i, user := range users {
		exported[i].User = user
		places[user.ID] = &exported[i]
	}
	last := users[len(users)-1]
	s, args = exportMemberships.in(scope, micros(after.Created), string(after.ID), micros(last.Created), string(last.ID), string(organization))
	memberships, err := all(ctx, q, q.read, scanExportedMembership, s, args...)
	for _, m := range memberships {
		if user := places[m.user]; user != nil { // else he came between the two statements
			user.Memberships = append(user.Memberships, m.ExportedMembership)
		}
	}
	return exported, err
}

type userMembership struct {
	user id.User
	tenancy.ExportedMembership
}

func scanExportedMembership(row scanner) (userMembership, error) {
	var m userMembership
	return m, row.Scan(&m.user, &m.Organization, &m.Slug, &m.Name, &m.Role)
}
