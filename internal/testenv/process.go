package testenv

import (
	"bufio"
	"bytes"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program that a test runs.
type Process struct {
	command *exec.Cmd
	mu      sync.Mutex
	output  bytes.Buffer
	done    chan struct{}
}

// Start runs a program until the test ends. It returns once a line of its output holds ready, or fails the test after 60 seconds.
func Start(tb testing.TB, ready string, command *exec.Cmd) *Process {
	tb.Helper()
	p := &Process{command: command, done: make(chan struct{})}
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	if err := start(command); err != nil {
		tb.Fatalf("start %s: %v", command.Path, err)
	}
	seen := make(chan struct{})
	go p.read(reader, ready, seen)
	go func() {
		_ = command.Wait()
		_ = writer.Close()
		close(p.done)
	}()
	tb.Cleanup(func() { p.Stop(tb) })
	select {
	case <-seen:
	case <-p.done:
		tb.Fatalf("%s ended:\n%s", command.Path, p.Output())
	case <-time.After(60 * time.Second):
		tb.Fatalf("%s did not print %q:\n%s", command.Path, ready, p.Output())
	}
	return p
}

func (p *Process) read(from io.Reader, ready string, seen chan struct{}) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.output.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if seen != nil && strings.Contains(lines.Text(), ready) {
			close(seen)
			seen = nil
		}
	}
}

// Output is everything that the program has printed so far.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// Kill ends the program at once, as a power cut would.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.done
}

// Stop asks the program to end and waits; one that does not end within 30 seconds fails the test.
func (p *Process) Stop(tb testing.TB) {
	tb.Helper()
	_ = p.command.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.Kill()
		tb.Errorf("%s did not end when asked to", p.command.Path)
	}
}
