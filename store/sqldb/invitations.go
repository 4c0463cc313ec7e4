package sqldb

import (
	"context"
	"time"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const invitationColumns = `i.id, i.organization_id, i.email, i.role, i.group_ids, i.invited_by, i.token_hash, i.state, i.accepted_by, i.sent,
	i.created, i.modified, i.expires`

var (
	invitationInsert = unscoped("an insert; CreateInvitation checks the organization",
		`INSERT INTO invitations (id, organization_id, email, value, role, group_ids, invited_by, token_hash, state, accepted_by, sent, created,
		modified, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'open', '', $9, $10, $11, $12)`)
	// An expired invitation does not stand in the way of a new one.
	invitationExpire = unscoped("CreateInvitation checks the organization", `UPDATE invitations SET state = 'revoked', modified = $3
		WHERE organization_id = $1 AND value = $2 AND state = 'open' AND expires <= $3`)
	invitationByID    = scoped(`SELECT ` + invitationColumns + ` FROM invitations i WHERE i.id = $1 AND {i.organization_id}`)
	invitationByToken = unscoped("whoever has the token was invited", `SELECT `+invitationColumns+` FROM invitations i WHERE i.token_hash = $1`)
	invitationRenew   = scoped(`UPDATE invitations SET token_hash = $2, expires = $3, modified = $4, sent = sent + 1
		WHERE id = $1 AND state = 'open' AND sent = $5 AND {organization_id}`)
	invitationRevoke = scoped(`UPDATE invitations SET state = 'revoked', modified = $2 WHERE id = $1 AND state = 'open' AND {organization_id}`)
	invitationTake   = unscoped("whoever has the token was invited", `UPDATE invitations SET state = 'accepted', accepted_by = $2, modified = $3
		WHERE token_hash = $1 AND state = 'open' AND expires > $3`)
)

// CreateInvitation implements tenancy.Invitations.
func (q *queries) CreateInvitation(ctx context.Context, scope tenancy.Scope, i tenancy.Invitation) error {
	if !scope.Covers(i.Organization) {
		return store.ErrNotFound
	}
	value, err := tenancy.Normalise(i.Email)
	if err != nil {
		return err
	}
	return q.transaction(ctx, func(tx *queries) error {
		if _, err := tx.exec(ctx, invitationExpire, string(i.Organization), value, micros(i.Created)); err != nil {
			return err
		}
		_, err := tx.exec(ctx, invitationInsert, string(i.ID), string(i.Organization), i.Email, value, string(i.Role), list(i.Groups),
			string(i.InvitedBy), i.TokenHash, i.Sent, micros(i.Created), micros(i.Modified), micros(i.Expires))
		return err
	})
}

func scanInvitation(row scanner) (tenancy.Invitation, error) {
	var (
		i                          tenancy.Invitation
		created, modified, expires int64
		groupIDs                   string
		groups                     []string
	)
	err := row.Scan(&i.ID, &i.Organization, &i.Email, &i.Role, &groupIDs, &i.InvitedBy, &i.TokenHash, &i.State, &i.AcceptedBy, &i.Sent,
		&created, &modified, &expires)
	if err != nil {
		return i, err
	}
	i.Created, i.Modified, i.Expires = fromMicros(created), fromMicros(modified), fromMicros(expires)
	err = fromList(groupIDs, &groups)
	for _, group := range groups {
		i.Groups = append(i.Groups, id.Group(group))
	}
	return i, err
}

// Invitation implements tenancy.Invitations.
func (q *queries) Invitation(ctx context.Context, scope tenancy.Scope, invitation id.Invitation) (tenancy.Invitation, error) {
	s, args := invitationByID.in(scope, string(invitation))
	return one(ctx, q, q.read, scanInvitation, s, args...)
}

// InvitationByToken implements tenancy.Invitations.
func (q *queries) InvitationByToken(ctx context.Context, tokenHash string) (tenancy.Invitation, error) {
	return one(ctx, q, q.read, scanInvitation, invitationByToken, tokenHash)
}

// RenewInvitation implements tenancy.Invitations.
func (q *queries) RenewInvitation(ctx context.Context, scope tenancy.Scope, i tenancy.Invitation) error {
	s, args := invitationRenew.in(scope, string(i.ID), i.TokenHash, micros(i.Expires), micros(i.Modified), i.Sent)
	return q.conditional(ctx, s, args...)
}

// RevokeInvitation implements tenancy.Invitations.
func (q *queries) RevokeInvitation(ctx context.Context, scope tenancy.Scope, invitation id.Invitation, now time.Time) error {
	s, args := invitationRevoke.in(scope, string(invitation), micros(now))
	return q.conditional(ctx, s, args...)
}

// TakeInvitation implements tenancy.Invitations.
func (q *queries) TakeInvitation(ctx context.Context, tokenHash string, by id.User, now time.Time) error {
	return q.conditional(ctx, invitationTake, tokenHash, string(by), micros(now))
}
