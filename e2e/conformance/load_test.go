package conformance

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/testenv"
)

const (
	crowd    = 64
	loadTime = 30 * time.Second
)

// TestUnderLoad: 64 clients refresh a chain each while 64 people sign in again and again: no error, no lost family.
func TestUnderLoad(t *testing.T) {
	for name, stores := range map[string]func(t *testing.T) string{
		"SQLite":     func(*testing.T) string { return "" },
		"PostgreSQL": func(t *testing.T) string { return fmt.Sprintf("database: {url: %q}", testenv.Postgres(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			r := run{op: start(t, stores(t))}
			r.importCrowd(t)
			chains := r.chains(t)
			var (
				all             sync.WaitGroup
				refreshes, ways atomic.Int64
			)
			end := time.Now().Add(loadTime)
			for i := range crowd {
				all.Go(func() { chains[i] = r.refreshUntil(t, chains[i], end, &refreshes) })
				all.Go(func() { r.signInUntil(t, i, end, &ways) })
			}
			all.Wait()
			for i, chain := range chains {
				if got := r.refresh(t, chain); got.status != http.StatusOK {
					t.Errorf("chain %d is lost: %d %s", i, got.status, got.Error)
				}
			}
			t.Logf("%d refreshes, %d whole sign-ins in %v", refreshes.Load(), ways.Load(), loadTime)
			if refreshes.Load() < crowd || ways.Load() < crowd {
				t.Error("that is no load")
			}
		})
	}
}

func name(i int) string { return fmt.Sprintf("person%d", i) }

// importCrowd makes the people, with one cheap hash for all.
func (r run) importCrowd(t *testing.T) {
	t.Helper()
	const salt = "saltsaltsalt"
	key, err := pbkdf2.Key(sha256.New, personPassword, []byte(salt), 1000, sha256.Size)
	if err != nil {
		t.Fatal(err)
	}
	hash := "pbkdf2_sha256$1000$" + salt + "$" + base64.StdEncoding.EncodeToString(key)
	var harbour struct{ ID string }
	if err := json.Unmarshal([]byte(r.command(t, "", "organizations", "show", "harbour", "--json")), &harbour); err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	rows.WriteString("id,username,email,password,first_name,last_name,is_staff,is_active,date_joined,phone_number,birth_date,location,notes,language,organizations\n")
	for i := range crowd {
		fmt.Fprintf(&rows, "00000000-0000-4000-8000-%012d,%s,%s@x.example,%s,A,B,False,True,2020-01-02 03:04:05+00:00,,,,,en,\"(%s,False)\"\n", i, name(i), name(i), hash, harbour.ID)
	}
	file := filepath.Join(t.TempDir(), "crowd.csv")
	if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	r.command(t, "", "users", "import", file, "--emails-verified")
}

// chains are the first refresh tokens, each of a person of its own.
func (r run) chains(t *testing.T) []string {
	t.Helper()
	chains := make([]string, crowd)
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() { chains[i] = r.wholeSignIn(t, i).Refresh })
	}
	all.Wait()
	return chains
}

// wholeSignIn is from the request to the tokens, in a fresh browser.
func (r run) wholeSignIn(t *testing.T, i int) tokens {
	b := newBrowser(t)
	q := r.request("scope", "openid offline_access")
	p := r.visit(b, q)
	f, found := p.formWith("password")
	if !found {
		t.Errorf("no sign-in page: %d %s", p.status, p.text)
		return tokens{}
	}
	p = b.submit(f, url.Values{"identifier": {name(i)}, "password": {personPassword}}, button{})
	if !p.back() || p.fields.Get("code") == "" {
		t.Errorf("no code: %d at %s: %s", p.status, p.address, p.text)
		return tokens{}
	}
	got := r.redeem(t, p.fields.Get("code"), q)
	if got.status != http.StatusOK || got.Refresh == "" {
		t.Errorf("the code is not redeemed: %d %s", got.status, got.Error)
	}
	return got
}

func (r run) signInUntil(t *testing.T, i int, end time.Time, done *atomic.Int64) {
	for time.Now().Before(end) && !t.Failed() {
		r.wholeSignIn(t, i)
		done.Add(1)
	}
}

func (r run) refresh(t *testing.T, token string) tokens {
	return r.token(t, "first", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func (r run) refreshUntil(t *testing.T, token string, end time.Time, done *atomic.Int64) string {
	for time.Now().Before(end) && !t.Failed() {
		got := r.refresh(t, token)
		if got.status != http.StatusOK || got.Refresh == "" {
			t.Errorf("a refresh fails: %d %s", got.status, got.Error)
			return token
		}
		token = got.Refresh
		done.Add(1)
	}
	return token
}
