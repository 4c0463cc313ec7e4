package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of a file.
const (
	maxRow     = 1 << 20 // bytes
	maxColumns = 200
)

// Problem is something wrong in a file, and where.
type Problem struct {
	Line   int // from 1
	Column int // of the cell, from 1; 0: the whole row
	Text   string
}

// Error names the place first.
func (p *Problem) Error() string {
	if p.Column == 0 {
		return fmt.Sprintf("line %d: %s", p.Line, p.Text)
	}
	return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Text)
}

// errRowTooLong and others are found before the end of a row is known: nothing after it can be trusted.
var errRowTooLong = errors.New("a row has more than 1 MiB; perhaps a quotation mark is not closed")

// table reads RFC 4180 records with a bound, byte by byte, because it has to know where each begins, and to keep line breaks within
// cells as they are. encoding/csv does neither.
type table struct {
	from   *bufio.Reader
	comma  byte
	line   int   // of the next byte, from 1
	offset int64 // of the next byte
	row    []byte
}

func newTable(from io.Reader, comma byte, line int, offset int64) *table {
	return &table{from: bufio.NewReaderSize(from, 64<<10), comma: comma, line: line, offset: offset}
}

// next reads one record: its cells and its first line. Empty lines are none. At the end io.EOF. *Problem is about this record only;
// after any other error reading cannot go on.
func (t *table) next() ([]string, int, error) {
	for {
		line := t.line
		raw, err := t.record()
		if err != nil {
			return nil, line, err
		}
		if raw = bytes.TrimRight(raw, "\r\n"); len(raw) == 0 {
			continue
		}
		cells, err := t.cells(raw, line)
		return cells, line, err
	}
}

// record reads up to a line break outside of quotation marks.
func (t *table) record() ([]byte, error) {
	t.row = t.row[:0]
	begun, quoted := t.line, false
	for {
		b, err := t.from.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && quoted:
			return nil, fmt.Errorf("line %d: a quotation mark is opened in this row and never closed", begun)
		case errors.Is(err, io.EOF) && len(t.row) > 0:
			return t.row, nil
		case err != nil:
			return nil, err
		case len(t.row) >= maxRow:
			return nil, fmt.Errorf("line %d: %w", begun, errRowTooLong)
		}
		t.offset++
		t.row = append(t.row, b)
		switch b {
		case '"':
			quoted = !quoted
		case '\n':
			t.line++
			if !quoted {
				return t.row, nil
			}
		}
	}
}

// cells splits a record. A quotation mark stands at the beginning of a cell or is doubled within one that is quoted.
func (t *table) cells(raw []byte, line int) ([]string, error) {
	var cells []string
	for rest := raw; ; {
		if len(cells) == maxColumns {
			return nil, &Problem{line, 0, fmt.Sprintf("the row has more than %d cells", maxColumns)}
		}
		cell, after, ok := t.cell(rest)
		if !ok {
			return nil, &Problem{line, len(cells) + 1, "a quotation mark stands in the middle of a cell"}
		}
		if !utf8.ValidString(cell) || strings.ContainsRune(cell, 0) {
			return nil, &Problem{line, len(cells) + 1, "the text is not UTF-8; save the file as UTF-8"}
		}
		cells = append(cells, cell)
		if after == nil {
			return cells, nil
		}
		rest = after[1:]
	}
}

// cell takes one cell off; after begins with the separator, nil at the end.
func (t *table) cell(rest []byte) (cell string, after []byte, ok bool) {
	if len(rest) == 0 || rest[0] != '"' {
		end := bytes.IndexByte(rest, t.comma)
		if end < 0 {
			return string(rest), nil, bytes.IndexByte(rest, '"') < 0
		}
		return string(rest[:end]), rest[end:], bytes.IndexByte(rest[:end], '"') < 0
	}
	var text []byte
	for rest = rest[1:]; ; {
		end := bytes.IndexByte(rest, '"')
		if end < 0 {
			return "", nil, false
		}
		text = append(text, rest[:end]...)
		rest = rest[end+1:]
		switch {
		case len(rest) == 0:
			return string(text), nil, true
		case rest[0] == t.comma:
			return string(text), rest, true
		case rest[0] != '"':
			return "", nil, false
		}
		text, rest = append(text, '"'), rest[1:]
	}
}
