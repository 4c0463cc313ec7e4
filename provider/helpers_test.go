package provider_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/internal/testenv"
	"gatehouse/tenancy"
)

// half is at_hash as a relying party computes it (OpenID Connect Core section 3.1.3.6).
func half(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func TestMain(m *testing.M) { testenv.Main(m) }

// onEachDatabase runs a test on SQLite and on PostgreSQL.
func onEachDatabase(t *testing.T, test func(t *testing.T, f *fixture)) {
	t.Run("sqlite", func(t *testing.T) { test(t, open(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, openOn(t, testenv.Postgres(t))) })
}

func newKeys(t testing.TB, masters ...string) *seal.Keys {
	t.Helper()
	texts := make([]secret.Text, len(masters))
	for i, master := range masters {
		texts[i] = secret.New(master)
	}
	keys, err := seal.NewKeys(texts...)
	must(t, err)
	return keys
}

func codeIn(t testing.TB, location string) string {
	t.Helper()
	parsed, err := url.Parse(location)
	must(t, err)
	return parsed.Query().Get("code")
}

func (f *fixture) createOrganization(organization id.Organization) {
	f.t.Helper()
	must(f.t, f.db.CreateOrganization(f.t.Context(), tenancy.System("test"), tenancy.Organization{
		ID: organization, Name: "Acme", Slug: "acme", Active: true, Created: f.clock.Now(), Modified: f.clock.Now(),
	}))
}
