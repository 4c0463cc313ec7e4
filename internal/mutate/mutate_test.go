// Package mutate shows that tests notice the loss of a policy check: it takes each away, runs the tests, and reports the survivors.
// "make mutate" runs it; it takes a while, and nothing in the work tree changes meanwhile.
package mutate

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	enabled = flag.Bool("mutate", false, "take each check away and run the tests")
	only    = flag.String("only", "", "mutate only what contains this text, as the report writes it")
	workers = flag.Int("workers", 2, "mutants at once")
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

// mutant is one expression of a file, to be replaced.
type mutant struct {
	file       string // below the module's root
	function   string
	line       int
	start, end int // bytes
	with       string
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
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			all = append(all, mutants(t, file, part.tests)...)
		}
	}
	harmless := readAccepted(t)
	all = slices.DeleteFunc(all, func(m mutant) bool {
		return harmless[m.String()] || !strings.Contains(m.String(), *only)
	})
	var (
		next, survived atomic.Int64
		running        sync.WaitGroup
	)
	for range *workers {
		running.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return
				}
				verdict := try(t.Context(), t.TempDir(), all[i])
				t.Logf("%d/%d %s:%d %s: %s", i+1, len(all), all[i].file, all[i].line, all[i], verdict)
				if verdict != "killed" {
					survived.Add(1)
				}
			}
		})
	}
	running.Wait()
	t.Logf("%d mutants, %d survived", len(all), survived.Load())
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
			start, end := files.Position(expression.Pos()), files.Position(expression.End())
			text := string(source[start.Offset:end.Offset])
			found = append(found, mutant{
				file: name, function: function.Name.Name, line: start.Line, start: start.Offset, end: end.Offset, tests: tests,
				with: fmt.Sprintf(map[string]string{"false": "(false && (%s))", "true": "(true || (%s))"}[gone], text), what: strings.Join(strings.Fields(text), " ") + " → " + gone,
			})
		}
		ast.Inspect(function.Body, func(node ast.Node) bool {
			switch statement := node.(type) {
			case *ast.IfStmt:
				if !plumbing(statement.Cond, source, files) && returns(statement.Body) {
					add(statement.Cond, "false")
					parts(statement.Cond, add)
				}
			case *ast.CaseClause:
				for _, expression := range statement.List {
					if _, boolean := expression.(*ast.BinaryExpr); boolean && !plumbing(expression, source, files) {
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

// plumbing is a condition that only passes an error on.
func plumbing(condition ast.Expr, source []byte, files *token.FileSet) bool {
	text := string(source[files.Position(condition.Pos()).Offset:files.Position(condition.End()).Offset])
	return strings.HasPrefix(text, "err != nil") && !strings.Contains(text, "&&") && !strings.Contains(text, "||")
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

// try runs the tests over the mutant. The compiler reads it through an overlay.
func try(ctx context.Context, directory string, m mutant) string {
	path, err := filepath.Abs(filepath.Join(root, m.file))
	if err != nil {
		return err.Error()
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	changed := filepath.Join(directory, "mutant.go")
	text := string(source[:m.start]) + m.with + string(source[m.end:])
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return err.Error()
	}
	list := filepath.Join(directory, "overlay.json")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return err.Error()
	}
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return err.Error()
	}
	for _, tests := range m.tests {
		bounded, cancel := context.WithTimeout(ctx, 10*time.Minute)
		command := exec.CommandContext(bounded, "go", "test", "-overlay", list, "-vet=off", "-count=1", "-failfast", "-timeout", "5m", tests)
		command.Dir = root
		output, err := command.CombinedOutput()
		cancel()
		if strings.Contains(string(output), "[build failed]") || strings.Contains(string(output), "[setup failed]") {
			return "does not compile: " + string(output)
		}
		if err != nil {
			return "killed"
		}
	}
	return "SURVIVED"
}
