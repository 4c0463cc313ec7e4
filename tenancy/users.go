package tenancy

import (
	"context"
	"errors"

	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/store"
)

// NewUser is an account to be created.
type NewUser struct {
	Organization  id.Organization // where the user becomes a member at once; empty: nowhere yet, which only superusers may
	Username      string
	Email         string // may be empty
	EmailVerified bool
	FirstName     string
	LastName      string
	Language      string // BCP 47, may be empty
	Password      string // empty: no local password
	Inactive      bool   // may not sign in
	Staff         bool
	Superuser     bool
}

var takenUser = map[string]string{
	"username": "This name is taken, as a username or an e-mail address.",
	"email":    "This address is taken, as an e-mail address or a username.",
}

// CreateUser makes an account. It needs users.add_user, and for everybody but superusers users.add_organizationuser and an
// Organization within scope: otherwise the account would vanish from its maker's sight. Staff and superuser flags only a superuser
// gives. *Invalid names what is wrong.
func (d *Directory) CreateUser(ctx context.Context, scope Scope, n NewUser) (User, error) {
	if !scope.Has(AddUser) || ((n.Staff || n.Superuser) && !scope.Everywhere()) {
		return User{}, ErrForbidden
	}
	if n.Organization != "" && !scope.Has(AddMembership) {
		return User{}, ErrForbidden
	}
	if n.Organization == "" && !scope.Everywhere() {
		return User{}, &Invalid{Fields: map[string][]string{"organization": {"Choose the organization of the user."}}}
	}
	user, err := d.newUser(ctx, n)
	if err != nil {
		return User{}, err
	}
	err = d.write(ctx, d.event(scope, "user.created", string(user.ID), n.Organization), func(tx Store) error {
		return d.createMember(ctx, tx, scope, user, n.Organization)
	})
	return user, taken(err, takenUser)
}

// createMember writes a new user, as a member of an organization unless that is empty.
func (d *Directory) createMember(ctx context.Context, tx Store, scope Scope, user User, organization id.Organization) error {
	if organization == "" {
		return tx.CreateUser(ctx, user)
	}
	if err := enabled(ctx, tx, scope, organization); err != nil {
		return err
	}
	if err := tx.CreateUser(ctx, user); err != nil {
		return err
	}
	return roomless(tx.AddMembership(ctx, scope, d.newMembership(organization, user.ID, Member)))
}

// CreateFirstSuperuser makes the first administrator of an installation. It asks for no authority: whoever sets the installation
// up has it. ErrSetUpAlready once any superuser exists; of many concurrent calls one succeeds.
func (d *Directory) CreateFirstSuperuser(ctx context.Context, n NewUser) (User, error) {
	n.Staff, n.Superuser, n.Inactive, n.Organization = true, true, false, ""
	if n.Password == "" {
		return User{}, &Invalid{Fields: map[string][]string{"password": {"Choose a password."}}}
	}
	user, err := d.newUser(ctx, n)
	if err != nil {
		return User{}, err
	}
	err = d.write(ctx, d.event(System("set-up"), "user.created", string(user.ID), ""), func(tx Store) error {
		return tx.CreateFirstSuperuser(ctx, user)
	})
	var conflict *store.Conflict
	if errors.As(err, &conflict) && conflict.Field == "superuser" {
		return User{}, ErrSetUpAlready
	}
	return user, taken(err, takenUser)
}

// NeedsSetup reports whether the installation has no superuser yet.
func (d *Directory) NeedsSetup(ctx context.Context) (bool, error) {
	has, err := d.Store.HasSuperuser(ctx)
	return !has, err
}

func (d *Directory) newUser(ctx context.Context, n NewUser) (User, error) {
	found := problems{}
	found.username(n.Username)
	found.email(n.Email)
	found.line("first_name", n.FirstName, maxName)
	found.line("last_name", n.LastName, maxName)
	found.language(n.Language)
	if n.Password != "" {
		found.password(n.Password, n.Username, n.Email, n.FirstName, n.LastName)
	}
	if err := found.err(); err != nil {
		return User{}, err
	}
	user := User{
		ID: id.New[id.User](), Username: n.Username, Email: n.Email, EmailVerified: n.EmailVerified && n.Email != "",
		FirstName: n.FirstName, LastName: n.LastName, Language: n.Language, Active: !n.Inactive, Staff: n.Staff, Superuser: n.Superuser,
		Created: d.now(), Modified: d.now(), Version: 1,
	}
	if n.Password == "" {
		return user, nil
	}
	var err error
	user.PasswordHash, err = d.Passwords.Hash(ctx, n.Password)
	user.PasswordUpdated = user.Created
	return user, err
}

// Authenticate finds the active user with this username or e-mail address and password. Every refusal is ErrBadCredentials and takes
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

func (d *Directory) byIdentifier(ctx context.Context, identifier string) (User, error) {
	normal, err := Normalise(identifier)
	if err != nil {
		return User{}, store.ErrNotFound
	}
	return d.Store.UserByIdentifier(ctx, normal)
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

// UserByEmail finds the account with this address, verified or not.
func (d *Directory) UserByEmail(ctx context.Context, scope Scope, email string) (User, error) {
	if !scope.Everywhere() {
		return User{}, ErrForbidden
	}
	user, err := d.byIdentifier(ctx, email)
	if err != nil {
		return User{}, err
	}
	if normal, _ := Normalise(user.Email); user.Email == "" || !sameIdentifier(normal, email) {
		return User{}, store.ErrNotFound // a username that looks like the address
	}
	return user, nil
}

func sameIdentifier(normal, other string) bool {
	normalOther, err := Normalise(other)
	return err == nil && normal == normalOther
}
