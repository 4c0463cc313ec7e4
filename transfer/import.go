package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// Totals count rows by what became of them.
type Totals struct {
	Created int `json:"created"`
	Updated int `json:"updated"`
	Skipped int `json:"skipped"`
	Refused int `json:"refused"`
}

// Rows is how many there were.
func (t Totals) Rows() int { return t.Created + t.Updated + t.Skipped + t.Refused }

// Line is what became of one row.
type Line struct {
	Line     int                   `json:"line"` // its first in the file, from 1
	Outcome  tenancy.ImportOutcome `json:"outcome"`
	User     id.User               `json:"id,omitempty"`
	Username string                `json:"username,omitempty"`
	Notes    []string              `json:"notes,omitempty"`
	Problems map[string][]string   `json:"problems,omitempty"` // by field, in words for people
}

// Import is one run. Directory and Scope are required.
type Import struct {
	Directory *tenancy.Directory
	Scope     tenancy.Scope
	Format    Format // "" = CSV
	Options   tenancy.ImportOptions
	State     string            // file of the place to go on from; "": none
	Notice    func(text string) // told how the file is read; may be nil
	Each      func(Line) error  // called with each row, in order; may be nil
}

// stateEvery is how many rows are done again, and recognised as done, after the program was killed.
const stateEvery = 100

// Run takes every row of a file and returns the totals. Rows that are refused are no error; what stops the run is. With a State, rows
// that an interrupted run of the same file has taken are not taken again; from has to be an io.Seeker then.
func (i Import) Run(ctx context.Context, from io.Reader) (Totals, error) {
	progress, err := i.resume(from)
	if err != nil || progress.Done {
		return progress.Totals, err
	}
	rows, notes, err := open(from, i.Format)
	if err != nil {
		return progress.Totals, err
	}
	for _, note := range notes {
		i.notice(note)
	}
	again := 0
	if progress.resumed {
		again, i.Options.Resumed = stateEvery, progress.Started
	}
	if progress.Offset > 0 {
		if err := rows.skip(progress.Offset, progress.Line); err != nil {
			return progress.Totals, fmt.Errorf("go on in the file: %w", err)
		}
	}
	for {
		if again--; again < 0 {
			i.Options.Resumed = time.Time{}
		}
		done, err := i.row(ctx, rows, &progress)
		if err != nil {
			return progress.Totals, err
		}
		if done || progress.Totals.Rows()%stateEvery == 0 {
			progress.Done = done
			if err := i.save(progress); err != nil {
				return progress.Totals, err
			}
		}
		if done {
			return progress.Totals, nil
		}
	}
}

func (i Import) notice(text string) {
	if i.Notice != nil {
		i.Notice(text)
	}
}

// row takes the next row.
func (i Import) row(ctx context.Context, rows source, progress *progress) (done bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("interrupted after line %d: %w", progress.Line, err)
	}
	d, line, err := rows.next()
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	taken, err := i.take(ctx, d, line)
	if err != nil {
		return false, fmt.Errorf("line %d: %w", line, err)
	}
	if i.Each != nil {
		if err := i.Each(taken); err != nil {
			return false, err
		}
	}
	progress.count(taken.Outcome)
	progress.Offset, progress.Line = rows.at()
	return false, nil
}

func (i Import) take(ctx context.Context, d *decoded, line int) (Line, error) {
	taken := Line{Line: line, Username: d.row.Username, Notes: d.notes, Outcome: tenancy.ImportRefused, Problems: d.problems}
	if len(d.problems) > 0 {
		return taken, nil
	}
	result, err := i.Directory.ImportUser(ctx, i.Scope, d.row, i.Options)
	var invalid *tenancy.Invalid
	if errors.As(err, &invalid) {
		taken.Problems = invalid.Fields
		return taken, nil
	}
	taken.Outcome, taken.User, taken.Notes = result.Outcome, result.User, append(taken.Notes, result.Notes...)
	return taken, err
}

// String is the line in words: "line 3: refused ada (email: This address is taken.)".
func (l Line) String() string {
	said := fmt.Sprintf("line %d: %s %s", l.Line, l.Outcome, l.Username)
	if len(l.Problems) > 0 {
		said += " (" + (&tenancy.Invalid{Fields: l.Problems}).Error() + ")"
	}
	if len(l.Notes) > 0 {
		said += " [" + strings.Join(l.Notes, " ") + "]"
	}
	return said
}
