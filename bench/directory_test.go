package bench_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
)

const (
	runs        = 200
	warming     = 5
	goal        = 3.0 // how many times slower a list may be with many users, or on a deep page
	deepPage    = 5000
	manyUsers   = 1_000_000
	manyTenants = 10_000
	fewUsers    = 10_000
	fewTenants  = 100 // so that an organization has as many members
)

// BenchmarkDirectory measures lists of a directory of a million users against one of ten thousand, on PostgreSQL: how long a
// page takes, how much longer with many users and deep in the list, and how many statements it is.
func BenchmarkDirectory(b *testing.B) {
	for b.Loop() {
		few := openDirectory(b, "pgx", testenv.Postgres(b), testenv.People{Users: fewUsers, Organizations: fewTenants})
		many := openDirectory(b, "pgx", testenv.Postgres(b), testenv.People{Users: manyUsers, Organizations: manyTenants})
		compare("list", few, many, few.works(b), many.works(b))
		compare("over HTTP", few, many, few.overHTTP(b).works(), many.overHTTP(b).works())
	}
}

// BenchmarkDirectorySQLite is the same with a hundred thousand users on SQLite, where a search reads the whole table.
func BenchmarkDirectorySQLite(b *testing.B) {
	for b.Loop() {
		few := openDirectory(b, "sqlite", filepath.Join(b.TempDir(), "few.db"), testenv.People{Users: fewUsers, Organizations: fewTenants})
		many := openDirectory(b, "sqlite", filepath.Join(b.TempDir(), "many.db"), testenv.People{Users: fewUsers * 10, Organizations: fewTenants * 10})
		compare("list", few, many, few.works(b), many.works(b))
		compare("over HTTP", few, many, few.overHTTP(b).works(), many.overHTTP(b).works())
	}
}

type directory struct {
	tenancy.Directory
	people     testenv.People
	statements atomic.Int64
	manager3   id.User // of three organizations
	managerAll id.User // of up to a thousand

	clientsVersion func(context.Context) (int64, error)
}

func openDirectory(b *testing.B, driver, address string, people testenv.People) *directory {
	d := &directory{people: people}
	url := address
	if driver == "sqlite" {
		url = "sqlite:" + address
	}
	db, err := sqldb.Open(b.Context(), sqldb.Options{URL: secret.New(url), Now: time.Now, Trace: func(string) { d.statements.Add(1) }})
	must(b, err)
	b.Cleanup(func() { _ = db.Close() })
	must(b, db.Migrate(b.Context()))
	start := time.Now()
	people.Fill(b, driver, address)
	b.Logf("%d users in %d organizations written in %s", people.Users, people.Organizations, time.Since(start).Round(time.Second))
	d.Store, d.Now, d.clientsVersion = db, time.Now, db.ClientsVersion
	d.manager3 = d.manager(b, "manager3", min(3, people.Organizations))
	d.managerAll = d.manager(b, "manager1000", min(1000, people.Organizations))
	return d
}

// manager makes the manager of so many organizations, with the permissions to view.
func (d *directory) manager(b *testing.B, name string, organizations int) id.User {
	all := tenancy.System("bench")
	user := tenancy.User{ID: id.New[id.User](), Username: name, Active: true, Created: time.Unix(1, 0)}
	must(b, d.Store.CreateUser(b.Context(), user))
	group := tenancy.Group{ID: id.New[id.Group](), Name: name, Permissions: []tenancy.Permission{tenancy.ViewUser}}
	must(b, d.Store.CreateGroup(b.Context(), all, group))
	must(b, d.Store.AddToGroup(b.Context(), all, group.ID, user.ID))
	for i := range organizations {
		organization := id.Organization(d.people.Identifier(testenv.OrganizationPrefix, i))
		must(b, d.Store.AddMembership(b.Context(), all, tenancy.Membership{
			ID: id.New[id.Membership](), User: user.ID, Organization: organization, Role: tenancy.Manager, Created: time.Now(),
		}))
	}
	return user.ID
}

// work is one kind of request: it returns how many rows it got.
type work struct {
	name string
	run  func() int
}

// works are the requests that are measured. Deep pages of few users are their last ones.
func (d *directory) works(b *testing.B) []work {
	deep := min(deepPage, d.people.Users/10)
	everything := tenancy.System("bench")
	users := func(scope tenancy.Scope, f tenancy.UserFilter, q tenancy.Query) func() int {
		return func() int {
			page, err := d.ListUsers(b.Context(), scope, f, q)
			must(b, err)
			return len(page.Items)
		}
	}
	all := func(q tenancy.Query) func() int { return users(everything, tenancy.UserFilter{}, q) }
	of := func(manager id.User, q tenancy.Query) func() int {
		scope, err := d.Scope(b.Context(), manager)
		must(b, err)
		return users(scope, tenancy.UserFilter{}, q)
	}
	before, err := d.ListUsers(b.Context(), everything, tenancy.UserFilter{}, tenancy.Query{Page: deep - 1})
	must(b, err)
	organization := id.Organization(d.people.Identifier(testenv.OrganizationPrefix, 7))
	turn := 0
	return []work{
		{"page 1", all(tenancy.Query{})},
		{"page 5,000 by cursor", all(tenancy.Query{After: before.Next})},
		{"page 5,000 by number", all(tenancy.Query{Page: deep})},
		{"pages 4,500 to 5,000 by number", func() int {
			turn++
			return all(tenancy.Query{Page: deep - (turn*37)%(deep/10)})()
		}},
		{"page 1 by username", all(tenancy.Query{Sort: "username"})},
		{"search: a full name (1 in 10,000)", all(tenancy.Query{Search: "giulia rossini"})},
		{"search: a first name (1 in 20)", all(tenancy.Query{Search: "giulia"})},
		{"search: of an address, 1 hit", all(tenancy.Query{Search: "rossini" + strconv.Itoa(d.rossini()) + "@"})},
		{"search: of an address, common part", all(tenancy.Query{Search: "4711@mail"})},
		{"search: two letters", all(tenancy.Query{Search: "gi"})},
		{"of an organization", users(everything, tenancy.UserFilter{Organization: organization}, tenancy.Query{})},
		{"manager of 3", of(d.manager3, tenancy.Query{})},
		{"manager of 3, search", of(d.manager3, tenancy.Query{Search: "ross"})},
		{"manager of 1,000 (100)", of(d.managerAll, tenancy.Query{})},
		{"manager of 1,000 (100), search", of(d.managerAll, tenancy.Query{Search: "giulia rossini"})},
		{"staff", users(everything, tenancy.UserFilter{Staff: new(true)}, tenancy.Query{})},
		{"scope and permission check", d.scoped(b)},
		{"a version alone, as a cache would ask", d.version(b)},
	}
}

func (d *directory) scoped(b *testing.B) func() int {
	return func() int {
		if s, err := d.Scope(b.Context(), d.manager3); err != nil || !s.Has(tenancy.ViewUser) {
			b.Fatalf("the manager may not: %v", err)
		}
		return 1
	}
}

func (d *directory) version(b *testing.B) func() int {
	return func() int {
		_, err := d.clientsVersion(b.Context())
		must(b, err)
		return 1
	}
}

// rossini is the number of a user of that name near the end.
func (d *directory) rossini() int { return (d.people.Users-1)/10_000*10_000 + 500 }

// figure is what one kind of request cost.
type figure struct {
	taken      []time.Duration
	statements int64
	rows       int
}

func (f *figure) once(d *directory, w work) {
	statements, start := d.statements.Load(), time.Now()
	f.rows = w.run()
	f.taken = append(f.taken, time.Since(start))
	f.statements += d.statements.Load() - statements
}

func (f *figure) percentile(p int) time.Duration { return f.taken[len(f.taken)*p/100] }

// compare measures few and many in turn, so that a busy machine slows both, and prints a table. On a busy machine what takes longer is
// also interrupted more often; the fastest tenth (p10) shows what it takes without.
func compare(title string, few, many *directory, worksOfFew, worksOfMany []work) {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, title+"\tfew p10\tfew p50\tfew p99\tmany p10\tmany p50\tmany p99\tp10 many:few\tp50 many:few\tto page 1\tstatements\trows\tgoal\t")
	var first time.Duration
	for i, w := range worksOfFew {
		fewer, more := &figure{}, &figure{}
		for range warming {
			w.run()
			worksOfMany[i].run() // counts are remembered from now on
		}
		for range runs {
			fewer.once(few, w)
			more.once(many, worksOfMany[i])
		}
		slices.Sort(fewer.taken)
		slices.Sort(more.taken)
		if i == 0 {
			first = more.percentile(50)
		}
		growth, depth := ratio(more.percentile(50), fewer.percentile(50)), ratio(more.percentile(50), first)
		verdict := "met"
		if growth > goal || (strings.HasPrefix(w.name, "page") && depth > goal) {
			verdict = "missed"
		}
		fmt.Fprintf(table, "%s\t", w.name)
		for _, f := range []*figure{fewer, more} {
			for _, p := range []int{10, 50, 99} {
				fmt.Fprintf(table, "%s\t", f.percentile(p).Round(10*time.Microsecond))
			}
		}
		fmt.Fprintf(table, "%.2f\t%.2f\t%.2f\t%.2f\t%d\t%s\t\n", ratio(more.percentile(10), fewer.percentile(10)), growth, depth, float64(more.statements)/runs, more.rows, verdict)
	}
	_ = table.Flush()
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(max(b, 1)) }
