package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/config"
)

func TestValues(t *testing.T) {
	text := `users: {fields: [{schema: {type: string, maxLength: 5, minimum: -1.5, flag: true, "enum": ["a", 1], more: {deep: yes please}}}]}`
	c, err := config.Parse([]byte(text), lookup())
	if err != nil {
		t.Fatal(err)
	}
	want := config.Values{
		"type": "string", "maxLength": 5.0, "minimum": -1.5, "flag": true, "enum": []any{"a", 1.0}, "more": map[string]any{"deep": "yes please"},
	}
	if diff := cmp.Diff(want, c.Users.Fields[0].Schema); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"{a: 010}": "1:31: users.fields[0].schema.a: must be a number in plain decimal", "{a: 0x10}": "1:31: users.fields[0].schema.a: must be a number in plain decimal",
		"{a: .inf}": "1:31: users.fields[0].schema.a: must be a text, a number, true, false, a list or keys", "{a: }": "1:30: users.fields[0].schema.a: must be a text, a number, true, false, a list or keys",
		"{a: 1, a: 2}": "1:34: users.fields[0].schema.a: is given twice", "text": "1:27: users.fields[0].schema: must have keys of its own",
		"{a: !!str 1}": "1:31: users.fields[0].schema.a: must be a text, a number, true, false, a list or keys",
	} {
		if _, err := config.Parse([]byte("users: {fields: [{schema: "+text+"}]}"), lookup()); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
