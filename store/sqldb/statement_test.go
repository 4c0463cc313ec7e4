package sqldb

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/tenancy"
)

// The guards are not exported, so their tests are inside.

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

// TestTenantGuards: a statement on a tenant-owned table cannot be made without its tenant.
func TestTenantGuards(t *testing.T) {
	if !panics(func() { plain("SELECT * FROM memberships WHERE user_id = $1") }) {
		t.Error("plain accepts a tenant-owned table")
	}
	if !panics(func() { plain("SELECT 1 FROM users u JOIN Groups g ON g.x = u.y") }) {
		t.Error("plain accepts a joined tenant-owned table")
	}
	if !panics(func() { scoped("SELECT * FROM memberships WHERE organization_id = $1") }) {
		t.Error("scoped accepts a text without marker")
	}
	if !panics(func() { unscoped("", "SELECT * FROM memberships") }) {
		t.Error("unscoped accepts no reason")
	}
	if panics(func() { plain("SELECT * FROM users") }) || panics(func() { scoped("SELECT 1 FROM memberships m WHERE {m.organization_id}") }) {
		t.Error("a good statement panics")
	}
}

func TestScopedRendering(t *testing.T) {
	s := scoped("SELECT 1 FROM groups g WHERE g.id = $1 AND {g.organization_id|shared}")
	rendered, args := s.in(tenancy.System("test"), "id")
	if !strings.HasSuffix(rendered.text, "AND TRUE") || len(args) != 1 {
		t.Errorf("everywhere: %q %v", rendered.text, args)
	}
	if !panics(func() { s.in(tenancy.Scope{}, "id") }) {
		t.Error("the zero scope renders")
	}
}

// TestEveryTenantTableIsGuarded reads the migrations: a table that names an organization, or a group, is owned by tenants.
func TestEveryTenantTableIsGuarded(t *testing.T) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	owned := 0
	for _, file := range files {
		text, err := fs.ReadFile(migrations, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range regexp.MustCompile(`(?s)CREATE TABLE (\w+) \((.*?)\n\);`).FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(table[2], "organization_id") && !strings.Contains(table[2], "group_id") && table[1] != "organizations" {
				continue
			}
			owned++
			if !panics(func() { plain("SELECT 1 FROM " + table[1]) }) {
				t.Errorf("plain accepts the tenant-owned table %s", table[1])
			}
		}
	}
	if owned < 8 {
		t.Errorf("only %d tables found", owned)
	}
}

// TestReadersOnlyRead: the pool of readers refuses writes, so that no write passes by the one writer.
func TestReadersOnlyRead(t *testing.T) {
	db, err := Open(t.Context(), Options{URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "test.db")), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.read.ExecContext(t.Context(), "UPDATE versions SET version = 2"); err == nil {
		t.Error("a reader wrote")
	}
}
