package transfer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"gatehouse/tenancy"
)

// source gives the rows of a file.
type source interface {
	// next gives a row and its first line; io.EOF at the end; any other error is the end as well.
	next() (*decoded, int, error)
	// at is where the next row begins: the offset and the line.
	at() (offset int64, line int)
	// skip goes on at a place that at has said.
	skip(offset int64, line int) error
}

// open looks at the beginning of a file. It returns what a person should know about how it is read.
func open(from io.Reader, format Format) (source, []string, error) {
	reader := bufio.NewReaderSize(from, 64<<10)
	start, err := reader.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read the file: %w", err)
	}
	if bytes.HasPrefix(start, []byte{0xff, 0xfe}) || bytes.HasPrefix(start, []byte{0xfe, 0xff}) {
		return nil, nil, &Problem{1, 0, "the file is UTF-16; save it as UTF-8"}
	}
	var (
		offset int64
		notes  []string
	)
	if bytes.Equal(start, []byte{0xef, 0xbb, 0xbf}) {
		_, _ = reader.Discard(3) // was peeked at
		offset = 3
		notes = append(notes, "The file begins with a byte order mark, which was skipped.")
	}
	if format == JSONL {
		return &objects{newLines(reader, 1, offset)}, notes, nil
	}
	s, more, err := openTable(reader, offset)
	return s, append(notes, more...), err
}

// objects are the rows of JSON Lines.
type objects struct{ *lines }

func (o *objects) next() (*decoded, int, error) {
	raw, line, err := o.lines.next()
	if err != nil {
		return nil, line, err
	}
	return decodeObject(raw), line, nil
}

func (l *lines) at() (int64, int) { return l.offset, l.line }

func (l *lines) skip(offset int64, line int) error {
	_, err := io.CopyN(io.Discard, l.from, offset-l.offset)
	l.offset, l.line = offset, line
	return err
}

// rows are those of a table under a header.
type rows struct {
	*table
	columns []column
}

// column is what a header means.
type column struct {
	title  string
	field  string   // "" = not imported
	custom string   // the custom field, for field "custom"
	fields []string // of organizations
}

var separators = []byte{',', ';', '\t'}

// openTable reads the header. Which separator it has, the one tells under which it has the most columns that are known.
func openTable(reader *bufio.Reader, offset int64) (source, []string, error) {
	t := newTable(nil, ',', 1, offset)
	t.from = reader
	header, err := t.record()
	if errors.Is(err, io.EOF) {
		return nil, nil, &Problem{1, 0, "the file is empty"}
	}
	if err != nil {
		return nil, nil, err
	}
	header = bytes.Clone(bytes.TrimRight(header, "\r\n"))
	var (
		best  []column
		known = -1
		comma byte
	)
	for _, separator := range separators {
		t.comma = separator
		titles, err := t.cells(header, 1)
		if err != nil {
			continue
		}
		if columns, n := understand(titles); n > known {
			best, known, comma = columns, n, separator
		}
	}
	t.comma = comma
	notes, err := judge(best, comma)
	return &rows{t, best}, notes, err
}

// understand reads titles and counts those that are known.
func understand(titles []string) ([]column, int) {
	columns, known := make([]column, len(titles)), 0
	for i, title := range titles {
		columns[i] = columnOf(strings.TrimSpace(unguard(title)))
		if columns[i].field != "" {
			known++
		}
	}
	return columns, known
}

func columnOf(title string) column {
	name, inside, bracket := strings.Cut(title, " (")
	name = strings.TrimPrefix(name, profileField+".")
	c := column{title: title}
	custom, isCustom := strings.CutPrefix(name, customField+".")
	switch {
	case name == organizationsField:
		c.fields = []string{"organization_id", "is_admin"}
		if bracket {
			c.fields = splitList(strings.TrimSuffix(inside, ")"))
		}
		if !slices.ContainsFunc(c.fields, func(f string) bool { return membershipFields[f] == nil }) {
			c.field = name
		}
	case isCustom && !bracket:
		c.field, c.custom = customField, custom
	case slices.Contains(tenancy.ImportFields(), name) && !bracket:
		c.field = name
	}
	return c
}

// judge says whether a header will do, and what a person should know about it.
func judge(columns []column, comma byte) ([]string, error) {
	var notes, ignored []string
	seen := map[string]bool{}
	for i, c := range columns {
		if c.field == "" {
			ignored = append(ignored, c.title)
			continue
		}
		if seen[c.field+"."+c.custom] {
			return nil, &Problem{1, i + 1, fmt.Sprintf("the column %q is there twice", c.title)}
		}
		seen[c.field+"."+c.custom] = true
	}
	if !seen["username."] {
		return nil, &Problem{1, 0, "the first line has to name the columns, and there is none named username"}
	}
	if comma != ',' {
		notes = append(notes, fmt.Sprintf("The cells are separated by %q.", comma))
	}
	if len(ignored) > 0 {
		notes = append(notes, "Columns that are not imported: "+strings.Join(ignored, ", ")+".")
	}
	return notes, nil
}

func (r *rows) at() (int64, int) { return r.offset, r.line }

func (r *rows) skip(offset int64, line int) error {
	_, err := io.CopyN(io.Discard, r.from, offset-r.offset)
	r.offset, r.line = offset, line
	return err
}

func (r *rows) next() (*decoded, int, error) {
	cells, line, err := r.table.next()
	var problem *Problem
	d := newDecoded()
	switch {
	case errors.As(err, &problem):
		d.wrong(r.title(problem.Column), problem.Text)
		return d, line, nil
	case err != nil:
		return nil, line, err
	case len(cells) != len(r.columns):
		d.wrong("row", fmt.Sprintf("The row has %d cells, the first line %d.", len(cells), len(r.columns)))
		return d, line, nil
	}
	for i, c := range r.columns {
		d.setCell(c, unguard(cells[i]))
	}
	return d, line, nil
}

func (r *rows) title(column int) string {
	if column == 0 || column > len(r.columns) {
		return "row"
	}
	return fmt.Sprintf("%s (column %d)", r.columns[column-1].title, column)
}

func (d *decoded) setCell(c column, cell string) {
	switch {
	case c.field == organizationsField:
		d.memberships(c.fields, cell)
	case c.custom != "":
		d.custom(c.custom, cell)
	case c.field == customField:
		var value any
		if err := json.Unmarshal([]byte(cell), &value); err != nil && cell != "" {
			d.wrong(customField, "This is not a JSON object.")
			return
		}
		d.custom("", value)
	case c.field != "":
		d.set(c.field, cell)
	}
}
