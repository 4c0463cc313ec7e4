package oidc_test

import (
	"log/slog"
	"net/netip"
	"net/url"
	"sync"
	"testing"
	"time"

	"gatehouse/connectors"
	"gatehouse/connectors/connectortest"
	"gatehouse/connectors/oidc"
	"gatehouse/internal/secret"
)

const callbackURL = "https://id.example.com/callback/upstream"

// clock is a time that tests move.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += by
}

// fixture is a connector, its provider and their common clock.
type fixture struct {
	*connectortest.OIDC
	clock     *clock
	connector connectors.Connector
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{OIDC: connectortest.NewOIDC(t), clock: &clock{}}
	f.Now = f.clock.now
	f.open(t, nil)
	return f
}

// open replaces the connector by a fresh one. Nil leaves the settings as the provider's registration says.
func (f *fixture) open(t *testing.T, change func(*oidc.Settings)) {
	t.Helper()
	settings := oidc.Settings{Issuer: f.URL, ClientID: f.ClientID, ClientSecret: secret.New(f.ClientSecret), GroupsClaim: "groups"}
	if change != nil {
		change(&settings)
	}
	var err error
	if f.connector, err = oidc.New(f.environment(), settings); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) environment() connectors.Environment {
	return connectors.Environment{
		Client: connectors.NewClient(connectors.ClientConfig{
			Timeout: time.Second, MaxBody: 256 << 10, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		}),
		Now: f.clock.now, Logger: slog.New(slog.DiscardHandler),
	}
}

func (f *fixture) begin(t *testing.T, request connectors.BeginRequest) connectors.Redirect {
	t.Helper()
	request.State, request.CallbackURL = "the-state", callbackURL
	redirect, err := f.connector.Begin(t.Context(), request)
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	return redirect
}

// signIn goes the whole way.
func (f *fixture) signIn(t *testing.T) (connectors.Identity, error) {
	t.Helper()
	return f.signInWith(t, false)
}

func (f *fixture) signInWith(t *testing.T, force bool) (connectors.Identity, error) {
	t.Helper()
	started := f.clock.now()
	redirect := f.begin(t, connectors.BeginRequest{ForceLogin: force})
	return f.connector.Finish(t.Context(), connectors.Callback{
		Parameters: f.SignIn(t, redirect.URL), CallbackURL: callbackURL, Private: redirect.Private, ForceLogin: force, Started: started,
	})
}

func (f *fixture) mustSignIn(t *testing.T) connectors.Identity {
	t.Helper()
	identity, err := f.signIn(t)
	if err != nil {
		t.Fatalf("sign in: %v", err)
	}
	return identity
}

func (f *fixture) refused(t *testing.T, want connectors.Reason) {
	t.Helper()
	identity, err := f.signIn(t)
	connectortest.Refused(t, err, want, f.Issued())
	if identity.Subject != "" || identity.Claims != nil {
		t.Error("an identity came with the error")
	}
}

func query(t *testing.T, address string) url.Values {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Query()
}
