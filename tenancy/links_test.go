package tenancy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/seal"
	"gatehouse/tenancy"
)

func TestLinks(t *testing.T) {
	type claims struct{ User string }
	f := newFixture(t)
	token := must(f.NewLink("confirm", claims{"ada"}, time.Hour))(t)
	var opened claims
	if err := f.OpenLink("confirm", token, &opened); err != nil || opened.User != "ada" {
		t.Fatalf("opened %v, %v", opened, err)
	}
	if strings.ContainsAny(token, "+/=&?#% ") {
		t.Errorf("%s does not fit into an address", token)
	}
	otherKeys := *f.Directory
	otherKeys.Keys = must(seal.NewKeys(seal.NewMaster()))(t)
	changed := "A" + token[1:]
	if changed == token {
		changed = "B" + token[1:]
	}
	for name, open := range map[string]func() error{
		"for another purpose": func() error { return f.OpenLink("reset", token, &opened) },
		"of another key":      func() error { return otherKeys.OpenLink("confirm", token, &opened) },
		"changed":             func() error { return f.OpenLink("confirm", changed, &opened) },
		"cut":                 func() error { return f.OpenLink("confirm", token[:len(token)-4], &opened) },
		"longer":              func() error { return f.OpenLink("confirm", token+"AAAA", &opened) },
		"empty":               func() error { return f.OpenLink("confirm", "", &opened) },
		"endless":             func() error { return f.OpenLink("confirm", strings.Repeat("A", 1<<20), &opened) },
	} {
		if err := open(); !errors.Is(err, tenancy.ErrBadLink) {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := must(f.NewLink("confirm", claims{strings.Repeat("a", 2000)}, time.Hour))(t)
	if err := f.OpenLink("confirm", long, &opened); !errors.Is(err, tenancy.ErrBadLink) {
		t.Errorf("of %d characters: %v", len(long), err)
	}
	now := f.Now()
	for after, want := range map[time.Duration]error{time.Hour - time.Microsecond: nil, time.Hour: tenancy.ErrBadLink} {
		f.Now = func() time.Time { return now.Add(after) }
		if err := f.OpenLink("confirm", token, &opened); !errors.Is(err, want) {
			t.Errorf("after %v: %v, want %v", after, err, want)
		}
	}
}
