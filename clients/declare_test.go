package clients_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/clients"
	"gatehouse/provider"
)

// declare makes these the declared clients, and returns one of them as it is stored.
func (f *fixture) declare(t *testing.T, declared ...provider.Client) provider.Client {
	t.Helper()
	if err := f.Declare(t.Context(), f.ofSystem, declared); err != nil {
		t.Fatal(err)
	}
	return must(f.db.Client(t.Context(), "radio"))(t)
}

func radio() provider.Client {
	c := plain("")
	c.ID, c.Secrets = "radio", []provider.ClientSecret{{ID: "configuration", Hash: "h"}}
	return c
}

// TestDeclaredInsteadOf: another client in the configuration does not keep the one that it has replaced, which is disabled once.
func TestDeclaredInsteadOf(t *testing.T) {
	f := newFixture(t)
	other := radio()
	other.ID = "television"
	f.declare(t, radio())
	if gone := f.declare(t, other); gone.Enabled {
		t.Error("what is declared no more works on")
	}
	if left := must(f.db.Client(t.Context(), "television"))(t); !left.Enabled {
		t.Error("what is declared does not work")
	}
	f.declare(t, other)
	if events := f.events("radio"); len(events) != 2 || events[1].Action != "client.undeclared" {
		t.Errorf("recorded %+v", events)
	}
}

// TestDeclareTaken: the configuration takes no client over that was registered otherwise.
func TestDeclareTaken(t *testing.T) {
	f := newFixture(t)
	f.made(f.root, func(c *provider.Client) { c.ID, c.Name = "radio", "Registered" })
	var taken *clients.TakenError
	if err := f.Declare(t.Context(), f.ofSystem, []provider.Client{radio()}); !errors.As(err, &taken) || taken.Client != "radio" {
		t.Errorf("error %v", err)
	}
	if kept := must(f.db.Client(t.Context(), "radio"))(t); kept.Static || kept.Name != "Registered" {
		t.Errorf("it is %+v", kept)
	}
}

// TestDeclareSecrets: whatever changes of a secret is written.
func TestDeclareSecrets(t *testing.T) {
	f := newFixture(t)
	version := f.declare(t, radio()).Version
	for what, change := range map[string]func(*provider.ClientSecret){
		"id":      func(s *provider.ClientSecret) { s.ID = "other" },
		"name":    func(s *provider.ClientSecret) { s.Name = s.ID }, // which the record does not tell apart,
		"hash":    func(s *provider.ClientSecret) { s.Hash = "other" },
		"expires": func(s *provider.ClientSecret) { s.Expires = f.clock.Now().Add(time.Hour) },
	} {
		c := radio()
		change(&c.Secrets[0])
		changed, again := f.declare(t, c), f.declare(t, radio())
		if changed.Version != version+1 || again.Version != version+2 || cmp.Diff(changed.Secrets, c.Secrets) != "" {
			t.Errorf("%s: version %d, then %d, after %d: %+v", what, changed.Version, again.Version, version, changed.Secrets)
		}
		version = again.Version
	}
}

// TestDeclaredDetail: the record tells what a client is declared with, and nothing of what it has not.
func TestDeclaredDetail(t *testing.T) {
	f := newFixture(t)
	f.declare(t, radio())
	want := map[string]string{
		"name": "Radio", "auth_method": "client_secret_basic", "secrets": audit.Masked + " configuration", "redirect_uris": "https://radio.example/cb",
		"grant_types": "authorization_code refresh_token", "scopes": "openid email", "access_token_format": "jwt", "enabled": "true",
	}
	if diff := cmp.Diff(want, f.events("radio")[0].Detail); diff != "" {
		t.Error(diff)
	}
	c := radio()
	c.Name = "Wireless"
	f.declare(t, c)
	event := f.events("radio")[1]
	if diff := cmp.Diff([]audit.Change{{Field: "name", Before: "Radio", After: "Wireless"}}, event.Changes); diff != "" || event.Detail != nil {
		t.Errorf("%v %s", event.Detail, diff)
	}
}

// TestKeysInRecord: keys are recorded by a hash of what they say, which spaces do not change; none are recorded as nothing.
func TestKeysInRecord(t *testing.T) {
	f := newFixture(t)
	c := f.made(f.manager, unchanged)
	keys := json.RawMessage(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	must(f.Update(t.Context(), f.manager, c.ID, 0, func(c *provider.Client) { c.AuthMethod, c.JWKS = provider.AuthPrivateKey, keys }))(t)
	spaced := json.RawMessage(" " + string(keys[:1]) + " " + string(keys[1:]))
	must(f.Update(t.Context(), f.manager, c.ID, 0, func(c *provider.Client) { c.JWKS = spaced }))(t)
	events := f.events(string(c.ID))
	if len(events) != 2 {
		t.Fatalf("recorded %+v", events)
	}
	for _, change := range events[1].Changes {
		if change.Field == "jwks" && change.Before == "" && len(change.After) > len("sha256 ") {
			return
		}
	}
	t.Errorf("recorded %+v", events[1].Changes)
}
