package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// outputFlag chooses between tables for people and JSON for programs.
type outputFlag struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// confirmFlag is asked of what cannot be undone.
type confirmFlag struct {
	Yes bool `help:"Really do it."`
}

func (f confirmFlag) check(what string) error {
	if f.Yes {
		return nil
	}
	return fmt.Errorf("this %s and cannot be undone; say --yes if you mean it", what)
}

// attribute is a named value of an object.
type attribute struct {
	name  string
	value any
}

// object prints one thing: a line for each attribute, or a JSON object.
func (f outputFlag) object(t terminal, attributes ...attribute) error {
	if f.JSON {
		return json.NewEncoder(t.out).Encode(asMap(attributes))
	}
	table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, a := range attributes {
		fmt.Fprintf(table, "%s\t%s\n", a.name, words(a.value))
	}
	return table.Flush()
}

// list prints things of one kind: a table, or a JSON array.
func (f outputFlag) list(t terminal, titles []string, rows [][]attribute) error {
	if f.JSON {
		objects := []map[string]any{}
		for _, row := range rows {
			objects = append(objects, asMap(row))
		}
		return json.NewEncoder(t.out).Encode(objects)
	}
	table := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.ToUpper(strings.Join(titles, "\t")))
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, a := range row {
			cells[i] = words(a.value)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

func asMap(attributes []attribute) map[string]any {
	object := map[string]any{}
	for _, a := range attributes {
		if moment, ok := a.value.(time.Time); ok && moment.IsZero() {
			a.value = nil
		}
		object[a.name] = a.value
	}
	return object
}

func words(value any) string {
	switch v := value.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case time.Time:
		if v.IsZero() {
			return "-"
		}
		return v.UTC().Format("2006-01-02 15:04:05Z")
	case []string:
		return strings.Join(v, ", ")
	default:
		return fmt.Sprint(v)
	}
}
