package transfer

import (
	"fmt"
	"strings"
)

// For the fuzz tests.
var (
	Guard   = guard
	Unguard = unguard
)

// ReadTable reads the first record.
func ReadTable(content string) ([]string, error) {
	cells, _, err := newTable(strings.NewReader(content), ',', 1, 0).next()
	return cells, err
}

// Decode reads a file to its end: what it says of each row, and the error that ended it. With from > 0 it goes on after so many rows
// as an import does, with a source of its own.
func Decode(content string, format Format, from int) (rows []string, ended string) {
	s, _, err := open(strings.NewReader(content), format)
	if err != nil {
		return nil, err.Error()
	}
	for range from {
		if _, _, err := s.next(); err != nil {
			return nil, err.Error()
		}
	}
	if from > 0 {
		offset, line := s.at()
		if s, _, err = open(strings.NewReader(content), format); err != nil {
			return nil, err.Error()
		}
		if err := s.skip(offset, line); err != nil {
			return nil, err.Error()
		}
	}
	for {
		d, line, err := s.next()
		if err != nil {
			return rows, err.Error()
		}
		rows = append(rows, fmt.Sprintf("%d: %+v", line, *d))
	}
}
