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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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
	reaching        map[int][]test // the tests that evaluate a mutant, those that evaluate the fewest first
}

// test is one test without a mutant.
type test struct {
	name    string
	reached []int         // the mutants that it evaluates
	took    time.Duration // of processor time: how long people wait depends on what else the machine does
}

// nearest is how many tests are tried first: most mutants die of those that are about little else.
const nearest = 8

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
	b := binary{path: filepath.Join(directory, filepath.Base(tests)+".test"), directory: absolute(t, tests), reaching: map[int][]test{}}
	command := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", overlay, "-vet=off", "-o", b.path, tests)
	command.Dir = root
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", tests, err, output)
	}
	if _, err := os.Stat(b.path); err != nil {
		return b // there are no tests
	}
	listed, _, err := b.run(t.Context(), time.Minute, nil, "-test.list", "^(Test|Fuzz)")
	if err != nil {
		t.Fatalf("%s: %v\n%s", tests, err, listed)
	}
	alone := make([]test, len(strings.Fields(listed)))
	inParallel(len(alone), func(i int) { alone[i] = b.measure(t, directory, strings.Fields(listed)[i]) })
	slices.SortStableFunc(alone, func(x, y test) int { return cmp.Compare(len(x.reached), len(y.reached)) })
	for _, one := range alone {
		for _, number := range one.reached {
			b.reaching[number] = append(b.reaching[number], one)
		}
	}
	return b
}

// measure runs a test without a mutant.
func (b binary) measure(t *testing.T, directory, name string) test {
	t.Helper()
	path := filepath.Join(directory, filepath.Base(b.path)+"-"+name)
	output, took, err := b.run(t.Context(), 5*time.Minute, []string{reachedVariable + "=" + path}, "-test.run", "^"+name+"$")
	one := test{name: name, took: took}
	if err != nil {
		t.Errorf("%s fails without a mutant, and is asked for none: %v\n%s", name, err, output)
		return one
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return one // it reaches none
	}
	for text := range bytes.FieldsSeq(raw) {
		if number, err := strconv.Atoi(string(text)); err == nil {
			one.reached = append(one.reached, number)
		}
	}
	return one
}

// run starts the binary, which may take so much processor time; it also returns how much it took.
func (b binary) run(ctx context.Context, limit time.Duration, environment []string, arguments ...string) (string, time.Duration, error) {
	seconds := strconv.Itoa(int(limit.Seconds()) + 1)
	command := exec.CommandContext(ctx, "sh", append([]string{"-c", `ulimit -t "$0" && exec "$@"`, seconds, b.path}, arguments...)...)
	command.Dir, command.Env = b.directory, append(os.Environ(), environment...)
	output, err := command.CombinedOutput()
	return string(output), command.ProcessState.UserTime() + command.ProcessState.SystemTime(), err
}

// try runs the tests that reach a mutant, until one fails.
func (all binaries) try(ctx context.Context, m mutant) string {
	asked := 0
	for _, tests := range m.tests {
		reaching := all[tests].reaching[m.number]
		asked += len(reaching)
		first := min(nearest, len(reaching))
		for _, group := range [][]test{reaching[:first], reaching[first:]} {
			if killer := all[tests].kills(ctx, m.number, group); killer != "" {
				return "killed by " + killer
			}
		}
	}
	if asked == 0 {
		return "SURVIVED, no test reaches it"
	}
	return fmt.Sprintf("SURVIVED %d tests", asked)
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// kills says which of the tests fails with a mutant, or what else does away with it; "" if nothing.
func (b binary) kills(ctx context.Context, number int, tests []test) string {
	if len(tests) == 0 {
		return ""
	}
	limit := 5 * time.Second
	var names []string
	for _, one := range tests {
		names, limit = append(names, one.name), limit+5*one.took
	}
	output, took, err := b.run(ctx, limit, []string{mutantVariable + "=" + strconv.Itoa(number)}, "-test.failfast", "-test.timeout", "10m", "-test.run", "^("+strings.Join(names, "|")+")$")
	name := failed.FindStringSubmatch(output)
	switch {
	case err == nil:
		return ""
	case name != nil:
		return name[1]
	case took > limit:
		return "its endlessness"
	default:
		return "a crash"
	}
}

// inParallel does the work for 0 to n-1, as many at once as asked for.
func inParallel(n int, work func(i int)) {
	var next atomic.Int64
	var running sync.WaitGroup
	for range *workers {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	running.Wait()
}
