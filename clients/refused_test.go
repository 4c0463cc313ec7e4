package clients_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"gatehouse/clients"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// TestUndeclared: what is declared no more can be deleted, not changed.
func TestUndeclared(t *testing.T) {
	f := newFixture(t)
	f.declare(t, radio())
	f.declare(t)
	_, err := f.Update(t.Context(), f.root, "radio", 0, func(c *provider.Client) { c.Enabled = true })
	wantError(t, err, clients.ErrDeclared)
}

// TestNoSuchClient: who may not look at clients does not learn which there are.
func TestNoSuchClient(t *testing.T) {
	f := newFixture(t)
	powerless := must(f.directory.CreateGroup(t.Context(), f.ofSystem, tenancy.Group{Name: "Powerless"}))(t).ID
	scope := f.scope(f.person("eve", powerless, tenancy.Manager, f.acme))
	for _, client := range []id.Client{f.made(f.manager, unchanged).ID, "none"} {
		_, err := f.Client(t.Context(), scope, client)
		wantError(t, err, tenancy.ErrForbidden)
	}
	for _, client := range []id.Client{f.made(f.root, func(c *provider.Client) { c.Organization = f.bolt }).ID, "none"} {
		_, err := f.Client(t.Context(), f.manager, client)
		wantError(t, err, store.ErrNotFound)
	}
}

// TestProblems: a problem of a list says which entry has it; every client has a name.
func TestProblems(t *testing.T) {
	f := newFixture(t)
	_, _, err := f.create(f.manager, func(c *provider.Client) { c.RedirectURIs = append(c.RedirectURIs, "https://radio.example/#part") })
	wantInvalid(t, err, "redirect_uris")
	if invalid := (&tenancy.Invalid{}); !errors.As(err, &invalid) || !strings.HasPrefix(invalid.Fields["redirect_uris"][0], "Entry 2 ") {
		t.Errorf("problems %v", invalid.Fields)
	}
	_, _, err = f.create(f.manager, func(c *provider.Client) { c.GrantTypes = nil })
	if invalid := (&tenancy.Invalid{}); !errors.As(err, &invalid) || strings.Contains(strings.ToLower(invalid.Error()), "entry") {
		t.Errorf("problems %v", invalid.Fields)
	}
	_, _, err = f.create(f.manager, func(c *provider.Client) { c.Name = "" })
	wantInvalid(t, err, "name")
}

// TestSecretOfPublicClient: who has nothing to prove himself with gets no secret.
func TestSecretOfPublicClient(t *testing.T) {
	f := newFixture(t)
	c := f.made(f.manager, func(c *provider.Client) { c.AuthMethod = provider.AuthNone })
	if len(c.Secrets) != 0 {
		t.Errorf("%d secrets", len(c.Secrets))
	}
	_, _, err := f.AddSecret(t.Context(), f.manager, c.ID, "mine", time.Time{})
	wantInvalid(t, err, "auth_method")
}

// TestLeftOut: what nobody says about a client is stored as what it means.
func TestLeftOut(t *testing.T) {
	f := newFixture(t)
	stored := must(f.db.Client(t.Context(), f.made(f.manager, unchanged).ID))(t)
	if stored.AuthMethod != provider.AuthBasic || stored.AccessTokenFormat != provider.FormatJWT {
		t.Errorf("stored %q, %q", stored.AuthMethod, stored.AccessTokenFormat)
	}
}
