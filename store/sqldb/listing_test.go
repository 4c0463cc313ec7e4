package sqldb

import (
	"strings"
	"testing"

	"gatehouse/tenancy"
)

// TestListGuards: neither a condition nor a list on a tenant-owned table can be made without its tenant.
func TestListGuards(t *testing.T) {
	scan := func(scanner) (int, error) { return 0, nil }
	for name, f := range map[string]func(){
		"condition":          func() { wide("EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = u.id)") },
		"narrow condition":   func() { narrow("u.id IN (SELECT user_id FROM group_members)") },
		"bounded by nothing": func() { bounded("", "t.user_id = ?") },
		"list":               func() { listed(listing[int]{from: "organizations o", columns: "o.id", scan: scan}) },
		"columns":            func() { listed(listing[int]{from: "users u", columns: "(SELECT 1 FROM memberships m)", scan: scan}) },
		"missing parameter": func() {
			(&request{scope: tenancy.System("test")}).where(wide("u.id = ?"))
		},
		"no scope": func() { (&request{}).where(wide("{u.id}")) },
	} {
		if !panics(f) {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestListParameters: nothing that is asked for becomes part of the text.
func TestListParameters(t *testing.T) {
	const poison = "'; DROP TABLE users; --"
	r := userList.request(&queries{db: &DB{}}, tenancy.System("test"))
	r.where(userInOneWith, poison, poison)
	r.search(userSearch, []string{poison})
	o, err := userList.sorted("-created", r)
	if err != nil {
		t.Fatal(err)
	}
	text := pageText(userList, r, o, position{key: []any{int64(1), poison}, take: 10}, false)
	if strings.Contains(text, "DROP") || strings.Contains(text, "?") || len(r.args) != 7 {
		t.Errorf("%d parameters in %s", len(r.args), text)
	}
}

// FuzzCursor: no text makes the decoder panic, and what it accepts has keys of the columns' types and is stored text.
func FuzzCursor(f *testing.F) {
	o, err := userList.sorted("created", &request{})
	if err != nil {
		f.Fatal(err)
	}
	good := o.cursor([]any{int64(5), "id"}, true, 3)
	for _, seed := range []string{good, good[:len(good)-1], "", "e30", "bnVsbA", o.cursor([]any{"id", int64(5)}, false, 1), o.cursor([]any{int64(5)}, false, 1), o.cursor([]any{int64(1), "\x00"}, false, 1)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		form, ok := o.read(text)
		if !ok {
			return
		}
		number, isNumber := form.Keys[0].(int64)
		identifier, isText := form.Keys[1].(string)
		if len(form.Keys) != 2 || !isNumber || !isText || !storable(identifier) || form.Page < 1 {
			t.Fatalf("%q: %+v", text, form)
		}
		again, ok := o.read(o.cursor(form.Keys, form.Before, form.Page))
		if !ok || again.Keys[0] != number || again.Keys[1] != identifier || again.Before != form.Before || again.Page != form.Page {
			t.Fatalf("%q does not come back: %+v", text, again)
		}
	})
}
