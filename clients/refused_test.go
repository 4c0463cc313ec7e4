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
	made := f.made(f.manager, unchanged)
	for where, c := range map[string]provider.Client{"answered": made, "stored": must(f.db.Client(t.Context(), made.ID))(t)} {
		if c.AuthMethod != provider.AuthBasic || c.AccessTokenFormat != provider.FormatJWT {
			t.Errorf("%s %q, %q", where, c.AuthMethod, c.AccessTokenFormat)
		}
	}
}

// TestChangeAlone: who may change clients and register none changes those that are there, and moves none.
func TestChangeAlone(t *testing.T) {
	f := newFixture(t)
	group := must(f.directory.CreateGroup(t.Context(), f.ofSystem, tenancy.Group{Name: "Menders", Permissions: []tenancy.Permission{tenancy.ChangeClient}}))(t).ID
	mender := f.scope(f.person("max", group, tenancy.Manager, f.acme, f.bolt))
	c := f.made(f.manager, unchanged)
	must(f.Update(t.Context(), mender, c.ID, 0, func(c *provider.Client) { c.Name = "New" }))(t)
	_, err := f.Update(t.Context(), mender, c.ID, 0, func(c *provider.Client) { c.Organization = f.bolt })
	wantError(t, err, tenancy.ErrForbidden)
}
