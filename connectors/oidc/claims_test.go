package oidc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/connectors"
	"gatehouse/connectors/connectortest"
	"gatehouse/connectors/oidc"
)

func TestUserinfoOfAnotherPerson(t *testing.T) {
	f := newFixture(t)
	for name, edit := range map[string]func(map[string]any){
		"another [userinfo-invalid-sub]": set("sub", "person-2"), "none": without("sub"), "empty": set("sub", ""), "in capitals": set("SUB", "person-1"),
		"another, and ours in capitals": all(set("sub", "person-2"), set("SUB", "person-1")),
		"too much":                      set("essay", strings.Repeat("x", 65<<10)),
	} {
		t.Run(name, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{Userinfo: edit})
			f.refused(t, connectors.ReasonInvalid)
		})
	}
}

func TestUserinfoAdds(t *testing.T) {
	f := newFixture(t)
	bare := all(without("name"), without("email"), without("email_verified"), without("groups"), without("acr"), without("auth_time"))
	f.Behave(connectortest.Behaviour{Claims: bare, Userinfo: all(
		set("given_name", "Mallory"), set("acr", "urn:example:gold"), set("auth_time", in(0)), set("iss", "https://evil.example"), set("nonce", "x"),
	)})
	got := f.mustSignIn(t)
	if got.Name != "Ada Lovelace" || len(got.Groups.Values) != 2 || len(got.Emails) != 1 || !got.Emails[0].Verified {
		t.Errorf("userinfo was not merged: %+v", got)
	}
	if got.GivenName != "Ada" {
		t.Error("userinfo overrode the signed token")
	}
	if got.Auth.ACR != "" || !got.Auth.At.IsZero() || got.Claims["iss"] != f.URL {
		t.Errorf("userinfo set claims of the token: %+v", got.Auth)
	}
}

// One place's "verified" must not vouch for the other place's address.
func TestEmailComesFromOnePlace(t *testing.T) {
	f := newFixture(t)
	for name, test := range map[string]struct {
		token, userinfo func(map[string]any)
		want            []connectors.Email
	}{
		"verified in userinfo, another address in the token": {
			all(set("email", "boss@example.com"), without("email_verified")), set("email_verified", true),
			[]connectors.Email{{Address: "boss@example.com"}},
		},
		"verified in the token, address in userinfo": {
			all(without("email"), set("email_verified", true)), all(set("email", "boss@example.com"), without("email_verified")),
			[]connectors.Email{{Address: "boss@example.com"}},
		},
		"verified in userinfo, same address": {
			without("email_verified"), nil, []connectors.Email{{Address: "ada@example.com", Verified: true}},
		},
		"not verified in the token": {set("email_verified", false), nil, []connectors.Email{{Address: "ada@example.com"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f.Behave(connectortest.Behaviour{Claims: test.token, Userinfo: test.userinfo})
			if diff := cmp.Diff(test.want, f.mustSignIn(t).Emails); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEmailVerified(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Metadata: without("userinfo_endpoint")})
	f.mustSignIn(t)
	for _, test := range []struct {
		value any
		want  bool
	}{{true, true}, {"true", true}, {false, false}, {"false", false}, {nil, false}, {1, false}, {"yes", false}, {"TRUE", false}, {[]bool{true}, false}} {
		f.Behave(connectortest.Behaviour{Claims: set("email_verified", test.value)})
		if got := f.mustSignIn(t).BestEmail().Verified; got != test.want {
			t.Errorf("%#v counts as %v", test.value, got)
		}
	}
}

func TestUnusableAddresses(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Metadata: without("userinfo_endpoint")})
	f.mustSignIn(t)
	for _, address := range []any{
		"", "ada", "Ada <ada@example.com>", "ada@example.com, eve@example.com", "ada@example.com\r\nBcc: eve@example.com", " ada@example.com", 5, []string{"ada@example.com"},
	} {
		f.Behave(connectortest.Behaviour{Claims: set("email", address)})
		if got := f.mustSignIn(t).Emails; len(got) != 0 {
			t.Errorf("%q became %v", address, got)
		}
	}
}

func TestRequireVerifiedEmail(t *testing.T) {
	f := newFixture(t)
	f.open(t, func(s *oidc.Settings) { s.RequireVerifiedEmail = true })
	f.mustSignIn(t)
	f.Behave(connectortest.Behaviour{Claims: set("email_verified", false)})
	f.refused(t, connectors.ReasonDenied)
	f.Behave(connectortest.Behaviour{Claims: without("email"), Userinfo: without("email")})
	f.refused(t, connectors.ReasonDenied)
}

func TestGroups(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Metadata: without("userinfo_endpoint")})
	for name, test := range map[string]struct {
		claim string
		edit  func(map[string]any)
		want  connectors.Groups
	}{
		"not asked for":      {"", nil, connectors.Groups{}},
		"claim missing":      {"groups", without("groups"), connectors.Groups{}},
		"empty":              {"groups", set("groups", []string{}), connectors.Groups{Complete: true}},
		"one as text":        {"groups", set("groups", "poets"), connectors.Groups{Values: []string{"poets"}, Complete: true}},
		"not all texts":      {"groups", set("groups", []any{"poets", 7}), connectors.Groups{Values: []string{"poets"}}},
		"an object":          {"groups", set("groups", map[string]any{"poets": true}), connectors.Groups{}},
		"inside another":     {"realm_access.roles", set("realm_access", map[string]any{"roles": []string{"poets"}}), connectors.Groups{Values: []string{"poets"}, Complete: true}},
		"a name with dots":   {"https://example.com/groups", set("https://example.com/groups", []string{"poets"}), connectors.Groups{Values: []string{"poets"}, Complete: true}},
		"inside nothing":     {"groups.roles", nil, connectors.Groups{}},
		"overage":            {"groups", all(without("groups"), overage("groups")), connectors.Groups{}},
		"overage and a part": {"groups", all(set("groups", []string{"poets"}), overage("groups")), connectors.Groups{Values: []string{"poets"}}},
		"overage of another": {"groups", overage("roles"), connectors.Groups{Values: []string{"engines", "poets"}, Complete: true}},
	} {
		t.Run(name, func(t *testing.T) {
			f.open(t, func(s *oidc.Settings) { s.GroupsClaim = test.claim })
			f.Behave(connectortest.Behaviour{Metadata: without("userinfo_endpoint"), Claims: test.edit})
			if diff := cmp.Diff(test.want, f.mustSignIn(t).Groups); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// overage is how Entra says that there are too many groups. The endpoint must not be asked: it is the provider's choice of address.
func overage(claim string) func(map[string]any) {
	return all(set("_claim_names", map[string]any{claim: "src1"}), set("_claim_sources", map[string]any{"src1": map[string]any{"endpoint": "https://inside.example/"}}))
}

func TestUsernameClaim(t *testing.T) {
	f := newFixture(t)
	f.open(t, func(s *oidc.Settings) { s.UsernameClaim = "name" })
	if got := f.mustSignIn(t).Username; got != "Ada Lovelace" {
		t.Errorf("username is %q", got)
	}
}

func TestNumbersStayExact(t *testing.T) {
	f := newFixture(t)
	f.Behave(connectortest.Behaviour{Claims: set("employee", json.Number("9007199254740993"))})
	if got := f.mustSignIn(t).Claims["employee"]; got != json.Number("9007199254740993") {
		t.Errorf("became %v", got)
	}
}
