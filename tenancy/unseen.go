package tenancy

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/store"
)

// unseenActor stands in the record for superusers before people who do not see them.
const unseenActor = "administrator of the installation"

// unseen are those of some users who are superusers, where scope may not know of them: they are in no list of it either.
func (d *Directory) unseen(ctx context.Context, scope Scope, users ...id.User) (map[id.User]bool, error) {
	hidden := map[id.User]bool{}
	if scope.Everywhere() {
		return hidden, nil
	}
	slices.Sort(users)
	for _, user := range slices.Compact(users) {
		if user == "" || user == scope.Actor() {
			continue
		}
		found, err := d.Store.User(ctx, user)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if found.Superuser {
			hidden[user] = true
		}
	}
	return hidden, nil
}

// seenInvitations takes inviters and guests out of invitations whom scope does not see.
func (d *Directory) seenInvitations(ctx context.Context, scope Scope, invitations []Invitation) error {
	var users []id.User
	for _, i := range invitations {
		users = append(users, i.InvitedBy, i.AcceptedBy)
	}
	hidden, err := d.unseen(ctx, scope, users...)
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

// seenEvents takes superusers out of what is recorded where scope does not see them: as actors, by what they acted, and as the user whom
// something was about.
func (d *Directory) seenEvents(ctx context.Context, scope Scope, events []audit.Event) error {
	var users []id.User
	for _, e := range events {
		users = append(users, e.Actor, id.User(e.Detail["user"]))
		if strings.HasPrefix(e.Action, "user.") {
			users = append(users, id.User(e.Object))
		}
	}
	hidden, err := d.unseen(ctx, scope, users...)
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
	return err
}
