package clients

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"gatehouse/audit"
	"gatehouse/internal/secret"
	"gatehouse/provider"
)

// field is one field of a client in the record.
type field struct{ name, text string }

// fields are what the record says of a client. Secrets are known by their names, keys by a hash.
func fields(c provider.Client) []field {
	list := func(values []string) string { return strings.Join(values, " ") }
	yes := strconv.FormatBool
	return []field{
		{"name", c.Name},
		{"organization", string(c.Organization)},
		{"auth_method", string(cmp.Or(c.AuthMethod, provider.AuthBasic))},
		{"secrets", secretNames(c.Secrets)},
		{"jwks", keysHash(c.JWKS)},
		{"jwks_uri", c.JWKSURI},
		{"redirect_uris", list(c.RedirectURIs)},
		{"post_logout_redirect_uris", list(c.PostLogout)},
		{"grant_types", list(c.GrantTypes)},
		{"scopes", list(c.Scopes)},
		{"audience", list(c.Audience)},
		{"access_token_format", string(cmp.Or(c.AccessTokenFormat, provider.FormatJWT))},
		{"id_token_signed_response_alg", c.IDTokenAlg},
		{"userinfo_signed_response_alg", c.UserinfoAlg},
		{"require_pushed_authorization_requests", yes(c.RequirePAR)},
		{"first_party", yes(c.FirstParty)},
		{"resource_server", yes(c.ResourceServer)},
		{"backchannel_logout_uri", c.BackchannelLogoutURI},
		{"backchannel_logout_session_required", yes(c.BackchannelSessionNeeded)},
		{"client_uri", c.URI},
		{"policy_uri", c.PolicyURI},
		{"tos_uri", c.TermsURI},
		{"enabled", yes(c.Enabled)},
	}
}

func secretNames(secrets []provider.ClientSecret) string {
	var names []string
	for _, s := range secrets {
		names = append(names, audit.Masked+" "+cmp.Or(s.Name, s.ID))
	}
	return strings.Join(names, ", ")
}

// keysHash is the same for sets that differ in white space only.
func keysHash(keys json.RawMessage) string {
	if len(keys) == 0 {
		return ""
	}
	var plain bytes.Buffer
	if err := json.Compact(&plain, keys); err != nil {
		return "unreadable"
	}
	return "sha256 " + secret.Hash(plain.String())
}

// difference are the fields that two clients do not have in common.
func difference(before, after provider.Client) []audit.Change {
	var changes []audit.Change
	now := fields(after)
	for i, was := range fields(before) {
		if was.text != now[i].text {
			changes = append(changes, audit.Change{Field: was.name, Before: was.text, After: now[i].text})
		}
	}
	return changes
}

// detail are the fields that say something.
func detail(c provider.Client) map[string]string {
	told := map[string]string{}
	for _, f := range fields(c) {
		if f.text != "" && f.text != "false" {
			told[f.name] = f.text
		}
	}
	return told
}
