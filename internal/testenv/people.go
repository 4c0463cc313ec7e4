package testenv

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
)

// People are a directory of many. User n is "<first>.<last>.<n>" and in one organization, every third in another one too; all organizations
// have about as many members. One in fifty is inactive, one in a thousand staff.
type People struct {
	Users         int
	Organizations int
}

var (
	firstNames = []string{"ada", "grace", "alan", "edsger", "barbara", "donald", "frances", "john", "margaret", "niklaus", "radia", "tim", "sofia", "luca", "giulia", "marco", "chiara", "paolo", "elena", "matteo"}
	lastStarts = []string{"ross", "bian", "ferr", "espo", "roma", "colo", "ricc", "mari", "grec", "brun", "gall", "cont", "delu", "cost", "gior", "mann", "lomb", "bare", "font", "sant", "mora", "rina", "cara", "leon", "long"}
	lastEnds   = []string{"i", "ini", "etti", "elli", "one", "aro", "ati", "ella", "ucci", "azzo", "otti", "ano", "esi", "ardi", "aldi", "isco", "enti", "orio", "ando", "uzzi"}
)

// pick is an element of a list by a number, as SQL.
func pick(list []string, number string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "CASE (%s) %% %d", number, len(list))
	for i, element := range list {
		fmt.Fprintf(&text, " WHEN %d THEN '%s'", i, element)
	}
	return text.String() + " END"
}

// identifier is a UUID that ends in a number, as SQL.
func identifier(prefix, number string) string {
	digits := "CAST(" + number + " AS TEXT)"
	return "'" + prefix + "-0000-7000-8000-' || substr('000000000000' || " + digits + ", length(" + digits + ") + 1)"
}

// Identifier is that of the user, organization, … with a number.
func (p People) Identifier(prefix string, number int) string {
	return fmt.Sprintf("%s-0000-7000-8000-%012d", prefix, number)
}

// Prefixes of identifiers.
const (
	UserPrefix         = "0190a000"
	OrganizationPrefix = "0190b000"
	membershipPrefix   = "0190c000"
	secondPrefix       = "0190d000"
	GroupPrefix        = "0190e000"
)

// Fill writes the people into a migrated database, past every rule of the program. The driver is "pgx" or "sqlite" as database/sql
// knows them; package sqldb brings the latter.
func (p People) Fill(tb testing.TB, driver, address string) {
	tb.Helper()
	db, err := sql.Open(driver, address)
	if err != nil {
		tb.Fatalf("open database: %v", err)
	}
	defer db.Close()
	numbers := func(count int) string {
		return fmt.Sprintf("WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < %d) ", count-1)
	}
	const start = 1_700_000_000_000_000
	statements := []string{
		`INSERT INTO organizations (id, name, slug, active, description, email, url, factor_policy, created, modified, search) ` + numbers(p.Organizations) +
			`SELECT ` + identifier(OrganizationPrefix, "i") + `, 'Organization ' || i, 'organization-' || i, TRUE, '', '', '', 'optional', ` + fmt.Sprint(start) + ` + i, 0,
			'organization ' || i || ' organization-' || i FROM numbers`,
		`INSERT INTO users (id, username, email, email_verified, first_name, last_name, language, password_hash, active, staff, superuser, created, modified, last_login, search) ` +
			numbers(p.Users) + `, named(i, first, last) AS (SELECT i, ` + pick(firstNames, "i * 7 + i / 20") + `, ` + pick(lastStarts, "i / 20") + ` || ` + pick(lastEnds, "i / 500") + ` FROM numbers)
			SELECT ` + identifier(UserPrefix, "i") + `, first || '.' || last || '.' || i, first || '.' || last || i || '@mail' || (i % 97) || '.example', TRUE, first, last, '', '',
			i % 50 <> 7, i % 1000 = 3, i % 100000 = 9, ` + fmt.Sprint(start) + ` + i, 0, (CAST(i AS BIGINT) * 7919) % 1000003 + ` + fmt.Sprint(start) + `,
			first || '.' || last || '.' || i || ' ' || first || '.' || last || i || '@mail' || (i % 97) || '.example ' || first || ' ' || last || ' ' FROM named`,
		`INSERT INTO memberships (id, user_id, organization_id, role, created, modified) ` + numbers(p.Users) +
			`SELECT ` + identifier(membershipPrefix, "i") + `, ` + identifier(UserPrefix, "i") + `, ` + identifier(OrganizationPrefix, fmt.Sprintf("(CAST(i AS BIGINT) * 7919 + i / %d) %% %d", p.Organizations, p.Organizations)) +
			`, 'member', 0, 0 FROM numbers`,
		`INSERT INTO memberships (id, user_id, organization_id, role, created, modified) ` + numbers(p.Users/3) +
			`SELECT ` + identifier(secondPrefix, "i") + `, ` + identifier(UserPrefix, "i * 3") + `, ` +
			identifier(OrganizationPrefix, fmt.Sprintf("(CAST(i * 3 AS BIGINT) * 7919 + i * 3 / %d + 1 + i %% %d) %% %d", p.Organizations, p.Organizations-1, p.Organizations)) +
			`, 'member', 0, 0 FROM numbers`,
		`INSERT INTO groups (id, name, search) ` + numbers(5) + `SELECT ` + identifier(GroupPrefix, "i") + `, 'Group ' || i, 'group ' || i FROM numbers`,
		`INSERT INTO group_members (group_id, user_id) ` + numbers(p.Users) + `SELECT ` + identifier(GroupPrefix, "i % 5") + `, ` + identifier(UserPrefix, "i") + ` FROM numbers`,
	}
	if driver == "pgx" { // an index of trigrams is made faster than it grows
		statements = append([]string{"DROP INDEX users_search"}, statements...)
		statements = append(statements, "CREATE INDEX users_search ON users USING gin (search gin_trgm_ops)", "VACUUM ANALYZE")
	} else {
		statements = append(statements, "ANALYZE")
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(tb.Context(), statement); err != nil {
			tb.Fatalf("fill: %v: %.100s", err, statement)
		}
	}
}
