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

	"gatehouse/internal/password"
)

// validator says what is wrong with values that have the right form.
type validator struct {
	*decoder
}

func (v *validator) wrong(path, format string, args ...any) {
	v.problems = v.problems.With(v.at(path, fmt.Sprintf(format, args...)))
}

func (v *validator) at(path, message string) Problem {
	p := place(v.positions, path)
	return Problem{Line: p.line, Column: p.column, Path: path, Message: message}
}

func (v *validator) oneOf(path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.wrong(path, "must be one of: %s", strings.Join(allowed, ", "))
	}
}

func (v *validator) validate(c *Config) {
	if c.Name == "" || len(c.Name) > maxName || strings.ContainsAny(c.Name, ":\n") {
		v.wrong("name", "must be a text of at most %d bytes, without colon", maxName)
	}
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
	v.passwords(c.Passwords)
	if c.Tokens.RefreshIdle > c.Tokens.RefreshAbsolute {
		v.wrong("tokens.refresh_idle", "must not be longer than tokens.refresh_absolute")
	}
	if time.Duration(c.SigningKeys.RotateEvery) < time.Hour {
		v.wrong("signing_keys.rotate_every", "must be at least 1h: services need time to learn of each key")
	}
	if _, given := v.positions["factors.issuer_name"]; given && (c.Factors.IssuerName == "" || strings.Contains(c.Factors.IssuerName, ":")) {
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

const maxName = 100

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
	for i, prefix := range u.PhonePrefixes {
		if !prefixForm.MatchString(prefix) {
			v.wrong(fmt.Sprintf("users.phone_prefixes[%d]", i), "must be an international prefix such as +39, in quotes")
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

// passwords: zero stands for a default.
func (v *validator) passwords(p Passwords) {
	if p.Threads > password.MaxThreads {
		v.wrong("passwords.threads", "must be 1 to %d", password.MaxThreads)
	}
	if p.Passes > password.MaxPasses {
		v.wrong("passwords.passes", "must be 1 to %d", password.MaxPasses)
	}
	least := password.MinMemoryKiB * max(uint32(p.Threads), 1)
	if p.MemoryKiB != 0 && (p.MemoryKiB < least || p.MemoryKiB > password.MaxMemoryKiB) {
		v.wrong("passwords.memory_kib", "must be %d (%d for each thread) to %d", least, password.MinMemoryKiB, password.MaxMemoryKiB)
	}
}

func (v *validator) stores(c *Config) {
	v.databaseURL(c.DatabaseURL().Reveal())
	v.oneOf("sessions.store", c.Sessions.Store, SessionsInDatabase, SessionsInRedis)
	if c.Sessions.Store == SessionsInRedis {
		v.redisURL(c.Sessions.Redis.URL.Reveal())
	}
	if c.Sessions.Idle > c.Sessions.Absolute {
		v.wrong("sessions.idle", "must not be longer than sessions.absolute")
	}
}

// databaseURL and redisURL never quote the value: it may hold a password.
func (v *validator) databaseURL(text string) {
	const key = "database.url"
	scheme, rest, _ := strings.Cut(text, ":")
	switch {
	case scheme == "sqlite":
		if path := strings.TrimPrefix(rest, "//"); path == "" || strings.Contains(path, ":memory:") {
			v.wrong(key, "must name a file, for example sqlite:data/gatehouse.db")
		}
	case scheme != "postgres" && scheme != "postgresql":
		v.wrong(key, "must begin with sqlite: or postgres:")
	case !strings.HasPrefix(rest, "//") || !goodPorts(rest[2:]):
		v.wrong(key, "must look like postgres://user:password@host:5432/database; special characters in the password are written as %%40 and so on")
	}
}

func (v *validator) redisURL(text string) {
	const key = "sessions.redis.url"
	scheme, rest, _ := strings.Cut(text, ":")
	switch {
	case scheme == "unix":
	case scheme != "redis" && scheme != "rediss":
		v.wrong(key, "must begin with redis:, rediss: or unix:")
	case !strings.HasPrefix(rest, "//") || !goodPorts(rest[2:]):
		v.wrong(key, "must look like redis://user:password@host:6379/0; special characters in the password are written as %%40 and so on")
	}
}

// goodPorts looks at the hosts, separated by commas, of an address behind its scheme. A host may do without a port.
func goodPorts(address string) bool {
	authority := address
	if end := strings.IndexAny(address, "/?#"); end >= 0 {
		authority = address[:end]
	}
	hosts := authority[strings.LastIndex(authority, "@")+1:]
	for host := range strings.SplitSeq(hosts, ",") {
		if colon := strings.LastIndex(host, ":"); colon > strings.LastIndex(host, "]") {
			if port, err := strconv.ParseUint(host[colon+1:], 10, 16); err != nil || port == 0 {
				return false
			}
		}
	}
	return true
}

var (
	slugForm   = regexp.MustCompile(`^[a-z0-9]+(?:-[a-z0-9]+)*$`)
	idForm     = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`)
	prefixForm = regexp.MustCompile(`^\+[1-9][0-9]{0,6}$`)
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
