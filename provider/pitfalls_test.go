package provider_test

import (
	"crypto/elliptic"
	"encoding/base64"
	"go/parser"
	"go/token"
	"math/big"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store/sqldb"
)

// TestPitfallsAreTested: fosite's known traps, each with the tests that show that nobody falls into it here.
func TestPitfallsAreTested(t *testing.T) {
	known := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	must(t, err)
	for _, name := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		must(t, err)
		for function := range parsed.Scope.Objects {
			known[function] = true
		}
	}
	for pitfall, tests := range map[string]string{
		"a code is good for a second try without its verifier":      "TestPKCEDowngrade TestVerifierLength",
		"b confidential clients and pushed requests skip PKCE":      "TestAuthorizeErrors TestErrorsOnTheWire",
		"c a code is redeemed twice, losers get 500":                "TestCodeRace TestCodeReadTwiceAtOnce TestCodeReplay",
		"d two refreshes sign out, or fan out":                      "TestRefreshRace TestRefreshGrace TestRefreshReadTwiceAtOnce",
		"e a refresh in flight survives a revocation":               "TestPitfallERevocationBeatsRefresh TestRevocationDuringRefresh",
		"f a failed revocation is answered 200":                     "TestPitfallFRevocationTellsOfFailure",
		"g a rotated token revokes nothing":                         "TestPitfallGAnyGenerationRevokesTheFamily",
		"h anybody may introspect":                                  "TestPitfallHIntrospectionIsForThoseConcerned TestIntrospectionNeedsAConfidentialClient",
		"i an ID token passes for an access token":                  "TestTokensOfAnotherKind TestIntrospectAccessToken",
		"j revocation goes by the signature, jti and iat are stale": "TestPitfallJSignatureIsNoName TestRefresh",
		"k request objects":                                         "TestAuthorizeErrors TestErrorsOnTheWire",
		"l pushed requests keep secrets and are merged":             "TestPushedRequest TestPushedRequestAtRest TestRequestURIIsTakenOnce TestRequestURIIsSpent",
		"m loopback redirects":                                      "TestRedirectURIs TestRegisteredNonsense TestWhatIsRegisteredWorks",
		"n assertions are used twice":                               "TestAssertionOnce TestAssertionRace TestAssertionAtEveryEndpoint",
		"o fetches without limits":                                  "TestBadPublishers TestPrivatePublishers",
		"p codes and refresh tokens without an end":                 "TestCodeExpires TestRefreshLifetimes",
		"q codes are stored as they are":                            "TestPitfallQCodeAtRest TestGrantStoredAsHash TestOpaqueTokenAtRest",
		"r a short state is refused":                                "TestAuthorizeAccepts",
		"s no iss; offline is offline_access":                       "TestAuthorizeAccepts TestPitfallSOfflineIsNoScope",
		"t a transaction waits for itself":                          "TestPitfallTOneConnection",
		"u sessions are shared":                                     "TestCodeReadTwiceAtOnce",
	} {
		for _, name := range strings.Fields(tests) {
			if !known[name] {
				t.Errorf("%s: there is no %s", pitfall, name)
			}
		}
	}
}

// TestPitfallJSignatureIsNoName: an ES256 signature has a twin that is as good. Revoking a token in the one form ends it in the other.
func TestPitfallJSignatureIsNoName(t *testing.T) {
	f := open(t)
	got := f.tokens()
	cut := strings.LastIndexByte(got.Access, '.') + 1
	raw, err := base64.RawURLEncoding.DecodeString(got.Access[cut:])
	must(t, err)
	s := new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(raw[32:]))
	s.FillBytes(raw[32:])
	twin := got.Access[:cut] + base64.RawURLEncoding.EncodeToString(raw)
	f.wantAlive(twin)
	f.mustRevoke("web", webSecret, twin)
	f.wantDead(got.Access)
	f.wantDead(twin)
}

// TestPitfallQCodeAtRest: whoever reads the store can redeem nothing, and learns nothing of the request.
func TestPitfallQCodeAtRest(t *testing.T) {
	f := open(t)
	seen := &seenEntries{Store: f.ephemeral}
	f.config.Ephemeral = seen
	f.restart()
	code := f.code(request("nonce", "planted-nonce"))
	for _, bad := range []string{code, "planted-nonce", challengeOf(verifierText), webRedirect, string(ada)} {
		if strings.Contains(seen.text, bad) {
			t.Errorf("the store has %q", bad)
		}
	}
	if !strings.HasPrefix(seen.text, string(session.KindCode)+" "+secret.Hash(code)+" ") {
		t.Errorf("stored: %q", seen.text)
	}
}

// TestPitfallSOfflineIsNoScope: only offline_access gives refresh tokens.
func TestPitfallSOfflineIsNoScope(t *testing.T) {
	f := open(t)
	f.change("web", func(c *provider.Client) { c.Scopes = append(c.Scopes, "offline") })
	if got := f.tokens("scope", "openid offline"); got.Refresh != "" {
		t.Errorf("a refresh token: %s", got.body)
	}
}

// TestPitfallTOneConnection: no statement of an endpoint waits for the connection that its own transaction holds.
func TestPitfallTOneConnection(t *testing.T) {
	for name, url := range map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "one.db"), "postgres": testenv.Postgres(t)} {
		t.Run(name, func(t *testing.T) {
			f := openOn(t, url)
			db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New(url), Now: f.clock.Now, Logger: f.config.Logger, PoolSize: 1})
			must(t, err)
			t.Cleanup(func() { _ = db.Close() })
			f.db, f.ephemeral, f.config.Store, f.config.Ephemeral = db, db.Ephemeral(), db, db.Ephemeral()
			f.restart()
			f.agree(allOfRequest, "web")
			for _, got := range race(8, func() answer { return f.post(redeem(f.agreed())) }) {
				f.wantToken(got)
				f.wantToken(f.post(refreshing(got.Refresh)))
			}
			must(t, f.takeBack("web"))
			must(t, f.EndSession(t.Context(), browser))
		})
	}
}
