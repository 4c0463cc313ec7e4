package tenancy_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/tenancy"
)

// TestWhatFieldsExpect: who is refused reads what would be taken.
func TestWhatFieldsExpect(t *testing.T) {
	for want, schema := range map[string]map[string]any{
		"This has to be a text.":                                                    text(),
		"This has to be a date such as 2026-03-01.":                                 text("format", "date"),
		"This has to be one of: red, blue.":                                         text("enum", []any{"red", "blue"}),
		"This has to be a text, of 2 characters at the least.":                      text("minLength", 2.0),
		"This has to be a text, of 4 characters at the most, of the form ^[A-Z]+$.": text("maxLength", 4.0, "pattern", "^[A-Z]+$"),
	} {
		f := newFixture(t)
		f.Settings.Fields = must(tenancy.NewFields([]tenancy.Field{{Name: "a", Schema: schema}}))(t)
		_, err := f.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "ada", Custom: map[string]any{"a": 7}})
		if err == nil || err.Error() != "custom.a: "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestNumbersOfFields: none that databases and JSON cannot hold, and no whole one that is taken for its neighbour.
func TestNumbersOfFields(t *testing.T) {
	f := newFixture(t)
	f.Settings.Fields = must(tenancy.NewFields([]tenancy.Field{
		{Name: "whole", Schema: map[string]any{"type": "integer"}}, {Name: "number", Schema: map[string]any{"type": "number"}},
	}))(t)
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	for _, tt := range []struct {
		field string
		value float64
		fine  bool
	}{
		{"whole", 1 << 53, true},
		{"whole", 1<<53 + 2, false},
		{"whole", -1<<53 - 2, false},
		{"number", 1<<53 + 2, true},
		{"number", math.NaN(), false},
		{"number", math.Inf(1), false},
		{"number", math.Inf(-1), false},
	} {
		_, err := f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Custom: map[string]any{tt.field: tt.value}})
		if tt.fine && err != nil {
			t.Errorf("%s %v: %v", tt.field, tt.value, err)
		} else if !tt.fine {
			wantInvalid(t, err, "custom."+tt.field)
		}
	}
}

// TestFieldsLookedThrough: each use of values takes the fields that are declared for it, of those that the user has.
func TestFieldsLookedThrough(t *testing.T) {
	fields := must(tenancy.NewFields([]tenancy.Field{
		{Name: "badge", Schema: text(), Searchable: true},
		{Name: "plate", Schema: text(), Unique: true},
		{Name: "shirt", Schema: text(), Claim: "shirt_size"},
		{Name: "note", Schema: text(), View: tenancy.LevelManager},
		{Name: "secret", Schema: text(), View: tenancy.LevelSuperuser, Edit: tenancy.LevelSuperuser},
	}))(t)
	all := tenancy.User{Custom: map[string]any{"badge": "B7", "plate": " AB ", "shirt": "XL", "note": "N1", "secret": "S1"}}
	if got := strings.TrimSpace(fields.SearchText(all)); got != "b7" {
		t.Errorf("searched %q", got)
	}
	if diff := cmp.Diff(map[string]string{"plate": "ab"}, fields.UniqueValues(all)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{"shirt_size": "XL"}, fields.Claims(all)); diff != "" {
		t.Error(diff)
	}
	nothing := tenancy.User{}
	if words := fields.SearchText(nothing); strings.TrimSpace(words) != "" || len(fields.UniqueValues(nothing)) > 0 || len(fields.Claims(nothing)) > 0 {
		t.Errorf("without values: %q, %v, %v", words, fields.UniqueValues(nothing), fields.Claims(nothing))
	}
	for level, want := range map[tenancy.Level]string{
		tenancy.LevelUser: "badge plate shirt", tenancy.LevelManager: "badge note plate shirt", tenancy.LevelSuperuser: "badge note plate secret shirt",
	} {
		var names []string
		for _, field := range fields.Visible(level) {
			names = append(names, field.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("a %s sees %s, want %s", level, got, want)
		}
	}
}

// TestValuesThatStay: what somebody may not change he may send back as he read it, and what is declared no more is nobody's.
func TestValuesThatStay(t *testing.T) {
	f := withFields(t,
		tenancy.Field{Name: "badge", Schema: text("maxLength", 4.0), Required: true, Edit: tenancy.LevelUser}, tenancy.Field{Name: "plate", Schema: text()},
		tenancy.Field{Name: "secret", Schema: text(), View: tenancy.LevelSuperuser, Edit: tenancy.LevelSuperuser},
	)
	ada := f.user(t, tenancy.NewUser{Username: "ada", Custom: map[string]any{"plate": "AB"}})
	own := f.scope(t, ada)
	f.events = nil
	if _, err := f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{FirstName: to("Ada"), Custom: map[string]any{"plate": "AB"}}); err != nil {
		t.Errorf("the same value, and none where there was none: %v", err)
	}
	_, err := f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Custom: map[string]any{"badge": "too long"}})
	if err == nil || err.Error() != "custom.badge: This has to be a text, of 4 characters at the most." {
		t.Errorf("a bad value of a needed field: %v", err)
	}
	must(f.UpdateUser(t.Context(), own, ada, tenancy.UserChange{Custom: map[string]any{"badge": "B7"}}))(t)
	must(f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Custom: map[string]any{"secret": "S1"}}))(t)
	want := []audit.Change{{Field: "custom.secret", Before: audit.Masked, After: audit.Masked}}
	if diff := cmp.Diff(want, f.events[len(f.events)-1].Changes); diff != "" {
		t.Error(diff)
	}
	f.Settings.Fields = must(tenancy.NewFields([]tenancy.Field{{Name: "plate", Schema: text()}}))(t)
	if shown := must(f.User(t.Context(), system(), ada))(t).Custom; !cmp.Equal(shown, map[string]any{"plate": "AB"}) {
		t.Errorf("shown %v", shown)
	}
}

// TestFieldNamedAsOurs: a field may have the name of a member that users have anyway; they are not confused.
func TestFieldNamedAsOurs(t *testing.T) {
	f := withFields(t, tenancy.Field{Name: "username", Schema: text(), Unique: true})
	f.user(t, tenancy.NewUser{Username: "ada"})
	_, err := f.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "ada"})
	if wantInvalid(t, err, "username"); strings.Contains(err.Error(), "this value") {
		t.Errorf("error %v", err)
	}
}
