package provider

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ory/fosite"

	"gatehouse/internal/id"
	"gatehouse/store"
)

const (
	pollClients = 2 * time.Second // how old the news of a changed client may be
	maxCached   = 10_000
)

// clientCache keeps clients in memory while their common version stays the same. It is fosite's storage: all that fosite itself asks
// for are clients.
type clientCache struct {
	store Clients
	now   func() time.Time

	mu      sync.RWMutex
	version int64
	polled  time.Time
	polling sync.Mutex
	clients map[id.Client]Client
}

func newClientCache(clients Clients, now func() time.Time) *clientCache {
	return &clientCache{store: clients, now: now, clients: map[id.Client]Client{}}
}

// find returns an enabled client, or store.ErrNotFound.
func (c *clientCache) find(ctx context.Context, client id.Client) (Client, error) {
	if err := c.poll(ctx); err != nil {
		return Client{}, err
	}
	c.mu.RLock()
	found, known := c.clients[client]
	version := c.version
	c.mu.RUnlock()
	if !known {
		var err error
		if found, err = c.store.Client(ctx, client); err != nil {
			return Client{}, err
		}
		c.keep(found, version)
	}
	if !found.Enabled {
		return Client{}, store.ErrNotFound
	}
	return found, nil
}

// keep caches a client unless the clients changed while it was read.
func (c *clientCache) keep(client Client, version int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version != version {
		return
	}
	if len(c.clients) >= maxCached {
		clear(c.clients)
	}
	c.clients[client.ID] = client
}

// poll compares versions every two seconds. One request does; the others go on with what is there.
func (c *clientCache) poll(ctx context.Context) error {
	c.mu.RLock()
	due, first := c.now().Sub(c.polled) >= pollClients, c.polled.IsZero()
	c.mu.RUnlock()
	if !due {
		return nil
	}
	if first {
		c.polling.Lock()
	} else if !c.polling.TryLock() {
		return nil
	}
	defer c.polling.Unlock()
	version, err := c.store.ClientsVersion(ctx)
	if err != nil && first {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.polled = c.now()
	if err == nil && version != c.version {
		c.version = version
		clear(c.clients)
	}
	return nil
}

// GetClient implements fosite.ClientManager.
func (c *clientCache) GetClient(ctx context.Context, client string) (fosite.Client, error) {
	found, err := c.find(ctx, id.Client(client))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fosite.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return &fositeClient{found}, nil
}

var errNoAssertions = errors.New("client assertions are not supported")

// ClientAssertionJWTValid implements fosite.ClientManager; assertions are refused.
func (*clientCache) ClientAssertionJWTValid(context.Context, string) error { return errNoAssertions }

// SetClientAssertionJWT implements fosite.ClientManager; assertions are refused.
func (*clientCache) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return errNoAssertions
}

// fositeClient shows a Client to fosite.
type fositeClient struct{ Client }

// GetID implements fosite.Client.
func (c *fositeClient) GetID() string { return string(c.ID) }

// GetHashedSecret implements fosite.Client.
func (c *fositeClient) GetHashedSecret() []byte { return []byte(c.SecretHash) }

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
	if c.may(grantCode) {
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
func (c *fositeClient) IsPublic() bool { return c.Public }

// GetAudience implements fosite.Client.
func (c *fositeClient) GetAudience() fosite.Arguments { return c.Audience }

// may reports whether a grant type is registered.
func (c *Client) may(grant string) bool { return slices.Contains(c.GrantTypes, grant) }

const organizationScope = "organization:"

// allowedScope: registered ones exactly; which organization a token is for is no privilege of the client.
func allowedScope(registered []string, wanted string) bool {
	return slices.Contains(registered, wanted) || (strings.HasPrefix(wanted, organizationScope) && len(wanted) > len(organizationScope))
}

