// Package mutate shows that tests notice the loss of a policy check: it takes each away, runs the tests, and reports the survivors.
// "make mutate" runs it; it takes a while, and nothing in the work tree changes meanwhile.
package mutate

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// oneError asks whether there is an error, or which.
const oneError = `!?(err [!=]= nil|errors\.(Is|As)\(err, [^()]*\))`

var (
	enabled = flag.Bool("mutate", false, "take each check away and run the tests")
	only    = flag.String("only", "", "mutate only what contains one of these texts, with commas between, as the report writes it")
	workers = flag.Int("workers", 2, "mutants at once")

	errorAlone = regexp.MustCompile(`^` + oneError + `( (&&|\|\|) ` + oneError + `)*$`)
)

// policy is the files whose checks are taken away, and the packages whose tests must notice, asked one after the other.
var policy = []struct {
	files string
	tests []string
}{
	{"tenancy/*.go", []string{"./tenancy", "./api"}},
	{"session/guard.go", []string{"./session"}},
	{"api/authenticate.go", []string{"./api"}},
	{"api/idempotency.go", []string{"./api"}},
}

// accepted are mutants that change nothing, one "file function: what" a line, with the reason behind #.
const accepted = "testdata/accepted.txt"

// mutant is one expression of a file that can be switched off.
type mutant struct {
	number     int    // from 1 on
	file       string // below the module's root
	pkg        string
	function   string
	line       int
	start, end int    // bytes
	gone       string // "true" or "false": what the expression then is
	what       string
	tests      []string
}

func (m mutant) String() string { return fmt.Sprintf("%s %s: %s", m.file, m.function, m.what) }

const root = "../.."

// TestMutants runs only when asked to: it takes a while.
func TestMutants(t *testing.T) {
	if !*enabled {
		t.Log("not asked to: make mutate")
		return
	}
	var all []mutant
	for _, part := range policy {
		files, err := filepath.Glob(filepath.Join(root, part.files))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", part.files, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				all = append(all, mutants(t, file, part.tests)...)
			}
		}
	}
	harmless := readAccepted(t)
	for line := range harmless {
		if !slices.ContainsFunc(all, func(m mutant) bool { return m.String() == line }) {
			t.Errorf("%s: there is no such mutant: %s", accepted, line)
		}
	}
	for i := range all {
		all[i].number = i + 1
	}
	built := build(t, all)
	asked := slices.DeleteFunc(slices.Clone(all), func(m mutant) bool {
		return harmless[m.String()] || !slices.ContainsFunc(strings.Split(*only, ","), func(text string) bool { return strings.Contains(m.String(), text) })
	})
	var next, survived atomic.Int64
	var running sync.WaitGroup
	for range *workers {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(asked); i = int(next.Add(1)) - 1 {
				verdict := built.try(t.Context(), asked[i])
				t.Logf("%d/%d %s:%d %s: %s", i+1, len(asked), asked[i].file, asked[i].line, asked[i], verdict)
				if !strings.HasPrefix(verdict, "killed") {
					survived.Add(1)
				}
			}
		})
	}
	running.Wait()
	t.Logf("%d mutants, %d survived, %d accepted", len(asked), survived.Load(), len(harmless))
	if survived.Load() > 0 {
		t.Fail()
	}
}

func readAccepted(t *testing.T) map[string]bool {
	t.Helper()
	raw, err := os.ReadFile(accepted)
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		mutant, reason, found := strings.Cut(strings.TrimSpace(line), " # ")
		if mutant == "" || strings.HasPrefix(mutant, "#") {
			continue
		}
		if !found || reason == "" {
			t.Fatalf("%s: no reason given for %s", accepted, mutant)
		}
		lines[mutant] = true
	}
	return lines
}

// mutants finds the checks of a file: conditions under which it returns, their parts, and what it returns as true or false.
func mutants(t *testing.T, path string, tests []string) []mutant {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, path, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		t.Fatal(err)
	}
	var found []mutant
	for _, declaration := range parsed.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || function.Body == nil {
			continue
		}
		add := func(expression ast.Expr, gone string) {
			if plumbing(expression, source, files) {
				return
			}
			start, end := files.Position(expression.Pos()), files.Position(expression.End())
			text := string(source[start.Offset:end.Offset])
			found = append(found, mutant{
				file: name, pkg: parsed.Name.Name, function: function.Name.Name, line: start.Line, start: start.Offset, end: end.Offset, tests: tests,
				gone: gone, what: strings.Join(strings.Fields(text), " ") + " → " + gone,
			})
		}
		ast.Inspect(function.Body, func(node ast.Node) bool {
			switch statement := node.(type) {
			case *ast.IfStmt:
				if returns(statement.Body) {
					add(statement.Cond, "false")
					parts(statement.Cond, add)
				}
			case *ast.CaseClause:
				for _, expression := range statement.List {
					if binary, is := expression.(*ast.BinaryExpr); is && boolean(binary.Op) {
						add(expression, "false")
						parts(expression, add)
					}
				}
			case *ast.ReturnStmt:
				for _, expression := range statement.Results {
					parts(expression, add)
				}
			}
			return true
		})
	}
	return found
}

func boolean(operator token.Token) bool {
	return slices.Contains([]token.Token{token.LAND, token.LOR, token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ}, operator)
}

// plumbing is a condition, or a part of one, that only asks whether there is an error, or which.
func plumbing(condition ast.Expr, source []byte, files *token.FileSet) bool {
	text := string(source[files.Position(condition.Pos()).Offset:files.Position(condition.End()).Offset])
	return errorAlone.MatchString(text)
}

func returns(body *ast.BlockStmt) bool {
	if len(body.List) == 0 {
		return false
	}
	switch last := body.List[len(body.List)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.ExprStmt:
		_, call := last.X.(*ast.CallExpr)
		return call
	default:
		return false
	}
}

// parts are the operands of "and" and "or", each made to count no longer.
func parts(expression ast.Expr, add func(ast.Expr, string)) {
	switch e := expression.(type) {
	case *ast.ParenExpr:
		parts(e.X, add)
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			parts(e.X, add)
		}
	case *ast.BinaryExpr:
		neutral := map[token.Token]string{token.LOR: "false", token.LAND: "true"}[e.Op]
		if neutral == "" {
			return
		}
		for _, operand := range []ast.Expr{e.X, e.Y} {
			if inner, nested := operand.(*ast.BinaryExpr); nested && inner.Op == e.Op {
				parts(operand, add)
				continue
			}
			add(operand, neutral)
			parts(operand, add)
		}
	}
}
