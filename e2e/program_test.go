// Package e2e drives the whole program as its users do: in a browser, and with foreign software on the other side.
package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"gatehouse/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

var built struct {
	once sync.Once
	path string
	err  error
}

// program builds the binary as releases are built.
func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "gatehouse-e2e-")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "gatehouse")
		command := exec.Command("go", "build", "-o", built.path, "gatehouse/cmd/gatehouse")
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := command.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w: %s", err, output)
		}
	})
	if built.err != nil {
		t.Fatalf("build the program: %v", built.err)
	}
	return built.path
}

// demonstration is a running "gatehouse demo".
type demonstration struct {
	gatehouse, upstream, sibling string
	secrets                      map[string]string
}

func startDemo(t *testing.T) demonstration {
	t.Helper()
	dir := t.TempDir()
	main, up, sibling := testenv.FreePort(t), testenv.FreePort(t), testenv.FreePort(t)
	testenv.Start(t, "Gatehouse is running", exec.Command(program(t), "demo", "--dir", dir,
		fmt.Sprint("--port=", main), fmt.Sprint("--upstream-port=", up), fmt.Sprint("--sibling-port=", sibling)))
	raw, err := os.ReadFile(filepath.Join(dir, "secrets.json"))
	if err != nil {
		t.Fatal(err)
	}
	d := demonstration{gatehouse: local(main), upstream: local(up), sibling: local(sibling)}
	if err := json.Unmarshal(raw, &d.secrets); err != nil {
		t.Fatal(err)
	}
	return d
}

func local(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

// authenticator is the app on the person's phone.
type authenticator struct {
	secret string
	step   int64 // of the newest code given
}

func newAuthenticator(shown string) *authenticator {
	return &authenticator{secret: strings.ReplaceAll(strings.TrimSpace(shown), " ", "")}
}

// code gives the next unused code. The server accepts one step ahead, so that the second need not wait; the third does.
func (a *authenticator) code(t *testing.T) string {
	t.Helper()
	now := time.Now().Unix() / 30
	a.step = max(a.step+1, now)
	for a.step > time.Now().Unix()/30+1 {
		time.Sleep(200 * time.Millisecond)
	}
	code, err := totp.GenerateCode(a.secret, time.Unix(a.step*30, 0))
	if err != nil {
		t.Fatalf("make a code: %v", err)
	}
	return code
}
