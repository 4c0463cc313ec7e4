package tenancy

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/notify"
	"gatehouse/store"
)

const (
	confirmPurpose  = "confirm e-mail"
	confirmLifetime = 3 * 24 * time.Hour
)

// confirmation is what a link in a letter confirms. It is void once the address is gone, is another one, or is verified,
// and as Mark says.
type confirmation struct {
	User    id.User
	Email   id.Email
	Address string // normalised
	Primary bool   // becomes the primary address
	Mark    string // see confirmMark
}

// confirmMark changes with the password, and for a link that makes the address the primary one with the one before it too: whoever
// added an address to an account that he had for a while does not come back by it, and the newest choice holds. What a primary address
// itself is mailed does not depend on them.
func confirmMark(user User, address EmailAddress, primary bool) string {
	switch {
	case address.Primary:
		return ""
	case primary:
		return resetMark(user)
	default:
		return secret.Hash(user.PasswordHash)
	}
}

// changeEmail turns user into one with another primary address, and returns the address if that is only pending. See UpdateUser.
func (d *Directory) changeEmail(ctx context.Context, tx Store, scope Scope, user *User, change UserChange) (pending string, err error) {
	email := change.Email
	if change.Proved {
		defer func() { user.EmailVerified = user.Email != "" }()
	}
	switch {
	case email == nil || *email == user.Email:
		return "", nil
	case *email == "":
		user.Email, user.EmailVerified = "", false
		return "", nil
	case !validEmail(*email):
		return "", &Invalid{Fields: map[string][]string{"email": {notAnEmail}}}
	case ascii(*email) && strings.EqualFold(*email, user.Email):
		user.Email = *email
		return "", nil
	}
	addresses, err := tx.Emails(ctx, user.ID)
	if err != nil {
		return "", err
	}
	var address EmailAddress
	if at := slices.IndexFunc(addresses, func(a EmailAddress) bool { return sameAddress(a.Email, *email) }); at >= 0 {
		address = addresses[at]
	} else if address, err = d.addEmail(ctx, tx, *user, *email); err != nil {
		return "", err
	}
	own := levelOf(scope, user.ID) == LevelUser
	if address.Verified || !own {
		user.Email, user.EmailVerified = address.Email, address.Verified // as it was confirmed, whatever the spelling now
	}
	if address.Verified || change.Proved {
		return "", nil
	}
	if err := d.tellToConfirm(ctx, tx, *user, address, own); err != nil || !own {
		return "", err
	}
	return *email, nil
}

// tellToConfirm mails the link that confirms an address.
func (d *Directory) tellToConfirm(ctx context.Context, tx Store, user User, address EmailAddress, primary bool) error {
	normal, err := Normalise(address.Email)
	if err != nil {
		return err
	}
	token, err := d.newLink(confirmPurpose, confirmation{
		User: user.ID, Email: address.ID, Address: normal, Primary: primary, Mark: confirmMark(user, address, primary),
	}, confirmLifetime)
	if err != nil {
		return err
	}
	return d.tellUnasked(ctx, tx, notify.Letter{
		Kind: notify.KindConfirmEmail, To: address.Email, Language: user.Language,
		Data: map[string]string{"name": user.Name(), "link": "/confirm-email?" + url.Values{"token": {token}}.Encode(), "expires": d.ends(confirmLifetime)},
	})
}

// ConfirmEmail verifies the address that a link was mailed to, and makes it the primary one where that was asked for or the user has
// none. Whoever has the link may. ErrBadLink if it is not good any more, *Invalid on "email" if somebody else has verified the
// address meanwhile. It signs nobody in.
func (d *Directory) ConfirmEmail(ctx context.Context, token string) (User, error) {
	var (
		confirmed confirmation
		user      User
	)
	if err := d.openLink(confirmPurpose, token, &confirmed); err != nil {
		return User{}, err
	}
	err := d.Store.InTx(ctx, func(tx Store) error {
		address, err := emailOf(ctx, tx, confirmed.User, confirmed.Email)
		if err != nil {
			return err
		}
		if !sameAddress(address.Email, confirmed.Address) {
			return ErrBadLink
		}
		// One call finds the address unverified; every other one is store.ErrStale.
		if err := tx.SetEmailVerified(ctx, confirmed.User, confirmed.Email, true, d.now()); err != nil {
			return err
		}
		if user, err = tx.User(ctx, confirmed.User); err != nil {
			return err
		}
		if mark := confirmMark(user, address, confirmed.Primary); mark != "" && mark != confirmed.Mark {
			return ErrBadLink
		}
		if address.Verified = true; !address.Primary && (confirmed.Primary || user.Email == "") {
			if err := d.makePrimary(ctx, tx, user, address); err != nil {
				return err
			}
			user.Email, user.EmailVerified = address.Email, true
		}
		event := d.event(System("confirmation link"), "email.verified", string(user.ID), "")
		event.Actor = user.ID
		event.Detail = map[string]string{"email": address.Email}
		return tx.Record(ctx, event)
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrStale) {
		return User{}, ErrBadLink
	}
	if err != nil {
		return User{}, taken(err, verifiedBySomebody)
	}
	return user, nil
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
