package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantFailure runs a command that must fail with all of the texts on one line, and without the password.
func wantFailure(t *testing.T, args []string, texts ...string) {
	t.Helper()
	code, _, problems := runCommand(t, args...)
	if code != 1 || strings.Count(problems, "\n") != 1 || strings.Contains(problems, "hunter2") {
		t.Errorf("%v: code %d, %q", args, code, problems)
	}
	for _, text := range texts {
		if !strings.Contains(problems, text) {
			t.Errorf("%v: %q lacks %q", args, problems, text)
		}
	}
}

// TestStartErrors: whoever starts the program learns which key to change, and to what end.
func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "file"), "not a directory, and no database either, but long enough to be read as one by anybody who tries")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	data := filepath.Join(dir, "data")
	for name, c := range map[string]struct {
		config string
		texts  []string
	}{
		"port taken":       {"listen: " + taken.Addr().String() + "\ndata_dir: " + data, []string{taken.Addr().String(), "another program", `"listen"`}},
		"no such address":  {"listen: 192.0.2.1:80\ndata_dir: " + data, []string{"192.0.2.1:80", `"listen"`}},
		"data_dir":         {"listen: 127.0.0.1:0\ndata_dir: " + file, []string{"data_dir", file, "able to write"}},
		"database's place": {"listen: 127.0.0.1:0\ndata_dir: " + dir + "\ndatabase: {url: \"sqlite:" + file + "/x.db\"}", []string{"database.url", file, "able to write"}},
		"damaged file":     {"listen: 127.0.0.1:0\ndata_dir: " + dir + "\ndatabase: {url: \"sqlite:" + file + "\"}", []string{"database.url", file, "damaged or not an SQLite database"}},
		"server away":      {"listen: 127.0.0.1:0\ndata_dir: " + dir + "\ndatabase: {url: \"postgres://u:hunter2@127.0.0.1:1/x\"}", []string{"database.url", "127.0.0.1:1", "refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFailure(t, []string{"serve", "--config", write(t, filepath.Join(t.TempDir(), "c.yaml"), c.config)}, c.texts...)
		})
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a program that cannot listen made a database")
	}
	wantFailure(t, []string{"serve", "--config", "/nix"}, "configuration: open /nix")
}

func TestPostgresRefuses(t *testing.T) {
	server := testenv.Postgres(t)
	for name, c := range map[string]struct{ url, text string }{
		"database": {server[:strings.LastIndex(server, "/")] + "/nowhere", "does not exist"},
		"TLS":      {server + "?sslmode=require", "TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "listen: 127.0.0.1:0\ndata_dir: " + t.TempDir() + "\ndatabase: {url: \"" + c.url + "\"}"
			wantFailure(t, []string{"serve", "--config", write(t, filepath.Join(t.TempDir(), "c.yaml"), text)}, "database.url", c.text)
		})
	}
}

// TestDemoRefuses: two demonstrations do not share a directory, and ports are ports.
func TestDemoRefuses(t *testing.T) {
	dir := t.TempDir()
	release, err := lockDemo(dir)
	if err != nil {
		t.Fatal(err)
	}
	wantFailure(t, []string{"demo", "--dir", dir}, "another demonstration is running in "+dir, "--dir", "--port")
	release()
	again, err := lockDemo(dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
	wantFailure(t, []string{"demo", "--dir", dir, "--port", "80000"}, "--port: 80000 is not a port")
	wantFailure(t, []string{"demo", "--dir", dir, "--port", "65535"}, "--upstream-port: 65536 is not a port")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	wantFailure(t, []string{"demo", "--dir", dir, "--port", port, "--upstream-port", "1", "--sibling-port", "1"}, "another program", "--port")
}

func TestCommandLine(t *testing.T) {
	if code, out, _ := runCommand(t); code != 2 || !strings.Contains(out, "serve") || !strings.Contains(out, "healthcheck") {
		t.Errorf("no command: code %d, %q", code, out)
	}
	if code, out, _ := runCommand(t, "--version"); code != 0 || out != "gatehouse development\n" {
		t.Errorf("--version: code %d, %q", code, out)
	}
	if code, _, problems := runCommand(t, "serv"); code != 2 || !strings.Contains(problems, "--help") {
		t.Errorf("a misspelt command: code %d, %q", code, problems)
	}
}

// TestHealthcheck: it says what is wrong, and takes a bare host and port.
func TestHealthcheck(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		if r.URL.Path == "/ill" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "redis is unavailable\n")
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	for _, address := range []string{host, server.URL, server.URL + "/readyz"} {
		if code, _, problems := runCommand(t, "healthcheck", address); code != 0 || asked != "/readyz" {
			t.Errorf("%s: code %d, %q, asked %s", address, code, problems, asked)
		}
	}
	wantFailure(t, []string{"healthcheck", server.URL + "/ill"}, "503", "redis is unavailable")
	wantFailure(t, []string{"healthcheck", "foo:bar"}, "is not an address")
}
