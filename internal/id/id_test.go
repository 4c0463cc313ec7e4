package id_test

import (
	"testing"

	"gatehouse/internal/id"
)

func TestParse(t *testing.T) {
	fresh := id.New[id.User]()
	if parsed, ok := id.Parse[id.User](string(fresh)); !ok || parsed != fresh {
		t.Errorf("%s does not parse", fresh)
	}
	for _, text := range []string{"", "x", "{" + string(fresh) + "}", "urn:uuid:" + string(fresh), "01A20DF0-3918-731B-8E80-95E4F39D9281", "01a20df03918731b8e8095e4f39d9281"} {
		if _, ok := id.Parse[id.User](text); ok {
			t.Errorf("%q parses", text)
		}
	}
	if a, b := id.New[id.Group](), id.New[id.Group](); a >= b {
		t.Errorf("%s was made before %s", a, b)
	}
}
