package provider

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/ory/fosite"

	"gatehouse/internal/id"
	"gatehouse/store"
)

const (
	clientsFresh = 2 * time.Second // so often their version is asked for, at most
	clientsStale = 4 * time.Second // so long a changed client may go on as it was, at most
)

// clientCache keeps clients in memory while their common version stays the same. It is fosite's storage: all that fosite itself asks
// for are clients.
type clientCache struct {
	store Clients
	sets  cached[clientSet]
}

// clientSet is the clients of one version.
type clientSet struct {
	version int64
	byID    sync.Map // id.Client → *fositeClient; registered ones only, so that strangers cannot fill it
}

func newClientCache(clients Clients, now func() time.Time) *clientCache {
	c := &clientCache{store: clients}
	c.sets = cached[clientSet]{load: c.load, now: now, fresh: clientsFresh, stale: clientsStale}
	return c
}

// load begins an empty set when the version has changed.
func (c *clientCache) load(ctx context.Context, old *clientSet) (*clientSet, error) {
	version, err := c.store.ClientsVersion(ctx)
	if err != nil {
		return nil, err
	}
	if old != nil && old.version == version {
		return old, nil
	}
	return &clientSet{version: version}, nil
}

// lookUp returns an enabled client whose organization is not disabled, or store.ErrNotFound. A client that changes while it is read lands in the set of the old version,
// which the next load drops.
func (c *clientCache) lookUp(ctx context.Context, client id.Client) (*fositeClient, error) {
	set, err := c.sets.get(ctx)
	if err != nil {
		return nil, err
	}
	return c.lookUpIn(ctx, set, client)
}

func (c *clientCache) lookUpIn(ctx context.Context, set *clientSet, client id.Client) (*fositeClient, error) {
	known, cached := set.byID.Load(client)
	if !cached {
		stored, err := c.store.Client(ctx, client)
		if err != nil {
			return nil, err
		}
		known = &fositeClient{Client: stored}
		set.byID.Store(client, known)
	}
	found, ok := known.(*fositeClient)
	if !ok || !found.Enabled || found.Suspended {
		return nil, store.ErrNotFound
	}
	return found, nil
}

// find is lookUp for the rest of the package.
func (c *clientCache) find(ctx context.Context, client id.Client) (Client, error) {
	found, err := c.lookUp(ctx, client)
	if err != nil {
		return Client{}, err
	}
	return found.Client, nil
}

// now is find without the seconds that a change may take to arrive: it costs a statement.
func (c *clientCache) now(ctx context.Context, client id.Client) (Client, error) {
	set, err := c.sets.loadNow(ctx)
	if err != nil {
		return Client{}, err
	}
	found, err := c.lookUpIn(ctx, set, client)
	if err != nil {
		return Client{}, err
	}
	return found.Client, nil
}

// GetClient implements fosite.ClientManager.
func (c *clientCache) GetClient(ctx context.Context, client string) (fosite.Client, error) {
	found, err := c.lookUp(ctx, id.Client(client))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fosite.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}

var errNoAssertions = errors.New("client assertions are not for fosite to read")

// ClientAssertionJWTValid implements fosite.ClientManager; authenticate reads assertions, fosite never does.
func (*clientCache) ClientAssertionJWTValid(context.Context, string) error { return errNoAssertions }

// SetClientAssertionJWT implements fosite.ClientManager; authenticate reads assertions, fosite never does.
func (*clientCache) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return errNoAssertions
}

// fositeClient shows a Client to fosite.
type fositeClient struct {
	Client
	keys atomic.Pointer[[]jose.JSONWebKey] // see registeredKeys
}

// GetID implements fosite.Client.
func (c *fositeClient) GetID() string { return string(c.ID) }

// GetHashedSecret implements fosite.Client. fosite never compares secrets here: authenticate does.
func (*fositeClient) GetHashedSecret() []byte { return nil }

// GetRedirectURIs implements fosite.Client.
func (c *fositeClient) GetRedirectURIs() []string { return c.RedirectURIs }

// GetGrantTypes implements fosite.Client.
func (c *fositeClient) GetGrantTypes() fosite.Arguments { return c.GrantTypes }

// GetResponseTypes implements fosite.Client: the implicit and hybrid flows do not exist here (RFC 9700 section 2.1.2).
func (c *fositeClient) GetResponseTypes() fosite.Arguments { return fosite.Arguments{"code"} }

// GetResponseModes implements fosite.ResponseModeClient.
func (c *fositeClient) GetResponseModes() []fosite.ResponseModeType {
	return []fosite.ResponseModeType{fosite.ResponseModeQuery}
}

// GetScopes implements fosite.Client. A client of users may ask for offline_access; if it may not refresh, nothing comes of it
// (OpenID Connect Core section 11).
func (c *fositeClient) GetScopes() fosite.Arguments {
	if c.may(grantCode) || c.may(grantDevice) {
		return append(slices.Clip(c.Scopes), scopeOffline)
	}
	return c.Scopes
}

// grantable leaves out of the requested scopes what cannot be granted, only asked for.
func (c *fositeClient) grantable(requested []string) []string {
	return slices.DeleteFunc(withoutWishes(requested), func(scope string) bool { return scope == scopeOffline && !c.may(grantRefresh) })
}

// withoutWishes leaves out the scopes that name an organization: they say which one the client would like.
func withoutWishes(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return strings.HasPrefix(scope, organizationScope) })
}

// IsPublic implements fosite.Client.
func (c *fositeClient) IsPublic() bool { return c.Public() }

// GetAudience implements fosite.Client.
func (c *fositeClient) GetAudience() fosite.Arguments { return c.Audience }

const organizationScope = "organization:"

// allowedScope: registered ones exactly; which organization a token is for is no privilege of the client.
func allowedScope(registered []string, wanted string) bool {
	return slices.Contains(registered, wanted) || (strings.HasPrefix(wanted, organizationScope) && len(wanted) > len(organizationScope))
}
