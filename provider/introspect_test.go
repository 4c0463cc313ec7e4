package provider_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gatehouse/provider"
	"gatehouse/tenancy"
)

func TestIntrospectAccessToken(t *testing.T) {
	f := open(t)
	f.register(f.like("opaque", func(c *provider.Client) { c.AccessTokenFormat = provider.FormatOpaque }))
	for name, c := range map[string]struct{ client, secret, access string }{
		"jwt":    {"web", webSecret, f.tokens().Access},
		"opaque": {"opaque", apiSecret, f.tokensOf("opaque").Access},
	} {
		got := f.introspect(c.client, c.secret, c.access)
		if id, _ := got["jti"].(string); len(id) < 20 {
			t.Errorf("%s: jti %q", name, id)
		}
		delete(got, "jti")
		golden(t, "introspection_"+name+".json", asJSON(t, got))
	}
}

func TestIntrospectRefreshToken(t *testing.T) {
	f := open(t)
	first := f.tokens()
	golden(t, "introspection_refresh.json", asJSON(t, f.introspect("web", webSecret, first.Refresh)))
	second := f.refresh(first.Refresh)
	if f.active(first.Refresh) {
		t.Error("a token that was exchanged is active")
	}
	f.clock.advance(time.Minute)
	if f.active(first.Refresh) || !f.active(second.Refresh) {
		t.Error("asking about an old token changed something")
	}
	f.register(
		provider.Client{ID: "api", ResourceServer: true},
		f.like("other", func(*provider.Client) {}),
	)
	for _, client := range []string{"api", "other"} {
		if f.introspect(client, apiSecret, second.Refresh)["active"] == true {
			t.Errorf("%s learns about another's refresh token", client)
		}
	}
	f.clock.advance(14*24*time.Hour - 2*time.Minute)
	if !f.active(second.Refresh) {
		t.Error("not active before it has idled out")
	}
	f.clock.advance(2 * time.Minute)
	if f.active(second.Refresh) {
		t.Error("active though it has idled out")
	}
}

// TestRefreshTokenPassesForNoAccessToken: a sibling that checks the audience of what it asks about refuses a refresh token of its own.
func TestRefreshTokenPassesForNoAccessToken(t *testing.T) {
	f := open(t)
	got := f.introspect("web", webSecret, f.tokens().Refresh)
	if audience, _ := got["aud"].([]any); len(audience) != 1 || audience[0] != issuer || got["token_type"] != nil {
		t.Errorf("answer: %v", got)
	}
}

// TestPitfallHIntrospectionIsForThoseConcerned: fosite lets any client, and whoever has any token, ask about every token.
func TestPitfallHIntrospectionIsForThoseConcerned(t *testing.T) {
	f := open(t)
	f.createOrganization(acme)
	must(t, f.db.CreateOrganization(t.Context(), tenancy.System("test"), tenancy.Organization{
		ID: globex, Name: "Globex", Slug: "globex", Active: true, Created: f.clock.Now(), Modified: f.clock.Now(),
	}))
	const audience = "resource"
	f.register(
		f.like("issued", func(c *provider.Client) { c.Audience = []string{audience, "foreign-resource"} }),
		f.like("stranger", func(*provider.Client) {}),
		f.like("neighbour", func(c *provider.Client) { c.Organization = acme }),
		provider.Client{ID: audience},
		provider.Client{ID: "foreign-resource", Organization: globex},
		provider.Client{ID: "server", ResourceServer: true},
		provider.Client{ID: "own-server", ResourceServer: true, Organization: acme},
		provider.Client{ID: "foreign-server", ResourceServer: true, Organization: globex},
	)
	token := f.tokensOf("issued").Access
	for client, want := range map[string]bool{
		"issued": true, audience: true, "server": true, "own-server": true,
		"stranger": false, "neighbour": false, "foreign-resource": false, "foreign-server": false,
	} {
		if got := f.introspect(client, apiSecret, token)["active"]; got != want {
			t.Errorf("%s: active is %v", client, got)
		}
	}
}

func TestIntrospectionNeedsAConfidentialClient(t *testing.T) {
	f := open(t)
	token := f.tokens().Access
	request := func(body, authorization string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, provider.IntrospectPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		return r
	}
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		code    string
	}{
		"nobody":           {request("token="+token, ""), 401, "invalid_client"},
		"bearer":           {request("token="+token, "Bearer "+token), 401, "invalid_client"},
		"public":           {request("client_id=spa&token="+token, ""), 401, "invalid_client"},
		"wrong secret":     {request("client_id=web&client_secret=x&token="+token, ""), 401, "invalid_client"},
		"disabled":         {request("client_id=off&client_secret="+webSecret+"&token="+token, ""), 401, "invalid_client"},
		"no token":         {request("client_id=web&client_secret="+webSecret, ""), 400, "invalid_request"},
		"token twice":      {request("client_id=web&client_secret="+webSecret+"&token=a&token=b", ""), 400, "invalid_request"},
		"in the address":   {httptest.NewRequest(http.MethodPost, provider.IntrospectPath+"?client_id=web&client_secret="+webSecret+"&token="+token, nil), 400, "invalid_request"},
		"GET":              {httptest.NewRequest(http.MethodGet, provider.IntrospectPath+"?token="+token, nil), 405, "invalid_request"},
		"longer than 16 K": {request("client_id=web&client_secret="+webSecret+"&token="+strings.Repeat("x", 16<<10+1), ""), 400, "invalid_request"},
	} {
		got := f.send(c.request)
		if got.status != c.status || got.Error != c.code || strings.Contains(got.body, "active") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	basic := request("token="+token, "")
	basic.SetBasicAuth("web", webSecret)
	if got := f.send(basic); got.status != http.StatusOK || !strings.Contains(got.body, `"active":true`) {
		t.Errorf("basic: %d %s", got.status, got.body)
	}
}

// TestIntrospectionIsOfToday: what has changed since the token was issued is felt at once, for each form of token.
func TestIntrospectionIsOfToday(t *testing.T) {
	for name, token := range map[string]func(answer) string{
		"access": func(a answer) string { return a.Access }, "refresh": func(a answer) string { return a.Refresh },
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			tokens := f.tokens()
			person := f.people.byID[ada]
			person.Role, person.Groups, person.Permissions = "member", []string{"Night shift"}, nil
			f.people.byID[ada] = person
			got := f.introspect("web", webSecret, token(tokens))
			if groups, _ := got["groups"].([]any); got["org_role"] != "member" || got["permissions"] != nil || len(groups) != 1 || groups[0] != "Night shift" {
				t.Errorf("role and groups are of yesterday: %v", got)
			}
			f.people.remove(ada) // disabled, no member any more, or his organization is
			if f.active(token(tokens)) {
				t.Error("the user is gone, the token is active")
			}
			f.people.byID[ada] = person
			if !f.active(token(tokens)) {
				t.Error("asking about a token has ended it")
			}
		})
	}
}

// TestIntrospectionAfterTheClient: without its client no token is in force, and that is so at once.
func TestIntrospectionAfterTheClient(t *testing.T) {
	f := open(t)
	f.createOrganization(acme)
	f.register(
		provider.Client{ID: "api", ResourceServer: true},
		provider.Client{ID: "daemon", Organization: acme, GrantTypes: []string{"client_credentials"}, Scopes: []string{"read"}},
	)
	machine := f.post(form("grant_type", "client_credentials", "client_id", "daemon", "client_secret", apiSecret)).Access
	access := f.tokens().Access
	active := func(token string) bool { return f.introspect("api", apiSecret, token)["active"] == true }
	if !active(machine) || !active(access) {
		t.Fatal("not active from the beginning")
	}
	changed, err := f.db.Client(t.Context(), "web")
	must(t, err)
	changed.Enabled = false
	must(t, f.db.SaveClient(t.Context(), changed))
	if active(access) {
		t.Error("the client is disabled")
	}
	organization, err := f.db.Organization(t.Context(), tenancy.System("test"), acme)
	must(t, err)
	organization.Active = false
	must(t, f.db.UpdateOrganization(t.Context(), tenancy.System("test"), organization))
	if active(machine) {
		t.Error("the organization of the client is disabled")
	}
}

// TestIntrospectionOfMovedClient: a client that was given to one organization does not speak for tokens of others.
func TestIntrospectionOfMovedClient(t *testing.T) {
	f := open(t)
	must(t, f.db.CreateOrganization(t.Context(), tenancy.System("test"), tenancy.Organization{
		ID: globex, Name: "Globex", Slug: "globex", Active: true, Created: f.clock.Now(), Modified: f.clock.Now(),
	}))
	f.register(provider.Client{ID: "api", ResourceServer: true})
	access := f.tokens().Access
	moved, err := f.db.Client(t.Context(), "web")
	must(t, err)
	moved.Organization = globex
	must(t, f.db.SaveClient(t.Context(), moved))
	if f.introspect("api", apiSecret, access)["active"] == true {
		t.Error("active")
	}
	f.clock.advance(4 * time.Second)
	if f.active(access) {
		t.Error("active for the client itself")
	}
}

// TestIntrospectionByScope: names and groups are told with their scopes only.
func TestIntrospectionByScope(t *testing.T) {
	f := open(t)
	got := f.introspect("web", webSecret, f.tokens("scope", "openid", "claims", `{"userinfo":{"email":null}}`).Access)
	for _, name := range []string{"username", "groups", "permissions", "grant_id", "uic", "email"} {
		if got[name] != nil {
			t.Errorf("%s is told: %v", name, got[name])
		}
	}
	if got["org_role"] != "manager" || got["scope"] != "openid" {
		t.Errorf("answer: %v", got)
	}
}

func TestIntrospectionAfterTheEnd(t *testing.T) {
	f := open(t)
	got := f.tokens()
	f.clock.advance(10 * time.Minute)
	if f.active(got.Access) || !f.active(got.Refresh) {
		t.Error("the access token has expired, the refresh token has not")
	}
	again := f.refresh(got.Refresh)
	must(t, f.EndSession(t.Context(), browser))
	if f.active(again.Access) || f.active(again.Refresh) {
		t.Error("the session has ended")
	}
}
