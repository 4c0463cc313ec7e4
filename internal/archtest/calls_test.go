package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reserved are functions that only some packages call; the names in the list are packages of this module.
var reserved = map[string][]string{
	"os.Exit":      {"cmd/gatehouse", "internal/testenv"}, // whoever is called by others returns an error; testenv ends test binaries
	"log.Fatal":    {},
	"log.Fatalf":   {},
	"slog.Default": {}, // loggers are injected
	"http.Error":   {}, // pages and problem documents are made in one place
}

// TestReservedCalls finds mentions of reserved functions by the name under which their packages are known.
func TestReservedCalls(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, file := range p.GoFiles {
			for _, mention := range mentions(t, filepath.Join(p.Dir, file)) {
				if owners, found := reserved[mention]; found && !slices.Contains(owners, name) {
					t.Errorf("%s/%s mentions %s, which is reserved for %v", name, file, mention, owners)
				}
			}
		}
	}
}

// mentions are all "package.Name" of a file.
func mentions(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			if of, ok := selector.X.(*ast.Ident); ok {
				found = append(found, of.Name+"."+selector.Sel.Name)
			}
		}
		return true
	})
	return found
}
