package tenancy

import (
	"context"
	"strconv"

	"gatehouse/internal/id"
	"gatehouse/notify"
)

// RemoveFactors takes all second factors from a user who has lost what he showed them with, and returns how many there were. Where one
// is demanded he enrols another at his next sign-in. His sessions end; if there were any, so do the tokens of his sign-ins, and his
// verified addresses are told. It needs users.change_user, as a superuser or as accountFor says: what makes a sign-in
// weaker nobody does for himself.
func (d *Directory) RemoveFactors(ctx context.Context, scope Scope, user id.User) (int, error) {
	if _, err := othersFactors(ctx, d.Store, scope, user); err != nil {
		return 0, err
	}
	removed := 0
	err := d.endingSessions(ctx, user, "", func(tx Store) error {
		target, err := othersFactors(ctx, tx, scope, user)
		if err != nil {
			return err
		}
		if removed, err = tx.DeleteFactorsOf(ctx, user); err != nil || removed == 0 {
			return err
		}
		if _, err := tx.DeleteAPITokensOf(ctx, user, "", false); err != nil {
			return err
		}
		if err := d.tellAll(ctx, tx, target, notify.KindFactorsRemoved); err != nil {
			return err
		}
		event := d.event(scope, "user.factors_removed", string(user), "")
		event.Detail = map[string]string{"factors": strconv.Itoa(removed)}
		return tx.Record(ctx, event)
	})
	return removed, err
}

func othersFactors(ctx context.Context, tx Store, scope Scope, user id.User) (User, error) {
	if scope.Actor() == user {
		return User{}, ErrForbidden
	}
	return anothersAccount(ctx, tx, scope, user, ChangeUser)
}
