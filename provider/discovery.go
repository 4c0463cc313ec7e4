package provider

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
)

// document is a public JSON document that others may keep for a while.
type document struct {
	body                 []byte
	tag                  string      // of the body (RFC 9110 section 8.8.3)
	caching, description http.Header // of every answer; of one with the body
}

func newDocument(body []byte) document {
	sum := sha256.Sum256(body)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return document{
		body: body, tag: tag,
		caching:     http.Header{"Cache-Control": {"public, max-age=" + strconv.Itoa(int(documentAge.Seconds()))}, "Etag": {tag}},
		description: http.Header{"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(body))}},
	}
}

func (d document) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	maps.Copy(header, d.caching)
	if r.Header.Get("If-None-Match") == d.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	maps.Copy(header, d.description) // with its length, because a longer body would be cut into chunks
	_, _ = w.Write(d.body)           // the client is gone; nobody to tell
}

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
		"end_session_endpoint":                           p.Issuer + LogoutPath,
		"backchannel_logout_supported":                   p.Logouts != nil,
		"backchannel_logout_session_supported":           p.Logouts != nil,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	described := newDocument(raw)
	return map[string]document{openIDConfigurationPath: described, oauthMetadataPath: described}, nil
}

func (p *Provider) serveDocument(path string) http.HandlerFunc {
	return p.documents[path].serve
}

// authMethods are the ways of client authentication that every endpoint takes which clients call directly.
func authMethods() []AuthMethod {
	return []AuthMethod{AuthBasic, AuthPost, AuthPrivateKey, AuthNone}
}

// confidentialMethods are those of endpoints that public clients may not ask.
func confidentialMethods() []AuthMethod { return []AuthMethod{AuthBasic, AuthPost, AuthPrivateKey} }
