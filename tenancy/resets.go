package tenancy

import (
	"context"
	"errors"
	"net/url"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/notify"
	"gatehouse/store"
)

const (
	resetPurpose = "password reset"
	resetPath    = "/reset-password"
)

// resetClaims are what a link to a new password says.
type resetClaims struct {
	User id.User `json:"user"`
	Mark string  `json:"mark"` // see resetMark
}

// resetMark changes with the password and with the primary address: links from before are void then.
func resetMark(user User) string { return secret.Hash(user.PasswordHash + "\x00" + user.Email) }

// RequestPasswordReset mails a link to choose a new password to whoever has this username, address or phone number, if he may sign
// in, has a password and a verified address. Nobody learns whether: the outcome is the same for everybody and takes about as long.
// How often it may be asked for is not checked here.
func (d *Directory) RequestPasswordReset(ctx context.Context, identifier string) error {
	user, err := d.byIdentifier(ctx, identifier)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	// The event is written for nobody, too: a transaction that writes nothing would be faster.
	event := d.event(System(resetPurpose), "user.password_reset_requested", string(user.ID), "")
	return d.write(ctx, event, func(tx Store) error {
		addresses, err := verifiedAddresses(ctx, tx, user.ID)
		if err != nil {
			return err
		}
		token, err := d.newLink(resetPurpose, resetClaims{User: user.ID, Mark: resetMark(user)}, d.Settings.resetLifetime())
		if err != nil || len(addresses) == 0 || user.PasswordHash == "" || !d.MaySignIn(user) {
			return err
		}
		return d.tell(ctx, tx, notify.Letter{Kind: notify.KindPasswordReset, To: addresses[0], Language: user.Language, Data: map[string]string{
			"name": user.Name(), "link": resetPath + "?token=" + url.QueryEscape(token), "expires": d.ends(d.Settings.resetLifetime()),
		}})
	})
}

// ResetOf finds whose password a link would reset. ErrBadLink if it is not good, or not any more.
func (d *Directory) ResetOf(ctx context.Context, token string) (User, error) {
	var claims resetClaims
	if err := d.openLink(resetPurpose, token, &claims); err != nil {
		return User{}, err
	}
	user, err := d.Store.User(ctx, claims.User)
	if errors.Is(err, store.ErrNotFound) {
		return User{}, ErrBadLink
	}
	if err != nil {
		return User{}, err
	}
	if user.PasswordHash == "" || !d.MaySignIn(user) || claims.Mark != resetMark(user) {
		return User{}, ErrBadLink
	}
	return user, nil
}

// ResetPassword chooses a new password by a link, which works once. All sessions and API tokens of the user end, and his verified
// addresses are told. ErrBadLink as ResetOf; *Invalid names "new_password".
func (d *Directory) ResetPassword(ctx context.Context, token, plain string) (User, error) {
	user, err := d.ResetOf(ctx, token)
	if err != nil {
		return User{}, err
	}
	found := problems{}
	found.newPassword("new_password", plain, user)
	if len(found) == 0 {
		same, _, err := d.Passwords.Verify(ctx, user.PasswordHash, plain)
		if err != nil {
			return User{}, err
		}
		if same {
			found.add("new_password", "Choose another one than the old.")
		}
	}
	if err := found.err(); err != nil {
		return User{}, err
	}
	event := d.event(System(resetPurpose), "user.password_reset", string(user.ID), "")
	err = d.replacePassword(ctx, event, user, plain, Kept{}, func(Store) (string, error) { return user.PasswordHash, nil })
	if errors.Is(err, store.ErrStale) { // the same link at the same moment
		return User{}, ErrBadLink
	}
	return user, err
}
