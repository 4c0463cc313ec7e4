package tenancy

import (
	"context"
	"errors"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// NewUser is an account to be created. Everything but Username may be empty.
type NewUser struct {
	Organization  id.Organization // where the user becomes a member at once; empty: nowhere yet, which only superusers may
	Role          Role            // there; empty: Member
	Groups        []id.Group      // shared ones, and those of Organization
	Username      string
	Email         string
	EmailVerified bool   // known to be the user's, without a letter
	Phone         string // with international prefix
	FirstName     string
	LastName      string
	Bio           string
	URL           string
	Company       string
	Location      string
	BirthDate     Date
	Notes         string
	Language      string         // BCP 47
	Custom        map[string]any // by name of the field
	Password      string         // empty: no local password
	Expires       Date
	Inactive      bool // may not sign in
	Staff         bool
	Superuser     bool
}

// takenUser are the conflicts of writing a user in words.
var takenUser = map[string]string{
	"username": "This name is taken, as a username or an e-mail address.",
	"email":    "This address is taken, as an e-mail address or a username.",
	"phone":    "This number is taken.",
}

// takenBy turns a conflict of writing a user into *Invalid, or ErrLastSuperuser.
func (d *Directory) takenBy(err error) error {
	var conflict *store.Conflict
	switch {
	case !errors.As(err, &conflict):
		return err
	case conflict.Field == "superuser":
		return ErrLastSuperuser
	case conflict.Field == "phone":
		return &Invalid{Fields: map[string][]string{"phone_number": {takenUser["phone"]}}}
	case d.Settings.Fields.has(conflict.Field):
		return &Invalid{Fields: map[string][]string{conflict.Field: {"Somebody else has this value."}}}
	default:
		return taken(err, takenUser)
	}
}

// CreateUser makes an account. Its maker needs users.add_user and, where he names an organization, users.add_organizationuser in it;
// everybody but superusers has to name one within scope, or the account would vanish from his sight. Staff and superuser flags only a
// superuser gives, and only he vouches for an address; groups gives whoever holds what is in them. The first manager of an
// organization without owner becomes its owner. *Invalid names what is wrong, custom fields as "custom.<name>". Unless the program
// itself is the maker, an unverified address is mailed a link to confirm it.
func (d *Directory) CreateUser(ctx context.Context, scope Scope, n NewUser) (User, error) {
	if err := mayCreate(scope, n); err != nil {
		return User{}, err
	}
	writer := levelOf(scope, "")
	if scope.Actor() == "" {
		writer = ""
	}
	user, err := d.newUser(ctx, n, writer)
	if err != nil {
		return User{}, err
	}
	err = againIfOwned(func() error {
		return d.write(ctx, d.event(scope, "user.created", string(user.ID), n.Organization), func(tx Store) error {
			if err := d.createMember(ctx, tx, scope, user, n.Organization, n.Role); err != nil {
				return err
			}
			if err := joinGroups(ctx, tx, scope, user.ID, n); err != nil {
				return err
			}
			return d.welcome(ctx, tx, scope, user)
		})
	})
	if err != nil {
		return User{}, d.takenBy(err)
	}
	return d.shown(scope, user), nil
}

func mayCreate(scope Scope, n NewUser) error {
	anywhere, err := scope.Where(AddUser)
	if err != nil || ((n.Staff || n.Superuser) && !scope.Superuser()) {
		return ErrForbidden
	}
	found := problems{}
	switch {
	case n.Organization == "" && !scope.Everywhere():
		found.add("organization", "Choose the organization of the user.")
	case n.Organization != "" && !scope.Covers(n.Organization):
		if !scope.Has(AddMembership) {
			return ErrForbidden
		}
		return store.ErrNotFound
	case scope.Disabled(n.Organization) && scope.holdsIn(n.Organization, AddUser):
		return errDisabledOrganization()
	case n.Organization != "" && (!anywhere.Covers(n.Organization) || !scope.HasIn(n.Organization, AddMembership)):
		return ErrForbidden
	}
	if n.EmailVerified && !scope.Superuser() {
		found.add("email_verified", "Only superusers say so: the user confirms the address.")
	}
	if n.Role != "" && givable(n.Role) != nil {
		found.add("role", "Choose member or manager.")
	}
	if n.Staff && !n.Superuser && len(n.Groups) == 0 && scope.Actor() != "" {
		found.add("groups", needsGroup)
	}
	return found.err()
}

// createMember writes a new user, as a member of an organization unless that is empty.
func (d *Directory) createMember(ctx context.Context, tx Store, scope Scope, user User, organization id.Organization, role Role) error {
	if organization == "" {
		return tx.CreateUser(ctx, user)
	}
	if err := enabled(ctx, tx, scope, organization); err != nil {
		return err
	}
	if err := tx.CreateUser(ctx, user); err != nil {
		return err
	}
	if role == "" {
		role = Member
	}
	role, err := ownerIfNone(ctx, tx, organization, role)
	if err != nil {
		return err
	}
	return roomless(tx.AddMembership(ctx, scope, d.newMembership(organization, user.ID, role)))
}

// joinGroups puts a new user into groups, of which the maker has to hold everything that they give.
func joinGroups(ctx context.Context, tx Store, scope Scope, user id.User, n NewUser) error {
	for _, group := range n.Groups {
		g, err := tx.Group(ctx, scope, group)
		if errors.Is(err, store.ErrNotFound) || (err == nil && g.Organization != "" && g.Organization != n.Organization) {
			return &Invalid{Fields: map[string][]string{"groups": {"There is no such group for this user."}}}
		}
		if err != nil {
			return err
		}
		if !scope.holds(g.Organization, g.Permissions...) {
			return ErrForbidden
		}
		if err := tx.AddToGroup(ctx, scope, group, user); err != nil {
			return err
		}
	}
	return nil
}

// welcome mails a new user the link that confirms his address.
func (d *Directory) welcome(ctx context.Context, tx Store, scope Scope, user User) error {
	if scope.Actor() == "" || user.Email == "" || user.EmailVerified {
		return nil
	}
	addresses, err := tx.Emails(ctx, user.ID)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		if err := d.tellToConfirm(ctx, tx, user, address, false); err != nil {
			return err
		}
	}
	return nil
}

// CreateFirstSuperuser makes the first administrator of an installation. It asks for no authority: whoever sets the installation
// up has it. ErrSetUpAlready once any superuser exists; of many concurrent calls one succeeds.
func (d *Directory) CreateFirstSuperuser(ctx context.Context, n NewUser) (User, error) {
	n.Staff, n.Superuser, n.Inactive, n.Organization, n.Expires = true, true, false, "", ""
	if n.Password == "" {
		return User{}, &Invalid{Fields: map[string][]string{"password": {"Choose a password."}}}
	}
	user, err := d.newUser(ctx, n, "")
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
	return user, d.takenBy(err)
}

// NeedsSetup reports whether the installation has no superuser yet.
func (d *Directory) NeedsSetup(ctx context.Context) (bool, error) {
	has, err := d.Store.HasSuperuser(ctx)
	return !has, err
}

// newUser makes a valid user of what a writer of the given level filled in. The empty level asks for no required field: who sets up
// an installation, or comes from an upstream, is not asked for them.
func (d *Directory) newUser(ctx context.Context, n NewUser, writer Level) (User, error) {
	user := User{
		ID: id.New[id.User](), Username: n.Username, Email: n.Email, EmailVerified: n.EmailVerified && n.Email != "", Phone: n.Phone,
		FirstName: n.FirstName, LastName: n.LastName, Bio: n.Bio, URL: n.URL, Company: n.Company, Location: n.Location, BirthDate: n.BirthDate,
		Notes: n.Notes, Language: n.Language, Expires: n.Expires, Active: !n.Inactive, Staff: n.Staff, Superuser: n.Superuser,
		Created: d.now(), Modified: d.now(), Version: 1,
	}
	found := problems{}
	found.profile(User{}, &user)
	found.account(User{}, user, d.today())
	user.Custom = d.Settings.Fields.merge(found, User{}, n.Custom, writer)
	if n.Password != "" {
		found.password(n.Password, n.Username, n.Email, n.FirstName, n.LastName)
	}
	if err := found.err(); err != nil {
		return User{}, err
	}
	if n.Password == "" {
		return user, nil
	}
	var err error
	user.PasswordHash, err = d.Passwords.Hash(ctx, n.Password)
	user.PasswordUpdated = user.Created
	return user, err
}
