// Package provider is the OAuth 2.0 authorization server and OpenID provider.
//
// fosite is the engine: it parses requests, authenticates clients, checks scopes and runs the grants. No fosite type leaves this
// package, and no other package imports it. What fosite gets wrong or leaves out is ours: redirect URI matching, PKCE, codes and
// refresh tokens that are spent by one conditional write, signing, discovery, userinfo, and the words of errors.
package provider

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/ory/fosite"

	"gatehouse/internal/id"
	"gatehouse/internal/seal"
	"gatehouse/internal/secret"
	"gatehouse/internal/web"
	"gatehouse/session"
)

// Paths of the endpoints, below the issuer.
const (
	AuthorizePath  = "/oauth2/authorize" // served by package login
	TokenPath      = "/oauth2/token"
	IntrospectPath = "/oauth2/introspect"
	RevokePath     = "/oauth2/revoke"
	PushPath       = "/oauth2/par"
	DevicePath     = "/oauth2/device_authorization"
	UserinfoPath   = "/oauth2/userinfo"
	KeysPath       = "/oauth2/jwks"

	openIDConfigurationPath = "/.well-known/openid-configuration"
	oauthMetadataPath       = "/.well-known/oauth-authorization-server"
)

// Config is what a provider needs. All fields but Network, Lifetimes, Outgoing and Address are required.
type Config struct {
	Issuer    string // no trailing slash
	Store     Store
	Ephemeral session.Store
	Keys      *seal.Keys
	Subjects  Subjects
	Now       func() time.Time
	Logger    *slog.Logger
	Network   func(*http.Request) string // whose requests count together against a limit; nil: there is none
	Lifetimes Lifetimes
	Outgoing  *http.Client               // for what clients publish (jwks_uri); nil: nothing is fetched
	Address   func(*http.Request) string // of whoever sent a request; nil: the peer's
}

// Lifetimes of what the provider issues; zero fields take the values in brackets.
type Lifetimes struct {
	Code            time.Duration // [1 min]
	Access          time.Duration // [10 min]
	ID              time.Duration // [10 min]
	RefreshIdle     time.Duration // [14 days] a grant that is not used for so long has ended
	RefreshAbsolute time.Duration // [90 days] however busy it is
	Device          time.Duration // [10 min] in which the user of a device must act
	RefreshGrace    time.Duration // [30 s] in which a client that lost our answer may repeat a refresh
}

func (l Lifetimes) withDefaults() Lifetimes {
	const day = 24 * time.Hour
	for _, field := range []struct {
		value *time.Duration
		or    time.Duration
	}{
		{&l.Code, time.Minute},
		{&l.Access, 10 * time.Minute},
		{&l.ID, 10 * time.Minute},
		{&l.RefreshIdle, 14 * day},
		{&l.RefreshAbsolute, 90 * day},
		{&l.Device, 10 * time.Minute},
		{&l.RefreshGrace, 30 * time.Second},
	} {
		if *field.value == 0 {
			*field.value = field.or
		}
	}
	return l
}

// Subjects says what tokens tell about people.
type Subjects interface {
	// Subject describes a user as member of an organization now. It must return store.ErrNotFound if the user, the membership or
	// the organization is not usable any more; tokens are then refused.
	Subject(ctx context.Context, user id.User, organization id.Organization) (Subject, error)
}

// Subject is a user as member of an organization.
type Subject struct {
	Username, Name, GivenName, FamilyName string
	Email                                 string
	EmailVerified                         bool
	Phone                                 string // E.164
	PhoneVerified                         bool
	Website                               string
	BirthDate                             string // YYYY-MM-DD
	Language                              string // BCP 47
	OrganizationSlug, OrganizationName    string
	Role                                  string
	Groups, Permissions                   []string
	Extra                                 map[string]any // further claims for the scope "profile"; they replace none of the others
	UpdatedAt                             time.Time
}

// Provider is one issuer. It is safe for concurrent use.
type Provider struct {
	Config
	clients    *clientCache
	guard      *clientGuard
	clientKeys *clientKeys
	keys       *keyring
	codes      session.Vault[code]
	devices    session.Vault[device]
	userCodes  session.Vault[string] // device codes
	opaque     session.Vault[accessClaims]
	pushes     session.Vault[pushed]
	authorize  *fosite.Fosite
	grants     map[string]*fosite.Fosite // by grant type
	documents  map[string]document

	refreshTags *seal.Keys // a key of its own
}

// New opens a provider, making signing keys if there are none. Several nodes may start at once on one database.
func New(ctx context.Context, c Config) (*Provider, error) {
	c.Lifetimes = c.Lifetimes.withDefaults()
	p := &Provider{Config: c, clients: newClientCache(c.Store, c.Now), refreshTags: c.Keys.With(secret.New("tags of refresh tokens"))}
	if p.Address == nil {
		p.Address = func(r *http.Request) string { return web.ClientAddress(r, nil) }
	}
	p.guard, p.clientKeys = newClientGuard(c.Ephemeral, c.Now), newClientKeys(c)
	p.devices = session.Vault[device]{Kind: session.KindDevice, Store: c.Ephemeral, Keys: c.Keys, Now: c.Now}
	p.userCodes = session.Vault[string]{Kind: session.KindDevice, Store: c.Ephemeral, Keys: c.Keys, Now: c.Now}
	p.pushes = session.Vault[pushed]{Kind: session.KindPushed, Store: c.Ephemeral, Keys: c.Keys, Now: c.Now}
	p.codes = session.Vault[code]{Kind: session.KindCode, Store: c.Ephemeral, Keys: c.Keys, Now: c.Now}
	p.opaque = session.Vault[accessClaims]{Kind: session.KindOpaque, Store: c.Ephemeral, Keys: c.Keys, Now: c.Now}
	var err error
	if p.keys, err = openKeyring(ctx, KeyManager{Store: c.Store, Seal: c.Keys, Now: c.Now, Lifetimes: c.Lifetimes}); err != nil {
		return nil, err
	}
	if p.documents, err = p.metadata(); err != nil {
		return nil, err
	}
	p.compose()
	return p, nil
}

// compose makes one engine for each grant: fosite asks every handler it has, and each that declines costs a stack trace.
func (p *Provider) compose() {
	codes := &codeGrant{p}
	config := p.fositeConfig()
	config.AuthorizeEndpointHandlers = fosite.AuthorizeEndpointHandlers{codes}
	p.authorize = fosite.NewOAuth2Provider(p.clients, config)
	p.grants = map[string]*fosite.Fosite{}
	for grant, handler := range map[string]fosite.TokenEndpointHandler{
		grantCode: codes, grantRefresh: &refreshGrant{p}, grantClient: newClientGrant(p), grantDevice: &deviceGrant{codes},
	} {
		config := p.fositeConfig()
		config.TokenEndpointHandlers = fosite.TokenEndpointHandlers{handler}
		p.grants[grant] = fosite.NewOAuth2Provider(p.clients, config)
	}
}

func (p *Provider) fositeConfig() *fosite.Config {
	return &fosite.Config{
		AccessTokenLifespan: p.Lifetimes.Access, MinParameterEntropy: 1, ScopeStrategy: allowedScope, AudienceMatchingStrategy: fosite.ExactAudienceMatchingStrategy,
		ClientAuthenticationStrategy: p.authenticate, AccessTokenIssuer: p.Issuer, IDTokenIssuer: p.Issuer,
	}
}

// Mount adds every endpoint but the authorization endpoint, which package login serves with ParseAuthorize, Complete and Refuse.
func (p *Provider) Mount(r chi.Router) {
	for _, path := range []string{openIDConfigurationPath, oauthMetadataPath} {
		r.HandleFunc(path, fromAnywhere(p.serveDocument(path), http.MethodGet, http.MethodHead))
	}
	r.HandleFunc(KeysPath, fromAnywhere(p.serveKeys, http.MethodGet, http.MethodHead))
	r.HandleFunc(TokenPath, fromAnywhere(p.token, http.MethodPost))
	r.HandleFunc(IntrospectPath, only(p.introspect, http.MethodPost))
	r.HandleFunc(RevokePath, fromAnywhere(p.revocation, http.MethodPost))
	r.HandleFunc(DevicePath, only(p.deviceAuthorization, http.MethodPost))
	r.HandleFunc(PushPath, fromAnywhere(p.push, http.MethodPost))
	r.HandleFunc(UserinfoPath, fromAnywhere(p.userinfo, http.MethodGet, http.MethodPost))
}

// CrossSitePaths are the endpoints that act by what the request itself carries, never by cookie; requests to them may come from
// anywhere.
func CrossSitePaths() []string {
	return []string{AuthorizePath, TokenPath, PushPath, IntrospectPath, RevokePath, UserinfoPath, DevicePath}
}

// only refuses other methods with 405.
func only(handle http.HandlerFunc, methods ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(methods, r.Method) {
			handle(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		writeJSON(w, http.StatusMethodNotAllowed, errorBody{"invalid_request", "The method must be one of " + strings.Join(methods, ", ") + "."})
	}
}

// EndSession denies the access tokens of a session and revokes its grants, in this order: a code exchange in flight writes its grant
// first and looks for the denial then, so one of the two sees the other.
func (p *Provider) EndSession(ctx context.Context, sid id.Session) error {
	if err := p.deny(ctx, deniedSession(sid)); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	if _, err := p.Store.RevokeSessionGrants(ctx, sid, p.now()); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// EndGrantsOfUser revokes the grants of a user but for those of the session keep ("": all) and denies their access tokens. It is for
// those that outlive their session, which EndSession does not know any more.
func (p *Provider) EndGrantsOfUser(ctx context.Context, user id.User, keep id.Session) error {
	revoked, err := p.Store.RevokeUserGrants(ctx, user, keep, p.now())
	if err != nil {
		return fmt.Errorf("end grants: %w", err)
	}
	for _, grant := range revoked {
		if err := p.deny(ctx, deniedGrant(grant)); err != nil {
			return fmt.Errorf("end grants: %w", err)
		}
	}
	return nil
}

// revoke ends a grant, whether it is written yet or not, and denies its access tokens.
func (p *Provider) revoke(ctx context.Context, grant id.Grant) error {
	now := p.now()
	return errors.Join(
		p.Store.RevokeGrant(ctx, grant, now, now.Add(p.Lifetimes.RefreshAbsolute)),
		p.deny(ctx, deniedGrant(grant)))
}

func (p *Provider) now() time.Time { return p.Now().UTC() }
