// Package archtest holds the architecture's rules as tests: who imports whom, and the figures of the structure.
package archtest

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "gatehouse/"

// allowed lists every import between packages of this module; tests are not counted. A new line here is a decision: say why in
// docs/decisions.
var allowed = map[string][]string{
	"cmd/gatehouse": {
		"api", "clients", "config", "connectors", "connectors/builtin", "internal/id", "internal/password", "internal/seal", "internal/secret", "internal/web",
		"jobs", "login", "mfa", "notify", "provider", "session", "store", "store/redisdb", "store/sqldb", "tenancy", "transfer", "ui", "verify",
	},
	"login": {
		"connectors", "internal/id", "internal/password", "internal/secret", "internal/web", "mfa", "provider", "session", "store", "tenancy", "ui",
	},
	"api": {
		"audit", "clients", "internal/id", "internal/password", "internal/seal", "internal/secret", "internal/web", "mfa", "provider", "session", "store", "tenancy", "ui",
	},
	"clients":            {"audit", "internal/id", "internal/secret", "provider", "store", "tenancy"},
	"provider":           {"audit", "internal/id", "internal/seal", "internal/secret", "internal/web", "session", "store"},
	"mfa":                {"internal/id", "internal/seal", "session", "store"},
	"session":            {"internal/id", "internal/seal", "internal/secret", "store"},
	"tenancy":            {"audit", "internal/id", "internal/password", "internal/seal", "internal/secret", "notify", "store"},
	"notify":             {"internal/id", "internal/seal", "internal/secret", "store"},
	"jobs":               {"internal/id", "store"},
	"transfer":           {"internal/id", "tenancy"},
	"connectors":         {"internal/id"},
	"connectors/oidc":    {"connectors", "internal/secret"},
	"connectors/builtin": {"connectors", "connectors/oidc"},
	"store/sqldb":        {"audit", "clients", "internal/id", "internal/secret", "jobs", "mfa", "notify", "provider", "session", "store", "tenancy"},
	"store/redisdb":      {"internal/secret", "session", "store"},
	"config":             {"internal/password", "internal/seal", "internal/secret", "jobs"},
	"audit":              {"internal/id"},
	"internal/seal":      {"internal/secret"},
	"internal/web":       {"internal/secret"},
	"ui":                 {},
	"store":              {},
	"internal/id":        {},
	"internal/secret":    {},
	"internal/password":  {},
	"verify":             {}, // for other programs: it must not drag Gatehouse along
	// For tests only.
	"verify/verifytest":        {"verify"},
	"internal/testenv":         {"internal/secret"},
	"store/storetest":          {"audit", "clients", "internal/id", "internal/password", "jobs", "mfa", "notify", "provider", "session", "store", "tenancy"},
	"connectors/connectortest": {"connectors", "internal/secret"},
	"bench":                    {},
}

// forTests are packages that no program may import.
var forTests = []string{"verify/verifytest", "internal/testenv", "store/storetest", "connectors/connectortest", "bench", "e2e", "internal/archtest"}

const longestChain = 6

type listed struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
	Dir        string
}

func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles,Dir", module+"...")
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var found []listed
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var next listed
		if err := decoder.Decode(&next); err == io.EOF {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		found = append(found, next)
	}
}

// inside lists the module's own packages among imports, without the module's name.
func inside(imports []string) []string {
	var own []string
	for _, path := range imports {
		if name, found := strings.CutPrefix(path, module); found {
			own = append(own, name)
		}
	}
	return own
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		edges, known := allowed[name]
		if !known {
			t.Errorf("package %s is not in the table of archtest; a new package is a decision", name)
		}
		for _, imported := range inside(p.Imports) {
			if !slices.Contains(edges, imported) {
				t.Errorf("%s imports %s, which is not in the table of archtest; a new edge is a decision", name, imported)
			}
			if slices.Contains(forTests, imported) && !slices.Contains(forTests, name) {
				t.Errorf("%s imports %s, which is for tests", name, imported)
			}
		}
	}
}

func TestTableIsCurrent(t *testing.T) {
	imports := map[string][]string{}
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 {
			imports[strings.TrimPrefix(p.ImportPath, module)] = inside(p.Imports)
		}
	}
	for name, edges := range allowed {
		actual, exists := imports[name]
		if !exists {
			t.Errorf("the table of archtest has %s, which is no package", name)
		}
		for _, edge := range edges {
			if exists && !slices.Contains(actual, edge) {
				t.Errorf("the table of archtest lets %s import %s, which it does not", name, edge)
			}
		}
	}
}

// TestThirdParties: what is behind one package stays behind it.
func TestThirdParties(t *testing.T) {
	for prefix, owners := range map[string][]string{
		"github.com/ory/":               {"provider"},
		"database/sql":                  {"store/sqldb", "internal/testenv"},
		"modernc.org/sqlite":            {"store/sqldb"},
		"github.com/jackc/pgx":          {"store/sqldb", "internal/testenv"},
		"github.com/redis/":             {"store/redisdb"},
		"github.com/pquerna/otp":        {"mfa"},
		"golang.org/x/crypto":           {"internal/password", "provider"}, // provider: cryptobyte
		"github.com/coreos/go-oidc":     {"connectors/oidc", "cmd/gatehouse"},
		"github.com/chromedp/":          {"internal/testenv"},
		"github.com/danielgtaylor/huma": {"api"},
		"github.com/nyaruka/":           {"tenancy"},
		"github.com/santhosh-tekuri/":   {"tenancy"},
		"github.com/wneessen/":          {"notify"},
		"github.com/emersion/":          {"internal/testenv"},
	} {
		for _, p := range packages(t) {
			name := strings.TrimPrefix(p.ImportPath, module)
			for _, imported := range p.Imports {
				if strings.HasPrefix(imported, prefix) && !slices.Contains(owners, name) {
					t.Errorf("%s imports %s, which stays behind %v", name, imported, owners)
				}
			}
		}
	}
}

func TestChainLength(t *testing.T) {
	imports := map[string][]string{}
	for _, p := range packages(t) {
		imports[strings.TrimPrefix(p.ImportPath, module)] = inside(p.Imports)
	}
	longest := []string{}
	var walk func(chain []string)
	walk = func(chain []string) {
		if len(chain) > len(longest) {
			longest = slices.Clone(chain)
		}
		for _, next := range imports[chain[len(chain)-1]] {
			walk(append(chain, next))
		}
	}
	for name := range imports {
		walk([]string{name})
	}
	t.Logf("%d packages; the longest chain of imports has %d: %s", len(imports), len(longest)-1, strings.Join(longest, " → "))
	if len(longest)-1 > longestChain {
		t.Errorf("a chain of %d imports, want at most %d", len(longest)-1, longestChain)
	}
}
