package tenancy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/secret"
	"gatehouse/store/sqldb"
	"gatehouse/tenancy"
)

func text(more ...any) map[string]any {
	schema := map[string]any{"type": "string"}
	for i := 0; i < len(more); i += 2 {
		schema[more[i].(string)] = more[i+1]
	}
	return schema
}

// withFields opens the fixture again, with custom fields.
func withFields(t *testing.T, fields ...tenancy.Field) *fixture {
	t.Helper()
	f := newFixture(t)
	f.Settings.Fields = must(tenancy.NewFields(fields))(t)
	_ = f.db.Close()
	f.db = must(sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("sqlite://" + f.path), Now: f.Now, Fields: f.Settings.Fields}))(t)
	f.Store = recorded{f.db, &sync.Mutex{}, &f.events, &f.outbox}
	return f
}

func TestDeclaredFields(t *testing.T) {
	for _, tt := range []struct {
		name string
		want string // key with a problem, "" for none
		of   tenancy.Field
	}{
		{"a plain text", "", tenancy.Field{Name: "a", Schema: text()}},
		{"everything", "", tenancy.Field{Name: "a_1", Schema: text("pattern", "^x", "maxLength", 5.0, "enum", []any{"x"}), Claim: "badge", View: tenancy.LevelManager, Edit: tenancy.LevelSuperuser}},
		{"no name", "[0].name", tenancy.Field{Schema: text()}},
		{"a name with a dot", "[0].name", tenancy.Field{Name: "a.b", Schema: text()}},
		{"no schema", "[0].schema", tenancy.Field{Name: "a"}},
		{"an object", "[0].schema", tenancy.Field{Name: "a", Schema: map[string]any{"type": "object"}}},
		{"another file", "[0].schema", tenancy.Field{Name: "a", Schema: text("$ref", "file:///etc/passwd")}},
		{"a bad pattern", "[0].schema", tenancy.Field{Name: "a", Schema: text("pattern", "(")}},
		{"a bad bound", "[0].schema", tenancy.Field{Name: "a", Schema: text("maxLength", "five")}},
		{"an unknown format", "[0].schema", tenancy.Field{Name: "a", Schema: text("format", "colour")}},
		{"the date of a number", "[0].schema", tenancy.Field{Name: "a", Schema: map[string]any{"type": "number", "format": "date"}}},
		{"no name of a claim", "[0].claim", tenancy.Field{Name: "a", Schema: text(), Claim: "bad claim!"}},
		{"a registered claim", "[0].claim", tenancy.Field{Name: "a", Schema: text(), Claim: "sub"}},
		{"one of our claims", "[0].claim", tenancy.Field{Name: "a", Schema: text(), Claim: "org_role"}},
		{"a claim of the scope", "[0].claim", tenancy.Field{Name: "a", Schema: text(), Claim: "email_verified"}},
		{"an unknown level", "[0].view", tenancy.Field{Name: "a", Schema: text(), View: "everybody"}},
		{"searched unseen", "[0].searchable", tenancy.Field{Name: "a", Schema: text(), View: tenancy.LevelSuperuser, Edit: tenancy.LevelSuperuser, Searchable: true}},
		{"searched by managers", "", tenancy.Field{Name: "a", Schema: text(), View: tenancy.LevelManager, Searchable: true}},
		{"changed unseen", "[0].edit", tenancy.Field{Name: "a", Schema: text(), View: tenancy.LevelManager, Edit: tenancy.LevelUser}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tenancy.NewFields([]tenancy.Field{tt.of})
			if tt.want != "" {
				wantInvalid(t, err, tt.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	_, err := tenancy.NewFields([]tenancy.Field{{Name: "a", Schema: text(), Claim: "x"}, {Name: "a", Schema: text(), Claim: "x"}, {Name: "B", Schema: text("x", 1)}})
	wantInvalid(t, err, "[1].name", "[1].claim", "[2].name", "[2].schema")
}

func TestFieldValues(t *testing.T) {
	schema := func(raw string) map[string]any {
		var schema map[string]any
		if err := json.Unmarshal([]byte(raw), &schema); err != nil {
			t.Fatal(err)
		}
		return schema
	}
	f := withFields(t,
		tenancy.Field{Name: "text", Schema: text()},
		tenancy.Field{Name: "long", Schema: schema(`{"type": "string", "maxLength": 1200}`)},
		tenancy.Field{Name: "form", Schema: schema(`{"type": "string", "pattern": "^[A-Z][0-9]+$", "maxLength": 4}`)},
		tenancy.Field{Name: "day", Schema: schema(`{"type": "string", "format": "date"}`)},
		tenancy.Field{Name: "choice", Schema: schema(`{"type": "string", "enum": ["red", "blue"]}`)},
		tenancy.Field{Name: "whole", Schema: schema(`{"type": "integer", "minimum": 1, "maximum": 9007199254740992}`)},
		tenancy.Field{Name: "number", Schema: schema(`{"type": "number", "exclusiveMaximum": 10}`)},
		tenancy.Field{Name: "flag", Schema: schema(`{"type": "boolean"}`)},
	)
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	for _, tt := range []struct {
		field string
		value any
		want  any // nil = refused
	}{
		{"text", "Zoë 👋", "Zoë 👋"},
		{"text", 5, nil},
		{"text", true, nil},
		{"text", "a\x00", nil},
		{"text", "\xff", nil},
		{"text", "a\u202eb", nil},
		{"text", strings.Repeat("x", 1001), nil},
		{"text", []any{"a"}, nil},
		{"text", map[string]any{}, nil},
		{"long", strings.Repeat("x", 1201), nil},
		{"long", strings.Repeat("x", 1200), strings.Repeat("x", 1200)},
		{"form", "A123", "A123"},
		{"form", "A1234", nil},
		{"form", "a1", nil},
		{"day", "2026-02-28", "2026-02-28"},
		{"day", "2026-02-30", nil},
		{"day", "today", nil},
		{"choice", "red", "red"},
		{"choice", "green", nil},
		{"whole", 7, 7.0},
		{"whole", int64(7), 7.0},
		{"whole", json.Number("7"), 7.0},
		{"whole", 7.0, 7.0},
		{"whole", 7.5, nil},
		{"whole", 0, nil},
		{"whole", "7", nil},
		{"whole", json.Number("9007199254740993e1"), nil},
		{"number", json.Number("1e999"), nil},
		{"number", 1.5, 1.5},
		{"number", 10, nil},
		{"flag", false, false},
		{"flag", "false", nil},
		{"flag", 0, nil},
	} {
		t.Run(fmt.Sprintf("%s %.20v", tt.field, tt.value), func(t *testing.T) {
			changed, err := f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Custom: map[string]any{tt.field: tt.value}})
			if tt.want == nil {
				wantInvalid(t, err, "custom."+tt.field)
				return
			}
			if err != nil || changed.Custom[tt.field] != tt.want {
				t.Errorf("%v, %v", changed.Custom, err)
			}
			stored := must(f.User(t.Context(), system(), ada))(t)
			if stored.Custom[tt.field] != tt.want {
				t.Errorf("stored %v", stored.Custom)
			}
		})
	}
	must(f.UpdateUser(t.Context(), system(), ada, tenancy.UserChange{Custom: map[string]any{"text": nil, "long": nil, "form": "", "flag": nil}}))(t)
	stored := must(f.User(t.Context(), system(), ada))(t)
	if diff := cmp.Diff(map[string]any{"day": "2026-02-28", "choice": "red", "whole": 7.0, "number": 1.5}, stored.Custom); diff != "" {
		t.Error(diff)
	}
}

// TestFieldLevels: who does not see a field is not told of it, who may not change it does not.
func TestFieldLevels(t *testing.T) {
	var fields []tenancy.Field
	for _, view := range []tenancy.Level{tenancy.LevelUser, tenancy.LevelManager, tenancy.LevelSuperuser} {
		for _, edit := range []tenancy.Level{tenancy.LevelUser, tenancy.LevelManager, tenancy.LevelSuperuser} {
			field := tenancy.Field{Name: fmt.Sprintf("v%s_e%s", view, edit), Schema: text(), View: view, Edit: edit}
			if _, err := tenancy.NewFields([]tenancy.Field{field}); err == nil {
				fields = append(fields, field)
			}
		}
	}
	f := withFields(t, fields...)
	a := f.organization(t, "acme")
	custom := map[string]any{}
	for _, field := range fields {
		custom[field.Name] = "old"
	}
	ada := f.user(t, tenancy.NewUser{Username: "ada", Organization: a, Custom: custom})
	manager := f.user(t, tenancy.NewUser{Username: "manager"})
	f.member(t, a, manager, tenancy.Manager)
	f.group(t, tenancy.DefaultGroups()[1], manager)
	rank := map[tenancy.Level]int{tenancy.LevelUser: 0, tenancy.LevelManager: 1, tenancy.LevelSuperuser: 2}
	for level, scope := range map[tenancy.Level]tenancy.Scope{
		tenancy.LevelUser: f.scope(t, ada), tenancy.LevelManager: f.scope(t, manager), tenancy.LevelSuperuser: system(),
	} {
		seen := must(f.User(t.Context(), scope, ada))(t).Custom
		for _, field := range fields {
			visible := rank[level] >= rank[field.View]
			if _, shown := seen[field.Name]; shown != visible {
				t.Errorf("%s is shown to a %s: %v", field.Name, level, shown)
			}
			changed, err := f.UpdateUser(t.Context(), scope, ada, tenancy.UserChange{Custom: map[string]any{field.Name: "new by " + string(level)}})
			if rank[level] >= rank[field.Edit] {
				if err != nil || changed.Custom[field.Name] != "new by "+string(level) {
					t.Errorf("%s by a %s: %v, %v", field.Name, level, changed.Custom, err)
				}
				continue
			}
			wantInvalid(t, err, "custom."+field.Name)
			if hidden := strings.Contains(fmt.Sprint(err), "no such field"); hidden == visible {
				t.Errorf("%s by a %s: %v", field.Name, level, err)
			}
		}
		if len(must(f.db.User(t.Context(), ada))(t).Custom) != len(fields) {
			t.Errorf("a %s took values away", level)
		}
	}
}

func TestRequiredAndUniqueFields(t *testing.T) {
	f := withFields(t,
		tenancy.Field{Name: "badge", Schema: text(), Required: true, Unique: true, Searchable: true, Claim: "badge_number"},
		tenancy.Field{Name: "clearance", Schema: text(), Required: true, View: tenancy.LevelSuperuser, Edit: tenancy.LevelSuperuser},
	)
	a := f.organization(t, "acme")
	manager := f.user(t, tenancy.NewUser{Username: "manager"}) // the program is not asked
	f.member(t, a, manager, tenancy.Manager)
	f.group(t, tenancy.DefaultGroups()[1], manager)
	scope := f.scope(t, manager)
	fresh := func(name string, badge any) (tenancy.User, error) {
		return f.CreateUser(t.Context(), scope, tenancy.NewUser{Username: name, Organization: a, Custom: map[string]any{"badge": badge}})
	}
	_, err := fresh("ada", nil)
	wantInvalid(t, err, "custom.badge")
	if _, err := fresh("ada", 7); err == nil || err.Error() != "custom.badge: This has to be a text." {
		t.Errorf("a bad value of a needed field: %v", err)
	}
	ada := must(fresh("ada", "A 1"))(t).ID
	_, err = fresh("bob", "a 1")
	wantInvalid(t, err, "custom.badge")
	bob := must(fresh("bob", "A 2"))(t).ID
	_, err = f.UpdateUser(t.Context(), scope, bob, tenancy.UserChange{Custom: map[string]any{"badge": "A 1"}})
	wantInvalid(t, err, "custom.badge")
	_, err = f.UpdateUser(t.Context(), scope, bob, tenancy.UserChange{Custom: map[string]any{"badge": nil}})
	wantInvalid(t, err, "custom.badge")
	must(f.UpdateUser(t.Context(), scope, manager, tenancy.UserChange{FirstName: to("M")}))(t) // what was missing is in nobody's way
	user := must(f.db.User(t.Context(), ada))(t)
	if !strings.Contains(f.Settings.Fields.SearchText(user), "a 1") || f.Settings.Fields.Claims(user)["badge_number"] != "A 1" {
		t.Errorf("search %q, claims %v", f.Settings.Fields.SearchText(user), f.Settings.Fields.Claims(user))
	}
	var free int
	for _, err := range atOnce(16, func(i int) error {
		_, err := fresh("racer"+string(rune('a'+i)), "A 3")
		return err
	}) {
		var invalid *tenancy.Invalid
		if err == nil {
			free++
		} else if !errors.As(err, &invalid) || len(invalid.Fields["custom.badge"]) == 0 {
			t.Error(err)
		}
	}
	if free != 1 {
		t.Errorf("%d users have one badge", free)
	}
}

func TestSignInByPhone(t *testing.T) {
	f := newFixture(t)
	f.Settings.PhonePrefixes = []string{"+39", "+49", "+34"}
	f.user(t, tenancy.NewUser{Username: "italian", Phone: "+39 366 405 0800", Password: goodPassword})
	f.user(t, tenancy.NewUser{Username: "german", Phone: "+49 30 123456", Password: goodPassword})
	f.user(t, tenancy.NewUser{Username: "spanish", Phone: "+34 612 345 678", Password: goodPassword})
	f.user(t, tenancy.NewUser{Username: "366405", Password: goodPassword})
	for identifier, want := range map[string]string{
		"+393664050800": "italian", "+39 366-405.0800": "italian", "3664050800": "italian", "366 405 0800": "italian",
		"030 123456": "german", "030/123456": "german", "30123456": "german", "+4930123456": "german",
		"366405": "366405", "0366405": "", "393664050800": "", "00": "", "+": "", "+39": "", "ITALIAN": "italian",
		"0612345678": "spanish", "612 345 678": "spanish", // there are no numbers with 0 in Spain
		"+49 (0)30 123456": "german", "3664050801": "", strings.Repeat("1", 100_000): "", "366" + strings.Repeat("-", 40) + "4050800": "",
	} {
		user, err := f.Authenticate(t.Context(), identifier, goodPassword)
		if user.Username != want || (err == nil) != (want != "") {
			t.Errorf("%.20s: %q, %v; want %q", identifier, user.Username, err, want)
		}
	}
	f.Settings.PhonePrefixes = nil
	if _, err := f.Authenticate(t.Context(), "3664050800", goodPassword); !errors.Is(err, tenancy.ErrBadCredentials) {
		t.Errorf("a bare number without prefixes: %v", err)
	}
}

func TestUsernames(t *testing.T) {
	f := newFixture(t)
	for name, fine := range map[string]bool{
		"ada": true, "Zoë.L": true, "анна": true, "анна_2": true, "γιώργος": true, "דוד": true, "محمد": true, "ひらがなカタカナ漢字": true, "tanaka田中": true,
		"김철수": true, "김철수kim": true, "コーヒー": true, "محمد٢": true, "漢字ㄅㄆ": true, "ada@x.example": true, "ａｄａ2": true,
		"аda": false, "adа": false, "gοοgle": false, "漢字ㄅカ": false, "김カ": false, "анна漢": false, "ada৪": false, "😀": false, "ada😀": false, "ada\u200d": false, "ada\u202e": false,
		"a\u0301\u0301\u0301": false,
	} {
		_, err := f.CreateUser(t.Context(), system(), tenancy.NewUser{Username: name})
		if fine && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !fine {
			wantInvalid(t, err, "username")
		}
	}
}
