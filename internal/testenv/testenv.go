// Package testenv gives tests real servers: PostgreSQL, Redis, Chromium, SMTP. Each is started once for a test process, on loopback, and ends
// with it.
package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Missing skips the test and says what is missing; where everything must be there (GATEHOUSE_TEST_REQUIRE=1, as "make test" sets it)
// it fails instead.
func Missing(tb testing.TB, what string) {
	tb.Helper()
	if os.Getenv("GATEHOUSE_TEST_REQUIRE") == "1" {
		tb.Fatalf("%s is required but missing", what)
	}
	tb.Skipf("%s is missing; make test installs it", what)
}

// Program finds an installed program by one of its names, or calls Missing.
func Program(tb testing.TB, names ...string) string {
	tb.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(tb, names[0])
	return ""
}

// FreePort returns a port of 127.0.0.1 that was free a moment ago.
func FreePort(tb testing.TB) int {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("find a free port: %v", err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// shared is a server that all tests of the process use.
type shared struct {
	once sync.Once
	url  string
	err  error
}

var ending struct {
	mu   sync.Mutex
	work []func()
}

// atEnd runs work when Main ends, last first.
func atEnd(work func()) {
	ending.mu.Lock()
	defer ending.mu.Unlock()
	ending.work = append(ending.work, work)
}

// Main runs the tests and then stops the servers; call it from TestMain of a package that uses them.
func Main(m *testing.M) {
	code := m.Run()
	end()
	os.Exit(code)
}

func end() {
	ending.mu.Lock()
	defer ending.mu.Unlock()
	for i := len(ending.work) - 1; i >= 0; i-- {
		ending.work[i]()
	}
}

// start runs a server that dies with this process, also when that is killed: by the signal Pdeathsig, SIGKILL unless set. A fresh thread would end too early, so the command is
// started from a goroutine that keeps its thread (see prctl(2), PR_SET_PDEATHSIG).
func start(command *exec.Cmd) error {
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	if command.SysProcAttr.Pdeathsig == 0 {
		command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	return onLockedThread(command.Start)
}

// waitFor asks until ready says yes, for at most 20 seconds.
func waitFor(what string, ready func() bool) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if ready() {
			return nil
		}
	}
	return fmt.Errorf("%s did not become ready", what)
}

func answers(address string) bool {
	connection, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
	if err != nil {
		return false
	}
	_ = connection.Close()
	return true
}
