package tenancy

import (
	"context"
	"slices"

	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/store"
)

const maxEmails = 20 // of one user

// Emails lists the addresses of a user, oldest first: one's own, or by users.view_emailaddress as User says.
func (d *Directory) Emails(ctx context.Context, scope Scope, user id.User) ([]EmailAddress, error) {
	if _, err := reachable(ctx, d.Store, scope, user, ViewEmailAddress); err != nil {
		return nil, err
	}
	return d.Store.Emails(ctx, user)
}

// AddEmail gives a user another address and mails a link to confirm it. Until then it is nobody's: several users may have it. The user
// himself may, and as accountFor says who holds users.add_emailaddress.
func (d *Directory) AddEmail(ctx context.Context, scope Scope, user id.User, email string) (EmailAddress, error) {
	found := problems{}
	if found.email(email); email == "" {
		found.add("email", "An address is needed.")
	}
	if err := found.err(); err != nil {
		return EmailAddress{}, err
	}
	var added EmailAddress
	err := d.emailChange(ctx, scope, user, AddEmailAddress, "email.added", func(tx Store, target User) (EmailAddress, error) {
		var err error
		if added, err = d.addEmail(ctx, tx, target, email); err != nil {
			return EmailAddress{}, err
		}
		return added, d.tellToConfirm(ctx, tx, target, added, false)
	})
	return added, taken(err, map[string]string{"email": "The user has this address already."})
}

func (d *Directory) addEmail(ctx context.Context, tx Store, user User, email string) (EmailAddress, error) {
	addresses, err := tx.Emails(ctx, user.ID)
	if err != nil {
		return EmailAddress{}, err
	}
	if len(addresses) >= maxEmails {
		return EmailAddress{}, &Invalid{Fields: map[string][]string{"email": {"The user has too many addresses. Delete one first."}}}
	}
	added := EmailAddress{ID: id.New[id.Email](), User: user.ID, Email: email, Created: d.now()}
	return added, tx.AddEmail(ctx, added)
}

// SetPrimaryEmail makes one of a user's addresses the primary one. The user himself may choose a verified one; as accountFor says
// who holds users.change_emailaddress may choose any.
func (d *Directory) SetPrimaryEmail(ctx context.Context, scope Scope, user id.User, email id.Email) error {
	err := d.emailChange(ctx, scope, user, ChangeEmailAddress, "email.primary", func(tx Store, target User) (EmailAddress, error) {
		address, err := emailOf(ctx, tx, user, email)
		if err != nil {
			return EmailAddress{}, err
		}
		if !address.Verified && levelOf(scope, user) == LevelUser {
			return EmailAddress{}, &Invalid{Fields: map[string][]string{"email": {"Confirm this address first."}}}
		}
		return address, d.makePrimary(ctx, tx, target, address)
	})
	return d.takenBy(err)
}

// makePrimary makes an address the primary one; the zero address makes none so.
func (d *Directory) makePrimary(ctx context.Context, tx Store, user User, address EmailAddress) error {
	if err := d.tellOldAddress(ctx, tx, user, address.Email); err != nil {
		return err
	}
	user.Email, user.EmailVerified, user.Modified = address.Email, address.Verified, d.now()
	return tx.UpdateUser(ctx, user)
}

// tellOldAddress tells the primary address of a user that another one, or none, takes its place: whoever has taken an account over would
// change it first. An address that nobody has proved is told nothing.
func (d *Directory) tellOldAddress(ctx context.Context, tx Store, before User, address string) error {
	if before.Email == "" || !before.EmailVerified || sameAddress(before.Email, address) {
		return nil
	}
	return d.tell(ctx, tx, notify.Letter{
		Kind: notify.KindEmailChanged, To: before.Email, Language: before.Language, Data: map[string]string{"name": before.Name()},
	})
}

// SetEmailVerified says without a letter whether an address is its user's, which only superusers and the program do. A verified
// address is an identifier: *Invalid names "email" if it is somebody else's.
func (d *Directory) SetEmailVerified(ctx context.Context, scope Scope, user id.User, email id.Email, verified bool) error {
	if !scope.Superuser() {
		return ErrForbidden
	}
	action := map[bool]string{true: "email.verified", false: "email.unverified"}[verified]
	err := d.emailChange(ctx, scope, user, ChangeEmailAddress, action, func(tx Store, _ User) (EmailAddress, error) {
		address, err := emailOf(ctx, tx, user, email)
		if err != nil || address.Verified == verified {
			return EmailAddress{}, err
		}
		return address, tx.SetEmailVerified(ctx, user, email, verified, d.now())
	})
	return taken(err, verifiedBySomebody)
}

var verifiedBySomebody = map[string]string{"email": "Somebody else has verified this address."}

// DeleteEmail takes an address away from a user. In the place of the primary one comes the oldest other one that is verified, else
// none. The user himself may, and as accountFor says who holds users.delete_emailaddress.
func (d *Directory) DeleteEmail(ctx context.Context, scope Scope, user id.User, email id.Email) error {
	return d.emailChange(ctx, scope, user, DeleteEmailAddress, "email.deleted", func(tx Store, target User) (EmailAddress, error) {
		addresses, err := tx.Emails(ctx, user)
		if err != nil {
			return EmailAddress{}, err
		}
		at := slices.IndexFunc(addresses, func(a EmailAddress) bool { return a.ID == email })
		if at < 0 {
			return EmailAddress{}, store.ErrNotFound
		}
		if addresses[at].Primary {
			var next EmailAddress
			if other := slices.IndexFunc(addresses, func(a EmailAddress) bool { return a.ID != email && a.Verified }); other >= 0 {
				next = addresses[other]
			}
			if err := d.makePrimary(ctx, tx, target, next); err != nil {
				return EmailAddress{}, err
			}
		}
		return addresses[at], tx.DeleteEmail(ctx, user, email, d.now())
	})
}

// SendConfirmation mails the link once more. The user himself may ask for it, and as accountFor says who holds
// users.change_emailaddress. *Invalid names "email" if the address is verified, and
// where it was mailed ten such letters within an hour.
func (d *Directory) SendConfirmation(ctx context.Context, scope Scope, user id.User, email id.Email) error {
	return d.emailChange(ctx, scope, user, ChangeEmailAddress, "email.confirmation_sent", func(tx Store, target User) (EmailAddress, error) {
		address, err := emailOf(ctx, tx, user, email)
		if err != nil {
			return EmailAddress{}, err
		}
		if address.Verified {
			return EmailAddress{}, &Invalid{Fields: map[string][]string{"email": {"This address is confirmed."}}}
		}
		return address, d.tellToConfirm(ctx, tx, target, address, false)
	})
}

// emailChange runs work on the addresses of a user for whom scope may act by a permission, and records which address it was about;
// the zero address: there was nothing to do.
func (d *Directory) emailChange(ctx context.Context, scope Scope, user id.User, permission Permission, action string, work func(tx Store, target User) (EmailAddress, error)) error {
	return d.Store.InTx(ctx, func(tx Store) error {
		target, err := accountWith(ctx, tx, scope, user, permission)
		if err != nil {
			return err
		}
		address, err := work(tx, target)
		if err != nil || address.ID == "" {
			return err
		}
		event := d.event(scope, action, string(user), "")
		event.Detail = map[string]string{"email": address.Email}
		return tx.Record(ctx, event)
	})
}

func emailOf(ctx context.Context, tx Store, user id.User, email id.Email) (EmailAddress, error) {
	addresses, err := tx.Emails(ctx, user)
	if err != nil {
		return EmailAddress{}, err
	}
	at := slices.IndexFunc(addresses, func(a EmailAddress) bool { return a.ID == email })
	if at < 0 {
		return EmailAddress{}, store.ErrNotFound
	}
	return addresses[at], nil
}
