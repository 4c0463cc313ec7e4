package tenancy

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gatehouse/audit"
	"gatehouse/notify"
	"gatehouse/store"
)

const (
	expiryBatch       = 100
	maxJobErrors      = 10
	invitationHistory = 90 * 24 * time.Hour // how long an expired invitation can be looked at
)

// DeactivateExpired makes every active user inactive whose last day is over, ends his sessions and tells him. It is for the program
// itself. It returns how many; what fails for one user does not stop the rest. Running it again, or twice at once, does no harm.
func (d *Directory) DeactivateExpired(ctx context.Context, scope Scope) (int, error) {
	if !scope.Superuser() {
		return 0, ErrForbidden
	}
	today := d.today()
	return each(
		func(after User) ([]User, error) { return d.Store.ExpiringUsers(ctx, "", today, after, expiryBatch) },
		func(user User) (bool, error) { return d.deactivateExpired(ctx, scope, user, today) },
	)
}

func (d *Directory) deactivateExpired(ctx context.Context, scope Scope, user User, today Date) (bool, error) {
	event := d.event(scope, "user.expired", string(user.ID), "")
	event.Changes = []audit.Change{{Field: "active", Before: strconv.FormatBool(true), After: strconv.FormatBool(false)}}
	err := d.endingSessions(ctx, user.ID, "", func(tx Store) error {
		if err := tx.DeactivateExpired(ctx, user.ID, today, d.now()); err != nil {
			return err
		}
		if _, err := d.tellOf(ctx, tx, user, notify.KindAccountExpired, user.Expires); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
	if errors.Is(err, store.ErrStale) { // another node was first, or somebody has given him more time
		return false, nil
	}
	return err == nil, err
}

// RemindExpiring tells every active user whose last day is in exactly so many days; 0 days: nobody. Each is told once of each date,
// however often it runs. Who may, what it returns and failures are as with DeactivateExpired; without a verified address nobody is told.
func (d *Directory) RemindExpiring(ctx context.Context, scope Scope, days int) (int, error) {
	if !scope.Superuser() {
		return 0, ErrForbidden
	}
	if days <= 0 {
		return 0, nil
	}
	on, after := d.inDays(days), d.inDays(days+1)
	return each(
		func(last User) ([]User, error) {
			return d.Store.ExpiringUsers(ctx, DateOf(on), DateOf(after), last, expiryBatch)
		},
		func(user User) (bool, error) { return d.remind(ctx, user, notify.KindAccountExpiring, user.Expires) },
	)
}

// RemindPasswordExpiring tells every active user whose password is good for exactly so many more days, staff and others each by their
// own setting. The rest is as with RemindExpiring.
func (d *Directory) RemindPasswordExpiring(ctx context.Context, scope Scope, days int) (int, error) {
	if !scope.Superuser() {
		return 0, ErrForbidden
	}
	if days <= 0 {
		return 0, nil
	}
	told := 0
	var failed []error
	for _, staff := range []bool{false, true} {
		good := d.Settings.passwordDays(staff)
		if good <= 0 {
			continue
		}
		from, until := d.inDays(days-good), d.inDays(days-good+1) // when such a password was set
		more, err := each(
			func(last User) ([]User, error) {
				return d.Store.AgingPasswords(ctx, staff, from, until, last, expiryBatch)
			},
			func(user User) (bool, error) {
				if !d.MaySignIn(user) {
					return false, nil
				}
				return d.remind(ctx, user, notify.KindPasswordExpiring, d.lastDay(user, good))
			},
		)
		told, failed = told+more, append(failed, err)
	}
	return told, errors.Join(failed...)
}

// inDays is the beginning of a day, so many after today.
func (d *Directory) inDays(days int) time.Time {
	here := d.now().In(d.Settings.location())
	return time.Date(here.Year(), here.Month(), here.Day()+days, 0, 0, 0, 0, here.Location())
}

// remind tells a user of a date, once.
func (d *Directory) remind(ctx context.Context, user User, kind notify.Kind, date Date) (bool, error) {
	told := false
	err := d.Store.InTx(ctx, func(tx Store) error {
		first, err := tx.Once(ctx, "told "+string(kind)+" "+string(user.ID)+" "+string(date))
		told = first
		if err != nil || !first {
			return err
		}
		told, err = d.tellOf(ctx, tx, user, kind, date)
		if err == nil && !told {
			return errNoAddress
		}
		return err
	})
	if errors.Is(err, errNoAddress) {
		return false, nil
	}
	return told && err == nil, err
}

// errNoAddress takes back that a user was told: he may have an address later the same day.
var errNoAddress = errors.New("no verified address")

// tellOf sends a letter about a date to the primary address of a user if it is verified, else to his oldest verified one.
func (d *Directory) tellOf(ctx context.Context, tx Store, user User, kind notify.Kind, date Date) (bool, error) {
	addresses, err := verifiedAddresses(ctx, tx, user.ID)
	if err != nil || len(addresses) == 0 {
		return false, err
	}
	return true, d.tell(ctx, tx, notify.Letter{Kind: kind, To: addresses[0], Language: user.Language, Data: map[string]string{
		"name": user.Name(), "date": string(date),
	}})
}

// each does work with all users of a list, batch by batch, and counts those for whom it did something. What fails for one does not
// stop the rest; the first few failures are returned.
func each(list func(after User) ([]User, error), work func(User) (bool, error)) (int, error) {
	var (
		last   User
		failed []error
	)
	for done := 0; ; {
		batch, err := list(last)
		if err != nil || len(batch) == 0 {
			return done, errors.Join(append(failed, err)...)
		}
		for _, user := range batch {
			did, err := work(user)
			if err != nil && len(failed) < maxJobErrors {
				failed = append(failed, fmt.Errorf("user %s: %w", user.ID, err))
			}
			if did {
				done++
			}
		}
		last = batch[len(batch)-1]
	}
}

// SweepExpired deletes at most limit expired API tokens and as many invitations that expired long ago. It returns how many.
func (d *Directory) SweepExpired(ctx context.Context, limit int) (int, error) {
	tokens, err := d.Store.DeleteExpiredAPITokens(ctx, d.now(), limit)
	if err != nil {
		return 0, err
	}
	invitations, err := d.Store.DeleteExpiredInvitations(ctx, d.now().Add(-invitationHistory), limit)
	return tokens + invitations, err
}
