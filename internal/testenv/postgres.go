package testenv

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"

	"gatehouse/internal/secret"
)

var postgres shared

// Postgres returns the URL of a fresh, empty database: on the server that GATEHOUSE_TEST_POSTGRES_URL names, else on one that is
// started from the machine's packages.
func Postgres(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv("GATEHOUSE_TEST_POSTGRES_URL")
	if server == "" {
		binaries, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
		if len(binaries) == 0 {
			Missing(tb, "PostgreSQL")
		}
		slices.Sort(binaries)
		postgres.once.Do(func() {
			postgres.url, postgres.err = startPostgres(filepath.Dir(binaries[len(binaries)-1]), FreePort(tb))
		})
		if postgres.err != nil {
			tb.Fatalf("start PostgreSQL: %v", postgres.err)
		}
		server = postgres.url
	}
	return freshDatabase(tb, server)
}

func freshDatabase(tb testing.TB, server string) string {
	tb.Helper()
	admin, err := sql.Open("pgx", server)
	if err != nil {
		tb.Fatalf("open PostgreSQL: %v", err)
	}
	defer admin.Close()
	name := "test_" + fmt.Sprintf("%x", secret.Token(9))
	if _, err := admin.ExecContext(tb.Context(), "CREATE DATABASE "+name); err != nil {
		tb.Fatalf("create database: %v", err)
	}
	tb.Cleanup(func() {
		admin, err := sql.Open("pgx", server)
		if err != nil {
			return
		}
		defer admin.Close()
		_, _ = admin.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
	})
	fresh, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("read PostgreSQL URL: %v", err)
	}
	fresh.Path = "/" + name
	return fresh.String()
}

// removeAfter removes a directory when this process is gone, however it ended: a shell waits for the end of a pipe whose other end
// only this process holds. The servers die with the process too, see start; a moment later none of them writes any more.
func removeAfter(dir string) error {
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	defer reader.Close()
	watchdog := exec.Command("/bin/sh", "-c", `read -r _; for _ in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; rm -rf -- "$0" 2>/dev/null && break; done`, dir)
	watchdog.Stdin = reader
	watchdog.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt of the terminal is not for it
	if err := watchdog.Start(); err != nil {
		_ = writer.Close()
		return err
	}
	atEnd(func() {
		_ = writer.Close()
		_ = watchdog.Wait()
	})
	return nil
}

// startPostgres makes a cluster in a temporary directory. The server refuses root, so root runs it as another user.
func startPostgres(binaries string, port int) (string, error) {
	dir, err := os.MkdirTemp("", "gatehouse-postgres-")
	if err != nil {
		return "", err
	}
	if err := removeAfter(dir); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	as, err := unprivileged(dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	initialise := exec.Command(filepath.Join(binaries, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
	initialise.SysProcAttr, initialise.Dir = as(), dir
	if output, err := initialise.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, output)
	}
	server := exec.Command(filepath.Join(binaries, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
	server.SysProcAttr, server.Dir = as(), dir
	server.SysProcAttr.Pdeathsig = syscall.SIGQUIT // immediate shutdown, which gives its shared memory back
	if err := start(server); err != nil {
		return "", err
	}
	atEnd(func() {
		_ = server.Process.Signal(syscall.SIGQUIT) // immediate shutdown
		_ = server.Wait()
	})
	address := "postgres://postgres@127.0.0.1:" + strconv.Itoa(port) + "/postgres"
	probe, err := sql.Open("pgx", address)
	if err != nil {
		return "", err
	}
	defer probe.Close()
	return address, waitFor("PostgreSQL", func() bool { return probe.Ping() == nil })
}

// unprivileged gives the directory to a user that PostgreSQL accepts and returns how to become that user.
func unprivileged(dir string) (func() *syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return func() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, uidErr := strconv.Atoi(account.Uid)
	gid, gidErr := strconv.Atoi(account.Gid)
	if uidErr != nil || gidErr != nil {
		return nil, fmt.Errorf("user %s has no numeric id", account.Username)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		return nil, err
	}
	return func() *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}, nil
}
