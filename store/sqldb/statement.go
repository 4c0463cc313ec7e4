package sqldb

import (
	"fmt"
	"regexp"
	"strings"

	"gatehouse/tenancy"
)

// A statement on a tenant-owned table can be made in two ways only: scoped, which does not start without a tenant marker, and
// unscoped, which says why it needs none. SQLite would silently ignore a forgotten parameter.
type (
	statement struct {
		text  string
		fixed bool // one of few texts, worth being prepared
	}
	scopedStatement struct{ text string }
)

var (
	tenantTables = regexp.MustCompile(`(?i)\b(organizations|memberships|groups|group_permissions|group_members|clients|consents|grants|audit_events|invitations|api_tokens)\b`)
	tenantMarker = regexp.MustCompile(`\{([a-z_.]+)(\|shared)?\}`)
)

// plain is a statement on installation-wide tables. It panics at start if the text touches a tenant-owned one.
func plain(text string) statement {
	if table := tenantTables.FindString(text); table != "" {
		panic(fmt.Sprintf("sqldb: %s is owned by tenants: %s", table, text))
	}
	return statement{text, true}
}

// unscoped is a statement on tenant-owned tables that is bounded otherwise, for the reason given.
func unscoped(reason, text string) statement {
	if reason == "" {
		panic("sqldb: unscoped statement without a reason: " + text)
	}
	return statement{text, true}
}

// scoped is a statement on tenant-owned tables whose text marks where the tenant stands: {m.organization_id} becomes a test that the
// column is within the caller's scope, {g.organization_id|shared} also lets shared rows (NULL) through, unless the scope is empty. It
// panics at start without a marker.
func scoped(text string) scopedStatement {
	if !tenantMarker.MatchString(text) {
		panic("sqldb: statement without a tenant marker: " + text)
	}
	return scopedStatement{text}
}

// in renders the statement for a scope. Parameters of the scope follow args.
func (s scopedStatement) in(scope tenancy.Scope, args ...any) (statement, []any) {
	everywhere, organizations := scope.Everywhere(), scope.Organizations()
	text := tenantMarker.ReplaceAllStringFunc(s.text, func(marker string) string {
		parts := tenantMarker.FindStringSubmatch(marker)
		column, shared := parts[1], parts[2] != ""
		switch {
		case everywhere:
			return "TRUE"
		case len(organizations) == 0:
			return "FALSE"
		}
		places := make([]string, len(organizations))
		for i, organization := range organizations {
			args = append(args, string(organization))
			places[i] = fmt.Sprintf("$%d", len(args))
		}
		within := column + " IN (" + strings.Join(places, ", ") + ")"
		if shared {
			return "(" + within + " OR " + column + " IS NULL)"
		}
		return within
	})
	return statement{text, everywhere || len(organizations) <= 1}, args
}
