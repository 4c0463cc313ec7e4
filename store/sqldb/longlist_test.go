package sqldb_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/store/sqldb"
	"gatehouse/store/storetest"
	"gatehouse/tenancy"
)

// long is a database with more users than a page counts.
type long struct {
	*sqldb.DB
	clock      *storetest.Clock
	statements atomic.Int64
	raw        *sql.DB
}

const longUsers, longTenants = 12_345, 50

func newLong(t *testing.T, driver, address, open string) *long {
	t.Helper()
	l := &long{clock: storetest.NewClock()}
	var err error
	l.DB, err = sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(open), Now: l.clock.Now, Trace: func(string) { l.statements.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := l.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	testenv.People{Users: longUsers, Organizations: longTenants}.Fill(t, driver, address)
	if l.raw, err = sql.Open(driver, address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.raw.Close() })
	return l
}

func onLong(t *testing.T, run func(t *testing.T, l *long)) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "test.db")
		run(t, newLong(t, "sqlite", path, "sqlite:"+path))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		address := testenv.Postgres(t)
		run(t, newLong(t, "pgx", address, address))
	})
}

func (l *long) page(t *testing.T, f tenancy.UserFilter, q tenancy.Query) tenancy.Page[tenancy.UserRow] {
	t.Helper()
	page, err := l.ListUsers(t.Context(), tenancy.System("test"), f, q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return page
}

// number is that of a generated user, which its identifier ends with.
func number(u tenancy.UserRow) int {
	var n int
	_, _ = fmt.Sscanf(string(u.ID)[len(u.ID)-12:], "%d", &n)
	return n
}

// TestLongLists: pages by number are the same from wherever they are read, and the rows of a page are found with one statement.
func TestLongLists(t *testing.T) {
	onLong(t, func(t *testing.T, l *long) {
		first := l.page(t, tenancy.UserFilter{}, tenancy.Query{Page: 1, Size: 10})
		if first.Count != longUsers || first.CountExact {
			t.Errorf("count = %d, exact %v", first.Count, first.CountExact)
		}
		last := (longUsers + 9) / 10
		before := l.statements.Load()
		order := []int{last, 1100, last - 1, 1050, 1102, 1101, 1051, 1049, 1150, last - 2, 1, 2, 1234, 1075, 1102, 1001, 1002, 1000}
		for _, at := range order {
			page := l.page(t, tenancy.UserFilter{}, tenancy.Query{Sort: "created", Page: at, Size: 10})
			wanted := min(10, longUsers-(at-1)*10)
			if len(page.Items) != wanted || number(page.Items[0]) != (at-1)*10 || number(page.Items[wanted-1]) != (at-1)*10+wanted-1 || page.Number != at {
				t.Errorf("page %d begins with %d and has %d rows", at, number(page.Items[0]), len(page.Items))
			}
			if (page.Next == "") != (at == last) || (page.Previous == "") != (at == 1) {
				t.Errorf("page %d: next %q, previous %q", at, page.Next, page.Previous)
			}
			l.neighbours(t, page, at, last)
		}
		if took := int(l.statements.Load() - before); took != 3*len(order)-2 { // the first page and the last have one neighbour
			t.Errorf("%d statements for %d pages", took, 3*len(order)-2)
		}
		_, err := l.ListUsers(t.Context(), tenancy.System("test"), tenancy.UserFilter{}, tenancy.Query{Sort: "created", Page: last + 1, Size: 10})
		var invalid *tenancy.Invalid
		if !errors.As(err, &invalid) {
			t.Errorf("page after the last: %v", err)
		}
	})
}

// neighbours follows both cursors of a page.
func (l *long) neighbours(t *testing.T, page tenancy.Page[tenancy.UserRow], at, last int) {
	t.Helper()
	if at < last {
		if next := l.page(t, tenancy.UserFilter{}, tenancy.Query{Sort: "created", After: page.Next, Page: 1, Size: 10}); number(next.Items[0]) != at*10 || next.Number != at+1 {
			t.Errorf("page %d is followed by %d, number %d", at, number(next.Items[0]), next.Number)
		}
	}
	if at > 1 {
		if previous := l.page(t, tenancy.UserFilter{}, tenancy.Query{Sort: "created", After: page.Previous, Page: 1, Size: 10}); number(previous.Items[0]) != (at-2)*10 || previous.Number != at-1 {
			t.Errorf("page %d follows %d, number %d", at, number(previous.Items[0]), previous.Number)
		}
	}
}

// TestLongCounts: above the limit a list is counted once a minute, each for itself; below it always.
func TestLongCounts(t *testing.T) {
	onLong(t, func(t *testing.T, l *long) {
		count := func(f tenancy.UserFilter) (int, bool, int64) {
			before := l.statements.Load()
			page := l.page(t, f, tenancy.Query{Page: 1, Size: 10})
			return page.Count, page.CountExact, l.statements.Load() - before
		}
		check := func(what string, f tenancy.UserFilter, wanted int, exact bool, statements int64) {
			t.Helper()
			if c, e, s := count(f); c != wanted || e != exact || s != statements {
				t.Errorf("%s: count %d, exact %v, %d statements; want %d, %v, %d", what, c, e, s, wanted, exact, statements)
			}
		}
		everybody, some := tenancy.UserFilter{}, tenancy.UserFilter{Organization: id.Organization(testenv.People{}.Identifier(testenv.OrganizationPrefix, 7))}
		check("first", everybody, longUsers, false, 2)
		check("again", everybody, longUsers, false, 1)
		check("another", tenancy.UserFilter{Superuser: new(false)}, longUsers-1, false, 2)
		members := l.page(t, some, tenancy.Query{Page: 1, Size: 1}).Count
		check("of an organization", some, members, true, 1)
		l.remove(t, 11)
		check("within the minute", everybody, longUsers, false, 1)
		l.clock.Advance(time.Minute)
		check("a minute later", everybody, longUsers-1, false, 2)
	})
}

func (l *long) remove(t *testing.T, user int) {
	t.Helper()
	if _, err := l.raw.ExecContext(t.Context(), "DELETE FROM users WHERE id = $1", testenv.People{}.Identifier(testenv.UserPrefix, user)); err != nil {
		t.Fatal(err)
	}
}

// TestLongSearch: a list that is found by its conditions and one that is found along the order agree.
func TestLongSearch(t *testing.T) {
	onLong(t, func(t *testing.T, l *long) {
		for search, wanted := range map[string]int{"giulia": longUsers / 20, "mail": longUsers, "giulia rossi": 0} {
			var walked []int
			for q := (tenancy.Query{Search: search, Sort: "-created", Page: 1, Size: 100}); ; {
				page := l.page(t, tenancy.UserFilter{}, q)
				for _, row := range page.Items {
					walked = append(walked, number(row))
				}
				if q.After = page.Next; q.After == "" || len(walked) > 1500 {
					break
				}
			}
			if len(walked) < min(wanted, 1500) || !slices.IsSortedFunc(walked, func(a, b int) int { return b - a }) || len(slices.Compact(walked)) != len(walked) {
				t.Errorf("%q: %d rows, want about %d, newest first", search, len(walked), wanted)
			}
		}
	})
}

// TestSearchIndex: PostgreSQL finds three letters by trigrams, and works without them where the extension may not be created.
func TestSearchIndex(t *testing.T) {
	address := testenv.Postgres(t)
	l := newLong(t, "pgx", address, address)
	var plan strings.Builder
	rows, err := l.raw.QueryContext(t.Context(), `EXPLAIN SELECT id FROM users u WHERE u.search LIKE '%giulia.rossini.1%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(line + "\n")
	}
	if err := rows.Err(); err != nil || !strings.Contains(plan.String(), "users_search") {
		t.Errorf("plan (%v):\n%s", err, plan.String())
	}
	if err := l.Migrate(t.Context()); err != nil { // once more changes nothing
		t.Error(err)
	}
}

func TestWithoutSearchIndex(t *testing.T) {
	address := testenv.Postgres(t)
	raw, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	role := fmt.Sprintf("plain_%x", secret.Token(6))
	t.Cleanup(func() { dropRole(address, role) })
	database, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"CREATE ROLE " + role + " LOGIN", "GRANT CREATE, USAGE ON SCHEMA public TO " + role,
		"REVOKE CREATE ON DATABASE " + strings.TrimPrefix(database.Path, "/") + " FROM PUBLIC",
	} {
		if _, err := raw.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	database.User = url.User(role)
	var log bytes.Buffer
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(database.String()), Now: time.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "pg_trgm") || strings.Count(log.String(), "level=WARN") != 1 {
		t.Errorf("log: %s", log.String())
	}
	page, err := db.ListUsers(t.Context(), tenancy.System("test"), tenancy.UserFilter{}, tenancy.Query{Search: "ada", Page: 1, Size: 10})
	if diff := cmp.Diff(tenancy.Page[tenancy.UserRow]{Items: []tenancy.UserRow{}, Number: 1, Size: 10, CountExact: true}, page); err != nil || diff != "" {
		t.Errorf("%v, %s", err, diff)
	}
}

// dropRole leaves a shared server as it was; the role's tables go with it.
func dropRole(address, role string) {
	raw, err := sql.Open("pgx", address)
	if err != nil {
		return
	}
	defer raw.Close()
	_, _ = raw.Exec("DROP OWNED BY " + role)
	_, _ = raw.Exec("DROP ROLE " + role)
}
