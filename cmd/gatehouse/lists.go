package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"gatehouse/tenancy"
)

// pageFlags choose a part of a list.
type pageFlags struct {
	Sort string `placeholder:"COLUMN" help:"Column to sort by; with a hyphen in front (--sort=-created) descending."`
	Page int    `default:"1" help:"Page, from 1."`
	Size int    `default:"50" help:"Rows of a page, at most 100."`
	All  bool   `help:"The whole list, printed as it is read."`
}

func (p pageFlags) query(search string) tenancy.Query {
	q := tenancy.Query{Search: search, Sort: p.Sort, Page: p.Page, Size: p.Size}
	if p.All {
		q.Page, q.Size = 1, tenancy.MaxPageSize
	}
	return q
}

// listing is one list that is being printed.
type listing[T any] struct {
	outputFlag
	pageFlags
	read func(tenancy.Query) (tenancy.Page[T], error)
	row  func(T) []attribute // of the zero value the titles are taken
}

// print prints one page, or all by following the cursors: only one page is in memory. What is left out it says on standard error, so
// that standard output has the rows alone.
func (l listing[T]) print(t terminal, search string) error {
	var none T
	p := listPrinter{out: t.out, json: l.JSON}
	for q := l.query(search); ; {
		page, err := l.read(q)
		if err != nil {
			return err
		}
		rows := make([][]attribute, len(page.Items))
		for i, item := range page.Items {
			rows[i] = l.row(item)
		}
		if err := p.print(l.row(none), rows); err != nil {
			return err
		}
		if q.After = page.Next; q.After != "" && l.All {
			continue
		}
		if q.After != "" {
			fmt.Fprintf(t.err, "There are %s; --page %d shows the next page, --all everything.\n", countOf(page), page.Number+1)
		}
		return p.end()
	}
}

func countOf[T any](page tenancy.Page[T]) string {
	if page.CountExact {
		return fmt.Sprint(page.Count)
	}
	return fmt.Sprint("about ", page.Count)
}

// listPrinter prints rows as a table or as one JSON array, page by page.
type listPrinter struct {
	out     io.Writer
	json    bool
	pages   int
	written int
}

func (p *listPrinter) print(titles []attribute, rows [][]attribute) error {
	p.pages++
	if p.json {
		return p.printJSON(rows)
	}
	table := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	if p.pages == 1 {
		names := make([]string, len(titles))
		for i, title := range titles {
			names[i] = strings.ToUpper(title.name)
		}
		fmt.Fprintln(table, strings.Join(names, "\t"))
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, a := range row {
			cells[i] = words(a.value)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

func (p *listPrinter) printJSON(rows [][]attribute) error {
	for _, row := range rows {
		raw, err := json.Marshal(asMap(row))
		if err != nil {
			return err
		}
		before := ",\n"
		if p.written == 0 {
			before = "["
		}
		if _, err := fmt.Fprint(p.out, before, string(raw)); err != nil {
			return err
		}
		p.written++
	}
	return nil
}

// end closes the array.
func (p *listPrinter) end() error {
	if !p.json {
		return nil
	}
	before := ""
	if p.written == 0 {
		before = "["
	}
	_, err := fmt.Fprintln(p.out, before+"]")
	return err
}
