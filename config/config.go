// Package config reads the one YAML file that describes an installation.
//
// Reading is strict: unknown keys, wrong types, duplicate keys and bad values are all reported at once, each with line, column and,
// for a misspelt key, a suggestion. Source lines are never printed, because they may hold secrets. A secret is a text, {env: NAME}
// or {file: path}; nothing else is expanded.
package config

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
)

// Config is an installation. Default gives the value of every key that a file leaves out.
type Config struct {
	Name           string         `yaml:"name"`            // of the installation, on every page
	Issuer         string         `yaml:"issuer"`          // public base URL, no trailing slash; https except on loopback
	Listen         string         `yaml:"listen"`          // host:port
	DataDir        string         `yaml:"data_dir"`        // for the SQLite file and the generated key
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"` // whose X-Forwarded-For is believed
	Database       Database       `yaml:"database"`
	Sessions       Sessions       `yaml:"sessions"`
	EncryptionKeys []secret.Text  `yaml:"encryption_keys"` // newest first; empty: a key file in DataDir
	Tokens         Tokens         `yaml:"tokens"`
	SigningKeys    SigningKeys    `yaml:"signing_keys"`
	Passwords      Passwords      `yaml:"passwords"`
	Users          Users          `yaml:"users"`
	Factors        Factors        `yaml:"factors"`
	Outgoing       Outgoing       `yaml:"outgoing"`
	Mail           Mail           `yaml:"mail"`
	Jobs           Jobs           `yaml:"jobs"`
	Log            Log            `yaml:"log"`
	Organizations  []Organization `yaml:"organizations"`
	Clients        []Client       `yaml:"clients"`
	Connectors     []Connector    `yaml:"connectors"`

	positions map[string]position
}

// Database is where everything durable lives.
type Database struct {
	URL secret.Text `yaml:"url"` // sqlite:… or postgres://…; empty: gatehouse.db in DataDir
}

// Where sessions live.
const (
	SessionsInDatabase = "database"
	SessionsInRedis    = "redis"
)

// Sessions are the signed-in browsers and other short-lived state.
type Sessions struct {
	Store    string   `yaml:"store"` // database or redis
	Redis    Redis    `yaml:"redis"`
	Idle     Duration `yaml:"idle"`
	Absolute Duration `yaml:"absolute"`
}

// Redis is a server for sessions.
type Redis struct {
	URL secret.Text `yaml:"url"`
}

// Tokens are lifetimes.
type Tokens struct {
	Code            Duration `yaml:"code"`
	Access          Duration `yaml:"access"`
	ID              Duration `yaml:"id"`
	RefreshIdle     Duration `yaml:"refresh_idle"`
	RefreshAbsolute Duration `yaml:"refresh_absolute"`
	RefreshGrace    Duration `yaml:"refresh_grace"`
}

// SigningKeys are the keys of tokens.
type SigningKeys struct {
	RotateEvery Duration `yaml:"rotate_every"` // after which the next key of an algorithm takes over
}

// Passwords are the costs of argon2id; Concurrent 0 is the number of cores, any other 0 the default.
type Passwords struct {
	MemoryKiB  uint32 `yaml:"memory_kib"`
	Passes     uint32 `yaml:"passes"`
	Threads    uint8  `yaml:"threads"`
	Concurrent int    `yaml:"concurrent"`
	Queue      int    `yaml:"queue"`
}

// Users are what the operator decides about accounts. 0 days: no such rule.
type Users struct {
	PasswordExpiryDays      int      `yaml:"password_expiry_days"`
	StaffPasswordExpiryDays int      `yaml:"staff_password_expiry_days"` // 0 for staff whatever holds for others
	ExpirationWarningDays   int      `yaml:"expiration_warning_days"`    // before an account or a password expires
	TokenLifetime           Duration `yaml:"token_lifetime"`             // of API tokens that a sign-in gives
	MaxTokenLifetime        Duration `yaml:"max_token_lifetime"`         // of other API tokens; 0: none
	ResetLifetime           Duration `yaml:"reset_lifetime"`             // of links to choose a new password
	TimeZone                string   `yaml:"time_zone"`                  // IANA name; where days begin and end, and daily jobs are due

	PhonePrefixes []string    `yaml:"phone_prefixes"` // that a bare number at sign-in may stand for
	Fields        []UserField `yaml:"fields"`

	Export []ExportField `yaml:"export"` // columns of "gatehouse users export"; empty: the documented ones
}

// Factors are about second factors.
type Factors struct {
	IssuerName string `yaml:"issuer_name"` // shown in authenticator apps; left out: Name
}

// UserField is a further field of every user. What it may say, tenancy.NewFields checks.
type UserField struct {
	Name       string `yaml:"name"`
	Title      string `yaml:"title"`
	Schema     Values `yaml:"schema"` // JSON Schema
	Required   bool   `yaml:"required"`
	Unique     bool   `yaml:"unique"`
	Searchable bool   `yaml:"searchable"`
	Exported   bool   `yaml:"exported"`
	Claim      string `yaml:"claim"`
	View       string `yaml:"view"`
	Edit       string `yaml:"edit"`
}

// Outgoing limits requests to upstreams.
type Outgoing struct {
	Timeout      Duration       `yaml:"timeout"`
	AllowPrivate []netip.Prefix `yaml:"allow_private"`
}

// Log is the structured log on standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // json, text
}

// Organization is made at start if there is none with its slug; an existing one is left as it is.
type Organization struct {
	Slug    string `yaml:"slug"`
	Name    string `yaml:"name"`
	Factors string `yaml:"factors"` // optional or required
}

// Connector is an upstream identity provider. Its settings belong to its kind.
type Connector struct {
	ID                   string   `yaml:"id"`
	Kind                 string   `yaml:"kind"`
	Name                 string   `yaml:"name"`
	Organization         string   `yaml:"organization"` // slug; empty: shared
	Enabled              *bool    `yaml:"enabled"`
	Provisioning         string   `yaml:"provisioning"`
	JoinOrganization     string   `yaml:"join_organization"`
	AllowedDomains       []string `yaml:"allowed_domains"`
	AuthoritativeDomains []string `yaml:"authoritative_domains"`
	Settings             Settings `yaml:"settings"`
}

// ExportField is a column: in the file a plain name or path, or all of this.
type ExportField struct {
	Name         string   `yaml:"name"`
	Fields       []string `yaml:"fields"`
	Header       string   `yaml:"header"`
	HeaderFields []string `yaml:"header_fields"`
}

// Default is the configuration of a program that is given none.
func Default() *Config {
	return &Config{
		Name: "Gatehouse", Issuer: "http://127.0.0.1:8080", Listen: "127.0.0.1:8080", DataDir: "data",
		Sessions: Sessions{Store: SessionsInDatabase, Idle: Duration(8 * time.Hour), Absolute: Duration(24 * time.Hour)},
		Tokens: Tokens{
			Code: Duration(time.Minute), Access: Duration(10 * time.Minute), ID: Duration(10 * time.Minute),
			RefreshIdle: Duration(14 * 24 * time.Hour), RefreshAbsolute: Duration(90 * 24 * time.Hour), RefreshGrace: Duration(30 * time.Second),
		},
		SigningKeys: SigningKeys{RotateEvery: Duration(90 * 24 * time.Hour)},
		Passwords:   Passwords{MemoryKiB: 19456, Passes: 2, Threads: 1, Queue: 64},
		Users:       Users{ExpirationWarningDays: 7, TokenLifetime: Duration(30 * 24 * time.Hour), ResetLifetime: Duration(time.Hour), TimeZone: "UTC"},
		Factors:     Factors{IssuerName: "Gatehouse"},
		Outgoing:    Outgoing{Timeout: Duration(10 * time.Second)},
		Mail:        Mail{TLS: MailStartTLS, Timeout: Duration(30 * time.Second), Keep: Duration(14 * 24 * time.Hour)},
		Jobs:        defaultJobs(),
		Log:         Log{Level: "info", Format: "text"},
	}
}

// DatabaseURL is the configured one, or the SQLite file in DataDir.
func (c *Config) DatabaseURL() secret.Text {
	if !c.Database.URL.Empty() {
		return c.Database.URL
	}
	return secret.New("sqlite:" + filepath.Join(c.DataDir, "gatehouse.db"))
}

const keyFile = "encryption.key"

// Keys opens the encryption keys. Where none are configured, a key is made in DataDir, readable by its owner only; losing it
// loses every sealed secret, and signs everybody out.
func (c *Config) Keys() (*seal.Keys, error) {
	if len(c.EncryptionKeys) > 0 {
		return seal.NewKeys(c.EncryptionKeys...)
	}
	path := filepath.Join(c.DataDir, keyFile)
	err := os.MkdirAll(c.DataDir, 0o700)
	if err == nil {
		err = makeKeyFile(path)
	}
	raw, unread := os.ReadFile(path)
	if err := cmp.Or(err, unread); err != nil {
		return nil, fmt.Errorf("data_dir: %w; the user that runs Gatehouse must be able to write there", err)
	}
	keys, err := seal.NewKeys(secret.New(trimNewline(string(raw))))
	if err != nil {
		return nil, fmt.Errorf("data_dir: %s: %w", path, err)
	}
	return keys, nil
}

// makeKeyFile writes a fresh key unless there is one. A crash leaves no half a key: the file appears whole, by a link that fails if
// another process was first.
func makeKeyFile(path string) error {
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temporary := path + "." + rand.Text()
	defer os.Remove(temporary)
	if err := os.WriteFile(temporary, []byte(seal.NewMaster().Reveal()+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.Link(temporary, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
