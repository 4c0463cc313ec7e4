package testenv_test

import (
	"bufio"
	"database/sql"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const victim = "GATEHOUSE_TEST_VICTIM"

// TestPostgresDiesWithTheTests kills a test process that uses PostgreSQL: neither the server nor its files may stay behind.
func TestPostgresDiesWithTheTests(t *testing.T) {
	if os.Getenv(victim) != "" {
		_, _ = os.Stdout.WriteString("\nurl " + testenv.Postgres(t) + "\n")
		time.Sleep(time.Minute) // to be killed meanwhile
		return
	}
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) == 0 {
		testenv.Missing(t, "PostgreSQL")
	}
	dir := t.TempDir()
	for parent := dir; len(parent) > len(os.TempDir()); parent = filepath.Dir(parent) {
		if err := os.Chmod(parent, 0o755); err != nil { // the server may run as another user
			t.Fatal(err)
		}
	}
	command := exec.Command(os.Args[0], "-test.run=^TestPostgresDiesWithTheTests$")
	command.Env = append(os.Environ(), victim+"=1", "TMPDIR="+dir, "GATEHOUSE_TEST_POSTGRES_URL=")
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = command.Process.Kill() }()
	address := ""
	for lines := bufio.NewScanner(output); address == "" && lines.Scan(); {
		address, _ = strings.CutPrefix(lines.Text(), "url ")
		if address == lines.Text() {
			address = ""
		}
	}
	if _, err := url.Parse(address); err != nil || address == "" {
		t.Fatalf("the process gave the URL %q, %v", address, err)
	}
	database, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	if err := database.Ping(); err != nil {
		t.Fatal(err)
	}
	_ = command.Process.Kill()
	_ = command.Wait()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		left, _ := filepath.Glob(filepath.Join(dir, "*"))
		if len(left) == 0 && database.Ping() != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v, server answers: %v", left, database.Ping() == nil)
		}
	}
}
