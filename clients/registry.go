// Package clients is every operation on registered OAuth 2.0 clients, and on what users have let them see.
//
// Registry is their policy layer, as tenancy.Directory is that of users: the REST API and the command line call its methods, and each of them
// authorizes, validates, writes and records in one transaction. Which client is valid at all, provider.ValidateClient says.
package clients

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// Registry is every operation on clients and consents. All fields are required; Tokens for RevokeConsent only.
type Registry struct {
	Store     Store
	Directory *tenancy.Directory // knows who may act on whose account
	Tokens    Tokens
	Now       func() time.Time
}

// Tokens are those that clients hold, of which the registry knows only how to end them.
type Tokens interface {
	// EndConsent denies the access tokens that a client has for a user by now, and the codes on their way to some.
	EndConsent(ctx context.Context, user id.User, client id.Client) error
}

// ErrDeclared says that a client is read-only here.
var ErrDeclared = errors.New("the client is declared in the configuration file (clients:); change it there and start again")

func (r *Registry) now() time.Time { return r.Now().UTC().Truncate(time.Microsecond) } // what the store keeps

func (r *Registry) event(scope tenancy.Scope, action, object string, organization id.Organization) audit.Event {
	return audit.Event{
		ID: id.New[string](), At: r.now(), Actor: scope.Actor(), Reason: scope.Reason(),
		Organization: organization, Action: action, Object: object, Via: scope.Via(),
	}
}

// nowhere is no organization: whoever may act on something there may act on everything.
const nowhere id.Organization = "none"

// find loads a client on which scope may act (see tenancy.Decide).
func find(ctx context.Context, tx Store, scope tenancy.Scope, client id.Client, action tenancy.Action, permission tenancy.Permission) (provider.Client, error) {
	c, err := tx.Client(ctx, client)
	if errors.Is(err, store.ErrNotFound) {
		if refused := tenancy.Decide(scope, action, permission, nowhere, true); refused != nil {
			return provider.Client{}, refused // what it would be if the client were there, and out of reach
		}
	}
	if err != nil {
		return provider.Client{}, err
	}
	if err := tenancy.Decide(scope, action, permission, c.Organization, !c.Suspended); err != nil {
		return provider.Client{}, err
	}
	return c, nil
}

// writable is find for what changes a client: it is not declared, and has no privilege that the actor could not give.
func writable(ctx context.Context, tx Store, scope tenancy.Scope, client id.Client, action tenancy.Action, permission tenancy.Permission) (provider.Client, error) {
	c, err := find(ctx, tx, scope, client, action, permission)
	switch {
	case err != nil:
		return provider.Client{}, err
	case c.Static && (c.Enabled || action != tenancy.Delete):
		return provider.Client{}, ErrDeclared
	case !scope.Everywhere() && len(privileges(c)) > 0:
		return provider.Client{}, tenancy.ErrForbidden
	default:
		return c, nil
	}
}

// privileges are what only somebody whom nothing limits to an organization gives to a client, by field, because it is worth something beyond the
// rights of those who manage the organization: with a first-party client nobody is asked, so that its owner would silently get tokens of people who
// may do more than he; further scopes and audiences are believed by sibling services, which know nothing of him; and an address on this
// machine is behind its firewall.
func privileges(c provider.Client) map[string][]string {
	found := map[string][]string{}
	beyond := func(field, text string) { found[field] = append(found[field], text) }
	if c.FirstParty {
		beyond("first_party", "Only superusers spare people the question whether they agree.")
	}
	if slices.ContainsFunc(c.Scopes, func(scope string) bool { return !slices.Contains(provider.StandardScopes(), scope) }) {
		beyond("scopes", "Only superusers give scopes of other services.")
	}
	if len(c.Audience) > 0 {
		beyond("audience", "Only superusers give tokens for other services.")
	}
	if uri, err := url.Parse(c.BackchannelLogoutURI); err != nil || uri.Scheme == "http" {
		beyond("backchannel_logout_uri", "Only superusers give addresses on the server itself.")
	}
	return found
}

// shown is a client as scope may see it: never the hash of a secret, and of shared clients their secrets only to those who write them.
func shown(scope tenancy.Scope, c provider.Client) provider.Client {
	secrets := c.Secrets
	c.Secrets = nil
	if c.Organization == "" && !scope.Everywhere() {
		return c
	}
	for _, s := range secrets {
		s.Hash = ""
		c.Secrets = append(c.Secrets, s)
	}
	return c
}

// Client finds a client within scope. It needs oauth.view_client in its organization, for a shared one anywhere.
func (r *Registry) Client(ctx context.Context, scope tenancy.Scope, client id.Client) (provider.Client, error) {
	c, err := find(ctx, r.Store, scope, client, tenancy.Read, tenancy.ViewClient)
	return shown(scope, c), err
}

// List lists shared clients and those of the organizations in which the actor holds oauth.view_client; who manages nothing sees none.
func (r *Registry) List(ctx context.Context, scope tenancy.Scope, filter Filter, query tenancy.Query) (tenancy.Page[provider.Client], error) {
	within, err := scope.Where(tenancy.ViewClient)
	if err != nil {
		return tenancy.Page[provider.Client]{}, err
	}
	if query, err = query.Checked(); err != nil {
		return tenancy.Page[provider.Client]{}, err
	}
	page, err := r.Store.ListClients(ctx, within, filter, query)
	for i, c := range page.Items {
		page.Items[i] = shown(scope, c)
	}
	return page, err
}
