package clients

import (
	"context"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/tenancy"
)

// Store keeps clients and consents, as package provider describes them, and lists them. store/sqldb implements it; store/storetest checks these
// sentences. Errors are those of package store.
type Store interface {
	provider.Clients
	provider.Consents

	// ListClients lists clients, shared ones and those of the scope's organizations, by name, or by id, created or modified; shared ones are
	// within every scope but that of somebody who manages nothing. The search looks through names and ids.
	ListClients(ctx context.Context, scope tenancy.Scope, filter Filter, query tenancy.Query) (tenancy.Page[provider.Client], error)
	// StaticClients lists all clients that are declared in the configuration, by id.
	StaticClients(ctx context.Context) ([]provider.Client, error)
	// Referrers counts the grants of a client that are neither revoked nor past their absolute end at a time, and its consents.
	Referrers(ctx context.Context, client id.Client, at time.Time) (grants, consents int, err error)
	// Organization finds by id within scope.
	Organization(ctx context.Context, scope tenancy.Scope, organization id.Organization) (tenancy.Organization, error)
	// Record writes an audit event.
	Record(ctx context.Context, event audit.Event) error
	// ManageClients runs work in one transaction, as tenancy.Store's InTx does.
	ManageClients(ctx context.Context, work func(tx Store) error) error
}

// Filter narrows a list of clients. Zero fields do not.
type Filter struct {
	Organization id.Organization
	Shared       *bool
	Enabled      *bool
	Static       *bool
	Kind         Kind
}

// Kind is a sort of client.
type Kind string

// The kinds.
const (
	Public       Kind = "public"       // has nothing to prove itself with
	Confidential Kind = "confidential" // has a secret or a key
)
