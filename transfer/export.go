// Package transfer moves users in and out of files: tables (CSV, RFC 4180) and JSON Lines. What may be read and written, package
// tenancy decides; this package knows the forms.
package transfer

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"gatehouse/tenancy"
)

// Format is the form of a file.
type Format string

// The formats.
const (
	CSV   Format = "csv"
	JSONL Format = "jsonl" // one object a line
)

// Export is one run. Directory, Scope and Fields are required.
type Export struct {
	Directory *tenancy.Directory
	Scope     tenancy.Scope
	Format    Format
	Fields    []Field
	Options   tenancy.ExportOptions
	Progress  func(users int) // called after each user; may be nil
}

// Run writes every user to a file and returns how many. The password column is there only with Options.PasswordHashes. Memory does
// not grow with the number of users.
func (e Export) Run(ctx context.Context, to io.Writer) (int, error) {
	fields := slices.Clone(e.Fields)
	if !e.Options.PasswordHashes {
		fields = slices.DeleteFunc(fields, func(f Field) bool { return f.Name == passwordField })
	}
	for _, field := range fields {
		if err := field.Check(); err != nil {
			return 0, err
		}
	}
	rows := newWriter(e.Format, fields, to)
	written := 0
	_, err := e.Directory.ExportUsers(ctx, e.Scope, e.Options, func(user tenancy.ExportedUser) error {
		if err := rows.write(user); err != nil {
			return fmt.Errorf("write the export: %w", err)
		}
		if written++; e.Progress != nil {
			e.Progress(written)
		}
		return nil
	})
	if err != nil {
		return written, err
	}
	if err := rows.flush(); err != nil {
		return written, fmt.Errorf("write the export: %w", err)
	}
	return written, nil
}

type rowWriter interface {
	write(user tenancy.ExportedUser) error
	flush() error
}

func newWriter(format Format, fields []Field, to io.Writer) rowWriter {
	if format == JSONL {
		return &jsonWriter{fields, json.NewEncoder(to)}
	}
	return &csvWriter{fields: fields, table: csv.NewWriter(to)}
}

type csvWriter struct {
	fields []Field
	table  *csv.Writer
	begun  bool
}

func (w *csvWriter) begin() error {
	if w.begun {
		return nil
	}
	w.begun = true
	var header []string
	for _, field := range w.fields {
		header = append(header, guard(field.header()))
	}
	return w.table.Write(header)
}

func (w *csvWriter) write(user tenancy.ExportedUser) error {
	if err := w.begin(); err != nil {
		return err
	}
	cells := make([]string, len(w.fields))
	for i, field := range w.fields {
		cells[i] = guard(field.of(user).cell())
	}
	return w.table.Write(cells)
}

func (w *csvWriter) flush() error {
	if err := w.begin(); err != nil {
		return err
	}
	w.table.Flush()
	return w.table.Error()
}

type jsonWriter struct {
	fields []Field
	lines  *json.Encoder
}

func (w *jsonWriter) write(user tenancy.ExportedUser) error {
	object := map[string]any{}
	for _, field := range w.fields {
		object[field.key()] = field.of(user).native()
	}
	return w.lines.Encode(object)
}

func (*jsonWriter) flush() error { return nil }

// key is the name of the field in an object.
func (f Field) key() string {
	if f.Header != "" {
		return f.Header
	}
	return f.Name
}

// native is the value in JSON: rows are a list of objects, or of bare values where there is one subfield.
func (s selected) native() any {
	if s.subfields == nil {
		if moment := text(s.value); moment == "" && s.value != "" {
			return nil // no time, no custom fields
		}
		return s.value
	}
	list := []any{}
	for _, row := range s.rows {
		list = append(list, s.object(row))
	}
	if s.single {
		return list[0]
	}
	return list
}

// object is a row as an object, or bare where there is one subfield.
func (s selected) object(row []any) any {
	if len(s.subfields) == 1 {
		return row[0]
	}
	object := map[string]any{}
	for i, name := range s.subfields {
		object[name] = row[i]
	}
	return object
}
