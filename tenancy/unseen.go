package tenancy

import (
	"context"

	"gatehouse/audit"
	"gatehouse/internal/id"
)

// unseenActor stands in the record for superusers before people who do not see them.
const unseenActor = "administrator of the installation"

// unseen are the superusers of whom scope may not know: they are in no list of it either. They are few, so that one statement serves a page
// of any length.
func (d *Directory) unseen(ctx context.Context, scope Scope) (map[id.User]bool, error) {
	hidden := map[id.User]bool{}
	if scope.Everywhere() {
		return hidden, nil
	}
	superusers, err := d.Store.SuperuserIDs(ctx)
	for _, user := range superusers {
		hidden[user] = user != scope.Actor()
	}
	return hidden, err
}

// seenInvitations takes inviters and guests out of invitations whom scope does not see.
func (d *Directory) seenInvitations(ctx context.Context, scope Scope, invitations []Invitation) error {
	hidden, err := d.unseen(ctx, scope)
	for at := range invitations {
		for _, user := range []*id.User{&invitations[at].InvitedBy, &invitations[at].AcceptedBy} {
			if hidden[*user] {
				*user = ""
			}
		}
	}
	return err
}

// seenInvitation is seenInvitations for one.
func (d *Directory) seenInvitation(ctx context.Context, scope Scope, i Invitation) (Invitation, error) {
	one := []Invitation{i}
	err := d.seenInvitations(ctx, scope, one)
	return one[0], err
}

// seenEvents takes superusers who are hidden out of what is recorded: as actors, by what they acted, and as the user whom something was about.
func seenEvents(events []audit.Event, hidden map[id.User]bool) {
	for i := range events {
		e := &events[i]
		if hidden[e.Actor] {
			e.Actor, e.Via, e.Reason = "", "", unseenActor
		}
		if hidden[id.User(e.Detail["user"])] {
			delete(e.Detail, "user")
		}
		if hidden[id.User(e.Object)] {
			e.Object = ""
		}
	}
}
