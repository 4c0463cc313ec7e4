package sqldb

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"

	"gatehouse/tenancy"
)

// order is the order of one list: its columns, the unique ones last.
type order struct {
	name       string // as asked for
	keys       []column
	descending bool
	list       string // fingerprint of what a cursor is good for
}

// sorted finds the order that is asked for.
func (l listing[T]) sorted(asked string, r *request) (order, error) {
	if asked == "" {
		asked = l.order
	}
	name, descending := strings.CutPrefix(asked, "-")
	columns, known := l.orders[name]
	if !known {
		text := "This list is sorted by " + strings.Join(slices.Sorted(maps.Keys(l.orders)), ", ") + "; with a hyphen in front descending."
		return order{}, &tenancy.Invalid{Fields: map[string][]string{"ordering": {text}}}
	}
	return order{
		name: asked, descending: descending, keys: append(columns[:len(columns):len(columns)], l.identity...),
		list: fingerprint(l.name + "\n" + r.asked + asked),
	}, nil
}

// position is where the rows of a page begin.
type position struct {
	key       []any // of the row that the page begins after; nil: the beginning, or the end if backward
	inclusive bool  // begin with that row itself
	backward  bool  // read towards the beginning
	last      bool  // backward from the end: there is nothing after
	skip      int   // rows between
	take      int   // rows of the page
	page      int
	offset    int // of the page by its number
}

// columnsAs lists the keys as k1, k2, …
func (o order) columnsAs() string {
	parts := make([]string, len(o.keys))
	for i, key := range o.keys {
		parts[i] = key.text + " AS " + names[i]
	}
	return strings.Join(parts, ", ")
}

// names of keys within a statement.
var names = []string{"k1", "k2", "k3", "k4"}

// by is an ORDER BY over expressions.
func (o order) by(expressions []string, backward bool) string {
	direction := ""
	if o.descending != backward {
		direction = " DESC"
	}
	return " ORDER BY " + strings.Join(expressions, direction+", ") + direction
}

// past compares the keys with those where a page begins.
func (o order) past(expressions []string, places string, start position) string {
	comparison := ">"
	if o.descending != start.backward {
		comparison = "<"
	}
	if start.inclusive {
		comparison += "="
	}
	return "(" + strings.Join(expressions, ", ") + ") " + comparison + " (" + places + ")"
}

func (o order) expressions() []string {
	found := make([]string, len(o.keys))
	for i, key := range o.keys {
		found[i] = key.text
	}
	return found
}

// pageText is the statement of a page: an inner one finds the keys, an outer one reads only the rows of the page.
//
// Along the order is fast where many rows satisfy the conditions; from the conditions to sorted keys is fast where few do. Which it
// is, the statement finds out itself: it collects up to countLimit hits, and only if there are more it goes along the order.
func pageText[T any](l listing[T], r *request, o order, start position, counted bool) string {
	var places []string
	for _, value := range start.key {
		places = append(places, r.param(value))
	}
	within := strings.Join(places, ", ")
	take, skip := r.number(start.take+1), " OFFSET "+r.number(start.skip)
	along := func(gate string) string {
		var conditions []string
		limit := take
		switch {
		case gate == "":
		case r.dialect == goose.DialectPostgres: // which tests it once, before anything else
			conditions = append(conditions, gate)
		default: // SQLite tests a condition at each row, but reads nothing for a limit of 0
			limit = "CASE WHEN " + gate + " THEN " + take + " ELSE 0 END"
		}
		if within != "" {
			conditions = append(conditions, o.past(o.expressions(), within, start))
		}
		return "SELECT " + o.columnsAs() + " FROM " + l.from + " WHERE " + r.all(strings.Join(conditions, " AND ")) + o.by(o.expressions(), start.backward) +
			" LIMIT " + limit + skip
	}
	keys, few := names[:len(o.keys)], strconv.Itoa(countLimit)
	var text strings.Builder
	switch {
	case counted:
		text.WriteString("WITH page AS (" + along("") + ") SELECT -1")
	case !r.narrow:
		text.WriteString("WITH page AS (" + along("") + ") SELECT (SELECT count(*) FROM (" + countText(l.from, r, countLimit+1) + ") c)")
	default:
		short := "SELECT " + strings.Join(keys, ", ") + " FROM hits WHERE (SELECT n FROM total) <= " + few
		if within != "" {
			short += " AND " + o.past(keys, within, start)
		}
		text.WriteString("WITH hits AS MATERIALIZED (SELECT " + o.columnsAs() + " FROM " + l.from + " WHERE " + r.all("") + " LIMIT " + few + " + 1), " +
			"total AS MATERIALIZED (SELECT count(*) AS n FROM hits), " +
			"page AS (SELECT * FROM (" + short + o.by(keys, start.backward) + " LIMIT " + take + skip + ") few UNION ALL SELECT * FROM (" +
			along("(SELECT n FROM total) > "+few) + ") many) SELECT (SELECT n FROM total)")
	}
	for _, key := range keys {
		text.WriteString(", p." + key)
	}
	text.WriteString(", " + r.mark(l.columns) + " FROM page p JOIN " + l.from + " ON ")
	for i, column := range l.identity {
		if i > 0 {
			text.WriteString(" AND ")
		}
		text.WriteString(column.text + " = p." + keys[len(keys)-len(l.identity)+i])
	}
	text.WriteString(" " + l.joins + o.by(keys, false))
	return text.String()
}

// countText selects a row for each that satisfies the conditions, up to a limit; 0 is none.
func countText(from string, r *request, limit int) string {
	text := "SELECT 1 AS one FROM " + from + " WHERE " + r.all("")
	if limit > 0 {
		text += " LIMIT " + r.param(int64(limit))
	}
	return text
}
