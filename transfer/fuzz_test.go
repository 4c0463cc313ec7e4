package transfer_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gatehouse/transfer"
)

// FuzzDecode: no file makes the reader panic or hang, and going on after any row gives the same rows as reading on.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		openWISP, duplicates, "username;email\r\na;b\r\n", "\ufeffusername\n\"a", "username,\"organizations (id, slug, name, role)\"\na,\"(1,b,c,owner)\"\n",
		`{"username":"a","organizations":[{"slug":"x"}],"custom":{"badge":1}}` + "\n\n[]\n", "username,custom.badge,custom\na,b,\"{\"\"c\"\":1}\"\n",
	} {
		f.Add(seed, false, 1)
		f.Add(seed, true, 1)
	}
	f.Fuzz(func(t *testing.T, content string, objects bool, from int) {
		format := transfer.CSV
		if objects {
			format = transfer.JSONL
		}
		all, ended := transfer.Decode(content, format, 0)
		if from < 1 || from > len(all) {
			return
		}
		rest, endedToo := transfer.Decode(content, format, from)
		if diff := cmp.Diff(all[from:], rest, cmpopts.EquateEmpty()); diff != "" || ended != endedToo {
			t.Errorf("from row %d: %s; %q and %q", from, diff, ended, endedToo)
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
				return
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
