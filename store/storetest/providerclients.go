package storetest

import (
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// fullClient has a value in every field that can be written.
func fullClient() provider.Client {
	return provider.Client{
		ID: "c", Name: "Client", AuthMethod: provider.AuthPrivateKey,
		Secrets: []provider.ClientSecret{{ID: "1", Name: "first", Hash: "hash", Created: noon, Expires: noon.Add(time.Hour)}, {ID: "2", Hash: "other"}},
		JWKS:    json.RawMessage(`{"keys":[]}`), JWKSURI: "https://x.example/jwks",
		RedirectURIs: []string{"https://x.example/a?b=c", "com.example:/d"}, PostLogout: []string{"https://x.example"},
		GrantTypes: []string{"client_credentials"}, Scopes: []string{"openid"}, Audience: []string{"https://api.example"},
		AccessTokenFormat: provider.FormatOpaque, IDTokenAlg: "ES256", UserinfoAlg: "EdDSA", RequirePAR: true, FirstParty: true, ResourceServer: true,
		BackchannelLogoutURI: "https://x.example/logout", BackchannelSessionNeeded: true,
		URI: "https://x.example", PolicyURI: "https://x.example/policy", TermsURI: "https://x.example/terms", Static: true,
		Enabled: true, Version: 1, Created: noon, Modified: noon,
	}
}

func sameClient(t *testing.T, s provider.Store, expected provider.Client) {
	t.Helper()
	found, err := s.Client(t.Context(), expected.ID)
	must(t, err)
	if diff := cmp.Diff(expected, found); diff != "" {
		t.Error(diff)
	}
}

func testClients(t *testing.T, s provider.Store) {
	c := fullClient()
	must(t, s.SaveClient(t.Context(), c))
	sameClient(t, s, c)
	c.Name, c.Enabled, c.RedirectURIs, c.Secrets, c.JWKS, c.Modified = "New", false, nil, nil, nil, noon.Add(time.Second)
	must(t, s.SaveClient(t.Context(), c))
	c.Version = 2
	sameClient(t, s, c)
	must(t, s.SaveClient(t.Context(), provider.Client{ID: "plain", Created: noon, Modified: noon}))
	sameClient(t, s, provider.Client{ID: "plain", AuthMethod: provider.AuthBasic, Version: 1, Created: noon, Modified: noon})
	_, err := s.Client(t.Context(), "C")
	want(t, err, store.ErrNotFound)
	c.Organization = "nowhere"
	want(t, s.SaveClient(t.Context(), c), store.ErrNotFound)
}

func testManagedClients(t *testing.T, s provider.Store) {
	c := fullClient()
	must(t, s.CreateClient(t.Context(), c))
	want(t, s.CreateClient(t.Context(), c), store.ErrConflict)
	sameClient(t, s, c)
	lost := c
	c.Name, c.Modified = "New", noon.Add(time.Second)
	must(t, s.UpdateClient(t.Context(), c))
	c.Version = 2
	sameClient(t, s, c)
	want(t, s.UpdateClient(t.Context(), lost), store.ErrStale)
	lost.ID = "none"
	want(t, s.UpdateClient(t.Context(), lost), store.ErrNotFound)
	lost.Organization = "nowhere"
	want(t, s.CreateClient(t.Context(), lost), store.ErrNotFound)
	g := newGrant()
	must(t, s.CreateGrant(t.Context(), g))
	must(t, s.DeleteClient(t.Context(), c.ID))
	want(t, s.DeleteClient(t.Context(), c.ID), store.ErrNotFound)
	_, err := s.Client(t.Context(), c.ID)
	want(t, err, store.ErrNotFound)
	_, err = s.Grant(t.Context(), g.ID)
	want(t, err, store.ErrNotFound)
}

// testClientsVersion: no change of a client passes the caches by.
func testClientsVersion(t *testing.T, s provider.Store) {
	c := fullClient()
	for name, change := range map[string]func() error{
		"save":   func() error { return s.SaveClient(t.Context(), provider.Client{ID: "saved"}) },
		"create": func() error { return s.CreateClient(t.Context(), provider.Client{ID: "created"}) },
		"update": func() error {
			return errors.Join(s.SaveClient(t.Context(), c), s.UpdateClient(t.Context(), c))
		},
		"delete": func() error {
			return errors.Join(s.SaveClient(t.Context(), provider.Client{ID: "gone"}), s.DeleteClient(t.Context(), "gone"))
		},
	} {
		before, err := s.ClientsVersion(t.Context())
		must(t, err)
		must(t, change())
		changes := map[string]int64{"save": 1, "create": 1, "update": 2, "delete": 2}[name]
		if after, err := s.ClientsVersion(t.Context()); err != nil || after != before+changes {
			t.Errorf("%s: the version goes from %d to %d, %v", name, before, after, err)
		}
	}
}

// testRaceUpdateClient: of two who have read one version one writes.
func testRaceUpdateClient(t *testing.T, s provider.Store) {
	c := fullClient()
	must(t, s.CreateClient(t.Context(), c))
	var (
		all  sync.WaitGroup
		wins atomic.Int32
	)
	for range 16 {
		all.Go(func() {
			switch err := s.UpdateClient(t.Context(), c); {
			case err == nil:
				wins.Add(1)
			case !errors.Is(err, store.ErrStale):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d updates of one version", wins.Load())
	}
}

func testConsents(t *testing.T, s provider.Store) {
	directory, ok := s.(tenancy.Store)
	if !ok {
		t.Fatalf("%T keeps no users", s)
	}
	user, other := consentUser(t, directory, "u"), consentUser(t, directory, "v")
	must(t, s.SaveClient(t.Context(), provider.Client{ID: "c"}))
	must(t, s.SaveClient(t.Context(), provider.Client{ID: "d", Name: "The other"}))
	first := provider.Consent{User: user, Client: "c", Organization: "o", Scopes: []string{"openid"}, Created: noon, Modified: noon}
	second := provider.Consent{User: user, Client: "c", Scopes: []string{"email"}, Created: noon, Modified: noon.Add(time.Second)}
	third := provider.Consent{User: user, Client: "d", ClientName: "The other", Organization: "o", Created: noon, Modified: noon.Add(time.Minute)}
	foreign := provider.Consent{User: other, Client: "c", Organization: "o", Scopes: []string{"groups"}, Created: noon, Modified: noon}
	for _, consent := range []provider.Consent{first, second, third, foreign} {
		must(t, s.SaveConsent(t.Context(), consent))
	}
	first.Scopes, first.Modified = []string{"openid", "email"}, noon.Add(time.Hour)
	replaced := first
	replaced.Created = noon.Add(time.Hour)
	must(t, s.SaveConsent(t.Context(), replaced))
	found, err := s.Consent(t.Context(), user, "c", "o")
	must(t, err)
	if diff := cmp.Diff(first, found); diff != "" {
		t.Error(diff)
	}
	_, err = s.Consent(t.Context(), user, "d", "")
	want(t, err, store.ErrNotFound)
	listed, err := s.ConsentsOfUser(t.Context(), user)
	must(t, err)
	if diff := cmp.Diff([]provider.Consent{first, third, second}, listed); diff != "" {
		t.Error(diff)
	}
	first.Client = "none"
	want(t, s.SaveConsent(t.Context(), first), store.ErrNotFound)
	testDeleteConsents(t, s, user, other)
}

func consentUser(t *testing.T, s tenancy.Store, name string) id.User {
	t.Helper()
	user := tenancy.User{ID: id.New[id.User](), Username: name, Active: true, Created: noon, Modified: noon}
	must(t, s.CreateUser(t.Context(), user))
	return user.ID
}

// testDeleteConsents: with the consents of a client go its grants of the user, and nothing else.
func testDeleteConsents(t *testing.T, s provider.Store, user, other id.User) {
	t.Helper()
	var grants []provider.Grant
	for _, of := range []struct {
		user   id.User
		client id.Client
	}{{user, "c"}, {user, "d"}, {other, "c"}} {
		g := newGrant()
		g.User, g.Client = of.user, of.client
		must(t, s.CreateGrant(t.Context(), g))
		grants = append(grants, g)
	}
	revoked, err := s.DeleteConsents(t.Context(), user, "c", noon.Add(time.Minute))
	must(t, err)
	if diff := cmp.Diff([]id.Grant{grants[0].ID}, revoked); diff != "" {
		t.Error(diff)
	}
	for i, g := range grants {
		found, err := s.Grant(t.Context(), g.ID)
		must(t, err)
		if found.Revoked.IsZero() != (i > 0) {
			t.Errorf("grant %d: revoked %v", i, found.Revoked)
		}
	}
	for _, left := range []struct {
		user  id.User
		count int
	}{{user, 1}, {other, 1}} {
		if listed, err := s.ConsentsOfUser(t.Context(), left.user); err != nil || len(listed) != left.count {
			t.Errorf("%d consents are left, %v", len(listed), err)
		}
	}
	if again, err := s.DeleteConsents(t.Context(), user, "c", noon); err != nil || len(again) > 0 {
		t.Errorf("again: %v, %v", again, err)
	}
}
