package provider

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ClientProblem is one thing wrong with a client. Field is the name of the field in the configuration file and the REST API.
type ClientProblem struct {
	Field string
	Index int // within the field's list; -1: the whole field
	Text  string
}

// GrantTypes are those that a client may be registered for.
func GrantTypes() []string { return []string{grantCode, grantRefresh, grantClient, grantDevice} }

// StandardScopes are the scopes that mean something to this provider itself. Any other is for a sibling that reads access tokens.
func StandardScopes() []string {
	return []string{scopeOpenID, scopeProfile, scopeEmail, scopePhone, scopeGroups, scopePermissions, scopeOffline}
}

// DefaultScopes are those of a client that the configuration declares without any.
func DefaultScopes() []string {
	return []string{scopeOpenID, scopeProfile, scopeEmail, scopeGroups, scopePermissions, scopeOffline}
}

// DefaultGrants are the grant types of a client that is registered without any.
func DefaultGrants() []string { return []string{grantCode, grantRefresh} }

// Bounds of what a client holds.
const (
	MaxClientName  = 100 // characters
	maxClientID    = 128
	maxClientList  = 100 // entries of any list
	maxClientURI   = 2048
	maxClientScope = 128
)

var (
	clientIDForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,` + strconv.Itoa(maxClientID) + `}$`)
	uuidForm     = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	scopeForm    = regexp.MustCompile(`^[!#-\[\]-~]+$`)                     // RFC 6749 section 3.3
	schemeForm   = regexp.MustCompile(`^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+$`) // RFC 8252 section 7.1
)

// ValidateClient finds everything that the endpoints would refuse later, or would never come to: it is the rule of the configuration file, the
// REST API and the command line alike. Whether a client needs a secret already, it does not say: the first one may come afterwards.
func ValidateClient(c Client) []ClientProblem {
	v := &clientCheck{}
	v.identity(c)
	v.authentication(c)
	v.grants(c)
	v.list("redirect_uris", c.RedirectURIs, redirectProblem)
	v.list("post_logout_redirect_uris", c.PostLogout, redirectProblem)
	v.list("scopes", c.Scopes, scopeProblem)
	v.list("audience", c.Audience, audienceProblem)
	v.oneOf("access_token_format", string(c.AccessTokenFormat), string(FormatJWT), string(FormatOpaque))
	v.oneOf("id_token_signed_response_alg", c.IDTokenAlg, algRS256, algES256, algEdDSA)
	v.oneOf("userinfo_signed_response_alg", c.UserinfoAlg, algRS256, algES256, algEdDSA)
	v.uri("backchannel_logout_uri", c.BackchannelLogoutURI, serverProblem)
	v.uri("client_uri", c.URI, pageProblem)
	v.uri("policy_uri", c.PolicyURI, pageProblem)
	v.uri("tos_uri", c.TermsURI, pageProblem)
	if c.BackchannelSessionNeeded && c.BackchannelLogoutURI == "" {
		v.add("backchannel_logout_session_required", "needs a backchannel_logout_uri")
	}
	return v.found
}

type clientCheck struct{ found []ClientProblem }

func (v *clientCheck) add(field, text string) {
	v.found = append(v.found, ClientProblem{Field: field, Index: -1, Text: text})
}

func (v *clientCheck) oneOf(field, value string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		v.add(field, "must be one of: "+strings.Join(allowed, ", "))
	}
}

func (v *clientCheck) uri(field, value string, problem func(string) string) {
	if text := problem(value); value != "" && text != "" {
		v.add(field, text)
	}
}

// list checks each entry, and that none is there twice.
func (v *clientCheck) list(field string, values []string, problem func(string) string) {
	if len(values) > maxClientList {
		v.add(field, "has more than "+strconv.Itoa(maxClientList)+" entries")
		return
	}
	for i, value := range values {
		text := problem(value)
		if text == "" && slices.Contains(values[:i], value) {
			text = "is given twice"
		}
		if text != "" {
			v.found = append(v.found, ClientProblem{Field: field, Index: i, Text: text})
		}
	}
}

func (v *clientCheck) identity(c Client) {
	if !clientIDForm.MatchString(string(c.ID)) {
		v.add("id", "must have 1 to "+strconv.Itoa(maxClientID)+" letters, digits and . _ ~ - only")
	}
	if uuidForm.MatchString(string(c.ID)) {
		v.add("id", "must not look like a user's id: tokens name both as sub")
	}
	if !Line(c.Name, MaxClientName) {
		v.add("name", "must be one line of at most "+strconv.Itoa(MaxClientName)+" characters, all of them visible")
	}
}

// Line reports whether a text is at most so many characters in one line, of which people see every one; "" is.
func Line(text string, most int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= most && strings.TrimSpace(text) == text &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

func (v *clientCheck) authentication(c Client) {
	v.oneOf("auth_method", string(c.AuthMethod), string(AuthBasic), string(AuthPost), string(AuthPrivateKey), string(AuthNone))
	if len(c.Secrets) > 0 && !c.TakesSecrets() {
		v.add("secrets", "are of no use with auth_method "+string(c.AuthMethod))
	}
	switch keys := len(c.JWKS) > 0; {
	case c.AuthMethod != AuthPrivateKey && keys:
		v.add("jwks", "is for auth_method "+string(AuthPrivateKey)+" only")
	case c.AuthMethod != AuthPrivateKey && c.JWKSURI != "":
		v.add("jwks_uri", "is for auth_method "+string(AuthPrivateKey)+" only")
	case c.AuthMethod == AuthPrivateKey && keys == (c.JWKSURI != ""):
		v.add("jwks", "either jwks or jwks_uri is needed with auth_method "+string(AuthPrivateKey))
	}
	if len(c.JWKS) > 0 {
		if text := keysProblem(c.JWKS); text != "" {
			v.add("jwks", text)
		}
	}
	v.uri("jwks_uri", c.JWKSURI, secureProblem)
}

// TakesSecrets reports whether the client proves itself with a secret.
func (c *Client) TakesSecrets() bool {
	return c.AuthMethod == "" || c.AuthMethod == AuthBasic || c.AuthMethod == AuthPost
}

func (v *clientCheck) grants(c Client) {
	v.list("grant_types", c.GrantTypes, func(grant string) string {
		if !slices.Contains(GrantTypes(), grant) {
			return "must be one of: " + strings.Join(GrantTypes(), ", ")
		}
		return ""
	})
	switch {
	case len(c.GrantTypes) == 0:
		v.add("grant_types", "are missing")
	case c.may(grantRefresh) && !c.may(grantCode) && !c.may(grantDevice):
		v.add("grant_types", grantRefresh+" comes after another one: add "+grantCode+" or the device grant")
	case c.may(grantClient) && c.Public():
		v.add("grant_types", grantClient+" needs a client with a secret or a key")
	}
	if c.may(grantCode) && len(c.RedirectURIs) == 0 {
		v.add("redirect_uris", "are missing")
	}
}

// redirectProblem: RFC 8252 section 8.3 and RFC 9700 section 2.1: https, http to loopback, or a private-use scheme with a dot; no fragment, no
// user, no wildcard; and what matchRedirectURI would never let through.
func redirectProblem(text string) string {
	uri, err := url.Parse(text)
	switch {
	case err != nil || !uri.IsAbs() || uri.Opaque != "" || uri.User != nil || len(text) > maxClientURI || strings.ContainsAny(text, "#*"):
		return "must be an absolute URL without user, fragment or wildcard"
	case !(uri.Scheme == "https" && uri.Host != "") && !loopbackHTTP(uri) && !schemeForm.MatchString(uri.Scheme):
		return "must be https, http to a loopback address, or a private scheme such as com.example.app"
	case !usableRedirect(text):
		return "has characters that have no place in an address"
	default:
		return ""
	}
}

func loopbackHTTP(uri *url.URL) bool {
	address, err := netip.ParseAddr(uri.Hostname())
	return uri.Scheme == "http" && (uri.Hostname() == "localhost" || (err == nil && address.IsLoopback()))
}

// webAddress parses what servers or browsers are sent to.
func webAddress(text string) (*url.URL, bool) {
	uri, err := url.Parse(text)
	return uri, err == nil && uri.Hostname() != "" && uri.User == nil && len(text) <= maxClientURI && !strings.Contains(text, "#") && Line(text, maxClientURI) && !strings.Contains(text, " ")
}

func secureProblem(text string) string {
	if uri, ok := webAddress(text); !ok || uri.Scheme != "https" {
		return "must be an https address without user or fragment"
	}
	return ""
}

func serverProblem(text string) string {
	if uri, ok := webAddress(text); !ok || (uri.Scheme != "https" && !loopbackHTTP(uri)) {
		return "must be an https address, or http to a loopback address, without user or fragment"
	}
	return ""
}

func pageProblem(text string) string {
	if uri, ok := webAddress(text); !ok || (uri.Scheme != "https" && uri.Scheme != "http") {
		return "must be a web address without user or fragment"
	}
	return ""
}

func scopeProblem(text string) string {
	switch {
	case !scopeForm.MatchString(text) || len(text) > maxClientScope:
		return "must be a single scope, without spaces and quotes"
	case strings.HasPrefix(text, organizationScope):
		return "need not be registered: which organization a token is for, every client may ask"
	default:
		return ""
	}
}

// audienceProblem: RFC 8707 section 2.
func audienceProblem(text string) string {
	uri, err := url.Parse(text)
	if err != nil || !uri.IsAbs() || uri.User != nil || len(text) > maxClientURI || strings.Contains(text, "#") || !scopeForm.MatchString(text) {
		return "must be an absolute URI without fragment, such as https://api.example.com"
	}
	return ""
}
