package provider_test

import (
	"encoding/json"
	"testing"
)

// TestExtraClaims: they go with the scope profile, into userinfo and ID tokens, and replace none of ours.
func TestExtraClaims(t *testing.T) {
	f := open(t)
	person := f.people.byID[ada]
	person.Extra = map[string]any{"badge_number": "A 1", "level": 2.0, "sub": "somebody", "org_role": "owner", "iss": "https://evil.example"}
	f.people.byID[ada] = person
	for scope, want := range map[string]bool{"openid profile": true, "openid email": false} {
		tokens := f.tokens("scope", scope)
		var userinfo map[string]any
		must(t, json.Unmarshal([]byte(f.userinfo(tokens.Access).body), &userinfo))
		idToken := payload(t, tokens.ID)
		for name, claims := range map[string]map[string]any{"userinfo": userinfo, "ID token": idToken} {
			if _, told := claims["badge_number"]; told != want || (want && claims["level"] != 2.0) {
				t.Errorf("%s for %q: %v", name, scope, claims)
			}
			if claims["sub"] != string(ada) || claims["org_role"] != "manager" {
				t.Errorf("%s for %q: a claim of ours is replaced: %v", name, scope, claims)
			}
		}
		if userinfo["iss"] != nil {
			t.Errorf("userinfo has a claim about tokens: %v", userinfo)
		}
		if idToken["iss"] != issuer {
			t.Errorf("issuer %v", idToken["iss"])
		}
	}
}
