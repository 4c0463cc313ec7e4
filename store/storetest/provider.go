package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// ProviderStore is the store under test.
type ProviderStore = provider.Store

// Provider runs the suite of provider.Store.
func Provider(t *testing.T, open func(t *testing.T) ProviderStore) {
	for name, test := range map[string]func(*testing.T, provider.Store){
		"Clients": testClients, "Grants": testGrants, "Rotate": testRotate, "RotateRefuses": testRotateRefuses, "RaceRotate": testRaceRotate,
		"Tombstone": testTombstone, "RevokeDuringRotation": testRevokeDuringRotation, "SessionGrants": testSessionGrants, "UserGrants": testUserGrants,
		"ExpiredGrants": testExpiredGrants, "SigningKeys": testSigningKeys, "RaceSigningKey": testRaceSigningKey,
		"RacePromote": testRacePromote, "RaceTombstone": testRaceTombstone, "RaceClientsVersion": testRaceClientsVersion, "BadLists": testBadLists,
		"SuspendedClient": testSuspendedClient, "ManagedClients": testManagedClients, "ClientsVersion": testClientsVersion,
		"RaceUpdateClient": testRaceUpdateClient, "Consents": testConsents,
		"RevokeSigningKey": testRevokeSigningKey, "RaceRevokeSigningKey": testRaceRevokeSigningKey,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// testSuspendedClient: the client of a disabled organization says so, and caches of clients learn of the change.
func testSuspendedClient(t *testing.T, s provider.Store) {
	organizations, ok := s.(tenancy.Organizations)
	if !ok {
		t.Fatalf("%T keeps no organizations", s)
	}
	scope := tenancy.System("test")
	o := tenancy.Organization{ID: id.New[id.Organization](), Name: "O", Slug: "o", Active: true, Created: noon, Modified: noon}
	must(t, organizations.CreateOrganization(t.Context(), scope, o))
	must(t, s.SaveClient(t.Context(), provider.Client{ID: "c", Organization: o.ID, Enabled: true, Created: noon, Modified: noon}))
	for _, active := range []bool{false, true} {
		before, err := s.ClientsVersion(t.Context())
		must(t, err)
		o, err = organizations.Organization(t.Context(), scope, o.ID)
		must(t, err)
		o.Active = active
		must(t, organizations.UpdateOrganization(t.Context(), scope, o))
		found, err := s.Client(t.Context(), "c")
		must(t, err)
		if found.Suspended == active || !found.Enabled {
			t.Errorf("active %v: suspended %v, enabled %v", active, found.Suspended, found.Enabled)
		}
		if after, err := s.ClientsVersion(t.Context()); err != nil || after == before {
			t.Errorf("active %v: the version stays %d, %v", active, after, err)
		}
	}
	before, err := s.ClientsVersion(t.Context())
	must(t, err)
	must(t, organizations.DeleteOrganization(t.Context(), scope, o.ID))
	if after, err := s.ClientsVersion(t.Context()); err != nil || after == before {
		t.Errorf("deleted: the version stays %d, %v", after, err)
	}
}

func newGrant() provider.Grant {
	return provider.Grant{
		ID: id.New[id.Grant](), Client: "c", User: "u", Organization: "o", Session: "s", Scopes: []string{"openid", "offline_access"}, Audience: []string{"https://api.example"}, Claims: []byte(`{"userinfo":{}}`),
		AuthTime: noon, ACR: "acr", AMR: []string{"pwd", "otp"}, Nonce: "n", Generation: 1, TokenHash: "hash 1",
		Rotated: noon, Created: noon, Expires: noon.Add(24 * time.Hour),
	}
}

func testGrants(t *testing.T, s provider.Store) {
	g := newGrant()
	must(t, s.CreateGrant(t.Context(), g))
	want(t, s.CreateGrant(t.Context(), g), store.ErrConflict)
	found, err := s.Grant(t.Context(), g.ID)
	must(t, err)
	if diff := cmp.Diff(g, found); diff != "" {
		t.Error(diff)
	}
	_, err = s.Grant(t.Context(), "none")
	want(t, err, store.ErrNotFound)
}

func rotation(g provider.Grant, from int64) provider.Rotation {
	return provider.Rotation{
		Grant: g.ID, From: from, FromHash: fmt.Sprint("hash ", from), TokenHash: fmt.Sprint("hash ", from+1), Successor: []byte(fmt.Sprint("sealed ", from)),
		At: noon.Add(time.Duration(from) * time.Minute), IdleSince: noon.Add(-time.Hour),
	}
}

func testRotate(t *testing.T, s provider.Store) {
	g := newGrant()
	must(t, s.CreateGrant(t.Context(), g))
	for from := int64(1); from <= 50; from++ {
		must(t, s.RotateGrant(t.Context(), rotation(g, from)))
	}
	found, err := s.Grant(t.Context(), g.ID)
	must(t, err)
	g.Generation, g.TokenHash, g.Successor, g.Rotated = 51, "hash 51", []byte("sealed 50"), noon.Add(50*time.Minute)
	if diff := cmp.Diff(g, found); diff != "" {
		t.Error(diff)
	}
}

func testRotateRefuses(t *testing.T, s provider.Store) {
	for name, change := range map[string]func(*provider.Grant, *provider.Rotation){
		"another generation": func(_ *provider.Grant, r *provider.Rotation) { r.From = 2 },
		"another token":      func(_ *provider.Grant, r *provider.Rotation) { r.FromHash = "hash x" },
		"revoked":            func(g *provider.Grant, _ *provider.Rotation) { g.Revoked = noon },
		"absolute end":       func(_ *provider.Grant, r *provider.Rotation) { r.At = noon.Add(24 * time.Hour) },
		"idle":               func(_ *provider.Grant, r *provider.Rotation) { r.IdleSince = noon },
		"unknown":            func(_ *provider.Grant, r *provider.Rotation) { r.Grant = "none" },
	} {
		g := newGrant()
		r := rotation(g, 1)
		change(&g, &r)
		must(t, s.CreateGrant(t.Context(), g))
		if err := s.RotateGrant(t.Context(), r); err != store.ErrStale { //nolint:errorlint // exactly this one
			t.Errorf("%s: %v, want ErrStale", name, err)
		}
	}
}

func testRaceRotate(t *testing.T, s provider.Store) {
	g := newGrant()
	must(t, s.CreateGrant(t.Context(), g))
	for from := int64(1); from <= 10; from++ {
		if won := race(t, store.ErrStale, func(int) error { return s.RotateGrant(context.Background(), rotation(g, from)) }); won != 1 {
			t.Fatalf("%d rotated generation %d", won, from)
		}
	}
}

// testTombstone: a grant that was revoked before it was written stays revoked.
func testTombstone(t *testing.T, s provider.Store) {
	g := newGrant()
	must(t, s.RevokeGrant(t.Context(), g.ID, noon, noon.Add(time.Hour)))
	want(t, s.CreateGrant(t.Context(), g), store.ErrConflict)
	found, err := s.Grant(t.Context(), g.ID)
	must(t, err)
	if found.Revoked.IsZero() || !found.Expires.Equal(noon.Add(time.Hour)) {
		t.Errorf("tombstone = %+v", found)
	}
	must(t, s.RevokeGrant(t.Context(), g.ID, noon.Add(time.Minute), noon.Add(2*time.Hour)))
	if found, err = s.Grant(t.Context(), g.ID); err != nil || !found.Revoked.Equal(noon) {
		t.Errorf("the first time of revocation was lost: %v, %v", found.Revoked, err)
	}
}

// testRevokeDuringRotation: whoever is first, in the end the grant is revoked and does not rotate.
func testRevokeDuringRotation(t *testing.T, s provider.Store) {
	for range 20 {
		g := newGrant()
		must(t, s.CreateGrant(t.Context(), g))
		race(t, store.ErrStale, func(i int) error {
			if i == 0 {
				return s.RevokeGrant(context.Background(), g.ID, noon.Add(time.Minute), noon.Add(time.Hour))
			}
			return s.RotateGrant(context.Background(), rotation(g, 1))
		})
		found, err := s.Grant(t.Context(), g.ID)
		must(t, err)
		if found.Revoked.IsZero() {
			t.Fatal("the revocation was lost")
		}
		r := rotation(g, found.Generation)
		r.FromHash = found.TokenHash
		want(t, s.RotateGrant(t.Context(), r), store.ErrStale)
	}
}

func testSessionGrants(t *testing.T, s provider.Store) {
	first, second, other := newGrant(), newGrant(), newGrant()
	other.Session = "another"
	for _, g := range []provider.Grant{first, second, other} {
		must(t, s.CreateGrant(t.Context(), g))
	}
	revoked, err := s.RevokeSessionGrants(t.Context(), "s", noon)
	must(t, err)
	if len(revoked) != 2 {
		t.Errorf("revoked %v", revoked)
	}
	if found, err := s.Grant(t.Context(), other.ID); err != nil || !found.Revoked.IsZero() {
		t.Errorf("another session's grant: %v, %v", found.Revoked, err)
	}
	if revoked, err = s.RevokeSessionGrants(t.Context(), "s", noon); err != nil || len(revoked) != 0 {
		t.Errorf("again: %v, %v", revoked, err)
	}
}

func testUserGrants(t *testing.T, s provider.Store) {
	kept, ended, other := newGrant(), newGrant(), newGrant()
	ended.Session, other.User = "another", id.New[id.User]()
	for _, g := range []provider.Grant{kept, ended, other} {
		must(t, s.CreateGrant(t.Context(), g))
	}
	revoked, err := s.RevokeUserGrants(t.Context(), ended.User, kept.Session, noon)
	must(t, err)
	if len(revoked) != 1 || revoked[0] != ended.ID {
		t.Errorf("revoked %v", revoked)
	}
	if revoked, err = s.RevokeUserGrants(t.Context(), ended.User, "", noon); err != nil || len(revoked) != 1 || revoked[0] != kept.ID {
		t.Errorf("the rest: %v, %v", revoked, err)
	}
	if found, err := s.Grant(t.Context(), other.ID); err != nil || !found.Revoked.IsZero() {
		t.Errorf("another user's grant: %v, %v", found.Revoked, err)
	}
}

func testExpiredGrants(t *testing.T, s provider.Store) {
	for range 3 {
		must(t, s.CreateGrant(t.Context(), newGrant()))
	}
	for _, c := range []struct {
		before time.Time
		want   int
	}{{noon.Add(24 * time.Hour), 0}, {noon.Add(25 * time.Hour), 2}, {noon.Add(25 * time.Hour), 1}, {noon.Add(25 * time.Hour), 0}} {
		if deleted, err := s.DeleteExpiredGrants(t.Context(), c.before, 2); err != nil || deleted != c.want {
			t.Errorf("deleted %d, want %d, %v", deleted, c.want, err)
		}
	}
}

// testRaceTombstone: a grant that is written and revoked at once ends up revoked, whoever is first.
func testRaceTombstone(t *testing.T, s provider.Store) {
	for range 20 {
		g := newGrant()
		race(t, store.ErrConflict, func(i int) error {
			if i%2 == 0 {
				return s.RevokeGrant(context.Background(), g.ID, noon, noon.Add(time.Hour))
			}
			return s.CreateGrant(context.Background(), g)
		})
		if found, err := s.Grant(t.Context(), g.ID); err != nil || found.Revoked.IsZero() {
			t.Fatalf("the revocation was lost: %v, %v", found.Revoked, err)
		}
	}
}

func testRaceClientsVersion(t *testing.T, s provider.Store) {
	before, err := s.ClientsVersion(t.Context())
	must(t, err)
	race(t, nil, func(i int) error {
		return s.SaveClient(context.Background(), provider.Client{ID: id.Client(fmt.Sprint("c", i%2)), Created: noon, Modified: noon})
	})
	if after, err := s.ClientsVersion(t.Context()); err != nil || after != before+racers {
		t.Errorf("version went from %d to %d, %v", before, after, err)
	}
}

// testBadLists: what is not text is refused, not replaced by something similar.
func testBadLists(t *testing.T, s provider.Store) {
	for _, text := range []string{"https://x.example/\xff", "a\x00b"} {
		if err := s.SaveClient(t.Context(), provider.Client{ID: "c", RedirectURIs: []string{text}, Created: noon, Modified: noon}); err == nil {
			t.Errorf("%q was written", text)
		}
		_, err := s.Client(t.Context(), id.Client(text))
		want(t, err, store.ErrNotFound)
	}
}
