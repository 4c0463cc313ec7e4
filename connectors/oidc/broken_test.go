package oidc_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"gatehouse/connectors"
	"gatehouse/connectors/connectortest"
)

// Whatever an endpoint does, the answer is a refusal in limited time, without quoting secrets, and the next sign-in works.
func TestBrokenEndpoints(t *testing.T) {
	faults := []connectortest.Fault{
		connectortest.Hang, connectortest.Huge, connectortest.HTML, connectortest.Garbage, connectortest.Empty,
		connectortest.ServerError, connectortest.WrongStatus, connectortest.NotFound, connectortest.RedirectElsewhere, connectortest.HangUp,
	}
	f := newFixture(t)
	for _, endpoint := range []connectortest.Endpoint{connectortest.Discovery, connectortest.Token, connectortest.JWKS, connectortest.Userinfo} {
		for _, fault := range faults {
			t.Run(string(endpoint)+" "+string(fault), func(t *testing.T) {
				f.open(t, nil)
				f.Behave(connectortest.Behaviour{Faults: map[connectortest.Endpoint]connectortest.Fault{endpoint: fault}})
				began := time.Now()
				if endpoint == connectortest.Discovery {
					_, err := f.connector.Begin(t.Context(), connectors.BeginRequest{State: "s", CallbackURL: callbackURL})
					connectortest.Refused(t, err, connectors.ReasonUnavailable, f.Issued())
				} else {
					f.refused(t, connectors.ReasonUnavailable)
				}
				if took := time.Since(began); took > 4*time.Second {
					t.Errorf("took %v", took)
				}
				f.Behave(connectortest.Behaviour{})
				f.clock.advance(time.Minute)
				f.mustSignIn(t)
			})
		}
	}
	if n := f.Requests(connectortest.Elsewhere); n != 0 {
		t.Errorf("%d requests went to another host", n)
	}
}

func TestDiscoveryIsAskedOnceForAll(t *testing.T) {
	f := newFixture(t)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := f.connector.Begin(t.Context(), connectors.BeginRequest{State: "s", CallbackURL: callbackURL}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := f.Requests(connectortest.Discovery); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestDiscoveryFailureIsRemembered(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Faults: map[connectortest.Endpoint]connectortest.Fault{connectortest.Discovery: connectortest.ServerError}})
	for range 3 {
		_, err := f.connector.Begin(t.Context(), connectors.BeginRequest{State: "s", CallbackURL: callbackURL})
		connectortest.Refused(t, err, connectors.ReasonUnavailable, f.Issued())
	}
	if n := f.Requests(connectortest.Discovery); n != 1 {
		t.Errorf("a broken provider was asked %d times", n)
	}
	f.Behave(connectortest.Behaviour{})
	f.clock.advance(6 * time.Second)
	f.mustSignIn(t)
}

func TestDiscoveryIsRefreshedDaily(t *testing.T) {
	f := newFixture(t)
	f.mustSignIn(t)
	f.clock.advance(23 * time.Hour)
	f.mustSignIn(t)
	if n := f.Requests(connectortest.Discovery); n != 1 {
		t.Errorf("asked %d times within a day", n)
	}
	f.clock.advance(2 * time.Hour)
	f.mustSignIn(t)
	if n := f.Requests(connectortest.Discovery); n != 2 {
		t.Errorf("asked %d times in two days", n)
	}
	f.Behave(connectortest.Behaviour{Faults: map[connectortest.Endpoint]connectortest.Fault{connectortest.Discovery: connectortest.ServerError}})
	f.clock.advance(25 * time.Hour)
	f.mustSignIn(t)
	f.mustSignIn(t)
	if n := f.Requests(connectortest.Discovery); n != 3 {
		t.Errorf("asked %d times while the metadata is away", n)
	}
}

func TestBadMetadata(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(map[string]any)
		want connectors.Reason
	}{
		"another issuer":            {set("issuer", "https://evil.example"), connectors.ReasonSetup},
		"issuer with a slash":       {func(m map[string]any) { m["issuer"] = m["issuer"].(string) + "/" }, connectors.ReasonSetup},
		"no issuer":                 {without("issuer"), connectors.ReasonSetup},
		"no authorization endpoint": {without("authorization_endpoint"), connectors.ReasonUnavailable},
		"no token endpoint":         {without("token_endpoint"), connectors.ReasonUnavailable},
		"no keys":                   {without("jwks_uri"), connectors.ReasonUnavailable},
		"keys without TLS":          {set("jwks_uri", "http://keys.example/keys"), connectors.ReasonUnavailable},
		"tokens without TLS":        {set("token_endpoint", "http://tokens.example/token"), connectors.ReasonUnavailable},
		"userinfo without TLS":      {set("userinfo_endpoint", "http://tokens.example/me"), connectors.ReasonUnavailable},
		"keys without a host":       {set("jwks_uri", "https:///keys"), connectors.ReasonUnavailable},
		"a script":                  {set("authorization_endpoint", "javascript:alert(1)"), connectors.ReasonUnavailable},
		"algorithms not a list":     {set("id_token_signing_alg_values_supported", "RS256"), connectors.ReasonUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.Behave(connectortest.Behaviour{Metadata: test.edit})
			_, err := f.connector.Begin(t.Context(), connectors.BeginRequest{State: "s", CallbackURL: callbackURL})
			connectortest.Refused(t, err, test.want, f.Issued())
		})
	}
}

// A provider must not send us into our own network: the client says no, whatever the metadata says.
func TestMetadataPointsInside(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Metadata: set("jwks_uri", "https://[::1]:1/keys")}) // the fixture allows IPv4 only
	_, err := f.signIn(t)
	connectortest.Refused(t, err, connectors.ReasonUnavailable, f.Issued())
	if !strings.Contains(err.Error(), "not a public one") {
		t.Errorf("tried to connect: %v", err)
	}
}
