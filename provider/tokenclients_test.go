package provider_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
)

const (
	globex    = id.Organization("0190b000-0000-7000-8000-0000000000bb")
	apiSecret = "api-secret-with-256-bits-of-chance"
)

// register saves clients, each like "web" but for what change does, and waits until they are known.
func (f *fixture) register(clients ...provider.Client) {
	f.t.Helper()
	for _, client := range clients {
		client.Enabled, client.Created, client.Modified = true, f.clock.Now(), f.clock.Now()
		if client.AuthMethod == "" {
			client.AuthMethod = provider.AuthBasic
			client.Secrets = []provider.ClientSecret{{Hash: secret.Hash(apiSecret)}}
		}
		must(f.t, f.db.SaveClient(f.t.Context(), client))
	}
	f.clock.advance(4 * time.Second)
}

// like is a client with the options of "web" under another id.
func (f *fixture) like(client id.Client, change func(*provider.Client)) provider.Client {
	f.t.Helper()
	found, err := f.db.Client(f.t.Context(), "web")
	must(f.t, err)
	found.ID = client
	found.Secrets = []provider.ClientSecret{{Hash: secret.Hash(apiSecret)}}
	change(&found)
	return found
}

// tokensOf signs Ada in at another client.
func (f *fixture) tokensOf(client id.Client, pairs ...string) answer {
	f.t.Helper()
	code := f.code(request(append([]string{"client_id", string(client)}, pairs...)...))
	got := f.post(redeem(code, "client_id", string(client), "client_secret", apiSecret))
	if got.status != http.StatusOK {
		f.t.Fatalf("code exchange: %d %s", got.status, got.body)
	}
	return got
}

// ask posts a form to a path.
func (f *fixture) ask(path string, values url.Values) answer {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return f.send(r)
}

// introspect asks about a token as a client.
func (f *fixture) introspect(client, shown, token string) map[string]any {
	f.t.Helper()
	got := f.ask(provider.IntrospectPath, form("client_id", client, "client_secret", shown, "token", token))
	if got.status != http.StatusOK || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Content-Type") != "application/json" {
		f.t.Fatalf("introspection: %d %v %s", got.status, got.header, got.body)
	}
	var claims map[string]any
	must(f.t, json.Unmarshal([]byte(got.body), &claims))
	if claims["active"] != true && strings.TrimSpace(got.body) != `{"active":false}` {
		f.t.Errorf("an answer about a token that is not active: %s", got.body)
	}
	return claims
}

// active reports whether the client of a token sees it in force.
func (f *fixture) active(token string) bool {
	f.t.Helper()
	return f.introspect("web", webSecret, token)["active"] == true
}

func (f *fixture) revokeAs(client, shown, token string) answer {
	return f.ask(provider.RevokePath, form("client_id", client, "client_secret", shown, "token", token))
}

func (f *fixture) mustRevoke(client, shown, token string) {
	f.t.Helper()
	if got := f.revokeAs(client, shown, token); got.status != http.StatusOK || got.body != "" || got.header.Get("Cache-Control") != "no-store" {
		f.t.Errorf("revocation: %d %v %s", got.status, got.header, got.body)
	}
}
