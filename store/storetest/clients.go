package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/audit"
	"gatehouse/clients"
	"gatehouse/internal/id"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// ClientStore is what the suite of clients.Store needs.
type ClientStore interface {
	clients.Store
	TenancyStore
	provider.Grants
}

// Clients runs the suite of clients.Store.
func Clients(t *testing.T, open func(*testing.T) ClientStore) {
	for name, test := range map[string]func(*testing.T, ClientStore, *world){
		"List": testListClients, "ListPages": testListClientPages, "Static": testStaticClients, "Referrers": testReferrers, "Transaction": testManageClients,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			test(t, s, newWorld(t, s))
		})
	}
}

func registered(t *testing.T, s ClientStore, c provider.Client) {
	t.Helper()
	c.Version = 1
	if c.Created.IsZero() {
		c.Created, c.Modified = noon, noon
	}
	must(t, s.CreateClient(t.Context(), c))
}

func clientID(c provider.Client) string { return string(c.ID) }

func testListClients(t *testing.T, s ClientStore, w *world) {
	closed := newOrganization("closed")
	closed.Active = false
	must(t, w.CreateOrganization(t.Context(), w.all, closed))
	registered(t, s, provider.Client{ID: "a1", Name: "Öl & Gas", Organization: w.a.ID, Enabled: true})
	registered(t, s, provider.Client{ID: "a2", Name: "Buoys", Organization: w.a.ID, AuthMethod: provider.AuthNone, Created: noon.Add(time.Second), Modified: noon.Add(time.Minute)})
	registered(t, s, provider.Client{ID: "b1", Name: "Cranes", Organization: w.b.ID, Enabled: true})
	registered(t, s, provider.Client{ID: "s1", Name: "Shared", Enabled: true, Static: true})
	registered(t, s, provider.Client{ID: "x1", Name: "Xylophone", Organization: closed.ID, Enabled: true})
	for _, c := range []struct {
		scope  tenancy.Scope
		filter clients.Filter
		search string
		sort   string
		want   []string
	}{
		{w.all, clients.Filter{}, "", "", []string{"a2", "b1", "s1", "x1", "a1"}},
		{w.all, clients.Filter{}, "", "-id", []string{"x1", "s1", "b1", "a2", "a1"}},
		{w.all, clients.Filter{}, "", "-created", []string{"a2", "x1", "s1", "b1", "a1"}},
		{w.all, clients.Filter{}, "", "-modified", []string{"a2", "x1", "s1", "b1", "a1"}},
		{w.all, clients.Filter{}, "ol gas", "", []string{"a1"}},
		{w.all, clients.Filter{}, "s1", "", []string{"s1"}},
		{w.all, clients.Filter{}, "%", "", nil},
		{w.all, clients.Filter{Organization: w.a.ID}, "", "id", []string{"a1", "a2"}},
		{w.all, clients.Filter{Shared: new(true)}, "", "id", []string{"s1"}},
		{w.all, clients.Filter{Shared: new(false)}, "", "id", []string{"a1", "a2", "b1", "x1"}},
		{w.all, clients.Filter{Enabled: new(false)}, "", "id", []string{"a2"}},
		{w.all, clients.Filter{Static: new(true)}, "", "id", []string{"s1"}},
		{w.all, clients.Filter{Kind: clients.Public}, "", "id", []string{"a2"}},
		{w.all, clients.Filter{Kind: clients.Confidential, Organization: w.a.ID}, "", "id", []string{"a1"}},
		{w.inA, clients.Filter{}, "", "id", []string{"a1", "a2", "s1"}},
		{w.inA, clients.Filter{Organization: w.b.ID}, "", "id", nil},
		{w.scope(t, w.both.ID), clients.Filter{}, "", "id", nil},
	} {
		page, err := s.ListClients(t.Context(), c.scope, c.filter, tenancy.Query{Search: c.search, Sort: c.sort, Page: 1, Size: 10})
		wantNames(t, c.filter, c.want, shown(t, page, err, clientID))
	}
	page, err := s.ListClients(t.Context(), w.all, clients.Filter{}, tenancy.Query{Search: "xylophone", Page: 1, Size: 10})
	must(t, err)
	if len(page.Items) != 1 || !page.Items[0].Suspended {
		t.Errorf("the client of a disabled organization: %+v", page.Items)
	}
	full := fullClient()
	registered(t, s, full)
	page, err = s.ListClients(t.Context(), w.all, clients.Filter{}, tenancy.Query{Search: full.Name, Page: 1, Size: 10})
	must(t, err)
	if diff := cmp.Diff([]provider.Client{full}, page.Items); diff != "" {
		t.Error(diff)
	}
}

func testListClientPages(t *testing.T, s ClientStore, w *world) {
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		registered(t, s, provider.Client{ID: id.Client(name), Name: "Same", Organization: w.a.ID})
	}
	var found []string
	query := tenancy.Query{Page: 1, Size: 2}
	for {
		page, err := s.ListClients(t.Context(), w.inA, clients.Filter{}, query)
		must(t, err)
		for _, c := range page.Items {
			found = append(found, string(c.ID))
		}
		if query.After = page.Next; page.Next == "" {
			break
		}
	}
	wantNames(t, "all pages", []string{"a", "b", "c", "d", "e"}, found)
}

func testStaticClients(t *testing.T, s ClientStore, _ *world) {
	registered(t, s, provider.Client{ID: "b", Static: true})
	registered(t, s, provider.Client{ID: "a", Static: true, Enabled: true})
	registered(t, s, provider.Client{ID: "c", Enabled: true})
	static, err := s.StaticClients(t.Context())
	must(t, err)
	var found []string
	for _, c := range static {
		found = append(found, clientID(c))
	}
	wantNames(t, "static", []string{"a", "b"}, found)
}

func testReferrers(t *testing.T, s ClientStore, w *world) {
	registered(t, s, provider.Client{ID: "c"})
	registered(t, s, provider.Client{ID: "other"})
	live, revoked, over, foreign := newGrant(), newGrant(), newGrant(), newGrant()
	revoked.Revoked, over.Expires, foreign.Client = noon, noon.Add(time.Hour), "other"
	for _, g := range []*provider.Grant{&live, &revoked, &over, &foreign} {
		if g.Client != "other" {
			g.Client = "c"
		}
		must(t, s.CreateGrant(t.Context(), *g))
	}
	must(t, s.SaveConsent(t.Context(), provider.Consent{User: w.ada.ID, Client: "c", Organization: w.a.ID}))
	must(t, s.SaveConsent(t.Context(), provider.Consent{User: w.ada.ID, Client: "c", Organization: w.b.ID}))
	grants, consents, err := s.Referrers(t.Context(), "c", noon.Add(time.Hour))
	must(t, err)
	if grants != 1 || consents != 2 {
		t.Errorf("%d grants, %d consents, want 1 and 2", grants, consents)
	}
}

// testManageClients: all of a transaction, or nothing.
func testManageClients(t *testing.T, s ClientStore, w *world) {
	failed := errors.New("failed")
	err := s.ManageClients(t.Context(), func(tx clients.Store) error {
		must(t, tx.CreateClient(t.Context(), provider.Client{ID: "c", Version: 1}))
		_, err := tx.Client(t.Context(), "c")
		must(t, err)
		return failed
	})
	want(t, err, failed)
	_, err = s.Client(t.Context(), "c")
	want(t, err, store.ErrNotFound)
	must(t, s.ManageClients(t.Context(), func(tx clients.Store) error {
		must(t, tx.CreateClient(t.Context(), provider.Client{ID: "c", Version: 1}))
		return tx.Record(t.Context(), audit.Event{ID: id.New[string](), At: noon, Action: "client.created", Object: "c"})
	}))
	page, err := w.ListAuditEvents(t.Context(), w.all, tenancy.AuditFilter{Object: "c"}, tenancy.Query{Page: 1, Size: 10})
	must(t, err)
	if len(page.Items) != 1 {
		t.Errorf("%d events", len(page.Items))
	}
}
