package provider_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/store/sqldb"
)

func (f *fixture) jwks() map[string]jose.JSONWebKey {
	f.t.Helper()
	got := f.send(httptest.NewRequest(http.MethodGet, provider.KeysPath, nil))
	var set jose.JSONWebKeySet
	must(f.t, json.Unmarshal([]byte(got.body), &set))
	keys := map[string]jose.JSONWebKey{}
	for _, key := range set.Keys {
		keys[key.KeyID] = key
	}
	return keys
}

func TestJWKS(t *testing.T) {
	f := open(t)
	keys := f.jwks()
	if len(keys) != 6 {
		t.Fatalf("%d keys", len(keys))
	}
	for kid, key := range keys {
		thumbprint, err := key.Thumbprint(crypto.SHA256)
		must(t, err)
		if !key.IsPublic() || !key.Valid() || key.Use != "sig" || kid != base64.RawURLEncoding.EncodeToString(thumbprint) {
			t.Errorf("key: %+v", key)
		}
	}
	got := f.tokens()
	for _, token := range []string{got.Access, got.ID} {
		parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{"ES256", "RS256"})
		must(t, err)
		kid := parsed.Signatures[0].Header.KeyID
		if _, err := parsed.Verify(keys[kid].Key); err != nil {
			t.Errorf("the published key does not verify: %v", err)
		}
	}
	if body := f.send(httptest.NewRequest(http.MethodGet, provider.KeysPath, nil)).body; strings.Contains(body, `"d":`) || strings.Contains(body, `"p":`) {
		t.Error("a private key is published")
	}
}

// TestNodesStartTogether: however many start at once on an empty database, there is one key of each kind.
func TestNodesStartTogether(t *testing.T) {
	f := open(t)
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: secret.New("sqlite:" + filepath.Join(t.TempDir(), "empty.db")), Now: f.clock.Now, Logger: f.config.Logger})
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	must(t, db.Migrate(t.Context()))
	config := f.config
	config.Store, config.Ephemeral = db, db.Ephemeral()
	var nodes sync.WaitGroup
	for range 4 {
		nodes.Go(func() {
			if _, err := provider.New(t.Context(), config); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	keys, err := db.SigningKeys(t.Context())
	must(t, err)
	got := map[string]int{}
	for _, key := range keys {
		got[key.Algorithm+" "+string(key.State)]++
	}
	want := map[string]int{"ES256 current": 1, "ES256 next": 1, "RS256 current": 1, "RS256 next": 1, "EdDSA current": 1, "EdDSA next": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestForeignMasterKey(t *testing.T) {
	f := open(t)
	f.config.Keys = newKeys(t, strings.Repeat("x", 32))
	if _, err := provider.New(t.Context(), f.config); err == nil {
		t.Error("keys open under another master key")
	}
}

func TestDiscovery(t *testing.T) {
	f := open(t)
	get := func(path, etag string) answer {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("If-None-Match", etag)
		return f.send(r)
	}
	first := get("/.well-known/openid-configuration", "")
	var document any
	must(t, json.Unmarshal([]byte(first.body), &document))
	golden(t, "discovery.json", asJSON(t, document))
	if first.status != http.StatusOK || first.header.Get("Content-Type") != "application/json" || first.header.Get("Cache-Control") == "" {
		t.Errorf("answer: %d %v", first.status, first.header)
	}
	if second := get("/.well-known/oauth-authorization-server", ""); second.body != first.body {
		t.Error("the two documents differ")
	}
	for _, path := range []string{"/.well-known/openid-configuration", provider.KeysPath} {
		if again := get(path, get(path, "").header.Get("ETag")); again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s, known: %d", path, again.status)
		}
	}
}
