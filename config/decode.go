package config

import (
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"gatehouse/internal/secret"
	"gatehouse/jobs"
)

// decoder walks the syntax tree along the target's type. Libraries stop at the first problem and quote the source; this one
// collects all and quotes nothing.
type decoder struct {
	problems  Problems
	positions map[string]position
	lookup    Lookup
}

type position struct{ line, column int }

// Lookup finds the environment variable and reads the file of a secret.
type Lookup struct {
	Env  func(name string) (string, bool)
	File func(path string) ([]byte, error)
}

func systemLookup() Lookup { return Lookup{Env: os.LookupEnv, File: os.ReadFile} }

// Settings are the part of a file whose keys a connector's kind knows.
type Settings struct {
	node   ast.Node
	path   string
	lookup Lookup

	positions map[string]position // of the whole file, which Decode adds to
}

// Decode fills target, a pointer to a struct with yaml tags, as strictly as the rest of the file. The error is Problems; what could be read is
// filled in all the same, so that the rest can be judged, and Config.ProblemAt knows where each key stands.
func (s Settings) Decode(target any) error {
	if s.node == nil {
		return nil
	}
	d := &decoder{positions: s.positions, lookup: s.lookup}
	d.decode(s.node, reflect.ValueOf(target).Elem(), s.path)
	return d.problems.err()
}

func at(node ast.Node) position {
	if values, mapping := pairs(node); mapping && len(values) > 0 && node.GetToken().Value == ":" {
		node = values[0].Key // a mapping without braces has no token of its own
	}
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return position{1, 1}
	}
	p := node.GetToken().Position
	return position{p.Line, p.Column}
}

func (d *decoder) problem(node ast.Node, path, format string, args ...any) {
	p := at(node)
	d.problems = d.problems.With(Problem{Line: p.line, Column: p.column, Path: path, Message: fmt.Sprintf(format, args...)})
}

// decode fills target from node.
func (d *decoder) decode(node ast.Node, target reflect.Value, path string) {
	d.positions[path] = at(node)
	if _, empty := node.(*ast.NullNode); empty {
		return
	}
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.problem(node, path, "anchors, aliases, merges and tags are not supported; write the value out")
		return
	}
	switch pointer := target.Addr().Interface().(type) {
	case *Settings:
		d.settings(node, pointer, path)
	case *Values:
		d.values(node, pointer, path)
	case *secret.Text:
		d.secret(node, pointer, path)
	case *ExportField:
		d.exportField(node, pointer, path)
	case *Duration:
		*pointer = parsed(d, node, path, parseDuration)
	case *netip.Prefix:
		*pointer = parsed(d, node, path, parsePrefix)
	case *jobs.Schedule:
		*pointer = parsed(d, node, path, jobs.ParseSchedule)
	default:
		d.decodeKind(node, target, path)
	}
}

func (d *decoder) decodeKind(node ast.Node, target reflect.Value, path string) {
	switch target.Kind() {
	case reflect.Struct:
		d.structure(node, target, path)
	case reflect.Slice:
		d.slice(node, target, path)
	case reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		d.decode(node, target.Elem(), path)
	case reflect.String:
		if text, ok := d.text(node, path); ok {
			target.SetString(text)
		}
	case reflect.Bool:
		if value, ok := node.(*ast.BoolNode); ok {
			target.SetBool(value.Value)
		} else {
			d.problem(node, path, "must be true or false")
		}
	case reflect.Int, reflect.Uint8, reflect.Uint32:
		d.number(node, target, path)
	default:
		panic("config: no way to read a " + target.Type().String())
	}
}

// exportField is a name alone, or a mapping.
func (d *decoder) exportField(node ast.Node, target *ExportField, path string) {
	switch node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		d.decodeKind(node, reflect.ValueOf(target).Elem(), path)
	default:
		target.Name, _ = d.text(node, path)
	}
}

func parsePrefix(text string) (netip.Prefix, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return prefix, fmt.Errorf("must be an address or a network such as 10.0.0.0/8")
	}
	return prefix.Masked(), nil
}

func parsed[T any](d *decoder, node ast.Node, path string, parse func(string) (T, error)) T {
	var none T
	text, ok := d.text(node, path)
	if !ok {
		return none
	}
	value, err := parse(text)
	if err != nil {
		d.problem(node, path, "%s", err)
	}
	return value
}

// text reads a single value. A number or the like is taken as it stands, for the key's own rules to say what it wants instead.
func (d *decoder) text(node ast.Node, path string) (string, bool) {
	switch value := node.(type) {
	case *ast.StringNode:
		return value.Value, d.readable(node, path, value.Value)
	case *ast.LiteralNode:
		return value.Value.Value, d.readable(node, path, value.Value.Value)
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		d.problem(node, path, "must be a single text")
	default:
		d.problem(node, path, needsQuotes)
		if plain := node.GetToken(); plain != nil {
			return plain.Value, true
		}
	}
	return "", false
}

func (d *decoder) readable(node ast.Node, path, text string) bool {
	if utf8.ValidString(text) && !strings.ContainsRune(text, 0) {
		return true
	}
	d.problem(node, path, "holds characters that cannot be read")
	return false
}

// number reads plain decimal: YAML would take 010 for eight.
func (d *decoder) number(node ast.Node, target reflect.Value, path string) {
	text := ""
	if value, ok := node.(*ast.IntegerNode); ok {
		text = value.GetToken().Value
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || (len(text) > 1 && text[0] == '0'):
		d.problem(node, path, "must be a whole number in plain decimal")
	case target.CanUint() && (n < 0 || target.OverflowUint(uint64(n))), target.CanInt() && target.OverflowInt(n), n < 0:
		d.problem(node, path, "is out of range")
	case target.CanUint():
		target.SetUint(uint64(n))
	default:
		target.SetInt(n)
	}
}

func (d *decoder) slice(node ast.Node, target reflect.Value, path string) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.problem(node, path, "must be a list")
		return
	}
	target.Set(reflect.MakeSlice(target.Type(), len(sequence.Values), len(sequence.Values)))
	for i, value := range sequence.Values {
		place := fmt.Sprintf("%s[%d]", path, i)
		if _, empty := value.(*ast.NullNode); empty {
			d.problem(value, place, "is empty")
		}
		d.decode(value, target.Index(i), place)
	}
}

// pairs are the entries of a mapping; ok is false for anything else.
func pairs(node ast.Node) (values []*ast.MappingValueNode, ok bool) {
	switch mapping := node.(type) {
	case *ast.MappingNode:
		return mapping.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{mapping}, true
	default:
		return nil, false
	}
}

func (d *decoder) structure(node ast.Node, target reflect.Value, path string) {
	values, ok := pairs(node)
	if !ok {
		d.problem(node, path, "must have keys of its own")
		return
	}
	fields := map[string]int{}
	for i := range target.NumField() {
		if key := target.Type().Field(i).Tag.Get("yaml"); key != "" {
			fields[key] = i
		}
	}
	seen := map[string]bool{}
	for _, pair := range values {
		key := keyOf(pair)
		index, known := fields[key]
		switch {
		case !known:
			d.problem(pair.Key, join(path, clip(key)), "unknown key%s", suggestion(key, fields))
		case seen[key]:
			d.problem(pair.Key, join(path, key), "is given twice")
		default:
			seen[key] = true
			d.decode(pair.Value, target.Field(index), join(path, key))
		}
	}
}

// keyOf is the key of a pair, without the quotes that it may have.
func keyOf(pair *ast.MappingValueNode) string {
	if text, ok := pair.Key.(*ast.StringNode); ok {
		return text.Value
	}
	return pair.Key.String()
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// clip keeps a stray secret that was pasted as a key from being printed whole.
func clip(key string) string {
	if len(key) > 40 {
		return strings.ToValidUTF8(key[:20], "") + "…"
	}
	return key
}

func (d *decoder) settings(node ast.Node, target *Settings, path string) {
	if _, ok := pairs(node); !ok {
		d.problem(node, path, "must have keys of its own")
		return
	}
	*target = Settings{node: node, path: path, lookup: d.lookup, positions: d.positions}
}

// secret reads a text, {env: NAME} or {file: path}.
func (d *decoder) secret(node ast.Node, target *secret.Text, path string) {
	values, mapping := pairs(node)
	if !mapping {
		if text, ok := d.text(node, path); ok {
			*target = secret.New(text)
		}
		return
	}
	if len(values) != 1 {
		d.problem(node, path, "a secret is a text, {env: NAME} or {file: path}")
		return
	}
	key, source := keyOf(values[0]), ""
	if key == "env" || key == "file" {
		var ok bool
		if source, ok = d.text(values[0].Value, join(path, key)); !ok {
			return
		}
	}
	switch key {
	case "env":
		value, found := d.lookup.Env(source)
		switch {
		case found && value != "":
		case envForm.MatchString(source):
			d.problem(node, path, "the environment variable %s is not set", source)
		default:
			d.problem(node, path, "the environment variable of that name is not set")
		}
		*target = secret.New(value)
	case "file":
		raw, err := d.lookup.File(source)
		text := trimNewline(string(raw))
		if err != nil || text == "" {
			d.problem(node, path, "the file %s cannot be read or is empty", source)
		}
		*target = secret.New(text)
	default:
		d.problem(node, path, "a secret is a text, {env: NAME} or {file: path}")
	}
}

// envForm keeps a secret that stands where its variable's name belongs from being printed.
var envForm = regexp.MustCompile(`^[A-Z_][A-Z0-9_]{0,127}$`)
