package tenancy

import (
	"context"

	"gatehouse/internal/id"
)

// RowResult is what became of one user of many.
type RowResult struct {
	User          id.User
	Err           error // nil: done
	Changed       bool  // false with a nil Err: there was nothing to do
	ExpiryCleared bool  // of an account that was over and is active again
}

// SetUsersActive makes many users active or inactive, each in a transaction of its own with an outcome of its own: what UpdateUser
// refuses for one (an owner, the last superuser, somebody of another organization) stops none of the rest. Activation clears an
// expiry that is over.
func (d *Directory) SetUsersActive(ctx context.Context, scope Scope, users []id.User, active bool) []RowResult {
	return eachUser(users, func(row *RowResult) error {
		before, err := accountFor(ctx, d.Store, scope, row.User)
		if err != nil || before.Active == active {
			return err
		}
		change := UserChange{Version: before.Version, Active: &active}
		over := active && before.Expires != "" && before.Expires < d.today()
		if over {
			never := Date("")
			change.Expires = &never
		}
		if _, err = d.UpdateUser(ctx, scope, row.User, change); err == nil {
			row.Changed, row.ExpiryCleared = true, over
		}
		return err
	})
}

// DeleteUsers deletes many users in the same way; see DeleteUser.
func (d *Directory) DeleteUsers(ctx context.Context, scope Scope, users []id.User) []RowResult {
	return eachUser(users, func(row *RowResult) error {
		err := d.DeleteUser(ctx, scope, row.User)
		row.Changed = err == nil
		return err
	})
}

func eachUser(users []id.User, act func(row *RowResult) error) []RowResult {
	rows := make([]RowResult, len(users))
	for i, user := range users {
		rows[i].User = user
		rows[i].Err = act(&rows[i])
	}
	return rows
}
