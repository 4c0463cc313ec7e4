package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
)

func keys(t *testing.T, masters ...string) *seal.Keys {
	t.Helper()
	var texts []secret.Text
	for _, master := range masters {
		texts = append(texts, secret.New(strings.Repeat(master, 32)))
	}
	k, err := seal.NewKeys(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealed(t *testing.T) {
	k := keys(t, "a")
	sealed := k.Seal([]byte("plain"), "table", "column", "row")
	if bytes.Contains(sealed, []byte("plain")) || bytes.Equal(sealed, k.Seal([]byte("plain"), "table", "column", "row")) {
		t.Error("sealing hides nothing, or does it the same way twice")
	}
	if plain, err := k.Open(sealed, "table", "column", "row"); err != nil || string(plain) != "plain" {
		t.Errorf("opened %q, %v", plain, err)
	}
}

// TestOpensNowhereElse: another place, another key, one changed bit.
func TestOpensNowhereElse(t *testing.T) {
	k := keys(t, "a")
	sealed := k.Seal([]byte("plain"), "ab", "c")
	for _, place := range [][]string{{"a", "bc"}, {"abc"}, {"ab", "c", ""}, {"ab"}, nil} {
		if _, err := k.Open(sealed, place...); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("opened at %q: %v", place, err)
		}
	}
	if _, err := keys(t, "b").Open(sealed, "ab", "c"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("another key opened it: %v", err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := k.Open(changed, "ab", "c"); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("opened with byte %d changed: %v", i, err)
		}
		if _, err := k.Open(sealed[:i], "ab", "c"); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("opened when cut to %d: %v", i, err)
		}
	}
}

func TestRotation(t *testing.T) {
	old, both, fresh := keys(t, "a"), keys(t, "b", "a"), keys(t, "b")
	byOld := old.Seal([]byte("plain"), "p")
	if plain, err := both.Open(byOld, "p"); err != nil || string(plain) != "plain" {
		t.Errorf("an old key does not open: %v", err)
	}
	if plain, err := fresh.Open(both.Seal([]byte("plain"), "p"), "p"); err != nil || string(plain) != "plain" {
		t.Errorf("the newest key does not seal: %v", err)
	}
}

func TestWith(t *testing.T) {
	k, token := keys(t, "a"), secret.New("token")
	sealed := k.With(token).Seal([]byte("plain"), "p")
	for name, other := range map[string]*seal.Keys{"the server's alone": k, "another token": k.With(secret.New("other")), "another server": keys(t, "b").With(token)} {
		if _, err := other.Open(sealed, "p"); !errors.Is(err, seal.ErrOpen) {
			t.Errorf("%s opened it: %v", name, err)
		}
	}
	if plain, err := keys(t, "b", "a").With(token).Open(sealed, "p"); err != nil || string(plain) != "plain" {
		t.Errorf("after a rotation: %v", err)
	}
}

func TestShortKeys(t *testing.T) {
	if _, err := seal.NewKeys(); err == nil {
		t.Error("no key was accepted")
	}
	if _, err := seal.NewKeys(secret.New("short")); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("error = %v", err)
	}
	if a, b := seal.NewMaster(), seal.NewMaster(); len(a.Reveal()) != 64 || a.Equal(b.Reveal()) {
		t.Error("masters are not random")
	}
}
