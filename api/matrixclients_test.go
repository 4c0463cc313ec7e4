package api_test

import (
	"context"
	"time"

	"gatehouse/clients"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

// clientCalls ask the registry of clients where others ask the directory.
func (w *town) clientCalls() map[string]func(o objects) call {
	of := func(o objects) map[string]string { return at("client", string(o.client)) }
	change := func(o objects) call {
		return call{path: of(o), body: fields{"name": "renamed"}, direct: func(ctx context.Context, _ *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
			return nothing(w.clients.Update(ctx, scope, o.client, 0, func(c *provider.Client) { c.Name = "renamed" }))
		}}
	}
	return map[string]func(o objects) call{
		"list-clients": func(o objects) call {
			return call{query: everythingOver(), seek: string(o.client), direct: func(ctx context.Context, _ *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				page, err := w.clients.List(ctx, scope, clients.Filter{}, everything)
				return ids(page.Items, err, func(found provider.Client) id.Client { return found.ID })
			}}
		},
		"create-client": func(o objects) call {
			body := fields{"name": "Fresh", "grant_types": []string{"client_credentials"}}
			if o.organization != "" {
				body["organization"] = o.organization
			}
			return call{body: body, direct: func(ctx context.Context, _ *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				_, _, err := w.clients.Create(ctx, scope, provider.Client{Name: "Fresh", Organization: o.organization, GrantTypes: []string{"client_credentials"}})
				return nil, err
			}}
		},
		"client": func(o objects) call {
			return call{path: of(o), direct: func(ctx context.Context, _ *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(w.clients.Client(ctx, scope, o.client))
			}}
		},
		"change-client": change, "replace-client": change,
		"delete-client": func(o objects) call {
			return call{path: of(o), direct: func(ctx context.Context, _ *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, w.clients.Delete(ctx, scope, o.client)
			}}
		},
		"list-client-secrets": func(o objects) call {
			return call{path: of(o), direct: func(ctx context.Context, _ *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(w.clients.Client(ctx, scope, o.client))
			}}
		},
		"add-client-secret": func(o objects) call {
			return call{path: of(o), body: fields{"name": "second"}, direct: func(ctx context.Context, _ *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				_, _, err := w.clients.AddSecret(ctx, scope, o.client, "second", time.Time{})
				return nil, err
			}}
		},
		"remove-client-secret": func(o objects) call {
			return call{path: at("client", string(o.client), "secret", o.secret), direct: func(ctx context.Context, _ *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, w.clients.RemoveSecret(ctx, scope, o.client, o.secret)
			}}
		},
		"list-consents": func(o objects) call {
			return call{path: at("id", string(o.user)), direct: func(ctx context.Context, _ *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nothing(w.clients.Consents(ctx, scope, o.user))
			}}
		},
		"revoke-consent": func(o objects) call {
			return call{path: at("id", string(o.user), "client", string(o.client)), direct: func(ctx context.Context, _ *tenancy.Directory, scope tenancy.Scope) ([]string, error) {
				return nil, w.clients.RevokeConsent(ctx, scope, o.user, o.client)
			}}
		},
	}
}
