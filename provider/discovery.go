package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
)

type document []byte

// metadata describes the provider (OpenID Connect Discovery section 3, RFC 8414 section 2). Both documents say the same.
func (p *Provider) metadata() (map[string]document, error) {
	raw, err := json.MarshalIndent(map[string]any{
		"issuer":                 p.Issuer,
		"authorization_endpoint": p.Issuer + AuthorizePath,
		"token_endpoint":         p.Issuer + TokenPath,
		"userinfo_endpoint":      p.Issuer + UserinfoPath,
		"jwks_uri":               p.Issuer + KeysPath,
		"introspection_endpoint": p.Issuer + IntrospectPath,
		"revocation_endpoint":    p.Issuer + RevokePath,

		"introspection_endpoint_auth_methods_supported": confidentialMethods(),
		"revocation_endpoint_auth_methods_supported":    authMethods(),
		"token_endpoint_auth_methods_supported":         authMethods(),

		"device_authorization_endpoint":                            p.Issuer + DevicePath,
		"token_endpoint_auth_signing_alg_values_supported":         assertionAlgorithms(),
		"introspection_endpoint_auth_signing_alg_values_supported": assertionAlgorithms(),
		"revocation_endpoint_auth_signing_alg_values_supported":    assertionAlgorithms(),

		"response_types_supported":              []string{"code"},
		"response_modes_supported":              responseModes(),
		"grant_types_supported":                 []string{grantCode, grantRefresh, grantClient, grantDevice},
		"scopes_supported":                      []string{scopeOpenID, scopeProfile, scopeEmail, scopePhone, scopeOffline, scopeGroups, scopePermissions},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{algRS256, algES256, algEdDSA},
		"code_challenge_methods_supported":      []string{methodS256},
		"prompt_values_supported":               []string{"none", "login", "consent", "select_account"},
		"claims_supported": []string{
			"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid", "org_id", "org_slug", "org_name", "org_role",
			"name", "given_name", "family_name", "preferred_username", "locale", "updated_at", "website", "birthdate",
			"email", "email_verified", "phone_number", "phone_number_verified", "groups", "permissions",
		},
		"claims_parameter_supported":                     true,
		"claim_types_supported":                          []string{"normal"},
		"acr_values_supported":                           []string{ACRSingle, ACRMulti},
		"userinfo_signing_alg_values_supported":          []string{algRS256, algES256, algEdDSA},
		"pushed_authorization_request_endpoint":          p.Issuer + PushPath,
		"require_pushed_authorization_requests":          false,
		"request_parameter_supported":                    false,
		"request_uri_parameter_supported":                false,
		"authorization_response_iss_parameter_supported": true,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return map[string]document{openIDConfigurationPath: raw, oauthMetadataPath: raw}, nil
}

func (p *Provider) serveDocument(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { serveJSON(w, r, p.documents[path]) }
}

// authMethods are the ways of client authentication that every endpoint takes which clients call directly.
func authMethods() []AuthMethod {
	return []AuthMethod{AuthBasic, AuthPost, AuthPrivateKey, AuthNone}
}

// confidentialMethods are those of endpoints that public clients may not ask.
func confidentialMethods() []AuthMethod { return []AuthMethod{AuthBasic, AuthPost, AuthPrivateKey} }
