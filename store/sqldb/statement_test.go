package sqldb

import (
	"strings"
	"testing"

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
