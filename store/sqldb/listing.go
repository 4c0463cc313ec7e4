package sqldb

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"

	"gatehouse/tenancy"
)

// A list statement is put together from fragments that are constants of this package, chosen by what is asked for; what a request
// says becomes a parameter and never part of the text.

// condition is a fragment of a WHERE clause with ? for each of its parameters, and tenant markers as in scoped. It is narrow if few
// rows may satisfy it: then the list is found by it and not along the order.
type condition struct {
	text   string
	narrow bool
}

// wide is a condition that many rows satisfy, or that an index in the list's own order finds.
func wide(text string) condition { return condition{text: guarded(text)} }

// narrow is a condition that few rows may satisfy.
func narrow(text string) condition { return condition{text: guarded(text), narrow: true} }

// made is a statement that pageText put together from checked fragments.
func made(text string) statement { return statement{text: text} }

// guarded panics at start for a text that touches a tenant-owned table without a marker.
func guarded(text string) string {
	if table := tenantTables.FindString(text); table != "" && !tenantMarker.MatchString(text) {
		panic(fmt.Sprintf("sqldb: condition on %s without a tenant marker: %s", table, text))
	}
	return text
}

// bounded is a condition on tenant-owned tables whose rows are bounded otherwise, for the reason given.
func bounded(reason, text string) condition {
	if reason == "" {
		panic("sqldb: bounded condition without a reason: " + text)
	}
	return condition{text: text, narrow: true}
}

// column is what a list is sorted by. It cannot be NULL.
type column struct {
	text   string
	number bool // of Go type int64, else string
}

// listing is how one kind of thing is listed.
type listing[T any] struct {
	name     string // within cursors
	from     string // table and alias
	tenant   condition
	identity []column            // its unique columns
	orders   map[string][]column // what it is sorted by; identity decides between equals
	order    string              // its own
	joins    string              // what columns needs beside from
	columns  string              // of each row of the page; may have tenant markers
	scan     func(scanner) (T, error)
}

// listed checks a listing at start: a tenant-owned table has a tenant condition.
func listed[T any](l listing[T]) listing[T] {
	if table := tenantTables.FindString(l.from); table != "" && l.tenant.text == "" {
		panic("sqldb: list of " + table + " without a tenant condition")
	}
	guarded(l.joins + l.columns + l.tenant.text)
	return l
}

// request is one list statement in the making.
type request struct {
	scope      tenancy.Scope
	dialect    goose.Dialect
	conditions []string
	narrow     bool
	asked      string // conditions and their parameters, to tell one list from another
	args       []any
	within     string // placeholder of the scope's organizations, once there is one
	kept       bool   // PostgreSQL keeps its plan
}

// request begins with the listing's tenant condition.
func (l listing[T]) request(q *queries, scope tenancy.Scope, args ...any) *request {
	r := &request{scope: scope, dialect: q.db.dialect}
	if l.tenant.text != "" {
		r.where(l.tenant, args...)
	}
	return r
}

// where adds a condition.
func (r *request) where(c condition, args ...any) {
	if strings.Count(c.text, "?") != len(args) {
		panic("sqldb: wrong number of parameters: " + c.text)
	}
	r.asked += fmt.Sprintf("%s %q\n", c.text, args)
	r.narrow = r.narrow || c.narrow || (tenantMarker.MatchString(c.text) && !r.scope.Everywhere())
	text := c.text
	for _, arg := range args {
		text = strings.Replace(text, "?", r.param(arg), 1)
	}
	r.conditions = append(r.conditions, r.mark(text))
}

// param adds a parameter and returns its placeholder.
func (r *request) param(arg any) string {
	r.args = append(r.args, arg)
	return fmt.Sprintf("$%d", len(r.args))
}

// mark renders tenant markers. However many organizations the scope has, they are one parameter.
func (r *request) mark(text string) string {
	return tenantMarker.ReplaceAllStringFunc(text, func(marker string) string {
		parts := tenantMarker.FindStringSubmatch(marker)
		column, shared := parts[1], parts[2] != ""
		switch {
		case r.scope.Everywhere():
			return "TRUE"
		case len(r.scope.Organizations()) == 0:
			return "FALSE"
		}
		within := r.member(column)
		if shared {
			return "(" + within + " OR " + column + " IS NULL)"
		}
		return within
	})
}

// member tests whether a column is one of the scope's organizations. The two engines have no list parameter in common.
func (r *request) member(column string) string {
	if r.dialect == goose.DialectPostgres {
		if r.within == "" {
			r.within = r.param(texts(r.scope))
		}
		return column + " = ANY(" + r.within + ")"
	}
	if r.within == "" {
		r.within = r.param(list(r.scope.Organizations()))
	}
	return column + " IN (SELECT value FROM json_each(" + r.within + "))"
}

func texts(scope tenancy.Scope) []string {
	var found []string
	for _, organization := range scope.Organizations() {
		found = append(found, string(organization))
	}
	return found
}

// all joins the conditions, and more.
func (r *request) all(more string) string {
	if more == "" && len(r.conditions) == 0 {
		return "TRUE"
	}
	if more == "" {
		return strings.Join(r.conditions, " AND ")
	}
	return strings.Join(append([]string{more}, r.conditions...), " AND ")
}

// row is one row of a page, with its place in the order.
type row[T any] struct {
	item  T
	key   []any
	count int
}

// beside scans columns that stand before those of a row.
type beside struct {
	scanner
	targets []any
}

func (b beside) Scan(targets ...any) error { return b.scanner.Scan(append(b.targets, targets...)...) }

func scanRow[T any](s scanner, keys []column, scan func(scanner) (T, error)) (row[T], error) {
	var (
		found   row[T]
		texts   = make([]string, len(keys))
		numbers = make([]int64, len(keys))
		targets = []any{&found.count}
	)
	for i, key := range keys {
		if key.number {
			targets = append(targets, &numbers[i])
		} else {
			targets = append(targets, &texts[i])
		}
	}
	var err error
	found.item, err = scan(beside{s, targets})
	for i, key := range keys {
		if key.number {
			found.key = append(found.key, numbers[i])
		} else {
			found.key = append(found.key, texts[i])
		}
	}
	return found, err
}

// pageOf reads one page of a list: the rows that the request's conditions leave.
func pageOf[T any](ctx context.Context, q *queries, l listing[T], r *request, query tenancy.Query) (tenancy.Page[T], error) {
	o, err := l.sorted(query.Sort, r)
	if err != nil {
		return tenancy.Page[T]{}, err
	}
	t := q.tally(l.name, r)
	start, err := q.db.counts.begin(t, o, query)
	if err != nil {
		return tenancy.Page[T]{}, err
	}
	statement := *r // its further parameters are not those of the full count
	// Half of what a page costs is its plan. Where nothing is asked for, the next one of this order and size has the same.
	statement.kept = len(r.args) == 0 && !r.narrow && t.count != uncounted && start.skip == 0
	text := pageText(l, &statement, o, start, t.count != uncounted)
	scan := func(s scanner) (row[T], error) { return scanRow(s, o.keys, l.scan) }
	rows, err := all(ctx, q, q.read, scan, made(text), statement.planned()...)
	if err != nil {
		return tenancy.Page[T]{}, err
	}
	if len(rows) == 0 && start.offset > 0 {
		return tenancy.Page[T]{}, noSuchPage()
	}
	page := tenancy.Page[T]{Number: start.page, Size: query.Size}
	page.Count, page.CountExact, err = q.length(ctx, l.from, r, t, came(rows, start))
	shown, more := trim(rows, start)
	fill(&page, shown, more, start, o)
	if len(shown) > 0 {
		q.db.counts.remember(t.name, o.name, start.offset, shown[0].key)
	}
	return page, err
}

// came is the count that came with the rows. Without rows it is known on the first page only.
func came[T any](rows []row[T], start position) int {
	switch {
	case len(rows) > 0:
		return rows[0].count
	case start.key == nil:
		return 0
	default:
		return uncounted
	}
}

// trim takes off the row that only tells that there are more.
func trim[T any](rows []row[T], start position) (shown []row[T], more bool) {
	switch {
	case len(rows) <= start.take:
		return rows, false
	case start.backward:
		return rows[1:], true
	default:
		return rows[:start.take], true
	}
}

// fill puts rows into the page, and cursors to its neighbours.
func fill[T any](page *tenancy.Page[T], rows []row[T], more bool, start position, o order) {
	page.Items = make([]T, len(rows))
	for i, row := range rows {
		page.Items[i] = row.item
	}
	if len(rows) == 0 {
		return
	}
	before, after := start.key != nil || start.offset > 0, more
	if start.backward {
		before, after = more, !start.last
	}
	if before {
		page.Previous = o.cursor(rows[0].key, true, max(start.page-1, 1))
	}
	if after {
		page.Next = o.cursor(rows[len(rows)-1].key, false, start.page+1)
	}
}

// planned are the parameters. PostgreSQL plans for those at hand: whether a search is found by its words or along the order depends on
// them.
func (r *request) planned() []any {
	if r.dialect != goose.DialectPostgres || r.kept {
		return r.args
	}
	return append([]any{pgx.QueryExecModeCacheDescribe}, r.args...)
}

// number is a limit. In a plan that is kept it is part of the text: one that is not known would be planned as a tenth of the table.
func (r *request) number(n int) string {
	if r.kept {
		return strconv.Itoa(n)
	}
	return r.param(int64(n))
}

func noSuchPage() error {
	return &tenancy.Invalid{Fields: map[string][]string{"page": {"There is no such page."}}}
}
