package tenancy_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/notify"
	"gatehouse/store"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
)

const goodPassword = "correct horse battery"

// recorded is the real store, with the audit events kept where the test can look at them.
type recorded struct {
	tenancy.Store
	mu     *sync.Mutex
	events *[]audit.Event
	outbox *outbox
}

// outbox is what was enqueued by transactions that went through or not: each test enqueues in those that do.
type outbox struct {
	mu       sync.Mutex
	messages []notify.Message
}

func (r recorded) Enqueue(ctx context.Context, message notify.Message) error {
	r.outbox.mu.Lock()
	r.outbox.messages = append(r.outbox.messages, message)
	r.outbox.mu.Unlock()
	return r.Store.Enqueue(ctx, message)
}

func (r recorded) InTx(ctx context.Context, work func(tx tenancy.Store) error) error {
	return r.Store.InTx(ctx, func(tx tenancy.Store) error {
		r.Store = tx
		return work(r)
	})
}

func (r recorded) Record(ctx context.Context, event audit.Event) error {
	r.mu.Lock()
	*r.events = append(*r.events, event)
	r.mu.Unlock()
	return r.Store.Record(ctx, event)
}

type fixture struct {
	*tenancy.Directory
	db     *sqldb.DB
	path   string
	events []audit.Event
	outbox outbox
}

func newFixture(t *testing.T) *fixture { return newFixtureWith(t, 0) }

func newFixtureWith(t *testing.T, pool int) *fixture {
	t.Helper()
	f := &fixture{
		path: filepath.Join(t.TempDir(), "test.db"),
		Directory: &tenancy.Directory{
			Passwords: hasher(t, 64), Keys: must(seal.NewKeys(seal.NewMaster()))(t), Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
		},
	}
	f.open(t, pool)
	t.Cleanup(func() { _ = f.db.Close() })
	if err := f.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) open(t *testing.T, pool int) {
	t.Helper()
	var err error
	f.db, err = sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("sqlite://" + f.path), Now: f.Now, PoolSize: pool})
	if err != nil {
		t.Fatal(err)
	}
	f.Store = recorded{f.db, &sync.Mutex{}, &f.events, &f.outbox}
}

// hasher has costs low enough for tests.
func hasher(t *testing.T, memoryKiB uint32) *password.Hasher {
	t.Helper()
	h, err := password.New(password.Config{MemoryKiB: memoryKiB, Passes: 1})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func system() tenancy.Scope { return tenancy.System("test") }

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func (f *fixture) scope(t *testing.T, user id.User) tenancy.Scope {
	t.Helper()
	return must(f.Scope(t.Context(), user))(t)
}

func (f *fixture) user(t *testing.T, n tenancy.NewUser) id.User {
	t.Helper()
	return must(f.CreateUser(t.Context(), system(), n))(t).ID
}

func (f *fixture) organization(t *testing.T, slug string) id.Organization {
	t.Helper()
	return must(f.CreateOrganization(t.Context(), system(), tenancy.Organization{Name: slug, Slug: slug}))(t).ID
}

func (f *fixture) disable(t *testing.T, organization id.Organization) {
	t.Helper()
	must(f.SetOrganizationActive(t.Context(), system(), organization, false, 0))(t)
}

func (f *fixture) member(t *testing.T, organization id.Organization, user id.User, role tenancy.Role) {
	t.Helper()
	m := tenancy.Membership{ID: id.New[id.Membership](), User: user, Organization: organization, Role: role, Created: f.Now(), Modified: f.Now()}
	if err := f.db.AddMembership(t.Context(), system(), m); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) group(t *testing.T, g tenancy.Group, users ...id.User) id.Group {
	t.Helper()
	group := must(f.CreateGroup(t.Context(), system(), g))(t)
	for _, user := range users {
		if err := f.db.AddToGroup(t.Context(), system(), group.ID, user); err != nil {
			t.Fatal(err)
		}
	}
	return group.ID
}

// register makes the permissions of a sibling's model known.
func (f *fixture) register(t *testing.T, app, model string) {
	t.Helper()
	must(f.RegisterPermissions(t.Context(), system(), app, []tenancy.ModelDefinition{{Name: model}}, nil))(t)
}

func (f *fixture) role(t *testing.T, organization id.Organization, user id.User) tenancy.Role {
	t.Helper()
	memberships := must(f.db.Memberships(t.Context(), system(), user))(t)
	at := slices.IndexFunc(memberships, func(m tenancy.Membership) bool { return m.Organization == organization })
	if at < 0 {
		return ""
	}
	return memberships[at].Role
}

// outcome is an error in one letter: + none, F forbidden, N not found, I invalid input, C conflict, ? another.
func outcome(err error) string {
	var invalid *tenancy.Invalid
	switch {
	case err == nil:
		return "+"
	case errors.Is(err, tenancy.ErrForbidden):
		return "F"
	case errors.Is(err, store.ErrNotFound):
		return "N"
	case errors.As(err, &invalid):
		return "I"
	case errors.Is(err, store.ErrConflict):
		return "C"
	default:
		return "? " + err.Error()
	}
}

// wantInvalid checks that err names exactly the fields.
func wantInvalid(t *testing.T, err error, fields ...string) {
	t.Helper()
	var invalid *tenancy.Invalid
	if !errors.As(err, &invalid) {
		t.Errorf("error %v, want one about %v", err, fields)
		return
	}
	for _, field := range fields {
		if len(invalid.Fields[field]) == 0 {
			t.Errorf("error %v does not name %s", err, field)
		}
	}
	if len(invalid.Fields) != len(fields) {
		t.Errorf("error %v names more than %v", err, fields)
	}
}

// atOnce runs work n times at the same moment and returns the errors.
func atOnce(n int, work func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = work(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}
