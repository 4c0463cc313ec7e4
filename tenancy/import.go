package tenancy

import (
	"context"
	"errors"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/store"
)

// ImportRow is a user of a file that is to be here.
type ImportRow struct {
	User                        // of it, what Given names; PasswordHash in any form that password.Importable knows
	Given       map[string]bool // the fields that the row says something about, by their names in ImportFields
	Memberships []ImportMembership
}

// ImportMembership is a user in an organization, as a file names it: by ID, Slug or both.
type ImportMembership struct {
	Organization id.Organization
	Slug         string
	Name         string // of an organization to be made
	Role         Role
	Exact        bool // the file knows owners from other managers; else the first manager of an organization becomes its owner
}

// OnExisting says what becomes of a row whose user is here already.
type OnExisting string

// The choices. The empty string means ExistingSkip.
const (
	ExistingSkip   OnExisting = "skip"
	ExistingUpdate OnExisting = "update" // write what the row gives; memberships are added only, a password only where there is none
	ExistingFail   OnExisting = "fail"
)

// ImportOptions say how rows are taken.
type ImportOptions struct {
	OnExisting          OnExisting
	Organization        id.Organization            // everybody becomes its member with Role, and what rows say of organizations does not count
	Role                Role                       // Member or Manager; "" = Member
	Organizations       map[string]id.Organization // which organization is meant by an id or slug of the file
	CreateOrganizations bool                       // make those that are unknown, with the id and slug of the file
	AllowPrivileged     bool                       // take staff and superuser flags, and update such accounts
	EmailsVerified      bool                       // where the file does not say
	DropPasswords       bool                       // import without password what has a hash of unknown form, instead of refusing
	Resumed             time.Time                  // accounts made since are of this import, which was interrupted; zero: it was not
	Rehearsal           *Rehearsal                 // nothing is written; nil: for real
}

// ImportOutcome is what has become of a row.
type ImportOutcome string

// The outcomes. Refused is never a result: it is the *Invalid error.
const (
	ImportCreated ImportOutcome = "created"
	ImportUpdated ImportOutcome = "updated"
	ImportSkipped ImportOutcome = "skipped"
	ImportRefused ImportOutcome = "refused"
)

// ImportResult is what has become of a row.
type ImportResult struct {
	Outcome ImportOutcome
	User    id.User
	Notes   []string // what was left out or taken differently, in words for people
}

// ImportUser takes one user of a file. Only a superuser may. Who is here already is found by id, by verified e-mail address, by
// username, in this order. The id of the file is kept where it is free. *Invalid says why a row is refused; nothing of it is written
// then. With an Organization a user who is not in it is refused, whatever OnExisting says: accounts of others are not imported over.
func (d *Directory) ImportUser(ctx context.Context, scope Scope, row ImportRow, o ImportOptions) (ImportResult, error) {
	if !scope.Superuser() {
		return ImportResult{}, ErrForbidden
	}
	if o.Role == "" {
		o.Role = Member
	}
	if err := givable(o.Role); err != nil {
		return ImportResult{}, err
	}
	a := &admission{d: d, scope: scope, row: row, o: o, owned: map[id.Organization]bool{}}
	for {
		err := d.Store.InTx(ctx, func(tx Store) error { return a.run(ctx, tx) })
		var conflict *store.Conflict
		switch {
		case errors.As(err, &conflict) && conflict.Field == "owner" && !a.owned[a.joining]:
			a.owned[a.joining] = true // and once more, as a manager
		case errors.Is(err, errRehearsed):
			return a.result, nil
		default:
			return a.result, refusedRow(taken(d.takenBy(err), takenImport))
		}
	}
}

// refusedRow makes any other conflict one of this row.
func refusedRow(err error) error {
	var conflict *store.Conflict
	if errors.As(err, &conflict) {
		return &Invalid{Fields: map[string][]string{conflict.Field: {"This is taken."}}}
	}
	return err
}

// takenImport are the conflicts of writing a row beside those of the user himself.
var takenImport = map[string]string{
	"slug": "The slug of an organization is taken.",
	"id":   "This id is taken.", "membership": "Somebody else put the user into the organization at the same moment.",
}

// errRehearsed rolls a rehearsed row back.
var errRehearsed = errors.New("rehearsed")

// admission is one row on its way. Everything that is read again after a conflict is set anew by run.
type admission struct {
	d       *Directory
	scope   Scope
	row     ImportRow
	o       ImportOptions
	owned   map[id.Organization]bool // organizations that turned out to have an owner
	joining id.Organization          // the organization whose membership is being written
	result  ImportResult
	user    User // as it will be
}

func (a *admission) note(text string) { a.result.Notes = append(a.result.Notes, text) }

func (a *admission) run(ctx context.Context, tx Store) error {
	a.result = ImportResult{}
	if err := a.password(); err != nil {
		return err
	}
	found, err := a.match(ctx, tx)
	switch {
	case errors.Is(err, store.ErrNotFound):
		err = a.create(ctx, tx)
	case err == nil:
		err = a.existing(ctx, tx, found)
	}
	if err != nil || a.o.Rehearsal == nil {
		return err
	}
	if err := a.o.Rehearsal.take(a); err != nil {
		return err
	}
	return errRehearsed
}

// password turns what the row has into what is stored.
func (a *admission) password() error {
	hash := a.row.PasswordHash
	switch {
	case hash == "":
	case password.Unusable(hash):
		a.row.PasswordHash = ""
	case password.Importable(hash) == nil:
	case a.o.DropPasswords:
		a.row.PasswordHash = ""
		a.note("The password hash has an unknown form and was left out.")
	default:
		return &Invalid{Fields: map[string][]string{"password": {"This is no password hash that can be taken over."}}}
	}
	return nil
}

// match finds who is here already. A username that looks like the address is nobody's address, and an address that nobody proved is
// no reason to write into its account.
func (a *admission) match(ctx context.Context, tx Store) (User, error) {
	if a.row.ID != "" {
		if found, err := a.byID(ctx, tx, a.row.ID); !errors.Is(err, store.ErrNotFound) {
			return found, err
		}
	}
	found, err := a.byIdentifier(ctx, tx, a.row.Email, func(u User, normal string) bool {
		return !sameAddress(normal, u.Username) && (!sameAddress(normal, u.Email) || u.EmailVerified)
	})
	if !errors.Is(err, store.ErrNotFound) {
		return found, err
	}
	return a.byIdentifier(ctx, tx, a.row.Username, func(u User, normal string) bool { return sameAddress(normal, u.Username) })
}

func (a *admission) byID(ctx context.Context, tx Store, user id.User) (User, error) {
	if found, err := a.o.Rehearsal.byID(user); err == nil {
		return found, nil
	}
	return a.replayed(ctx, tx, func() (User, error) { return tx.User(ctx, user) })
}

func (a *admission) byIdentifier(ctx context.Context, tx Store, text string, counts func(u User, normal string) bool) (User, error) {
	normal, err := Normalise(text)
	if err != nil {
		return User{}, store.ErrNotFound
	}
	var found User
	if holder, rehearsed := a.o.Rehearsal.holder(normal); rehearsed {
		found, err = a.byID(ctx, tx, holder)
	} else {
		found, err = a.replayed(ctx, tx, func() (User, error) { return tx.UserByIdentifier(ctx, normal) })
	}
	if err == nil && !counts(found, normal) {
		return User{}, store.ErrNotFound
	}
	return found, err
}

func (a *admission) create(ctx context.Context, tx Store) error {
	now := a.d.now()
	user := User{ID: a.row.ID, Active: true, Created: now, Modified: now, Version: 1}
	if user.ID == "" {
		user.ID = id.New[id.User]()
	}
	if a.row.Given["date_joined"] {
		user.Created = a.row.Created.UTC().Truncate(time.Microsecond)
	}
	if err := a.write(&user); err != nil {
		return err
	}
	user.PasswordHash = a.row.PasswordHash
	a.user, a.result.User, a.result.Outcome = user, user.ID, ImportCreated
	if err := tx.CreateUser(ctx, user); err != nil {
		return err
	}
	if _, err := a.join(ctx, tx, nil); err != nil {
		return err
	}
	return tx.Record(ctx, a.event("user.imported"))
}

func (a *admission) event(action string) audit.Event {
	return a.d.event(a.scope, action, string(a.user.ID), a.o.Organization)
}

// write copies what the row gives to a user, and says what is wrong then.
func (a *admission) write(to *User) error {
	before := *to
	for name, copyTo := range importFields {
		if a.row.Given[name] {
			copyTo(to, a.row.User)
		}
	}
	a.writeFlags(to)
	if to.Email != before.Email && !a.row.Given["email_verified"] {
		to.EmailVerified = a.o.EmailsVerified
	}
	to.EmailVerified = to.EmailVerified && to.Email != ""
	found := problems{}
	found.importable(before, to)
	if a.row.Given["custom"] {
		fields := a.d.Settings.Fields
		to.Custom = fields.merge(found, before, fields.FromTexts(a.row.Custom), "")
	}
	return found.err()
}

func (a *admission) writeFlags(to *User) {
	switch privileged := a.row.Staff || a.row.Superuser; {
	case a.o.AllowPrivileged && a.row.Given["is_staff"]:
		to.Staff = a.row.Staff
	case privileged && !a.o.AllowPrivileged:
		a.note("Staff and superuser flags were left out.")
	}
	if a.o.AllowPrivileged && a.row.Given["is_superuser"] {
		to.Superuser = a.row.Superuser
	}
}
