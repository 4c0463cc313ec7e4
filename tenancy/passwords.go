package tenancy

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/notify"
	"gatehouse/store"
)

// MaySignIn reports whether an account is good now: active, and its last day not over.
func (d *Directory) MaySignIn(user User) bool {
	return user.Active && (user.Expires == "" || user.Expires >= d.today())
}

// PasswordExpired reports whether a user's local password is older than is allowed. It concerns those who signed in with it: whether
// they did, or an upstream vouched for them, their session or token says (its method).
func (d *Directory) PasswordExpired(user User) bool {
	days := d.Settings.passwordDays(user.Staff)
	if days <= 0 || user.PasswordHash == "" || user.PasswordUpdated.IsZero() {
		return false
	}
	return d.lastDay(user, days) < d.today()
}

// lastDay is the last one on which a password is good.
func (d *Directory) lastDay(user User, days int) Date {
	return DateOf(user.PasswordUpdated.In(d.Settings.location()).AddDate(0, 0, days))
}

// today is the day where the installation is.
func (d *Directory) today() Date { return DateOf(d.now().In(d.Settings.location())) }

// Authenticate finds the user with this username, e-mail address or phone number and password, who may sign in. Every refusal is
// ErrBadCredentials and takes as long as a success; password.ErrBusy passes through. A hash of outdated cost is replaced. Whether the
// password has expired is for PasswordExpired to say.
func (d *Directory) Authenticate(ctx context.Context, identifier, plain string) (User, error) {
	user, err := d.byIdentifier(ctx, identifier)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return User{}, err
	}
	ok, rehash, err := d.Passwords.Verify(ctx, user.PasswordHash, plain)
	if err != nil {
		return User{}, err
	}
	if !ok || !d.MaySignIn(user) {
		return User{}, ErrBadCredentials
	}
	if rehash {
		return user, d.rehash(ctx, user, plain)
	}
	return user, nil
}

// rehash loses to a password change at the same time, and gives way when the machine is busy.
func (d *Directory) rehash(ctx context.Context, user User, plain string) error {
	hash, err := d.Passwords.Hash(ctx, plain)
	if errors.Is(err, password.ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	err = d.Store.Rehash(ctx, user.ID, user.PasswordHash, hash)
	if errors.Is(err, store.ErrStale) {
		return nil
	}
	return err
}

// Kept is what stays good when somebody changes his own password; the rest of his sessions and tokens end.
type Kept struct {
	Session     id.Session  // "": none
	Token       id.APIToken // "": none
	NamedTokens bool        // all that he made himself, beside those of sign-ins: for a change that age alone demands
}

// ChangePassword replaces the actor's own password, who has to know the old one, whoever he is. All verified addresses are told.
// *Invalid names "old_password" and "new_password"; store.ErrStale if the password was changed meanwhile. How often somebody may guess
// is not checked here.
func (d *Directory) ChangePassword(ctx context.Context, scope Scope, old, plain string, kept Kept) error {
	if !scope.mayChangePassword(scope.Actor()) {
		return ErrForbidden
	}
	user, err := d.Store.User(ctx, scope.Actor())
	if err != nil {
		return err
	}
	ok, _, err := d.Passwords.Verify(ctx, user.PasswordHash, old)
	if err != nil {
		return err
	}
	found := problems{}
	switch {
	case user.PasswordHash == "":
		found.add("old_password", "This account has no password here.")
	case !ok:
		found.add("old_password", "This is not your password.")
	case old == plain:
		found.add("new_password", "Choose another one than the old.")
	default:
		found.newPassword("new_password", plain, user)
	}
	if err := found.err(); err != nil {
		return err
	}
	event := d.event(scope, "user.password_changed", string(user.ID), "")
	return d.replacePassword(ctx, event, user, plain, kept, func(Store) (string, error) { return user.PasswordHash, nil })
}

// SetPassword gives an account a new local password, of which its verified addresses are told; all its sessions and API tokens end. A
// superuser may, and a manager as accountFor says. The user himself only gives himself the first one: later ones he changes.
func (d *Directory) SetPassword(ctx context.Context, scope Scope, user id.User, plain string) error {
	target, err := mayGivePassword(ctx, d.Store, scope, user)
	if err != nil {
		return err
	}
	found := problems{}
	found.newPassword("password", plain, target)
	if err := found.err(); err != nil {
		return err
	}
	event := d.event(scope, "user.password_set", string(user), "")
	return d.replacePassword(ctx, event, target, plain, Kept{}, func(tx Store) (string, error) {
		// Hashing took a while; memberships may have changed meanwhile.
		_, err := mayGivePassword(ctx, tx, scope, user)
		return "", err
	})
}

func mayGivePassword(ctx context.Context, tx Store, scope Scope, user id.User) (User, error) {
	target, err := accountFor(ctx, tx, scope, user)
	if err == nil && scope.Actor() == user && target.PasswordHash != "" {
		return User{}, ErrForbidden
	}
	return target, err
}

// replacePassword writes a new password and ends what the old one was good for. allowed is asked within the transaction; the hash
// that it returns has to be the stored one still, unless it is empty.
func (d *Directory) replacePassword(ctx context.Context, event audit.Event, user User, plain string, kept Kept, allowed func(tx Store) (string, error)) error {
	hash, err := d.Passwords.Hash(ctx, plain)
	if err != nil {
		return err
	}
	event.Changes = []audit.Change{{Field: "password", Before: masked(user.PasswordHash), After: masked(hash)}}
	return d.endingSessions(ctx, user.ID, kept.Session, func(tx Store) error {
		old, err := allowed(tx)
		if err != nil {
			return err
		}
		if err := tx.SetPasswordHash(ctx, user.ID, old, hash, d.now()); err != nil {
			return err
		}
		if _, err := tx.DeleteAPITokensOf(ctx, user.ID, kept.Token, !kept.NamedTokens); err != nil {
			return err
		}
		if err := d.tellAll(ctx, tx, user, notify.KindPasswordChanged); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
}

// endingSessions runs work in a transaction and ends sessions before and after: before, so that nothing has changed if they cannot
// be ended; after, because somebody may have signed in meanwhile.
func (d *Directory) endingSessions(ctx context.Context, user id.User, keep id.Session, work func(tx Store) error) error {
	if d.Sessions == nil {
		return d.Store.InTx(ctx, work)
	}
	if err := d.Sessions.EndOfUser(ctx, user, keep); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	if err := d.Store.InTx(ctx, work); err != nil {
		return err
	}
	if err := d.Sessions.EndOfUser(ctx, user, keep); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}

// RemovePassword takes the actor's own local password away, if an upstream identity is linked to him: ErrLastSignIn otherwise. That
// its connector is still configured is not checked.
func (d *Directory) RemovePassword(ctx context.Context, scope Scope) error {
	actor := scope.Actor()
	if !scope.is(actor) {
		return ErrForbidden
	}
	event := d.event(scope, "user.password_removed", string(actor), "")
	event.Changes = []audit.Change{{Field: "password", Before: audit.Masked}}
	return d.Store.InTx(ctx, func(tx Store) error {
		user, err := tx.User(ctx, actor)
		if err != nil || user.PasswordHash == "" {
			return err
		}
		// The write comes first: it locks the user's row, and a link that goes at the same time waits.
		if err := tx.SetPasswordHash(ctx, actor, user.PasswordHash, "", d.now()); err != nil {
			return err
		}
		linked, err := tx.IdentitiesOf(ctx, actor)
		if err != nil {
			return err
		}
		if len(linked) == 0 {
			return ErrLastSignIn
		}
		if err := d.tellAll(ctx, tx, user, notify.KindPasswordChanged); err != nil {
			return err
		}
		return tx.Record(ctx, event)
	})
}

// tellAll sends a letter about an account to every verified address of its user.
func (d *Directory) tellAll(ctx context.Context, tx Store, user User, kind notify.Kind) error {
	addresses, err := verifiedAddresses(ctx, tx, user.ID)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		letter := notify.Letter{Kind: kind, To: address, Language: user.Language, Data: map[string]string{"name": user.Name()}}
		if err := d.tell(ctx, tx, letter); err != nil {
			return err
		}
	}
	return nil
}

// verifiedAddresses are those of a user, the primary one first, then the oldest first.
func verifiedAddresses(ctx context.Context, tx Store, user id.User) ([]string, error) {
	emails, err := tx.Emails(ctx, user)
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, email := range emails {
		switch {
		case !email.Verified:
		case email.Primary:
			addresses = slices.Insert(addresses, 0, email.Email)
		default:
			addresses = append(addresses, email.Email)
		}
	}
	return addresses, nil
}

func masked(hash string) string {
	if hash == "" {
		return ""
	}
	return audit.Masked
}

// newPassword is what is asked of a new one, wherever it comes from.
func (p problems) newPassword(field, plain string, user User) {
	if err := password.Check(plain, user.Username, user.Email, user.FirstName, user.LastName, user.Phone); err != nil {
		p.add(field, err.Error())
	}
}
