package verify_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocumentedExample: what docs/services/go.md shows compiles in a module of its own, required as that page says.
func TestDocumentedExample(t *testing.T) {
	page, err := os.ReadFile("../docs/services/go.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```go\nimport \"gatehouse/verify\"\n")
	example, _, _ := strings.Cut(rest, "```")
	statements, functions, found := strings.Cut(example, "\nfunc ")
	if !found {
		t.Fatalf("the page has another form:\n%s", example)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := "package main\n\nimport (\n\"net/http\"\n\n\"gatehouse/verify\"\n)\n\nfunc main() {\nmux := http.NewServeMux()\n" + statements +
		"_ = err\n}\n\nfunc " + strings.ReplaceAll(functions, "…", "_, _ = user, isUser")
	for name, text := range map[string]string{"go.mod": "module example.com/switchboard\n\ngo 1.26\n", "main.go": program} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"mod", "edit", "-require=gatehouse@v0.0.0", "-replace=gatehouse=" + root}, {"mod", "tidy"}, {"build", "-o", os.DevNull, "."}} {
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = dir
		command.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
}
