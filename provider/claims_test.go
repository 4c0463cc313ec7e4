package provider_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/provider"
)

// claimsOf signs Ada in with the parameter claims and returns what userinfo and the ID token tell beyond what they always do.
func (f *fixture) claimsOf(claims string, pairs ...string) (userinfo, idToken map[string]any, got answer) {
	f.t.Helper()
	got = f.tokens(append([]string{"scope", "openid", "claims", claims}, pairs...)...)
	answer := f.userinfo(got.Access)
	if answer.status != http.StatusOK {
		f.t.Fatalf("userinfo: %d %s", answer.status, answer.body)
	}
	must(f.t, json.Unmarshal([]byte(answer.body), &userinfo))
	return beyond(userinfo), beyond(payload(f.t, got.ID)), got
}

// beyond leaves out the claims that are always there.
func beyond(claims map[string]any) map[string]any {
	for _, always := range strings.Fields("iss sub aud exp iat auth_time nonce acr amr at_hash sid org_id org_slug org_name org_role") {
		delete(claims, always)
	}
	return claims
}

// TestClaimsParameter: each side gets what was asked for it, and only that.
func TestClaimsParameter(t *testing.T) {
	f := open(t)
	person := f.people.byID[ada]
	person.Extra = map[string]any{"badge": "A 1"}
	f.people.byID[ada] = person
	for name, c := range map[string]struct {
		claims            string
		userinfo, idToken map[string]any
	}{
		"userinfo":           {`{"userinfo":{"email":null,"name":{"essential":true}}}`, map[string]any{"email": "ada@acme.example", "name": "Ada Lovelace"}, map[string]any{}},
		"id_token":           {`{"id_token":{"email":{"essential":true},"groups":null}}`, map[string]any{}, map[string]any{"email": "ada@acme.example", "groups": []any{"Operator"}}},
		"both":               {`{"userinfo":{"given_name":null},"id_token":{"family_name":null}}`, map[string]any{"given_name": "Ada"}, map[string]any{"family_name": "Lovelace"}},
		"an operator's":      {`{"userinfo":{"badge":null},"id_token":{"badge":null}}`, map[string]any{"badge": "A 1"}, map[string]any{"badge": "A 1"}},
		"permissions":        {`{"id_token":{"permissions":null}}`, map[string]any{}, map[string]any{"permissions": []any{"users.change_user", "users.view_user"}}},
		"the right value":    {`{"userinfo":{"email":{"value":"ada@acme.example"},"locale":{"values":["de","en-GB"]}}}`, map[string]any{"email": "ada@acme.example", "locale": "en-GB"}, map[string]any{}},
		"another value":      {`{"userinfo":{"email":{"value":"x","essential":true},"locale":{"values":["de","fr"]}}}`, map[string]any{}, map[string]any{}},
		"value of its type":  {`{"id_token":{"email_verified":{"value":true},"updated_at":{"value":"1"}}}`, map[string]any{}, map[string]any{"email_verified": true}},
		"nobody knows":       {`{"userinfo":{"address":null,"zoneinfo":{"essential":true},"name#de":null},"id_token":{"picture":null}}`, map[string]any{}, map[string]any{}},
		"of the token":       {`{"id_token":{"iss":{"value":"x"},"auth_time":{"essential":true},"acr":null,"sub":null,"org_role":{"value":"owner"}},"userinfo":{"sub":null,"org_role":null}}`, map[string]any{}, map[string]any{}},
		"unknown members":    {`{"verified_claims":{"x":1},"userinfo":null,"id_token":{}}`, map[string]any{}, map[string]any{}},
		"same as the scope":  {`{}`, map[string]any{}, map[string]any{}},
		"unknown in members": {`{"userinfo":{"email":{"purpose":"x"}}}`, map[string]any{"email": "ada@acme.example"}, map[string]any{}},
	} {
		t.Run(name, func(t *testing.T) {
			userinfo, idToken, _ := f.claimsOf(c.claims)
			if diff := cmp.Diff(c.userinfo, userinfo); diff != "" {
				t.Errorf("userinfo (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.idToken, idToken); diff != "" {
				t.Errorf("ID token (-want +got):\n%s", diff)
			}
		})
	}
}

// TestClaimsOutliveTheCode: a refresh answers the same question, without a write for it.
func TestClaimsOutliveTheCode(t *testing.T) {
	f := open(t)
	_, _, got := f.claimsOf(`{"userinfo":{"email":null},"id_token":{"name":null}}`, "scope", "openid offline_access")
	got = f.refresh(got.Refresh)
	if name := payload(t, got.ID)["name"]; name != "Ada Lovelace" {
		t.Errorf("name in the ID token: %v", name)
	}
	if answer := f.userinfo(got.Access); !strings.Contains(answer.body, `"email":"ada@acme.example"`) {
		t.Errorf("userinfo: %s", answer.body)
	}
	if told := f.introspect("web", webSecret, got.Access); told["active"] != true || told["uic"] != nil {
		t.Errorf("introspection: %v", told)
	}
	want := map[string]any{"email": nil}
	if diff := cmp.Diff(want, payload(t, got.Access)["uic"]); diff != "" {
		t.Errorf("access token (-want +got):\n%s", diff)
	}
}

// TestClaimsAreNoWayRoundScopes: a client learns nothing by the parameter that its registered scopes would not give it, now or later.
func TestClaimsAreNoWayRoundScopes(t *testing.T) {
	f := open(t)
	const all = `{"userinfo":{"email":null,"name":null,"permissions":null,"groups":null},"id_token":{"email":null,"name":null,"permissions":null,"groups":null}}`
	code := f.code(request("client_id", "short", "scope", "openid", "claims", all))
	got := f.post(redeem(code, "client_id", "short"))
	if claims := beyond(payload(t, got.ID)); len(claims) > 0 {
		t.Errorf("ID token: %v", claims)
	}
	if answer := f.userinfo(got.Access); strings.Contains(answer.body, "Ada") || strings.Contains(answer.body, "email") || strings.Contains(answer.body, "users.") {
		t.Errorf("userinfo: %s", answer.body)
	}
	_, _, got = f.claimsOf(all, "scope", "openid offline_access")
	narrowed, err := f.db.Client(t.Context(), "web")
	must(t, err)
	narrowed.Scopes = []string{"openid", "email"}
	must(t, f.db.SaveClient(t.Context(), narrowed))
	f.clock.advance(5 * time.Second)
	if answer := f.userinfo(got.Access); strings.Contains(answer.body, "Ada Lovelace") || !strings.Contains(answer.body, "email") {
		t.Errorf("userinfo of the narrowed client: %s", answer.body)
	}
	if claims := beyond(payload(t, f.refresh(got.Refresh).ID)); len(claims) != 1 || claims["email"] == nil {
		t.Errorf("ID token of the narrowed client: %v", claims)
	}
}

// TestAsked: what a person is asked to agree to counts what is asked for one by one.
func TestAsked(t *testing.T) {
	f := open(t)
	got, err := f.ParseAuthorize(t.Context(), request("scope", "openid profile", "claims", `{"userinfo":{"email":null,"name":null,"phone_number":null},"id_token":{"groups":null}}`))
	must(t, err)
	if diff := cmp.Diff([]string{"openid", "profile", "email", "phone", "groups"}, got.Asked()); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
}

// TestRequestedSubject: nobody but the one that the claim sub names is answered for (OpenID Connect Core section 3.1.2.2).
func TestRequestedSubject(t *testing.T) {
	f := open(t)
	for claims, want := range map[string]string{
		`{"id_token":{"sub":{"value":"` + string(ada) + `"}}}`:                                  "",
		`{"id_token":{"sub":{"values":["x","` + string(ada) + `"]}}}`:                           "",
		`{"userinfo":{"sub":{"value":"` + string(ada) + `"}},"id_token":{"sub":null}}`:          "",
		`{"id_token":{"sub":{"value":"x"}}}`:                                                    "login_required",
		`{"userinfo":{"sub":{"values":["x","y"]}}}`:                                             "login_required",
		`{"id_token":{"sub":{"value":"x"}},"userinfo":{"sub":{"value":"` + string(ada) + `"}}}`: "login_required",
	} {
		_, err := f.Complete(t.Context(), request("claims", claims), f.authorization())
		if want == "" {
			must(t, err)
			continue
		}
		f.wantRefusal(err, want, true)
	}
	hint := f.tokens().ID
	given := f.authorization()
	given.User = "0190a000-0000-7000-8000-0000000000ff"
	_, err := f.Complete(t.Context(), request("id_token_hint", hint), given)
	f.wantRefusal(err, "login_required", true)
}

// TestEssentialACR: unmet it is a failed sign-in (OpenID Connect Core section 5.5.1.1); a voluntary one never is.
func TestEssentialACR(t *testing.T) {
	f := open(t)
	for _, c := range []struct{ claims, acrValues, reached, told, refusal string }{
		{`{"id_token":{"acr":{"essential":true,"value":"urn:gatehouse:acr:mfa"}}}`, "", provider.ACRMulti, provider.ACRMulti, ""},
		{`{"id_token":{"acr":{"essential":true,"value":"urn:gatehouse:acr:mfa"}}}`, "", provider.ACRSingle, "", "unmet_authentication_requirements"},
		{`{"id_token":{"acr":{"essential":true,"values":["x","urn:gatehouse:acr:single"]}}}`, "", provider.ACRMulti, provider.ACRSingle, ""},
		{`{"id_token":{"acr":{"essential":true,"values":["x","y"]}}}`, "", provider.ACRMulti, "", "unmet_authentication_requirements"},
		{`{"id_token":{"acr":{"essential":true}}}`, "", provider.ACRSingle, provider.ACRSingle, ""},
		{`{"id_token":{"acr":{"values":["urn:gatehouse:acr:mfa","x"]}}}`, "", provider.ACRSingle, provider.ACRSingle, ""},
		{``, "urn:gatehouse:acr:mfa x", provider.ACRSingle, provider.ACRSingle, ""},
	} {
		given := f.authorization()
		given.ACR = c.reached
		response, err := f.Complete(t.Context(), request("claims", c.claims, "acr_values", c.acrValues), given)
		if c.refusal != "" {
			f.wantRefusal(err, c.refusal, true)
			continue
		}
		must(t, err)
		if told := payload(t, f.post(redeem(codeIn(t, response.URL))).ID)["acr"]; told != c.told {
			t.Errorf("%s: acr %v", c.claims, told)
		}
	}
}

// FuzzClaims: no parameter makes it fail, and none gets a client more than its scopes would.
func FuzzClaims(f *testing.F) {
	fix := open(f)
	f.Add(`{"userinfo":{"email":null,"sub":{"value":"x"}},"id_token":{"acr":{"essential":true,"values":[1,null,"urn:gatehouse:acr:mfa"]}}}`)
	f.Add(`{"userinfo":{"name":{"value":{"a":[1e999]}}}}`)
	f.Add(`{"id_token":{"\u0000":null}} {}`)
	f.Fuzz(func(t *testing.T, claims string) {
		got, err := fix.ParseAuthorize(t.Context(), request("client_id", "short", "scope", "openid", "claims", claims))
		var refused *provider.AuthorizeError
		switch {
		case err == nil && len(got.Claims) > 0:
			t.Fatalf("%q is kept as %s", claims, got.Claims)
		case err != nil && !errors.As(err, &refused):
			t.Fatalf("%q: %v", claims, err)
		}
		if got, err := fix.ParseAuthorize(t.Context(), request("claims", claims)); err == nil && got.Claims != nil && !json.Valid(got.Claims) {
			t.Fatalf("%q is kept as %s", claims, got.Claims)
		}
	})
}
