package sqldb

import (
	"context"
	"time"

	"gatehouse/clients"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

var (
	clientList = listed(listing[provider.Client]{
		name: "clients", from: "clients c", tenant: wide(`{c.organization_id|shared}`), identity: []column{{text: "c.id"}}, order: "name",
		orders: map[string][]column{
			"name": {{text: "c.name"}}, "id": nil, "created": {{text: "c.created", number: true}}, "modified": {{text: "c.modified", number: true}},
		},
		joins: clientJoin, columns: clientRow, scan: scanClient,
	})
	clientIn      = narrow(`c.organization_id = ?`)
	clientShared  = flag{narrow(`c.organization_id IS NULL`), wide(`c.organization_id IS NOT NULL`)}
	clientEnabled = flag{wide(`c.enabled`), narrow(`NOT c.enabled`)}
	clientStatic  = flag{narrow(`c.static`), wide(`NOT c.static`)}
	clientPublic  = flag{narrow(`c.auth_method = 'none'`), wide(`c.auth_method <> 'none'`)}
	clientSearch  = narrow(`c.search LIKE ? ESCAPE '\'`)

	clientsStatic   = unscoped("the configuration's own", `SELECT `+clientRow+` FROM clients c `+clientJoin+` WHERE c.static ORDER BY c.id`)
	clientReferrers = unscoped("package clients has checked who may", `SELECT
		(SELECT count(*) FROM grants WHERE client_id = $1 AND revoked = 0 AND expires > $2), (SELECT count(*) FROM consents WHERE client_id = $1)`)
)

// ListClients implements clients.Store.
func (q *queries) ListClients(ctx context.Context, scope tenancy.Scope, f clients.Filter, query tenancy.Query) (tenancy.Page[provider.Client], error) {
	r := clientList.request(q, scope)
	equal(r, clientIn, f.Organization)
	r.flag(clientShared, f.Shared)
	r.flag(clientEnabled, f.Enabled)
	r.flag(clientStatic, f.Static)
	if f.Kind != "" {
		public := f.Kind == clients.Public
		r.flag(clientPublic, &public)
	}
	r.search(clientSearch, query.Words())
	return pageOf(ctx, q, clientList, r, query)
}

// StaticClients implements clients.Store.
func (q *queries) StaticClients(ctx context.Context) ([]provider.Client, error) {
	return all(ctx, q, q.read, scanClient, clientsStatic)
}

// Referrers implements clients.Store.
func (q *queries) Referrers(ctx context.Context, client id.Client, at time.Time) (grants, consents int, err error) {
	counts, err := one(ctx, q, q.read, func(row scanner) ([2]int, error) {
		var n [2]int
		return n, row.Scan(&n[0], &n[1])
	}, clientReferrers, string(client), micros(at))
	return counts[0], counts[1], err
}

// ManageClients implements clients.Store.
func (q *queries) ManageClients(ctx context.Context, work func(tx clients.Store) error) error {
	return q.transaction(ctx, func(tx *queries) error { return work(tx) })
}
