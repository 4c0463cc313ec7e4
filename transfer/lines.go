package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// lines reads JSON Lines with a bound.
type lines struct {
	from   *bufio.Reader
	line   int
	offset int64
}

func newLines(from io.Reader, line int, offset int64) *lines {
	return &lines{from: bufio.NewReaderSize(from, 64<<10), line: line, offset: offset}
}

// next reads one line that is not empty. At the end io.EOF.
func (l *lines) next() ([]byte, int, error) {
	for {
		line := l.line
		raw, err := l.read()
		if raw = bytes.TrimSpace(raw); len(raw) > 0 || err != nil {
			return raw, line, err
		}
	}
}

func (l *lines) read() ([]byte, error) {
	var raw []byte
	for {
		part, err := l.from.ReadSlice('\n')
		raw = append(raw, part...)
		l.offset += int64(len(part))
		switch {
		case len(raw) > maxRow:
			return nil, fmt.Errorf("line %d: %w", l.line, errRowTooLong)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(raw) > 0:
			return raw, nil
		case err != nil:
			return nil, err
		}
		l.line++
		return raw, nil
	}
}
