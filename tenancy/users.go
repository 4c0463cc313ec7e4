package tenancy

import (
	"context"
	"errors"

	"gatehouse/store"
)

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
