package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"gatehouse/internal/secret"
)

// TestNeverPrinted: whatever prints a secret, or a struct that holds one in any way, hides it.
func TestNeverPrinted(t *testing.T) {
	text := secret.New("hunter2")
	holder := struct {
		Exported secret.Text
		hidden   secret.Text
		list     []secret.Text
		pointer  *secret.Text
	}{text, text, []secret.Text{text}, &text}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&printed, verb, text)
		fmt.Fprintf(&printed, verb, holder)
		fmt.Fprintf(&printed, verb, &holder)
	}
	raw, err := json.Marshal(map[string]any{"a": text, "b": holder})
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(raw)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("x", "secret", text, "holder", holder)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("x", "secret", text, "holder", holder)
	for _, form := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%v", []byte("hunter2"))} {
		if strings.Contains(printed.String(), form) {
			t.Errorf("the secret was printed as %s:\n%s", form, printed.String())
		}
	}
	if text.Reveal() != "hunter2" {
		t.Error("Reveal does not")
	}
}

func TestEqual(t *testing.T) {
	if !secret.New("a").Equal("a") || secret.New("a").Equal("b") || secret.New("a").Equal("aa") || !(secret.Text{}).Equal("") {
		t.Error("Equal is wrong")
	}
	if !(secret.Text{}).Empty() || secret.New("x").Empty() {
		t.Error("Empty is wrong")
	}
}

func TestTokens(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token := secret.Token(16)
		if len(token) != 22 || seen[token] {
			t.Fatalf("token %q", token)
		}
		seen[token] = true
	}
	if secret.Hash("a") == secret.Hash("b") || secret.Hash("a") != "ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs" {
		t.Errorf("hash = %s", secret.Hash("a"))
	}
}
