package transfer_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/transfer"
)

// FuzzImport: no file makes the reader panic, hang, or count other rows than it tells of. Users come by a rehearsal only.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{openWISP, duplicates, "username;email\r\na;b\r\n", "\ufeffusername\n\"a", "username,\"organizations (id, slug, name, role)\"\na,\"(1,b,c,owner)\"\n", `{"username":"a","organizations":[{"slug":"x"}]}`} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, content string, objects bool) {
		format := transfer.CSV
		if objects {
			format = transfer.JSONL
		}
		seen := 0
		totals, err := transfer.Import{
			Directory: w.Directory, Scope: system(), Format: format, Options: rehearsal(),
			Each: func(l transfer.Line) error { seen++; return nil },
		}.Run(t.Context(), strings.NewReader(content))
		if totals.Rows() != seen {
			t.Errorf("%d rows told of, %+v counted (%v)", seen, totals, err)
		}
	})
}

// FuzzGuard: what a table holds comes back exactly, and nothing in it is a formula.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{"=1+1", "'=1", "''", "-7", "+49123", "@a", "\tx", "\r\nx", "plain, \"quoted\"\n", "-1e5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		guarded := transfer.Guard(cell)
		if back := transfer.Unguard(guarded); back != cell {
			t.Errorf("%q became %q and %q", cell, guarded, back)
		}
		if guarded != "" && strings.ContainsRune("=@\t\r\n", rune(guarded[0])) {
			t.Errorf("%q may be run", guarded)
		}
	})
}

// FuzzTable: tables that encoding/csv writes are read as they were.
func FuzzTable(f *testing.F) {
	f.Add("a", "b,\"c\"\r\n", "d;e")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		for _, cell := range []string{a, b, c} {
			if strings.ToValidUTF8(cell, "") != cell || strings.ContainsRune(cell, 0) {
				t.Skip()
			}
		}
		var written strings.Builder
		writer := csv.NewWriter(&written)
		check(t, writer.Write([]string{"x" + a, b, c}))
		writer.Flush()
		cells, err := transfer.ReadTable(written.String())
		check(t, err)
		if diff := cmp.Diff([]string{"x" + a, b, c}, cells); diff != "" {
			t.Error(diff)
		}
	})
}
