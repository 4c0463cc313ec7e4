package testenv

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

var redis shared

// Redis returns the URL of a server: the one that GATEHOUSE_TEST_REDIS_URL names, else one that is started. Tests share it, so each
// uses a key prefix of its own.
func Redis(tb testing.TB) string {
	tb.Helper()
	if server := os.Getenv("GATEHOUSE_TEST_REDIS_URL"); server != "" {
		return server
	}
	program := Program(tb, "redis-server")
	redis.once.Do(func() {
		server := StartRedis(tb, program, FreePort(tb))
		redis.url = server.URL
		atEnd(server.Stop)
	})
	if redis.url == "" {
		tb.Fatal("redis-server did not start for an earlier test")
	}
	return redis.url
}

// RedisServer is a running server of one test.
type RedisServer struct {
	URL     string
	command *exec.Cmd
}

// Stop kills the server, as a crash would.
func (r *RedisServer) Stop() {
	_ = r.command.Process.Kill()
	_ = r.command.Wait()
}

// StartRedis starts a server on a port of 127.0.0.1, with further options of redis-server. The caller stops it.
func StartRedis(tb testing.TB, program string, port int, options ...string) *RedisServer {
	tb.Helper()
	number := strconv.Itoa(port)
	command := exec.Command(program, append([]string{
		"--port", number, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
	}, options...)...)
	if err := start(command); err != nil {
		tb.Fatalf("start redis-server: %v", err)
	}
	if err := waitFor("redis-server", func() bool { return answers("127.0.0.1:" + number) }); err != nil {
		tb.Fatal(err)
	}
	return &RedisServer{URL: "redis://127.0.0.1:" + number + "/0", command: command}
}
