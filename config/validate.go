package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// validator says what is wrong with values that have the right form.
type validator struct {
	*decoder
	unread Problems // values that could not be read, of which nothing more is said
}

func (v *validator) wrong(path, format string, args ...any) {
	p, known := v.positions[path]
	for parent := path; !known && parent != ""; p, known = v.positions[parent] {
		cut := strings.LastIndexAny(parent, ".[")
		parent = parent[:max(cut, 0)]
	}
	if p.line == 0 {
		p = position{1, 1}
	}
	found := Problem{Line: p.line, Column: p.column, Path: path, Message: fmt.Sprintf(format, args...)}
	if !slices.ContainsFunc(v.unread, found.samePlace) {
		v.problems = append(v.problems, found)
	}
}

func (v *validator) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.wrong(path, "must be one of: %s", strings.Join(allowed, ", "))
	}
}

func (v *validator) validate(c *Config) {
	v.issuer(c.Issuer)
	v.network(c)
	if c.DataDir == "" {
		v.wrong("data_dir", "must name a directory")
	}
	v.stores(c)
	for i, key := range c.EncryptionKeys {
		if len(key.Reveal()) < 32 {
			v.wrong(fmt.Sprintf("encryption_keys[%d]", i), "needs at least 32 characters of random text, for example from: openssl rand -hex 32")
		}
	}
	if c.Tokens.RefreshIdle > c.Tokens.RefreshAbsolute {
		v.wrong("tokens.refresh_idle", "must not be longer than tokens.refresh_absolute")
	}
	if c.Factors.IssuerName == "" || strings.Contains(c.Factors.IssuerName, ":") {
		v.wrong("factors.issuer_name", "must be a text without colon")
	}
	v.mail(c.Mail)
	v.users(c.Users)
	v.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	v.oneOf("log.format", c.Log.Format, "json", "text")
	v.organizations(c.Organizations)
	v.clients(c.Clients)
	v.connectors(c.Connectors)
}

const maxDays = 36500

func (v *validator) users(u Users) {
	for _, limit := range []struct {
		key  string
		days int
	}{
		{"password_expiry_days", u.PasswordExpiryDays},
		{"staff_password_expiry_days", u.StaffPasswordExpiryDays},
		{"expiration_warning_days", u.ExpirationWarningDays},
	} {
		if limit.days < 0 || limit.days > maxDays {
			v.wrong("users."+limit.key, "must be a number of days from 0 to %d", maxDays)
		}
	}
	if _, err := time.LoadLocation(u.TimeZone); err != nil || u.TimeZone == "" || u.TimeZone == "Local" {
		v.wrong("users.time_zone", "must be the name of a time zone such as Europe/Rome")
	}
}

func (v *validator) network(c *Config) {
	_, port, err := net.SplitHostPort(c.Listen)
	if _, number := strconv.ParseUint(port, 10, 16); err != nil || number != nil {
		v.wrong("listen", "must be host:port, for example 127.0.0.1:8080")
	}
	for i, prefix := range c.TrustedProxies {
		if prefix.IsValid() && prefix.Bits() == 0 {
			v.wrong(fmt.Sprintf("trusted_proxies[%d]", i), "would let everybody choose the address that is logged and counted")
		}
	}
}

// issuer: RFC 8414 section 2 and, because cookies use the __Host- prefix, no path.
func (v *validator) issuer(text string) {
	issuer, err := url.Parse(text)
	switch {
	case err != nil || issuer.Host == "" || text != issuer.Scheme+"://"+strings.ToLower(issuer.Host):
		v.wrong("issuer", "must be a URL of scheme and host only, in lower case, for example https://id.example.com")
	case issuer.Scheme != "https" && !(issuer.Scheme == "http" && isLoopback(issuer.Hostname())):
		v.wrong("issuer", "must be https (plain http is for loopback only)")
	}
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && address.IsLoopback())
}

func (v *validator) stores(c *Config) {
	if scheme, _, _ := strings.Cut(c.DatabaseURL().Reveal(), ":"); !slices.Contains([]string{"sqlite", "postgres", "postgresql"}, scheme) {
		v.wrong("database.url", "must begin with sqlite: or postgres:")
	}
	v.oneOf("sessions.store", c.Sessions.Store, SessionsInDatabase, SessionsInRedis)
	if c.Sessions.Store == SessionsInRedis {
		scheme, _, _ := strings.Cut(c.Sessions.Redis.URL.Reveal(), ":")
		if !slices.Contains([]string{"redis", "rediss", "unix"}, scheme) {
			v.wrong("sessions.redis.url", "must begin with redis:, rediss: or unix:")
		}
	}
	if c.Sessions.Idle > c.Sessions.Absolute {
		v.wrong("sessions.idle", "must not be longer than sessions.absolute")
	}
}

var (
	slugForm   = regexp.MustCompile(`^[a-z0-9]+(?:-[a-z0-9]+)*$`)
	idForm     = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`)
	uuidForm   = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	scopeForm  = regexp.MustCompile(`^[!#-\[\]-~]+$`) // RFC 6749 section 3.3
	schemeForm = regexp.MustCompile(`^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+$`)
)

// unique reports a value that stands at an earlier index already.
func (v *validator) unique(seen map[string]bool, path, value string) {
	if seen[value] {
		v.wrong(path, "is given twice")
	}
	seen[value] = true
}

func (v *validator) organizations(organizations []Organization) {
	seen := map[string]bool{}
	for i, o := range organizations {
		path := fmt.Sprintf("organizations[%d]", i)
		if !slugForm.MatchString(o.Slug) {
			v.wrong(path+".slug", "must have lower-case letters, digits and single hyphens")
		}
		v.unique(seen, path+".slug", o.Slug)
		if o.Factors != "" {
			v.oneOf(path+".factors", o.Factors, "optional", "required")
		}
	}
}

func (v *validator) clients(clients []Client) {
	seen := map[string]bool{}
	for i, c := range clients {
		path := fmt.Sprintf("clients[%d]", i)
		if !idForm.MatchString(c.ID) {
			v.wrong(path+".id", "must have 1 to 128 letters, digits and . _ ~ - only")
		}
		if uuidForm.MatchString(c.ID) {
			v.wrong(path+".id", "must not look like a user's id: tokens name both as sub")
		}
		v.unique(seen, path+".id", c.ID)
		v.clientSecret(path, c)
		for _, grant := range c.GrantTypes {
			v.oneOf(path+".grant_types", grant, "authorization_code", "refresh_token", "client_credentials")
		}
		if slices.Contains(c.Grants(), "authorization_code") && len(c.RedirectURIs) == 0 {
			v.wrong(path+".redirect_uris", "are missing")
		}
		for j, uri := range c.RedirectURIs {
			v.redirectURI(fmt.Sprintf("%s.redirect_uris[%d]", path, j), uri)
		}
		for j, uri := range c.PostLogoutRedirectURIs {
			v.redirectURI(fmt.Sprintf("%s.post_logout_redirect_uris[%d]", path, j), uri)
		}
		for j, scope := range c.Scopes {
			if !scopeForm.MatchString(scope) {
				v.wrong(fmt.Sprintf("%s.scopes[%d]", path, j), "must be a single scope, without spaces and quotes")
			}
		}
		if c.IDTokenAlg != "" {
			v.oneOf(path+".id_token_signed_response_alg", c.IDTokenAlg, "RS256", "ES256")
		}
	}
}

func (v *validator) clientSecret(path string, c Client) {
	switch {
	case c.Public && !c.Secret.Empty():
		v.wrong(path+".secret", "a public client has none")
	case c.Public && slices.Contains(c.GrantTypes, "client_credentials"):
		v.wrong(path+".grant_types", "client_credentials needs a client with a secret")
	case !c.Public && len(c.Secret.Reveal()) < 32:
		v.wrong(path+".secret", "needs at least 32 characters of random text (or: public: true), for example from: openssl rand -hex 32")
	}
}

// redirectURI: RFC 8252 section 8.3 and RFC 9700 section 2.1: https, http to loopback, or a private-use scheme with a dot; no
// fragment, no user, no wildcard.
func (v *validator) redirectURI(path, text string) {
	uri, err := url.Parse(text)
	switch {
	case err != nil || !uri.IsAbs() || uri.Opaque != "" || uri.User != nil || strings.Contains(text, "#") || strings.Contains(text, "*"):
		v.wrong(path, "must be an absolute URL without user, fragment or wildcard")
	case uri.Scheme == "https" && uri.Host != "", uri.Scheme == "http" && isLoopback(uri.Hostname()), schemeForm.MatchString(uri.Scheme):
	default:
		v.wrong(path, "must be https, http to a loopback address, or a private scheme such as com.example.app")
	}
}

// Grants are the grant types, authorization_code and refresh_token where none are given.
func (c Client) Grants() []string {
	if len(c.GrantTypes) == 0 {
		return []string{"authorization_code", "refresh_token"}
	}
	return c.GrantTypes
}

func (v *validator) connectors(connectors []Connector) {
	seen := map[string]bool{}
	for i, c := range connectors {
		path := fmt.Sprintf("connectors[%d]", i)
		if !idForm.MatchString(c.ID) {
			v.wrong(path+".id", "must have 1 to 128 letters, digits and . _ ~ - only")
		}
		v.unique(seen, path+".id", c.ID)
		if c.Kind == "" {
			v.wrong(path+".kind", "is missing")
		}
		if c.Provisioning != "" {
			v.oneOf(path+".provisioning", c.Provisioning, "create", "link_only", "none")
		}
		if c.JoinOrganization != "" && c.Provisioning != "create" {
			v.wrong(path+".join_organization", "needs provisioning: create")
		}
		for _, list := range []struct {
			key     string
			domains []string
		}{{"allowed_domains", c.AllowedDomains}, {"authoritative_domains", c.AuthoritativeDomains}} {
			for j, domain := range list.domains {
				if domain == "" || domain != strings.ToLower(domain) || strings.ContainsAny(domain, "@* ") {
					v.wrong(fmt.Sprintf("%s.%s[%d]", path, list.key, j), "must be a lower-case domain such as example.com")
				}
			}
		}
	}
}
