package redisdb_test

import (
	"os"
	"os/exec"
	"testing"

	"gatehouse/internal/testenv"
	"gatehouse/store/storetest"
)

// TestSilence: a server that is away makes the library write nothing to standard error, which is the log's.
func TestSilence(t *testing.T) {
	if os.Getenv("SILENCE_CHILD") != "" {
		program := testenv.Program(t, "redis-server")
		server := testenv.StartRedis(t, program, testenv.FreePort(t))
		db := open(t, server.URL, storetest.NewClock())
		if err := db.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		server.Stop()
		for range 20 {
			if err := db.Ping(t.Context()); err == nil {
				t.Error("a dead server answers")
			}
		}
		return
	}
	testenv.Program(t, "redis-server")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSilence$")
	child.Env = append(os.Environ(), "SILENCE_CHILD=yes")
	var said lines
	child.Stderr = &said
	if output, err := child.Output(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if said != "" {
		t.Errorf("standard error has:\n%s", said)
	}
}

type lines string

func (l *lines) Write(p []byte) (int, error) {
	*l += lines(p)
	return len(p), nil
}
