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

// Limits of the structure. A file over its limit begins with a reason: a comment that has "long because".
const (
	medianFunction  = 12
	longFunction    = 70 // at the most
	longFile        = 400
	documentedShare = 95 // percent of exported names
)

type figures struct {
	lengths              []int
	exported, documented int
	undocumented         []string
}

func TestFigures(t *testing.T) {
	var f figures
	files := 0
	for _, p := range packages(t) {
		for _, name := range p.GoFiles {
			files++
			f.read(t, filepath.Join(p.Dir, name))
		}
	}
	slices.Sort(f.lengths)
	median, p99, longest := f.lengths[len(f.lengths)/2], f.lengths[len(f.lengths)*99/100], f.lengths[len(f.lengths)-1]
	share := 100 * f.documented / max(f.exported, 1)
	t.Logf("%d files, %d functions: p50 %d, p99 %d, max %d lines; %d of %d exported names documented (%d %%)",
		files, len(f.lengths), median, p99, longest, f.documented, f.exported, share)
	if median > medianFunction || longest > longFunction {
		t.Errorf("functions are too long: p50 %d (limit %d), max %d (limit %d)", median, medianFunction, longest, longFunction)
	}
	if share < documentedShare {
		t.Errorf("%d %% of exported names are documented, want %d: %s", share, documentedShare, strings.Join(f.undocumented, ", "))
	}
}

func (f *figures) read(t *testing.T, path string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	lines := set.File(file.Pos()).LineCount()
	if reason := len(file.Comments) > 0 && strings.Contains(file.Comments[0].Text(), "long because"); lines > longFile && !reason {
		t.Errorf("%s has %d lines, more than %d, and gives no reason", filepath.Base(path), lines, longFile)
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			f.lengths = append(f.lengths, set.Position(d.End()).Line-set.Position(d.Pos()).Line+1)
			if receiverExported(d) {
				f.count(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			f.general(d)
		}
	}
}

// receiverExported: methods of types that nobody outside sees are not part of the surface.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	of := d.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if index, ok := of.(*ast.IndexExpr); ok {
		of = index.X
	}
	name, ok := of.(*ast.Ident)
	return !ok || name.IsExported()
}

func (f *figures) general(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			f.count(s.Name, s.Doc, d.Doc, s.Comment)
		case *ast.ValueSpec:
			for _, name := range s.Names {
				f.count(name, s.Doc, d.Doc, s.Comment)
			}
		}
	}
}

func (f *figures) count(name *ast.Ident, documents ...*ast.CommentGroup) {
	if !name.IsExported() {
		return
	}
	f.exported++
	if slices.ContainsFunc(documents, func(c *ast.CommentGroup) bool { return c != nil }) {
		f.documented++
		return
	}
	f.undocumented = append(f.undocumented, name.Name)
}
