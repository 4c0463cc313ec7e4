package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
	"gatehouse/transfer"
)

// TestForms: what files look like that people make.
func TestForms(t *testing.T) {
	for name, tt := range map[string]struct {
		content string
		want    []string
	}{
		"CRLF":            {"username,email\r\nada,ada@x.example\r\n\r\ngrace,\r\n", []string{"line 2: created ada", "line 4: created grace"}},
		"no last newline": {"username\nada", []string{"line 2: created ada"}},
		"byte order mark": {"\ufeffusername\nada\n", []string{"The file begins with a byte order mark, which was skipped.", "line 2: created ada"}},
		"Excel":           {"username;first_name\nada;\"a;b\"\n", []string{`The cells are separated by ';'.`, "line 2: created ada"}},
		"tabs":            {"username\tfirst_name\nada\tb\n", []string{`The cells are separated by '\t'.`, "line 2: created ada"}},
		"other columns":   {"username,registered_user.method,is_superuser\nada,email,\n", []string{"Columns that are not imported: registered_user.method.", "line 2: created ada"}},
		"short row":       {"username,email\nada\ngrace,\n", []string{"line 2: refused  (row: The row has 1 cells, the first line 2.)", "line 3: created grace"}},
		"broken UTF-8": {"username,first_name\nada,b\xff\ngrace,\n", []string{
			"line 2: refused  (first_name (column 2): the text is not UTF-8; save the file as UTF-8)", "line 3: created grace",
		}},
		"stray quotation marks": {"username,first_name\nada,a \"b\" c\ngrace,\n", []string{
			"line 2: refused  (first_name (column 2): a quotation mark stands in the middle of a cell)", "line 3: created grace",
		}},
		"values that are none": {"username,is_active,date_joined,birth_date,email,phone_number,password\nada,perhaps,soon,1.2.1990,x,12,secret\nada,,,1.2.1990,x,12,\n", []string{
			"line 2: refused ada (date_joined: This is not a time such as 2026-03-01 12:00:00+00:00.; is_active: This is neither True nor False.)",
			"line 3: refused ada (birth_date: This is not a date such as 2026-03-01.; email: This is not an e-mail address.; phone_number: This is not a phone number with international prefix, such as +39 02 1234 5678.)",
		}},
		"unknown hash":         {"username,password\nada,secret\n", []string{"line 2: refused ada (password: This is no password hash that can be taken over.)"}},
		"unknown organization": {"username,organizations\nada,\"(nowhere,True)\"\n", []string{`line 2: refused ada (organizations: There is no organization "nowhere" here.)`}},
		"no tuple":             {"username,organizations\nada,nowhere\n", []string{`line 2: refused ada (organizations: A line such as (organization_id,is_admin) is expected.)`}},
		"id that is a number":  {"id,username\n7,ada\n", []string{"line 2: created ada [The id of the file is no UUID; the user gets a new one.]"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, lines := newWorld(t).imported(t, transfer.Import{}, tt.content)
			if diff := cmp.Diff(tt.want, lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUnreadableFiles: these end the run, and say where.
func TestUnreadableFiles(t *testing.T) {
	for name, tt := range map[string]struct{ content, says string }{
		"empty":             {"", "line 1: the file is empty"},
		"UTF-16":            {"\xff\xfeu\x00", "UTF-16"},
		"no header":         {"ada,ada@x.example\n", "line 1: the first line has to name the columns"},
		"a column twice":    {"username,email,email\n", `line 1, column 3: the column "email" is there twice`},
		"open quotation":    {"username,first_name\nada,\"b\ngrace,c\n", "line 2: a quotation mark is opened"},
		"a row of over 1 M": {"username,first_name\nada," + strings.Repeat("x", 1<<20) + "\n", "line 2: a row has more than 1 MiB"},
		"a huge header":     {strings.Repeat("x", 1<<20+1), "1 MiB"},
	} {
		w := newWorld(t)
		_, err := transfer.Import{Directory: w.Directory, Scope: system()}.Run(t.Context(), strings.NewReader(tt.content))
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want one that says %q", name, err, tt.says)
		}
	}
}

func TestJSONLines(t *testing.T) {
	_, lines := newWorld(t).imported(t, transfer.Import{Format: transfer.JSONL}, `{"username": "ada", "email": null, "custom": {"badge": "7"}}
not json

{"username": "grace", "unknown": 1, "is_active": "maybe", "first_name": 3}
{"username": "both"} {"username": "two"}
[]
{"username": "bad`+"\xff"+`"}
`)
	want := []string{
		"line 1: created ada", "line 2: refused  (row: This is not a JSON object.)",
		"line 4: refused grace (first_name: This has to be a text, or true or false.; is_active: This is neither True nor False.; unknown: There is no such field.)",
		"line 5: refused  (row: Something stands after the JSON object.)", "line 6: refused  (row: This is not a JSON object.)",
		"line 7: refused  (row: The text is not UTF-8, or holds a NUL.)",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// duplicates meets earlier rows of itself in every way.
const duplicates = `id,username,email,email_verified,organizations
3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0001,ada,ada@x.example,True,"(11111111-1111-4111-8111-111111111111,True)"
3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0002,ADA,,,
,countess,ADA@x.example,,
3f0a8c1e-8a4d-4f60-9f0e-6a1c1b9a0001,renamed,,,
,stored,taken@x.example,True,
,other,stored@x.example,True,
,ada@x.example,,,
,new,,,"(22222222-2222-4222-8222-222222222222,False)"
,new2,,,"(11111111-1111-4111-8111-111111111111,True)"
`

// TestRehearsalSaysTheSame: a dry run writes nothing and tells what the real run does.
func TestRehearsalSaysTheSame(t *testing.T) {
	for _, existing := range []tenancy.OnExisting{tenancy.ExistingSkip, tenancy.ExistingUpdate, tenancy.ExistingFail} {
		for _, create := range []bool{true, false} {
			w := newWorld(t)
			_, err := w.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "stored", Email: "stored@x.example", EmailVerified: true})
			check(t, err)
			before := w.export(t, transfer.Export{Format: transfer.JSONL})
			o := tenancy.ImportOptions{OnExisting: existing, CreateOrganizations: create, Rehearsal: tenancy.NewRehearsal()}
			rehearsed, said := w.imported(t, transfer.Import{Options: o}, duplicates)
			if diff := cmp.Diff(before, w.export(t, transfer.Export{Format: transfer.JSONL})); diff != "" {
				t.Errorf("%s: the rehearsal wrote: %s", existing, diff)
			}
			o.Rehearsal = nil
			real, lines := w.imported(t, transfer.Import{Options: o}, duplicates)
			if diff := cmp.Diff(lines, said); diff != "" || real != rehearsed {
				t.Errorf("%s, create %v: %+v, rehearsed %+v: %s", existing, create, real, rehearsed, diff)
			}
		}
	}
}

var errKilled = errors.New("killed")

func TestResume(t *testing.T) {
	var content strings.Builder
	content.WriteString("username,notes\n")
	for i := range 1000 {
		content.WriteString("user" + string(rune('a'+i%26)) + strings.Repeat("x", i%7) + id.New[string]() + ",\"several\nlines\"\n")
	}
	w := newWorld(t)
	state := filepath.Join(t.TempDir(), "state")
	var outcomes int
	run := func(dieAfter int) (transfer.Totals, error) {
		rows := 0
		return transfer.Import{
			Directory: w.Directory, Scope: system(), State: state, Options: tenancy.ImportOptions{OnExisting: tenancy.ExistingFail},
			Each: func(l transfer.Line) error {
				if rows++; rows > dieAfter {
					return errKilled
				}
				outcomes++
				return nil
			},
		}.Run(t.Context(), bytes.NewReader([]byte(content.String())))
	}
	for _, dieAfter := range []int{0, 30, 250, 101} { // the row at which it dies is written, and not counted
		if _, err := run(dieAfter); !errors.Is(err, errKilled) {
			t.Fatalf("after %d rows: %v", dieAfter, err)
		}
	}
	totals, err := run(2000)
	check(t, err)
	if want := (transfer.Totals{Created: 1000}); totals != want {
		t.Errorf("totals %+v, want %+v", totals, want)
	}
	if lines := strings.Count(w.export(t, transfer.Export{Format: transfer.JSONL}), "\n"); lines != 1000 {
		t.Errorf("there are %d users", lines)
	}
	if again, err := run(0); err != nil || again != totals {
		t.Errorf("once more: %+v, %v", again, err)
	}
	if info, err := os.Stat(state); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state: %v, %v", info.Mode(), err)
	}
	content.WriteString("more,\n")
	if _, err := run(0); err == nil || !strings.Contains(err.Error(), "another file") {
		t.Errorf("a changed file: %v", err)
	}
}

func TestResumeNeedsAFile(t *testing.T) {
	w := newWorld(t)
	i := transfer.Import{Directory: w.Directory, Scope: system(), State: filepath.Join(t.TempDir(), "state")}
	if _, err := i.Run(t.Context(), io.MultiReader(strings.NewReader("username\n"))); err == nil {
		t.Error("a stream was taken")
	}
	check(t, os.WriteFile(i.State, []byte("nonsense"), 0o600))
	if _, err := i.Run(t.Context(), strings.NewReader("username\n")); err == nil || !strings.Contains(err.Error(), "no state") {
		t.Errorf("a broken state: %v", err)
	}
}

func TestInterruption(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	i := transfer.Import{Directory: w.Directory, Scope: system(), Each: func(transfer.Line) error { cancel(); return nil }}
	totals, err := i.Run(ctx, strings.NewReader("username\na\nb\n"))
	if !errors.Is(err, context.Canceled) || totals.Created != 1 {
		t.Errorf("%+v, %v", totals, err)
	}
}
