package transfer_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
	"gatehouse/transfer"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// moment has microseconds, as databases keep them.
var moment = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func system() tenancy.Scope { return tenancy.System("test") }

type world struct {
	*tenancy.Directory
	db         *sqldb.DB
	statements int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return openWorld(t, "sqlite://"+filepath.Join(t.TempDir(), "test.db"))
}

func openWorld(t testing.TB, url string) *world {
	t.Helper()
	hasher, err := password.New(password.Config{MemoryKiB: 64, Passes: 1})
	check(t, err)
	keys, err := seal.NewKeys(seal.NewMaster())
	check(t, err)
	w := &world{}
	w.db, err = sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(url), Now: time.Now, Trace: func(string) { w.statements++ }})
	check(t, err)
	t.Cleanup(func() { _ = w.db.Close() })
	check(t, w.db.Migrate(t.Context()))
	fields, err := tenancy.NewFields([]tenancy.Field{{Name: "badge", Schema: map[string]any{"type": "string"}}, {Name: "floor", Schema: map[string]any{"type": "integer"}}})
	check(t, err)
	w.Directory = &tenancy.Directory{Settings: tenancy.Settings{Fields: fields}, Store: w.db, Passwords: hasher, Keys: keys, Now: func() time.Time { return moment }}
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) organization(t testing.TB, slug string) id.Organization {
	t.Helper()
	made, err := w.CreateOrganization(t.Context(), system(), tenancy.Organization{Name: "The " + slug, Slug: slug})
	check(t, err)
	return made.ID
}

func (w *world) export(t testing.TB, e transfer.Export) string {
	t.Helper()
	var out bytes.Buffer
	e.Directory, e.Scope = w.Directory, system()
	if e.Fields == nil {
		e.Fields = transfer.DefaultFields(tenancy.Fields{})
		if e.Format == transfer.JSONL {
			e.Fields = transfer.CompleteFields()
		}
	}
	_, err := e.Run(t.Context(), &out)
	check(t, err)
	return out.String()
}

// imported runs an import and returns its totals and its lines in words.
func (w *world) imported(t testing.TB, i transfer.Import, content string) (transfer.Totals, []string) {
	t.Helper()
	var lines []string
	i.Directory, i.Scope = w.Directory, system()
	i.Notice = func(text string) { lines = append(lines, text) }
	i.Each = func(line transfer.Line) error {
		lines = append(lines, line.String())
		return nil
	}
	totals, err := i.Run(t.Context(), strings.NewReader(content))
	check(t, err)
	return totals, lines
}

func (w *world) user(t testing.TB, name string) tenancy.User {
	t.Helper()
	user, err := w.db.UserByIdentifier(t.Context(), name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return user
}
