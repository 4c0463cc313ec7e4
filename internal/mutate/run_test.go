package mutate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Environment of the built tests.
const (
	mutantVariable  = "GATEHOUSE_MUTANT"  // the number of the one that is on
	reachedVariable = "GATEHOUSE_REACHED" // a file for the numbers of those that are evaluated
)

// switches is the file that every mutated package gets.
const switches = `package %s

import (
	"fmt"
	"os"
	"strconv"
	"sync"
)

var (
	mutantOn, _ = strconv.Atoi(os.Getenv("` + mutantVariable + `"))
	mutantsSeen sync.Map
)

func mutated(number int) bool {
	if path := os.Getenv("` + reachedVariable + `"); path != "" {
		if _, seen := mutantsSeen.LoadOrStore(number, true); !seen {
			file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				panic(err)
			}
			_, _ = fmt.Fprintln(file, number)
			_ = file.Close()
		}
	}
	return number == mutantOn
}
`

// binary is the tests of one package, built once with all mutants in them, each of which a variable of the environment switches on.
type binary struct {
	path, directory string
	reaching        map[int][]string // the tests that evaluate a mutant
}

type binaries map[string]binary

// build compiles the tests, and runs each alone to learn what it reaches.
func build(t *testing.T, all []mutant) binaries {
	t.Helper()
	directory := t.TempDir()
	overlay := filepath.Join(directory, "overlay.json")
	replace := map[string]string{}
	for file, inFile := range byFile(all) {
		path := absolute(t, file)
		write(t, replace, path, filepath.Join(directory, strings.ReplaceAll(file, "/", "_")), withSwitches(t, path, inFile))
		shared := filepath.Join(filepath.Dir(path), "mutated_switches.go")
		write(t, replace, shared, filepath.Join(directory, inFile[0].pkg+"_switches.go"), fmt.Sprintf(switches, inFile[0].pkg))
	}
	raw, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	built := binaries{}
	for _, m := range all {
		for _, tests := range m.tests {
			if _, done := built[tests]; !done {
				built[tests] = compile(t, overlay, directory, tests)
			}
		}
	}
	return built
}

func byFile(all []mutant) map[string][]mutant {
	files := map[string][]mutant{}
	for _, m := range all {
		files[m.file] = append(files[m.file], m)
	}
	return files
}

func absolute(t *testing.T, file string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, replace map[string]string, original, path, text string) {
	t.Helper()
	replace[original] = path
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// withSwitches is a file in which each mutant asks whether it is on. Those that begin at one place begin with the longest.
func withSwitches(t *testing.T, path string, mutants []mutant) string {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	opening, closing := map[int]string{}, map[int]string{}
	slices.SortStableFunc(mutants, func(a, b mutant) int { return cmp.Compare(b.end, a.end) })
	for _, m := range mutants {
		form := map[string]string{"false": "(!mutated(%d) && (", "true": "(mutated(%d) || ("}[m.gone]
		opening[m.start] += fmt.Sprintf(form, m.number)
		closing[m.end] += "))"
	}
	var text strings.Builder
	for i, b := range source {
		text.WriteString(closing[i] + opening[i])
		text.WriteByte(b)
	}
	return text.String()
}

func compile(t *testing.T, overlay, directory, tests string) binary {
	t.Helper()
	b := binary{path: filepath.Join(directory, filepath.Base(tests)+".test"), directory: absolute(t, tests), reaching: map[int][]string{}}
	command := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", overlay, "-vet=off", "-o", b.path, tests)
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", tests, err, output)
	}
	if _, err := os.Stat(b.path); err != nil {
		return b // there are no tests
	}
	listed, err := b.run(t.Context(), nil, "-test.list", "^(Test|Fuzz)")
	if err != nil {
		t.Fatalf("%s: %v\n%s", tests, err, listed)
	}
	for _, name := range strings.Fields(listed) {
		reached := filepath.Join(directory, filepath.Base(tests)+"-"+name)
		if output, err := b.run(t.Context(), []string{reachedVariable + "=" + reached}, "-test.run", "^"+name+"$", "-test.timeout", "5m"); err != nil {
			t.Fatalf("%s fails without a mutant: %v\n%s", name, err, output)
		}
		raw, err := os.ReadFile(reached)
		if err != nil {
			continue // it reaches none
		}
		for number := range bytes.FieldsSeq(raw) {
			if n, err := strconv.Atoi(string(number)); err == nil {
				b.reaching[n] = append(b.reaching[n], name)
			}
		}
	}
	return b
}

func (b binary) run(ctx context.Context, environment []string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, b.path, arguments...)
	command.Dir, command.Env = b.directory, append(os.Environ(), environment...)
	output, err := command.CombinedOutput()
	return string(output), err
}

// try runs the tests that reach a mutant, until one fails.
func (all binaries) try(ctx context.Context, m mutant) string {
	asked := 0
	for _, tests := range m.tests {
		b := all[tests]
		names := b.reaching[m.number]
		if asked += len(names); len(names) == 0 {
			continue
		}
		_, err := b.run(ctx, []string{mutantVariable + "=" + strconv.Itoa(m.number)}, "-test.failfast", "-test.timeout", "3m", "-test.run", "^("+strings.Join(names, "|")+")$")
		if err != nil {
			return "killed"
		}
	}
	if asked == 0 {
		return "SURVIVED, no test reaches it"
	}
	return fmt.Sprintf("SURVIVED %d tests", asked)
}
