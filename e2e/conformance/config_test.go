package conformance

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// configPlan is oidcc-config-certification-test-plan.
func configPlan(t *testing.T, o *op) {
	t.Run("oidcc-discovery-endpoint-verification", func(t *testing.T) { discovery(t, o) })
}

func discovery(t *testing.T, o *op) {
	m := o.metadata
	if m["issuer"] != o.url {
		t.Errorf("the issuer is %v", m["issuer"])
	}
	for name, value := range m {
		address, isText := value.(string)
		if strings.HasSuffix(name, "_endpoint") || strings.HasSuffix(name, "_uri") {
			parsed, err := url.Parse(address)
			if !isText || err != nil || parsed.Host == "" || parsed.Fragment != "" || !strings.HasPrefix(address, o.url+"/") {
				t.Errorf("%s is %v", name, value)
			}
		}
		if strings.HasSuffix(name, "_supported") {
			checkSupported(t, name, value)
		}
	}
	for name, needed := range map[string][]string{
		"response_types_supported": {"code"}, "subject_types_supported": {"public"}, "id_token_signing_alg_values_supported": {"RS256"},
		"scopes_supported": {"openid", "profile", "email", "offline_access"}, "grant_types_supported": {"authorization_code", "refresh_token"},
		"code_challenge_methods_supported": {"S256"}, "response_modes_supported": {"query", "form_post"},
		"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post", "private_key_jwt"},
		"claims_supported":                      {"sub", "iss", "name", "email"},
	} {
		for _, value := range needed {
			if !slices.Contains(texts(m[name]), value) {
				t.Errorf("%s lacks %s", name, value)
			}
		}
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} {
		if m[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	if diff := cmp.Diff(m, o.document(t, "/.well-known/oauth-authorization-server")); diff != "" {
		t.Errorf("RFC 8414 and OpenID Discovery say different things: %s", diff)
	}
	if keys := o.keys(t); len(keys.Keys) == 0 {
		t.Error("no keys")
	}
}

func texts(value any) []string {
	var all []string
	list, _ := value.([]any)
	for _, one := range list {
		text, _ := one.(string)
		all = append(all, text)
	}
	return all
}

func checkSupported(t *testing.T, name string, value any) {
	t.Helper()
	if _, boolean := value.(bool); boolean {
		return
	}
	all := texts(value)
	if len(all) == 0 || slices.Contains(all, "") || slices.Contains(all, "none") && strings.Contains(name, "alg") {
		t.Errorf("%s is %v", name, value)
	}
}
