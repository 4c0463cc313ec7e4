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

// policy is the files whose checks are taken away, and the packages whose tests must notice, asked one after the other. Of login it is those that
// decide who comes in, for what, and who is sent out: a test of login goes through whole sign-ins, and with the files that carry people from page to page
// the rest of the list would wait for login alone.
var policy = []struct {
	files string
	tests []string
}{
	{"tenancy/*.go", []string{"./tenancy", "./api", "./transfer"}},
	{"clients/*.go", []string{"./clients", "./api"}},
	{"session/*.go", []string{"./session", "./login"}},
	{"connectors/linking.go", []string{"./connectors", "./login"}},
	{"mfa/*.go", []string{"./mfa"}},
	{"login/next.go", []string{"./login"}},
	{"login/consent.go", []string{"./login"}},
	{"login/finish.go", []string{"./login"}},
	{"login/organization.go", []string{"./login"}},
	{"login/factor.go", []string{"./login"}},
	{"login/logout.go", []string{"./login"}},
	{"internal/password/policy.go", []string{"./internal/password"}},
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
	asked := slices.DeleteFunc(slices.Clone(all), func(m mutant) bool {
		return harmless[m.String()] || !slices.ContainsFunc(strings.Split(*only, ","), func(text string) bool { return strings.Contains(m.String(), text) })
	})
	built := build(t, asked)
	var survived atomic.Int64
	inParallel(len(asked), func(i int) {
		verdict := built.try(t.Context(), asked[i])
		t.Logf("%d/%d %s:%d %s: %s", i+1, len(asked), asked[i].file, asked[i].line, asked[i], verdict)
		if !strings.HasPrefix(verdict, "killed") {
			survived.Add(1)
		}
	})
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

// mutants finds the checks of a file: its conditions, the operands of "and" and "or", and the comparisons that it returns or keeps.
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
				add(statement.Cond, "false")
				permits(statement.Body.List, func() { add(statement.Cond, "true") })
			case *ast.SwitchStmt:
				if statement.Tag == nil {
					cases(statement.Body.List, add)
				}
			case *ast.ReturnStmt:
				for _, expression := range statement.Results {
					compared(expression, add)
				}
			case *ast.AssignStmt:
				for _, expression := range statement.Rhs {
					compared(expression, add)
				}
			case *ast.BinaryExpr:
				parts(statement, add)
			}
			return true
		})
	}
	return found
}

// plumbing is a condition, or a part of one, that only asks whether there is an error, or which.
func plumbing(condition ast.Expr, source []byte, files *token.FileSet) bool {
	text := string(source[files.Position(condition.Pos()).Offset:files.Position(condition.End()).Offset])
	return errorAlone.MatchString(text)
}

// permits calls yes if the statements end by letting somebody through: what they ask for may then be missing, too.
func permits(statements []ast.Stmt, yes func()) {
	if len(statements) == 0 {
		return
	}
	last, is := statements[len(statements)-1].(*ast.ReturnStmt)
	if !is || len(last.Results) == 0 {
		return
	}
	if name, is := last.Results[len(last.Results)-1].(*ast.Ident); is && (name.Name == "nil" || name.Name == "true") {
		yes()
	}
}

// cases are the conditions of a switch without a value.
func cases(clauses []ast.Stmt, add func(ast.Expr, string)) {
	for _, clause := range clauses {
		if clause, is := clause.(*ast.CaseClause); is {
			for _, expression := range clause.List {
				add(expression, "false")
				permits(clause.Body, func() { add(expression, "true") })
			}
		}
	}
}

// compared is a comparison that is returned or kept, either way.
func compared(expression ast.Expr, add func(ast.Expr, string)) {
	switch e := expression.(type) {
	case *ast.BinaryExpr:
		if slices.Contains([]token.Token{token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ}, e.Op) {
			add(e, "true")
			add(e, "false")
		}
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			add(e, "true")
			add(e, "false")
		}
	}
}

// parts are the operands of "and" and "or", each made to count no longer.
func parts(e *ast.BinaryExpr, add func(ast.Expr, string)) {
	neutral := map[token.Token]string{token.LOR: "false", token.LAND: "true"}[e.Op]
	if neutral == "" {
		return
	}
	for _, operand := range []ast.Expr{e.X, e.Y} {
		if inner, nested := operand.(*ast.BinaryExpr); !nested || inner.Op != e.Op { // its own operands are found by themselves
			add(operand, neutral)
		}
	}
}
