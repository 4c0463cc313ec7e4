package clients_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/clients"
	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// TestGrantOnlyWhatYouHold: what a manager's client may not have, whether it is registered so or changed to it; and one that a superuser gave it to
// is not the manager's to bend.
func TestGrantOnlyWhatYouHold(t *testing.T) {
	f := newFixture(t)
	for field, give := range map[string]func(*provider.Client){
		"first_party":            func(c *provider.Client) { c.FirstParty = true },
		"scopes":                 func(c *provider.Client) { c.Scopes = append(c.Scopes, "billing.write") },
		"audience":               func(c *provider.Client) { c.Audience = []string{"https://billing.example"} },
		"backchannel_logout_uri": func(c *provider.Client) { c.BackchannelLogoutURI = "http://127.0.0.1:9200/" },
	} {
		_, _, err := f.create(f.manager, give)
		wantInvalid(t, err, field)
		own := f.made(f.manager, unchanged)
		_, err = f.Update(t.Context(), f.manager, own.ID, 0, give)
		wantInvalid(t, err, field)

		theirs := f.made(f.root, give)
		_, err = f.Update(t.Context(), f.manager, theirs.ID, 0, func(c *provider.Client) { c.RedirectURIs = []string{"https://evil.example/"} })
		wantError(t, err, tenancy.ErrForbidden)
		_, _, err = f.AddSecret(t.Context(), f.manager, theirs.ID, "mine", time.Time{})
		wantError(t, err, tenancy.ErrForbidden)
		wantError(t, f.RemoveSecret(t.Context(), f.manager, theirs.ID, theirs.Secrets[0].ID), tenancy.ErrForbidden)
		wantError(t, f.Delete(t.Context(), f.manager, theirs.ID), tenancy.ErrForbidden)
		if _, err := f.Client(t.Context(), f.manager, theirs.ID); err != nil {
			t.Errorf("a manager does not see %s: %v", field, err)
		}
	}
	_, _, err := f.create(f.manager, func(c *provider.Client) { c.ID = "billing" })
	wantInvalid(t, err, "id")
	_, _, err = f.create(f.manager, func(c *provider.Client) { c.Organization = "" })
	wantInvalid(t, err, "organization")
	f.made(f.manager, func(c *provider.Client) { c.ResourceServer = true }) // the tokens of his own organization
}

func TestShownSecrets(t *testing.T) {
	f := newFixture(t)
	own, text, err := f.create(f.manager, unchanged)
	if err != nil {
		t.Fatal(err)
	}
	stored := must(f.db.Client(t.Context(), own.ID))(t)
	if len(stored.Secrets) != 1 || stored.Secrets[0].Hash != secret.Hash(text.Reveal()) {
		t.Error("the secret that was shown is not the one that is stored")
	}
	shared := f.made(f.root, func(c *provider.Client) { c.Organization = "" })
	for name, c := range map[string]struct {
		scope  tenancy.Scope
		client id.Client
		names  int
	}{"own": {f.manager, own.ID, 1}, "shared": {f.manager, shared.ID, 0}, "superuser": {f.root, shared.ID, 1}} {
		found := must(f.Client(t.Context(), c.scope, c.client))(t)
		page := must(f.List(t.Context(), c.scope, clients.Filter{}, tenancy.Query{Size: 100}))(t)
		i := slices.IndexFunc(page.Items, func(in provider.Client) bool { return in.ID == c.client })
		for where, secrets := range map[string][]provider.ClientSecret{"read": found.Secrets, "listed": page.Items[i].Secrets} {
			if len(secrets) != c.names || (c.names > 0 && secrets[0].Hash != "") {
				t.Errorf("%s, %s: %+v", name, where, secrets)
			}
		}
	}
	if own.Secrets[0].Hash != "" {
		t.Error("Create answers a hash")
	}
}

// TestRecord: everything is recorded, with what it was before, and never a secret.
func TestRecord(t *testing.T) {
	f := newFixture(t)
	c, first, err := f.create(f.manager, unchanged)
	if err != nil {
		t.Fatal(err)
	}
	must(f.Update(t.Context(), f.manager, c.ID, 0, func(c *provider.Client) { c.Enabled, c.RedirectURIs = false, []string{"https://other.example/"} }))(t)
	must(f.Update(t.Context(), f.manager, c.ID, 0, unchanged))(t) // nothing to record
	added, second, err := f.AddSecret(t.Context(), f.manager, c.ID, "second", f.clock.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.RemoveSecret(t.Context(), f.manager, c.ID, added.ID); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete(t.Context(), f.manager, c.ID); err != nil {
		t.Fatal(err)
	}
	var actions []string
	events := f.events(string(c.ID))
	for _, event := range events {
		actions = append(actions, event.Action)
		if event.Actor != f.managerID || event.Organization != f.acme {
			t.Errorf("%s by %q in %q", event.Action, event.Actor, event.Organization)
		}
	}
	if got := strings.Join(actions, " "); got != "client.created client.changed client.secret_added client.secret_removed client.deleted" {
		t.Errorf("recorded: %s", got)
	}
	raw := string(must(json.Marshal(events))(t))
	for _, hidden := range []string{first.Reveal(), second.Reveal(), secret.Hash(first.Reveal()), secret.Hash(second.Reveal())} {
		if strings.Contains(raw, hidden) {
			t.Error("a secret is in the record")
		}
	}
	for _, told := range []string{`{"field":"enabled","before":"true","after":"false"}`, `"before":"https://radio.example/cb","after":"https://other.example/"`, `"after":"•••• first, •••• second"`} {
		if !strings.Contains(raw, told) {
			t.Errorf("the record lacks %s: %s", told, raw)
		}
	}
}

func TestVersions(t *testing.T) {
	f := newFixture(t)
	c := f.made(f.manager, unchanged)
	rename := func(c *provider.Client) { c.Name = "New" }
	changed := must(f.Update(t.Context(), f.manager, c.ID, c.Version, rename))(t)
	if changed.Version != c.Version+1 {
		t.Errorf("version %d after %d", changed.Version, c.Version)
	}
	_, err := f.Update(t.Context(), f.manager, c.ID, c.Version, unchanged)
	wantError(t, err, store.ErrStale)
	kept := must(f.Update(t.Context(), f.manager, c.ID, 0, func(c *provider.Client) {
		c.ID, c.Secrets, c.Static, c.Version, c.Created = "other", nil, true, 99, time.Time{}
	}))(t)
	if kept.ID != c.ID || len(kept.Secrets) != 1 || kept.Static || kept.Version != changed.Version || !kept.Created.Equal(c.Created) {
		t.Errorf("changed what stays: %+v", kept)
	}
}

// TestSecretsOfNoUse: who goes over to keys and back does not find his old secrets alive.
func TestSecretsOfNoUse(t *testing.T) {
	f := newFixture(t)
	c := f.made(f.manager, unchanged)
	for _, method := range []provider.AuthMethod{provider.AuthNone, provider.AuthBasic} {
		c = must(f.Update(t.Context(), f.manager, c.ID, 0, func(c *provider.Client) { c.AuthMethod = method }))(t)
		if len(c.Secrets) != 0 {
			t.Errorf("%s: %d secrets", method, len(c.Secrets))
		}
	}
}

func TestSecretLimits(t *testing.T) {
	f := newFixture(t)
	c := f.made(f.manager, unchanged)
	add := func(name string, expires time.Time) error {
		_, _, err := f.AddSecret(t.Context(), f.manager, c.ID, name, expires)
		return err
	}
	wantInvalid(t, add(" ", time.Time{}), "name")
	wantInvalid(t, add("a\nb", time.Time{}), "name")
	wantInvalid(t, add("old", f.clock.Now()), "expires")
	for range 9 {
		if err := add("soon", f.clock.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	wantInvalid(t, add("eleventh", time.Time{}), "name")
	f.clock.Advance(time.Hour)
	if err := add("room", time.Time{}); err != nil { // the expired ones are gone
		t.Error(err)
	}
	wantError(t, f.RemoveSecret(t.Context(), f.manager, c.ID, "none"), store.ErrNotFound)
}

func TestMove(t *testing.T) {
	f := newFixture(t)
	to := func(o id.Organization) func(*provider.Client) { return func(c *provider.Client) { c.Organization = o } }
	c := f.made(f.both, unchanged)
	_, err := f.Update(t.Context(), f.manager, c.ID, 0, to(f.bolt))
	wantError(t, err, store.ErrNotFound)
	_, err = f.Update(t.Context(), f.both, c.ID, 0, to(""))
	wantInvalid(t, err, "organization")
	must(f.Update(t.Context(), f.both, c.ID, 0, to(f.bolt)))(t)
	must(f.Update(t.Context(), f.root, c.ID, 0, to("")))(t)
	must(f.Update(t.Context(), f.root, c.ID, 0, to(f.acme)))(t)
	if err := f.db.SaveConsent(t.Context(), provider.Consent{User: f.member, Client: c.ID, Organization: f.acme}); err != nil {
		t.Fatal(err)
	}
	_, err = f.Update(t.Context(), f.root, c.ID, 0, to(f.bolt))
	wantInvalid(t, err, "organization")
	must(f.directory.SetOrganizationActive(t.Context(), f.ofSystem, f.bolt, false, 0))(t)
	other := f.made(f.both, unchanged)
	_, err = f.Update(t.Context(), f.root, other.ID, 0, to(f.bolt))
	wantInvalid(t, err, "organization")
}

func TestConsents(t *testing.T) {
	f := newFixture(t)
	c := f.made(f.manager, unchanged)
	give := func() {
		if err := f.db.SaveConsent(t.Context(), provider.Consent{User: f.member, Client: c.ID, Organization: f.acme, Scopes: []string{"openid"}}); err != nil {
			t.Fatal(err)
		}
	}
	give()
	listed := must(f.Consents(t.Context(), f.consentScope, f.member))(t)
	if len(listed) != 1 || listed[0].ClientName != "Radio" {
		t.Errorf("listed %+v", listed)
	}
	_, err := f.Consents(t.Context(), f.manager, f.member)
	wantError(t, err, tenancy.ErrForbidden) // he may act on clients, not on accounts
	wantError(t, f.RevokeConsent(t.Context(), f.manager, f.member, c.ID), tenancy.ErrForbidden)
	f.failToEnd = store.ErrUnavailable
	wantError(t, f.RevokeConsent(t.Context(), f.consentScope, f.member, c.ID), store.ErrUnavailable)
	if left := must(f.Consents(t.Context(), f.consentScope, f.member))(t); len(left) != 1 {
		t.Error("a consent is gone whose tokens are not")
	}
	f.failToEnd = nil
	if err := f.RevokeConsent(t.Context(), f.consentScope, f.member, c.ID); err != nil {
		t.Fatal(err)
	}
	if left := must(f.Consents(t.Context(), f.consentScope, f.member))(t); len(left) != 0 || f.ended[len(f.ended)-1] != c.ID {
		t.Errorf("left %v, ended %v", left, f.ended)
	}
	if events := f.events(string(f.member)); events[len(events)-1].Action != "consent.revoked" || events[len(events)-1].Detail["client"] != string(c.ID) {
		t.Errorf("recorded %+v", events[len(events)-1])
	}
	wantError(t, f.RevokeConsent(t.Context(), f.consentScope, f.member, "none"), store.ErrNotFound)
}

func TestDeclare(t *testing.T) {
	f := newFixture(t)
	declared := plain("")
	declared.ID, declared.Scopes, declared.Secrets = "radio", []string{"x"}, []provider.ClientSecret{{ID: "configuration", Hash: "h"}}
	wantError(t, f.Declare(t.Context(), f.manager, []provider.Client{declared}), tenancy.ErrForbidden)
	declare := func(c ...provider.Client) provider.Client {
		t.Helper()
		if err := f.Declare(t.Context(), f.ofSystem, c); err != nil {
			t.Fatal(err)
		}
		return must(f.db.Client(t.Context(), "radio"))(t)
	}
	first := declare(declared)
	if !first.Static || first.Version != 1 {
		t.Errorf("declared: %+v", first)
	}
	if again := declare(declared); again.Version != 1 {
		t.Error("what did not change is written")
	}
	declared.Secrets = []provider.ClientSecret{{ID: "configuration", Hash: "other"}}
	if changed := declare(declared); changed.Version != 2 || changed.Secrets[0].Hash != "other" || !changed.Created.Equal(first.Created) {
		t.Errorf("a new secret: %+v", changed)
	}
	for _, scope := range []tenancy.Scope{f.root, f.ofSystem} {
		_, err := f.Update(t.Context(), scope, "radio", 0, func(c *provider.Client) { c.Enabled = false })
		wantError(t, err, clients.ErrDeclared)
		wantError(t, f.Delete(t.Context(), scope, "radio"), clients.ErrDeclared)
	}
	if gone := declare(); gone.Enabled {
		t.Error("what is declared no more works on")
	}
	if back := declare(declared); !back.Enabled {
		t.Error("what is declared again does not work")
	}
	declare()
	if err := f.Delete(t.Context(), f.root, "radio"); err != nil {
		t.Error(err)
	}
}
