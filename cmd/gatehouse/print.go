package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"gatehouse/tenancy"
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
func (f outputFlag) list(t terminal, titles []attribute, rows [][]attribute) error {
	p := listPrinter{out: t.out, json: f.JSON}
	if err := p.print(titles, rows); err != nil {
		return err
	}
	return p.end()
}

func asMap(attributes []attribute) map[string]any {
	object := map[string]any{}
	for _, a := range attributes {
		switch v := a.value.(type) {
		case time.Time:
			if v.IsZero() {
				a.value = nil
			}
		case tenancy.Date:
			if v == "" {
				a.value = nil
			}
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
		return printable(strings.Join(v, ", "))
	case map[string]any:
		pairs := make([]string, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, fmt.Sprint(name, "=", v[name]))
		}
		return words(pairs)
	default:
		return printable(fmt.Sprint(v))
	}
}

// printable keeps what somebody has typed from moving the cursor or breaking a table.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
