package clients_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"gatehouse/audit"
	"gatehouse/clients"
	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/store/sqldb"
	"gatehouse/store/storetest"
	"gatehouse/tenancy"
)

// fixture is a registry on a real database, with two organizations and people in them.
type fixture struct {
	*clients.Registry
	t            *testing.T
	clock        *storetest.Clock
	db           *sqldb.DB
	directory    *tenancy.Directory
	acme, bolt   id.Organization
	root         tenancy.Scope // a superuser
	manager      tenancy.Scope // of acme, with every permission on clients there
	both         tenancy.Scope // the same, of both
	managerID    id.User
	ended        []id.Client
	failToEnd    error
	member       id.User // of acme
	ofSystem     tenancy.Scope
	consentScope tenancy.Scope // of the member
}

// EndConsent implements clients.Tokens.
func (f *fixture) EndConsent(_ context.Context, _ id.User, client id.Client) error {
	f.ended = append(f.ended, client)
	return f.failToEnd
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, clock: storetest.NewClock(), ofSystem: tenancy.System("test")}
	f.db = must(sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "test.db")), Now: f.clock.Now}))(t)
	t.Cleanup(func() { _ = f.db.Close() })
	if err := f.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.directory = &tenancy.Directory{
		Store: f.db, Passwords: must(password.New(password.Config{MemoryKiB: 64, Passes: 1}))(t), Keys: must(seal.NewKeys(seal.NewMaster()))(t), Now: f.clock.Now,
	}
	f.Registry = &clients.Registry{Store: f.db, Directory: f.directory, Tokens: f, Now: f.clock.Now}
	if err := f.directory.Bootstrap(t.Context(), f.ofSystem); err != nil {
		t.Fatal(err)
	}
	for slug, to := range map[string]*id.Organization{"acme": &f.acme, "bolt": &f.bolt} {
		*to = must(f.directory.CreateOrganization(t.Context(), f.ofSystem, tenancy.Organization{Name: slug, Slug: slug}))(t).ID
	}
	keepers := must(f.directory.CreateGroup(t.Context(), f.ofSystem, tenancy.Group{Name: "Keepers", Permissions: []tenancy.Permission{
		tenancy.ViewClient, tenancy.AddClient, tenancy.ChangeClient, tenancy.DeleteClient,
	}}))(t).ID
	f.root = f.scope(must(f.directory.CreateUser(t.Context(), f.ofSystem, tenancy.NewUser{Username: "root", Superuser: true}))(t).ID)
	f.managerID = f.person("mona", keepers, tenancy.Manager, f.acme)
	f.manager, f.both = f.scope(f.managerID), f.scope(f.person("bob", keepers, tenancy.Manager, f.acme, f.bolt))
	f.member = f.person("ada", keepers, tenancy.Member, f.acme)
	f.consentScope = f.scope(f.member)
	return f
}

func (f *fixture) person(name string, group id.Group, role tenancy.Role, places ...id.Organization) id.User {
	user := must(f.directory.CreateUser(f.t.Context(), f.ofSystem, tenancy.NewUser{Username: name}))(f.t).ID
	for _, place := range places {
		must(f.directory.AddMember(f.t.Context(), f.ofSystem, place, user, role))(f.t)
	}
	if err := f.directory.AddToGroup(f.t.Context(), f.ofSystem, group, user); err != nil {
		f.t.Fatal(err)
	}
	return user
}

func (f *fixture) scope(user id.User) tenancy.Scope {
	f.t.Helper()
	return must(f.directory.Scope(f.t.Context(), user))(f.t)
}

// plain is a client that a manager may register.
func plain(organization id.Organization) provider.Client {
	return provider.Client{
		Name: "Radio", Organization: organization, GrantTypes: []string{"authorization_code", "refresh_token"}, Scopes: []string{"openid", "email"},
		RedirectURIs: []string{"https://radio.example/cb"}, Enabled: true,
	}
}

func (f *fixture) create(scope tenancy.Scope, change func(*provider.Client)) (provider.Client, secret.Text, error) {
	f.t.Helper()
	c := plain(f.acme)
	change(&c)
	return f.Create(f.t.Context(), scope, c)
}

func (f *fixture) made(scope tenancy.Scope, change func(*provider.Client)) provider.Client {
	f.t.Helper()
	c, _, err := f.create(scope, change)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func unchanged(*provider.Client) {}

// wantInvalid is *tenancy.Invalid that names exactly these fields.
func wantInvalid(t *testing.T, err error, fields ...string) {
	t.Helper()
	var invalid *tenancy.Invalid
	if !errors.As(err, &invalid) {
		t.Errorf("error %v, want problems of %v", err, fields)
		return
	}
	for _, field := range fields {
		if len(invalid.Fields[field]) == 0 || len(invalid.Fields) != len(fields) {
			t.Errorf("problems %v, want of %v", invalid.Fields, fields)
		}
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// events are the actions of the record about an object, oldest first.
func (f *fixture) events(object string) []audit.Event {
	f.t.Helper()
	page := must(f.directory.ListAuditEvents(f.t.Context(), f.ofSystem, tenancy.AuditFilter{Object: object}, tenancy.Query{Size: 100}))(f.t)
	slices.Reverse(page.Items)
	return page.Items
}
