package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// TenancyStore is the store under test, with a way to see what it recorded.
type TenancyStore interface {
	tenancy.Store
	AuditEvents(ctx context.Context, limit int) ([]audit.Event, error)
}

// world is two organizations that look alike, and people: Ada manages the first, Grace the second, Both is in both.
type world struct {
	tenancy.Store
	a, b             tenancy.Organization
	ada, grace, both tenancy.User
	all              tenancy.Scope // sees everything
	inA, inB         tenancy.Scope // of Ada and of Grace
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func newUser(username, email string) tenancy.User {
	return tenancy.User{
		ID: id.New[id.User](), Username: username, Email: email, EmailVerified: email != "", FirstName: "Fïrst", LastName: "Låst", Language: "it",
		PasswordHash: "hash of " + username, Active: true, Created: noon, Modified: noon, Version: 1,
	}
}

func newOrganization(slug string) tenancy.Organization {
	return tenancy.Organization{ID: id.New[id.Organization](), Name: "The same name", Slug: slug, Active: true, FactorPolicy: tenancy.FactorRequired, Created: noon, Modified: noon, Version: 1}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T, s tenancy.Store) *world {
	t.Helper()
	w := &world{
		Store: s, a: newOrganization("alpha"), b: newOrganization("beta"), all: tenancy.System("test"),
		ada: newUser("ada", "ada@x.example"), grace: newUser("grace", "grace@x.example"), both: newUser("both", ""),
	}
	ctx := context.Background()
	for _, o := range []tenancy.Organization{w.a, w.b} {
		must(t, s.CreateOrganization(ctx, w.all, o))
	}
	for _, u := range []tenancy.User{w.ada, w.grace, w.both} {
		must(t, s.CreateUser(ctx, u))
	}
	for _, m := range []tenancy.Membership{
		{User: w.ada.ID, Organization: w.a.ID, Role: tenancy.Owner},
		{User: w.grace.ID, Organization: w.b.ID, Role: tenancy.Manager},
		{User: w.both.ID, Organization: w.a.ID, Role: tenancy.Member},
		{User: w.both.ID, Organization: w.b.ID, Role: tenancy.Member},
	} {
		m.ID, m.Created, m.Modified, m.Version = id.New[id.Membership](), noon, noon, 1
		must(t, s.AddMembership(ctx, w.all, m))
	}
	w.inA, w.inB = w.scope(t, w.ada.ID), w.scope(t, w.grace.ID)
	return w
}

// scope loads a user's authority as entry points do.
func (w *world) scope(t *testing.T, user id.User) tenancy.Scope {
	t.Helper()
	hasher, err := password.New(password.Config{MemoryKiB: 64, Passes: 1})
	must(t, err)
	scope, err := (&tenancy.Directory{Store: w.Store, Passwords: hasher, Now: func() time.Time { return noon }}).Scope(context.Background(), user)
	must(t, err)
	return scope
}

// Tenancy runs the suite of tenancy.Store, opened with Fields.
func Tenancy(t *testing.T, open func(t *testing.T) TenancyStore) {
	for name, test := range listings() {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, open(t))) })
	}
	for name, test := range map[string]func(*testing.T, *world){
		"Users": testUsers, "Identifiers": testIdentifiers, "UpdateUser": testUpdateUser, "PasswordHash": testPasswordHash,
		"FirstSuperuser": testFirstSuperuser, "OtherSuperuser": testOtherSuperuser, "Organizations": testOrganizations, "ForeignOrganization": testForeignOrganization,
		"Memberships": testMemberships, "OneOwner": testOneOwner, "Standing": testStanding, "StandingTexts": testStandingTexts, "UserRow": testUserRow, "Groups": testGroups, "Identities": testIdentities,
		"SetRole": testSetRole, "Once": testOnce, "TransactionRollsBack": testRollback, "RefusalEndsTransaction": testRefusal, "Record": testRecord,
		"BadText": testBadText, "RaceIdentifier": testRaceIdentifier, "RaceOwner": testRaceOwner, "RacePasswordHash": testRacePasswordHash,
		"Membership": testMembership, "RemoveMembership": testRemoveMembership, "Room": testRoom, "RaceTransfer": testRaceTransfer, "DeleteOrganization": testDeleteOrganization,
		"Invitations": testInvitations, "RenewInvitation": testRenewInvitation, "TakeInvitation": testTakeInvitation,
		"TouchUser": testTouchUser, "Permissions": testPermissions, "UserPermissions": testUserPermissions,
		"UpdateGroup": testUpdateGroup, "DeleteGroup": testDeleteGroup, "GroupsOf": testGroupsOf,
		"Rehash": testRehash, "ExpiringUsers": testExpiringUsers, "AgingPasswords": testAgingPasswords, "DeactivateExpired": testDeactivateExpired,
		"APITokens": testAPITokens, "APITokensDeleted": testAPITokensDeleted, "APITokensExpired": testAPITokensExpired,
		"RaceIdentity": testRaceIdentity, "RaceLastWay": testRaceLastWay, "RaceNames": testRaceNames,
		"Emails": testEmails, "VerifyEmail": testVerifyEmail, "PrimaryEmail": testPrimaryEmail, "DeleteEmail": testDeleteEmail,
		"RaceVerify": testRaceVerify, "RaceMirror": testRaceMirror, "Profile": testProfile, "UniqueValues": testUniqueValues,
		"DeleteUser": testDeleteUser, "LastSuperuser": testLastSuperuser, "RaceSuperusers": testRaceSuperusers, "DeleteIdentity": testDeleteIdentity,
		"ExportUsers": testExportUsers, "MessagesTo": testMessagesTo,
	} {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, open(t))) })
	}
}

func testUsers(t *testing.T, w *world) {
	found, err := w.User(t.Context(), w.ada.ID)
	must(t, err)
	if diff := cmp.Diff(w.ada, found); diff != "" {
		t.Error(diff)
	}
	_, err = w.User(t.Context(), "nobody")
	want(t, err, store.ErrNotFound)
	must(t, w.RecordLogin(t.Context(), w.ada.ID, noon.Add(time.Hour), "fed", "staff"))
	found, err = w.User(t.Context(), w.ada.ID)
	must(t, err)
	if !found.LastLogin.Equal(noon.Add(time.Hour)) || found.LastMethod != "fed" || found.LastConnector != "staff" {
		t.Errorf("last login = %v by %q through %q", found.LastLogin, found.LastMethod, found.LastConnector)
	}
	want(t, w.RecordLogin(t.Context(), "nobody", noon, "pwd", ""), store.ErrNotFound)
}

func wantConflict(t *testing.T, err error, field string) {
	t.Helper()
	var conflict *store.Conflict
	if !errors.As(err, &conflict) || conflict.Field != field || !errors.Is(err, store.ErrConflict) {
		t.Errorf("error = %v, want a conflict on %s", err, field)
	}
}

// testIdentifiers: usernames and e-mail addresses share one namespace, whatever their case.
func testIdentifiers(t *testing.T, w *world) {
	for _, identifier := range []string{"ada", "ada@x.example"} {
		if found, err := w.UserByIdentifier(t.Context(), identifier); err != nil || found.ID != w.ada.ID {
			t.Errorf("%s: %v, %v", identifier, found.ID, err)
		}
	}
	_, err := w.UserByIdentifier(t.Context(), "nobody")
	want(t, err, store.ErrNotFound)
	wantConflict(t, w.CreateUser(t.Context(), newUser("ADA", "new@x.example")), "username")
	wantConflict(t, w.CreateUser(t.Context(), newUser("new", "Ada@X.example")), "email")
	wantConflict(t, w.CreateUser(t.Context(), newUser("Ada@x.example", "")), "username")
	wantConflict(t, w.CreateUser(t.Context(), newUser("ａｄａ", "")), "username")
	if _, err := w.UserByIdentifier(t.Context(), "new"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a refused user is there: %v", err)
	}
	must(t, w.CreateUser(t.Context(), newUser("own@x.example", "own@x.example")))
	must(t, w.CreateUser(t.Context(), newUser("noaddress", "")))
}

func testUpdateUser(t *testing.T, w *world) {
	changed := w.ada
	changed.Username, changed.Email, changed.Active, changed.Modified = "ada2", "ada2@x.example", false, noon.Add(time.Second)
	changed.PasswordHash = "not written"
	must(t, w.UpdateUser(t.Context(), changed))
	found, err := w.UserByIdentifier(t.Context(), "ada2@x.example")
	must(t, err)
	changed.PasswordHash, changed.Version = w.ada.PasswordHash, 2
	if diff := cmp.Diff(changed, found); diff != "" {
		t.Error(diff)
	}
	_, err = w.UserByIdentifier(t.Context(), "ada")
	want(t, err, store.ErrNotFound)
	changed.Username = "grace"
	wantConflict(t, w.UpdateUser(t.Context(), changed), "username")
	if _, err := w.UserByIdentifier(t.Context(), "ada2"); err != nil {
		t.Errorf("a refused update took the old name away: %v", err)
	}
	changed.Username, changed.Version = "ada3", 1
	want(t, w.UpdateUser(t.Context(), changed), store.ErrStale)
	changed.ID = "nobody"
	want(t, w.UpdateUser(t.Context(), changed), store.ErrStale)
}

func testPasswordHash(t *testing.T, w *world) {
	want(t, w.SetPasswordHash(t.Context(), w.ada.ID, "another", "new", noon), store.ErrStale)
	want(t, w.SetPasswordHash(t.Context(), w.ada.ID, w.ada.PasswordHash, "new", noon), nil)
	want(t, w.SetPasswordHash(t.Context(), w.ada.ID, w.ada.PasswordHash, "newer", noon), store.ErrStale)
	want(t, w.SetPasswordHash(t.Context(), w.ada.ID, "", "forced", noon), nil)
	want(t, w.SetPasswordHash(t.Context(), "nobody", "", "x", noon), store.ErrNotFound)
	if found, err := w.User(t.Context(), w.ada.ID); err != nil || found.PasswordHash != "forced" || !found.PasswordUpdated.Equal(noon) {
		t.Errorf("hash = %q of %v, %v", found.PasswordHash, found.PasswordUpdated, err)
	}
	later := noon.Add(time.Hour)
	want(t, w.SetPasswordHash(t.Context(), w.ada.ID, "forced", "", later), nil)
	if found, err := w.User(t.Context(), w.ada.ID); err != nil || found.PasswordHash != "" || !found.PasswordUpdated.Equal(later) {
		t.Errorf("hash = %q of %v, %v", found.PasswordHash, found.PasswordUpdated, err)
	}
}

func testFirstSuperuser(t *testing.T, w *world) {
	if has, err := w.HasSuperuser(t.Context()); err != nil || has {
		t.Errorf("has superuser = %v, %v", has, err)
	}
	won := race(t, store.ErrConflict, func(i int) error {
		u := newUser("root"+string(rune('a'+i)), "")
		u.Superuser = true
		return w.CreateFirstSuperuser(context.Background(), u)
	})
	if won != 1 {
		t.Errorf("%d first superusers", won)
	}
	if has, err := w.HasSuperuser(t.Context()); err != nil || !has {
		t.Errorf("has superuser = %v, %v", has, err)
	}
}

// testOtherSuperuser: one that was made otherwise closes the door of the first as well, even while inactive.
func testOtherSuperuser(t *testing.T, w *world) {
	other := newUser("other", "")
	other.Superuser, other.Active = true, false
	must(t, w.CreateUser(t.Context(), other))
	if has, err := w.HasSuperuser(t.Context()); err != nil || has {
		t.Errorf("an inactive superuser counts: %v, %v", has, err)
	}
	if listed, err := w.SuperuserIDs(t.Context()); err != nil || len(listed) != 1 || listed[0] != other.ID {
		t.Errorf("superusers %v, %v; want %s, active or not", listed, err, other.ID)
	}
	root := newUser("root", "")
	root.Superuser = true
	want(t, w.CreateFirstSuperuser(t.Context(), root), store.ErrConflict)
	_, err := w.UserByIdentifier(t.Context(), "root")
	want(t, err, store.ErrNotFound)
}

func testGroups(t *testing.T, w *world) {
	shared := tenancy.Group{ID: id.New[id.Group](), Name: "Name"}
	ofA := tenancy.Group{ID: id.New[id.Group](), Name: "Name", Organization: w.a.ID}
	ofB := tenancy.Group{ID: id.New[id.Group](), Name: "Name", Organization: w.b.ID}
	want(t, w.CreateGroup(t.Context(), w.inA, shared), store.ErrNotFound)
	want(t, w.CreateGroup(t.Context(), w.inA, ofB), store.ErrNotFound)
	for _, g := range []tenancy.Group{shared, ofA, ofB} {
		must(t, w.CreateGroup(t.Context(), w.all, g))
		g.ID = id.New[id.Group]()
		wantConflict(t, w.CreateGroup(t.Context(), w.all, g), "name")
	}
	for g, wanted := range map[id.Group]error{shared.ID: nil, ofA.ID: nil, ofB.ID: store.ErrNotFound} {
		_, err := w.Group(t.Context(), w.inA, g)
		want(t, err, wanted)
		want(t, w.AddToGroup(t.Context(), w.inA, g, w.both.ID), wanted)
	}
	nowhere := w.scope(t, w.both.ID) // a member manages nothing
	for _, g := range []id.Group{shared.ID, ofA.ID} {
		_, err := w.Group(t.Context(), nowhere, g)
		want(t, err, store.ErrNotFound)
		want(t, w.AddToGroup(t.Context(), nowhere, g, w.both.ID), store.ErrNotFound)
	}
	if found, err := w.SharedGroupByName(t.Context(), "Name"); err != nil || found.ID != shared.ID {
		t.Errorf("shared group = %v, %v", found, err)
	}
}

func testIdentities(t *testing.T, w *world) {
	i := tenancy.Identity{Connector: "staff", Subject: "Subject-1", User: w.ada.ID, Created: noon}
	must(t, w.CreateIdentity(t.Context(), i))
	other := i
	other.User = w.grace.ID
	wantConflict(t, w.CreateIdentity(t.Context(), other), "identity")
	other.Connector = "other"
	must(t, w.CreateIdentity(t.Context(), other))
	found, err := w.Identity(t.Context(), "staff", "Subject-1")
	must(t, err)
	if diff := cmp.Diff(i, found); diff != "" {
		t.Error(diff)
	}
	for _, subject := range []string{"subject-1", "Subject-1 ", "Subject", ""} {
		_, err := w.Identity(t.Context(), "staff", subject)
		want(t, err, store.ErrNotFound)
	}
	must(t, w.RecordIdentityLogin(t.Context(), "staff", "Subject-1", noon.Add(time.Hour)))
	want(t, w.RecordIdentityLogin(t.Context(), "staff", "none", noon), store.ErrNotFound)
}

var errOnPurpose = errors.New("on purpose")

func testRollback(t *testing.T, w *world) {
	err := w.InTx(t.Context(), func(tx tenancy.Store) error {
		must(t, tx.CreateUser(context.Background(), newUser("gone", "")))
		must(t, tx.Record(context.Background(), audit.Event{ID: id.New[string](), At: noon, Action: "user.created"}))
		if _, err := tx.UserByIdentifier(context.Background(), "gone"); err != nil {
			t.Errorf("not seen within its transaction: %v", err)
		}
		return tx.InTx(context.Background(), func(tenancy.Store) error { return errOnPurpose })
	})
	want(t, err, errOnPurpose)
	_, err = w.UserByIdentifier(t.Context(), "gone")
	want(t, err, store.ErrNotFound)
}

func testBadText(t *testing.T, w *world) {
	for _, text := range []string{"a\x00b", "\xff"} {
		_, err := w.UserByIdentifier(t.Context(), text)
		want(t, err, store.ErrNotFound)
		_, err = w.SharedGroupByName(t.Context(), text)
		want(t, err, store.ErrNotFound)
		if err := w.CreateIdentity(t.Context(), tenancy.Identity{Connector: "c", Subject: text, User: w.ada.ID}); err == nil {
			t.Errorf("%q was written", text)
		}
	}
}

func testRaceIdentifier(t *testing.T, w *world) {
	won := race(t, store.ErrConflict, func(i int) error {
		if i%2 == 0 {
			return w.CreateUser(context.Background(), newUser("race@x.example", ""))
		}
		u := newUser("racer"+string(rune('a'+i)), "Race@X.example")
		return w.CreateUser(context.Background(), u)
	})
	if won != 1 {
		t.Errorf("%d users have one identifier", won)
	}
}

func testRaceOwner(t *testing.T, w *world) {
	won := race(t, store.ErrConflict, func(i int) error {
		u := newUser("owner"+string(rune('a'+i)), "")
		if err := w.CreateUser(context.Background(), u); err != nil {
			return err
		}
		return w.AddMembership(context.Background(), w.all, tenancy.Membership{
			ID: id.New[id.Membership](), User: u.ID, Organization: w.b.ID, Role: tenancy.Owner, Created: noon, Modified: noon,
		})
	})
	if won != 1 {
		t.Errorf("%d owners", won)
	}
}
