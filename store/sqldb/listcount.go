package sqldb

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gatehouse/tenancy"
)

const (
	// countLimit is up to where a page counts the rows of its list itself, exactly.
	countLimit    = 10_000
	uncounted     = -1
	countLifetime = time.Minute
	maxCounts     = 256 // lists whose counts are remembered
	maxMarks      = 256 // places remembered in each order of a list
)

// counts remembers how long lists of more than countLimit rows are, and where pages in them begin.
type counts struct {
	now   func() time.Time
	mu    sync.Mutex
	lists map[string]*counted
}

type counted struct {
	count int // uncounted while somebody counts for the first time
	at    time.Time
	busy  bool // somebody counts
	marks map[string][]mark
}

// mark is the row that the page at an offset began with. Marks of an order are sorted by offset.
type mark struct {
	offset int
	key    []any
}

// tally is what was remembered of a list when its page was asked for.
type tally struct {
	name  string // of the list: what it is, its conditions and the scope
	count int    // or uncounted
}

func (q *queries) tally(list string, r *request) tally {
	name := fingerprint(fmt.Sprintf("%s\n%s\n%v\n%s", list, r.asked, r.scope.Everywhere(), strings.Join(texts(r.scope), " ")))
	if q.tx != nil { // it may see what nobody else does
		return tally{name: name, count: uncounted}
	}
	c := &q.db.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.lists[name]; found != nil && (found.busy || c.now().Sub(found.at) < countLifetime) {
		return tally{name: name, count: found.count}
	}
	return tally{name: name, count: uncounted}
}

// counting lets one caller at a time count a list.
func (c *counts) counting(list string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lists == nil {
		c.lists = map[string]*counted{}
	}
	found := c.lists[list]
	if found == nil {
		c.makeRoom()
		found = &counted{count: uncounted}
		c.lists[list] = found
	}
	if found.busy {
		return false
	}
	found.busy = true
	return true
}

// makeRoom forgets lists that are out of date, and if there are none any list.
func (c *counts) makeRoom() {
	for name, list := range c.lists {
		if len(c.lists) >= maxCounts && !list.busy && c.now().Sub(list.at) >= countLifetime {
			delete(c.lists, name)
		}
	}
	for name := range c.lists {
		if len(c.lists) < maxCounts {
			return
		}
		delete(c.lists, name)
	}
}

// done keeps the count, unless there was none or the list is short.
func (c *counts) done(list string, count int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if count <= countLimit {
		delete(c.lists, list)
		return
	}
	c.lists[list] = &counted{count: count, at: c.now(), marks: map[string][]mark{}}
}

// length is the number of rows of a list, and whether it is exact. came is what its page counted, or uncounted.
func (q *queries) length(ctx context.Context, from string, r *request, t tally, came int) (int, bool, error) {
	switch {
	case t.count != uncounted:
		return t.count, false, nil
	case came == uncounted: // the page behind a cursor is empty by now
		var err error
		if came, err = q.fullCount(ctx, from, r, countLimit+1); err != nil {
			return 0, false, err
		}
	}
	if came <= countLimit {
		return came, true, nil
	}
	if q.tx != nil {
		full, err := q.fullCount(ctx, from, r, 0)
		return full, true, err
	}
	if !q.db.counts.counting(t.name) {
		return came, false, nil
	}
	full, err := q.fullCount(ctx, from, r, 0)
	q.db.counts.done(t.name, full)
	return full, err == nil && full <= countLimit, err
}

func (q *queries) fullCount(ctx context.Context, from string, r *request, limit int) (int, error) {
	statement := *r
	text := "SELECT count(*) FROM (" + countText(from, &statement, limit) + ") c"
	return one(ctx, q, q.read, value[int], made(text), statement.planned()...)
}

// remember keeps where the page at an offset begins, for pages near it.
func (c *counts) remember(list, order string, offset int, key []any) {
	if offset < countLimit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.lists[list]
	if found == nil || found.marks == nil || len(found.marks[order]) >= maxMarks {
		return
	}
	marks := found.marks[order]
	if at, there := findMark(marks, offset); !there {
		found.marks[order] = slices.Insert(marks, at, mark{offset, key})
	}
}

func findMark(marks []mark, offset int) (int, bool) {
	return slices.BinarySearchFunc(marks, offset, func(m mark, offset int) int { return cmp.Compare(m.offset, offset) })
}

// nearest is where to begin a page by its number: from the beginning, the end, or a mark, whichever is the nearest.
func (c *counts) nearest(t tally, order string, query tenancy.Query) (position, error) {
	offset := (query.Page - 1) * query.Size
	best := position{skip: offset, take: query.Size, page: query.Page, offset: offset}
	if t.count == uncounted || offset < countLimit {
		return best, nil
	}
	take := min(query.Size, t.count-offset)
	if take <= 0 {
		return best, noSuchPage()
	}
	if skip := t.count - offset - take; skip < best.skip {
		best.backward, best.last, best.skip, best.take = true, take < query.Size || skip == 0, skip, take
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.lists[t.name]
	if found == nil {
		return best, nil
	}
	marks := found.marks[order]
	at, there := findMark(marks, offset)
	if there {
		at++
	}
	if at > 0 && offset-marks[at-1].offset < best.skip {
		before := marks[at-1]
		best = position{key: before.key, inclusive: true, skip: offset - before.offset, take: query.Size, page: query.Page, offset: offset}
	}
	if at < len(marks) && marks[at].offset-offset >= query.Size && marks[at].offset-offset-query.Size < best.skip {
		after := marks[at]
		best = position{key: after.key, backward: true, skip: after.offset - offset - query.Size, take: query.Size, page: query.Page, offset: offset}
	}
	return best, nil
}
