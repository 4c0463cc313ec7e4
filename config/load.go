package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const maxFile = 1 << 20

// Load reads and validates a file. The error is Problems unless the file cannot be read at all. With Problems comes what could be
// read, for nothing but to look for more of them.
func Load(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(raw, systemLookup())
}

// Parse is Load for the text of a file.
func Parse(raw []byte, lookup Lookup) (*Config, error) {
	if len(raw) > maxFile {
		return Default(), Problems{{Line: 1, Column: 1, Message: "a configuration has at most 1 MiB"}}
	}
	c := Default()
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")) // the byte order mark that some editors begin with
	d := &decoder{positions: map[string]position{}, lookup: lookup}
	tokens := lexer.Tokenize(string(raw))
	if deep, found := tooDeep(tokens); found {
		return c, Problems{deep}
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return c, Problems{syntaxProblem(err)}
	}
	var documents int
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		if documents++; documents > 1 {
			d.problem(document.Body, "", "a configuration is a single document")
			break
		}
		d.decode(document.Body, reflect.ValueOf(c).Elem(), "")
	}
	if _, given := d.positions["factors.issuer_name"]; !given {
		c.Factors.IssuerName = c.Name
	}
	v := &validator{decoder: d}
	v.validate(c)
	c.positions = d.positions
	return c, d.problems.err()
}

// maxDepth bounds brackets within brackets. The parser takes quadratic time and a deep stack for them: 1 MiB of them never ends.
const maxDepth = 32

func tooDeep(tokens token.Tokens) (Problem, bool) {
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		}
		if depth > maxDepth {
			return Problem{Line: t.Position.Line, Column: t.Position.Column, Message: "brackets are nested too deeply"}, true
		}
	}
	return Problem{}, false
}

// ProblemAt makes a problem of a value that only its user could judge.
func (c *Config) ProblemAt(path, message string) Problem {
	p := place(c.positions, path)
	return Problem{Line: p.line, Column: p.column, Path: path, Message: message}
}

// place is where a key stands or, if it is left out, the nearest one around it.
func place(positions map[string]position, path string) position {
	p, known := positions[path]
	for parent := path; !known && parent != ""; p, known = positions[parent] {
		parent = parent[:max(strings.LastIndexAny(parent, ".["), 0)]
	}
	if p.line == 0 {
		return position{1, 1}
	}
	return p
}

// syntaxProblem keeps position and kind of a syntax error and drops the source that the library would quote.
func syntaxProblem(err error) Problem {
	problem := Problem{Line: 1, Column: 1, Message: "this is not YAML"}
	var placed interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if errors.As(err, &placed) {
		if tk := placed.GetToken(); tk != nil && tk.Position != nil {
			problem.Line, problem.Column = tk.Position.Line, tk.Position.Column
		}
		if message, _, _ := strings.Cut(placed.GetMessage(), ":"); message != "" {
			problem.Message += ": " + message
		}
	}
	return problem
}
