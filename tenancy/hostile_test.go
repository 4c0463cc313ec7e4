package tenancy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// watch notes whether a user was active for everybody else at the moment when his sessions ended.
type watch struct {
	f    *fixture
	seen []bool
}

func (w *watch) EndOfUser(ctx context.Context, user id.User, _ id.Session) error {
	found, err := w.f.db.User(ctx, user)
	w.seen = append(w.seen, found.Active)
	return err
}

func (*watch) EndOneOfUser(context.Context, id.User, id.Session) error { return nil }

func (*watch) EndOfOrganization(context.Context, id.Organization) error { return nil }

// TestSessionsEndAfterTheTransaction: sessions are kept elsewhere. To end them within would wait for the very transaction, and what is
// rolled back must end none.
func TestSessionsEndAfterTheTransaction(t *testing.T) {
	f := newFixture(t)
	ada, inactive := f.user(t, tenancy.NewUser{Username: "ada"}), false
	sessions := &watch{f: f}
	f.Sessions = sessions
	deactivate := func(d *tenancy.Directory) error {
		_, err := d.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Active: &inactive})
		return err
	}
	failed := errors.New("later step")
	err := f.Atomically(t.Context(), func(d *tenancy.Directory) error { return errors.Join(deactivate(d), failed) })
	if !errors.Is(err, failed) || len(sessions.seen) != 0 {
		t.Errorf("rolled back: %v, ended %v", err, sessions.seen)
	}
	nested := func(d *tenancy.Directory) error { return d.Atomically(t.Context(), deactivate) }
	if err := f.Atomically(t.Context(), nested); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]bool{false}, sessions.seen); diff != "" {
		t.Error(diff)
	}
	f.Sessions = &ended{err: errUnreachable}
	if err := f.Atomically(t.Context(), func(d *tenancy.Directory) error { return d.SetPassword(t.Context(), system(), ada, goodPassword) }); !errors.Is(err, errUnreachable) {
		t.Errorf("sessions that cannot be ended: %v", err)
	}
}

var errUnreachable = errors.New("unreachable")

// TestNobodyVouchesForAnAddress: a verified address is one that a trusted upstream's sign-in is linked to. A manager who could make an
// account with somebody's verified address would know the password of it.
func TestNobodyVouchesForAnAddress(t *testing.T) {
	w := newTown(t)
	n := tenancy.NewUser{Organization: w.a, Username: "trap", Email: "boss@bolt.example", EmailVerified: true, Password: goodPassword}
	for name, scope := range map[string]tenancy.Scope{
		"manager":           w.scope(t, w.manager),
		"superuser's token": w.scope(t, w.super).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.AddUser, tenancy.AddMembership}}),
	} {
		_, err := w.CreateUser(t.Context(), scope, n)
		if wantInvalid(t, err, "email_verified"); err == nil {
			t.Fatal(name)
		}
	}
	must(w.CreateUser(t.Context(), w.scope(t, w.super), n))(t)
}

// TestOwnAccountThroughAToken: whoever narrows himself comes no nearer to his own account than he is.
func TestOwnAccountThroughAToken(t *testing.T) {
	w := newTown(t)
	w.raw(t, `UPDATE users SET notes = 'a warning' WHERE id = $1`, string(w.manager))
	yes, notes, day, foreign := true, "spotless", tenancy.Date("2030-01-01"), "boss@bolt.example"
	for name, scope := range map[string]tenancy.Scope{
		"for one organization": w.scope(t, w.manager).Narrow(tenancy.Limits{Organization: w.a}),
		"for two permissions":  w.scope(t, w.manager).Narrow(tenancy.Limits{Permissions: []tenancy.Permission{tenancy.ViewUser, tenancy.ChangeUser}}),
	} {
		if seen := must(w.User(t.Context(), scope, w.manager))(t); seen.Notes != "" {
			t.Errorf("%s: he reads what administrators note about him", name)
		}
		for field, change := range map[string]tenancy.UserChange{"notes": {Notes: &notes}, "expiry": {Expires: &day}, "staff": {Superuser: &yes}} {
			if _, err := w.UpdateUser(t.Context(), scope, w.manager, change); !errors.Is(err, tenancy.ErrForbidden) {
				t.Errorf("%s: he changes his %s: %v", name, field, err)
			}
		}
		if changed, err := w.UpdateUser(t.Context(), scope, w.manager, tenancy.UserChange{Email: &foreign}); err == nil && changed.Email == foreign {
			t.Errorf("%s: an unproved address is his primary one", name)
		}
	}
}

// TestLinksDieWithThePassword: whoever had an account for a while, and added an address, does not come back by the link that he keeps.
func TestLinksDieWithThePassword(t *testing.T) {
	f := newFixture(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Email: "ada@x.example", EmailVerified: true, Password: goodPassword})
	own, theirs := f.scope(t, ada), "thief@x.example"
	must(f.AddEmail(t.Context(), own, ada, "second@x.example"))(t)
	added := f.link(t, "second@x.example")
	must(f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Email: &theirs}))(t)
	pending := f.link(t, theirs)
	must(0, f.ChangePassword(t.Context(), own, goodPassword, "another battery staple", tenancy.Kept{}))(t)
	for name, token := range map[string]string{"added": added, "pending": pending} {
		if _, err := f.ConfirmEmail(t.Context(), token); !errors.Is(err, tenancy.ErrBadLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.wantEmails(t, ada, "*ada@x.example second@x.example! thief@x.example!")
}

// TestAPendingAddressIsOvertaken: a mistyped address does not become the primary one after the right one did.
func TestAPendingAddressIsOvertaken(t *testing.T) {
	f := newFixture(t)
	ada, own := f.person(t, "ada")
	wrong, right := "adda@x.example", "ada@y.example"
	must(f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Email: &wrong}))(t)
	old := f.link(t, wrong)
	must(f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Email: &right}))(t)
	must(f.ConfirmEmail(t.Context(), f.link(t, right)))(t)
	if _, err := f.ConfirmEmail(t.Context(), old); !errors.Is(err, tenancy.ErrBadLink) {
		t.Errorf("confirmed: %v", err)
	}
	f.wantEmails(t, ada, "ada@x.example adda@x.example! *ada@y.example")
}

// TestAWelcomeOutlivesTheFirstPassword: who is made with a password changes it first and confirms his address then.
func TestAWelcomeOutlivesTheFirstPassword(t *testing.T) {
	w := newTown(t)
	ada := must(w.CreateUser(t.Context(), w.scope(t, w.manager), tenancy.NewUser{Organization: w.a, Username: "ada", Email: "ada@x.example", Password: goodPassword}))(t)
	token := w.link(t, "ada@x.example")
	must(0, w.ChangePassword(t.Context(), w.scope(t, ada.ID), goodPassword, "another battery staple", tenancy.Kept{}))(t)
	must(w.ConfirmEmail(t.Context(), token))(t)
	w.wantEmails(t, ada.ID, "*ada@x.example")
}

// TestAnExpiredInviterPromisesNothing: his account is over although nobody has switched it off yet.
func TestAnExpiredInviterPromisesNothing(t *testing.T) {
	w := newTown(t)
	_, token := w.invite(t, w.scope(t, w.manager), tenancy.NewInvitation{Organization: w.a, Email: "new@x.example", Role: tenancy.Manager})
	w.raw(t, `UPDATE users SET expiration_date = '2026-02-28' WHERE id = $1`, string(w.manager))
	m := must(w.AcceptInvitation(t.Context(), w.scope(t, w.onlyB), token))(t)
	if m.Role != tenancy.Member {
		t.Errorf("became %s", m.Role)
	}
}

// TestTheInvitedTakesNobodysAddress: usernames and addresses are one namespace.
func TestTheInvitedTakesNobodysAddress(t *testing.T) {
	w := newTown(t)
	_, token := w.invite(t, w.scope(t, w.manager), tenancy.NewInvitation{Organization: w.a, Email: "new@x.example", Role: tenancy.Member})
	_, err := w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{Username: "boss@bolt.example", Password: goodPassword})
	wantInvalid(t, err, "username")
	must(w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{Username: "NEW@x.example", Password: goodPassword}))(t)
}

// TestMembershipsOfSuperusersAreNoFilter: managers do not learn that one is in their organization.
func TestMembershipsOfSuperusersAreNoFilter(t *testing.T) {
	w := newTown(t)
	for user, want := range map[id.User]int{w.super: 0, w.onlyA: 1, w.onlyB: 0} {
		page := must(w.ListOrganizations(t.Context(), w.scope(t, w.manager), tenancy.OrganizationFilter{Member: user}, tenancy.Query{}))(t)
		if page.Count != want {
			t.Errorf("%d organizations, want %d", page.Count, want)
		}
	}
	if page := must(w.ListOrganizations(t.Context(), system(), tenancy.OrganizationFilter{Member: w.super}, tenancy.Query{}))(t); page.Count != 1 {
		t.Errorf("a superuser finds %d", page.Count)
	}
}

// TestNobodyIsFlooded: a letter that somebody asks for to an address that he has not proved is one of few.
func TestNobodyIsFlooded(t *testing.T) {
	w := newTown(t)
	own, victim := w.scope(t, w.onlyA), "Victim@bolt.example"
	for range 5 {
		must(w.UpdateUser(t.Context(), own, w.onlyA, tenancy.UserChange{Email: &victim}))(t)
		added := must(w.Emails(t.Context(), own, w.onlyA))(t)[0]
		must(0, w.SendConfirmation(t.Context(), own, w.onlyA, added.ID))(t)
		must(0, w.DeleteEmail(t.Context(), own, w.onlyA, added.ID))(t)
	}
	_, err := w.UpdateUser(t.Context(), own, w.onlyA, tenancy.UserChange{Email: &victim})
	wantInvalid(t, err, "email")
	_, err = w.AddEmail(t.Context(), w.scope(t, w.onlyB), w.onlyB, "victim@bolt.example")
	wantInvalid(t, err, "email")
	invite := func() error {
		i, err := w.Invite(t.Context(), w.scope(t, w.manager), tenancy.NewInvitation{Organization: w.a, Email: victim, Role: tenancy.Member})
		if err != nil {
			return err
		}
		return w.Revoke(t.Context(), w.scope(t, w.manager), i.ID)
	}
	for range 10 {
		must(0, invite())(t)
	}
	wantInvalid(t, invite(), "email")
	later := w.Now().Add(time.Hour)
	w.Now = func() time.Time { return later }
	must(0, invite())(t)
	must(w.AddEmail(t.Context(), w.scope(t, w.onlyB), w.onlyB, "victim@bolt.example"))(t)
}
