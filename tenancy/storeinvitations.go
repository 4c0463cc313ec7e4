package tenancy

import (
	"context"
	"time"

	"gatehouse/internal/id"
)

// Invitations ask addresses to join organizations.
type Invitations interface {
	// CreateInvitation writes an open invitation; *store.Conflict names "email" if the organization has one for the address that is open
	// and has not expired at invitation.Created.
	CreateInvitation(ctx context.Context, scope Scope, invitation Invitation) error
	// Invitation finds by id within scope.
	Invitation(ctx context.Context, scope Scope, invitation id.Invitation) (Invitation, error)
	// InvitationByToken finds by the hash of the token in the link, whatever its state.
	InvitationByToken(ctx context.Context, tokenHash string) (Invitation, error)
	// RenewInvitation gives an open invitation within scope a fresh token, Expires and Modified and counts Sent up, if Sent is still
	// invitation.Sent; else store.ErrStale.
	RenewInvitation(ctx context.Context, scope Scope, invitation Invitation) error
	// RevokeInvitation makes an open invitation within scope a revoked one; else store.ErrStale.
	RevokeInvitation(ctx context.Context, scope Scope, invitation id.Invitation, now time.Time) error
	// TakeInvitation makes an open invitation that has not expired an accepted one, if its token is still this one: of many calls exactly
	// one succeeds; else store.ErrStale.
	TakeInvitation(ctx context.Context, tokenHash string, by id.User, now time.Time) error
}
