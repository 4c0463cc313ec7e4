package tenancy

import (
	"context"
	"errors"

	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/store"
)

// Authenticate finds the active user with this username, e-mail address or phone number and password. Every refusal is ErrBadCredentials and takes
// as long as a success; password.ErrBusy passes through. A hash of outdated cost is replaced.
func (d *Directory) Authenticate(ctx context.Context, identifier, plain string) (User, error) {
	user, err := d.byIdentifier(ctx, identifier)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return User{}, err
	}
	ok, rehash, err := d.Passwords.Verify(ctx, user.PasswordHash, plain)
	if err != nil {
		return User{}, err
	}
	if !ok || !user.Active {
		return User{}, ErrBadCredentials
	}
	if rehash {
		return user, d.rehash(ctx, user, plain)
	}
	return user, nil
}

// AccountName is what attempts at signing in are counted under: the account's id, whichever of its names was given, or the
// normalised name of no account.
func (d *Directory) AccountName(ctx context.Context, scope Scope, identifier string) (string, error) {
	if !scope.Superuser() {
		return "", ErrForbidden
	}
	user, err := d.byIdentifier(ctx, identifier)
	switch {
	case err == nil:
		return string(user.ID), nil
	case !errors.Is(err, store.ErrNotFound):
		return "", err
	}
	if normal, err := Normalise(identifier); err == nil {
		return normal, nil
	}
	return identifier, nil
}

// byIdentifier finds the user whom somebody means who types a username, an e-mail address or a phone number. What is an identifier as
// it stands goes before what may be read as a phone number.
func (d *Directory) byIdentifier(ctx context.Context, identifier string) (User, error) {
	var candidates []string
	if normal, err := Normalise(identifier); err == nil {
		candidates = append(candidates, normal)
	}
	for _, candidate := range append(candidates, phoneReadings(identifier, d.Settings.PhonePrefixes)...) {
		user, err := d.Store.UserByIdentifier(ctx, candidate)
		if !errors.Is(err, store.ErrNotFound) {
			return user, err
		}
	}
	return User{}, store.ErrNotFound
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
	err = d.Store.SetPasswordHash(ctx, user.ID, user.PasswordHash, hash, d.now())
	if errors.Is(err, store.ErrStale) {
		return nil
	}
	return err
}

// SetPassword gives an account a new local password. The user himself may, a superuser, and a manager as accountFor says. Whether
// the user himself proved his old password lately is not checked here.
func (d *Directory) SetPassword(ctx context.Context, scope Scope, user id.User, plain string) error {
	target, err := accountFor(ctx, d.Store, scope, user)
	if err != nil {
		return err
	}
	found := problems{}
	found.password(plain, target.Username, target.Email, target.FirstName, target.LastName)
	if err := found.err(); err != nil {
		return err
	}
	hash, err := d.Passwords.Hash(ctx, plain)
	if err != nil {
		return err
	}
	return d.write(ctx, d.event(scope, "user.password_changed", string(user), ""), func(tx Store) error {
		// Hashing took a while; memberships may have changed meanwhile.
		if _, err := accountFor(ctx, tx, scope, user); err != nil {
			return err
		}
		return tx.SetPasswordHash(ctx, user, "", hash, d.now())
	})
}

// UserByEmail finds the account with this address, and the address: the primary one, verified or not, or another verified one. Only
// the program asks so.
func (d *Directory) UserByEmail(ctx context.Context, scope Scope, email string) (User, EmailAddress, error) {
	if !scope.Superuser() {
		return User{}, EmailAddress{}, ErrForbidden
	}
	normal, err := Normalise(email)
	if err != nil {
		return User{}, EmailAddress{}, store.ErrNotFound
	}
	user, err := d.Store.UserByIdentifier(ctx, normal)
	if err != nil {
		return User{}, EmailAddress{}, err
	}
	addresses, err := d.Store.Emails(ctx, user.ID)
	if err != nil {
		return User{}, EmailAddress{}, err
	}
	for _, address := range addresses {
		if (address.Primary || address.Verified) && sameAddress(address.Email, email) {
			return user, address, nil
		}
	}
	return User{}, EmailAddress{}, store.ErrNotFound // a username that looks like the address
}

// sameAddress reports whether two texts are one identifier.
func sameAddress(a, b string) bool {
	normalA, errA := Normalise(a)
	normalB, errB := Normalise(b)
	return errA == nil && errB == nil && normalA == normalB
}
