package config

import (
	"fmt"
	"strconv"

	"github.com/goccy/go-yaml/ast"
)

// Values are keys and values of any kind, for what another format describes: texts, bools, numbers (float64), lists ([]any) and maps
// (map[string]any), as JSON decodes them.
type Values map[string]any

func (d *decoder) values(node ast.Node, target *Values, path string) {
	entries, ok := pairs(node)
	if !ok {
		d.problem(node, path, "must have keys of its own")
		return
	}
	*target = d.entries(entries, path)
}

func (d *decoder) entries(entries []*ast.MappingValueNode, path string) map[string]any {
	values := map[string]any{}
	for _, pair := range entries {
		key := keyOf(pair)
		if _, given := values[key]; given {
			d.problem(pair.Key, join(path, clip(key)), "is given twice")
			continue
		}
		if value := d.value(pair.Value, join(path, clip(key))); value != nil {
			values[key] = value
		}
	}
	return values
}

// value is nil for what cannot be read.
func (d *decoder) value(node ast.Node, path string) any {
	d.positions[path] = at(node)
	switch value := node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		entries, _ := pairs(value)
		return d.entries(entries, path)
	case *ast.SequenceNode:
		list := make([]any, len(value.Values))
		for i, item := range value.Values {
			list[i] = d.value(item, fmt.Sprintf("%s[%d]", path, i))
		}
		return list
	case *ast.BoolNode:
		return value.Value
	case *ast.StringNode, *ast.LiteralNode:
		text, _ := d.text(node, path)
		return text
	case *ast.IntegerNode, *ast.FloatNode:
		return d.plainNumber(node, path)
	default:
		d.problem(node, path, "must be a text, a number, true, false, a list or keys")
		return nil
	}
}

// plainNumber reads what JSON calls a number: YAML would take 010 for eight.
func (d *decoder) plainNumber(node ast.Node, path string) any {
	text := node.GetToken().Value
	number, err := strconv.ParseFloat(text, 64)
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	octal := len(digits) > 1 && digits[0] == '0' && digits[1] != '.'
	if err != nil || octal || digits == "" || digits[0] < '0' || digits[0] > '9' {
		d.problem(node, path, "must be a number in plain decimal")
		return nil
	}
	return number
}
