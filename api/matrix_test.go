package api_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// objects are what an operation is tried on: those of one organization.
type objects struct {
	organization id.Organization
	user         id.User // a plain member
	membership   id.Membership
	invitation   id.Invitation
	group        id.Group
	email        id.Email // of the user, not confirmed
	token        id.APIToken
	session      id.Session
	client       id.Client
	secret       string // of the client
}

// The columns of the matrix's cells.
const (
	own      = iota // of acme
	foreign         // of bolt, where one requester is a member
	shared          // of no organization; as users: somebody in acme and bolt
	disabled        // of the disabled organization
	kinds
)

type requester struct {
	name  string
	token string // "": anonymous
}

// town is the installation of the authority matrix.
type town struct {
	*server
	raw        *sql.Conn // restores
	restoring  string
	things     [kinds]objects
	requesters []requester
	loner      id.User // of no organization
	invited    string  // a token of an invitation to acme
}

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{server: newServer(t)}
	acme, bolt, closed := w.organization("acme"), w.organization("bolt"), w.organization("closed")
	w.things[own] = w.objects("own", acme, acme)
	w.things[foreign] = w.objects("foreign", bolt, bolt)
	w.things[shared] = w.objects("both", "", acme, bolt)
	w.things[disabled] = w.objects("closed", closed, closed)
	w.loner = w.person("loner", nil)
	super := must(w.directory.CreateUser(t.Context(), system(), tenancy.NewUser{Username: "super", Superuser: true, Password: goodPassword}))(t).ID
	roles := func(places ...any) map[id.Organization]tenancy.Role {
		found := map[id.Organization]tenancy.Role{}
		for i := 0; i < len(places); i += 2 {
			found[places[i].(id.Organization)] = places[i+1].(tenancy.Role)
		}
		return found
	}
	administrators := must(w.directory.GroupByName(t.Context(), system(), "Administrator"))(t).ID
	keepers := must(w.directory.CreateGroup(t.Context(), system(), tenancy.Group{Name: "Keepers", Permissions: []tenancy.Permission{
		tenancy.AddGroup, tenancy.ChangeGroup, tenancy.DeleteGroup, tenancy.ViewSession, tenancy.DeleteSession, tenancy.AddEmailAddress, tenancy.ViewAuditEvent,
		tenancy.ViewClient, tenancy.AddClient, tenancy.ChangeClient, tenancy.DeleteClient,
		tenancy.AddOrganization, tenancy.DeleteOrganization, tenancy.ChangePermission,
	}}))(t).ID
	administrator := func(name string, places map[id.Organization]tenancy.Role) id.User {
		user := w.person(name, places)
		for _, group := range []id.Group{administrators, keepers}[:map[bool]int{true: 1, false: 2}[name == "manager"]] {
			if err := w.db.AddToGroup(t.Context(), system(), group, user); err != nil {
				t.Fatal(err)
			}
		}
		return user
	}
	owner := administrator("owner", roles(acme, tenancy.Owner))
	member, manager := administrator("member", roles(acme, tenancy.Member)), administrator("manager", roles(acme, tenancy.Manager))
	half := administrator("half", roles(acme, tenancy.Manager, bolt, tenancy.Member))
	nowhere, late := administrator("nowhere", nil), administrator("late", roles(closed, tenancy.Manager))
	w.person("bolt-owner", roles(bolt, tenancy.Owner))
	w.requesters = []requester{
		{"anonymous", ""},
		{"member", w.token(member)},
		{"manager", w.token(manager)},
		{"owner", w.token(owner)},
		{"manager of one of two", w.token(half)},
		{"staff of no organization", w.token(nowhere)},
		{"superuser", w.token(super)},
		{"superuser's token to view", w.narrow(super, tenancy.NewAPIToken{Permissions: []tenancy.Permission{
			tenancy.ViewUser, tenancy.ViewOrganization, tenancy.ViewMembership, tenancy.ViewGroup, tenancy.ViewEmailAddress,
		}})},
		{"owner's token to change users of acme", w.narrow(owner, tenancy.NewAPIToken{Organization: acme, Permissions: []tenancy.Permission{tenancy.ChangeUser}})},
		{"manager of the disabled one", w.token(late)},
	}
	w.invited = secret.Token(8)
	w.invitation(acme, "guest@example.org", w.invited)
	must(w.directory.SetOrganizationActive(t.Context(), system(), closed, false, 0))(t)
	w.save()
	return w
}

func (w *town) organization(slug string) id.Organization {
	return must(w.directory.CreateOrganization(w.t.Context(), system(), tenancy.Organization{Name: slug, Slug: slug}))(w.t).ID
}

// person is staff with a password.
func (w *town) person(name string, places map[id.Organization]tenancy.Role) id.User {
	user := must(w.directory.CreateUser(w.t.Context(), system(), tenancy.NewUser{Username: name, Password: goodPassword}))(w.t).ID
	for organization, role := range places {
		w.member(organization, user, role)
	}
	return user
}

func (w *town) member(organization id.Organization, user id.User, role tenancy.Role) id.Membership {
	w.t.Helper()
	m := tenancy.Membership{
		ID: id.New[id.Membership](), User: user, Organization: organization, Role: role, Created: w.clock.Now(), Modified: w.clock.Now(), Version: 1,
	}
	if err := w.db.AddMembership(w.t.Context(), system(), m); err != nil {
		w.t.Fatal(err)
	}
	return m.ID
}

// objects makes one of everything. A group without organization is shared, and an invitation needs one.
func (w *town) objects(name string, organization id.Organization, places ...id.Organization) objects {
	w.t.Helper()
	ctx, d := w.t.Context(), w.directory
	o := objects{organization: organization, user: w.person(name, nil)}
	for _, place := range places {
		o.membership = w.member(place, o.user, tenancy.Member)
	}
	o.group = must(d.CreateGroup(ctx, system(), tenancy.Group{Name: "Desk", Organization: organization, Permissions: []tenancy.Permission{tenancy.ChangeUser}}))(w.t).ID
	o.email = must(d.AddEmail(ctx, system(), o.user, name+"@example.org"))(w.t).ID
	token, _, err := d.CreateAPIToken(ctx, must(d.Scope(ctx, o.user))(w.t), tenancy.NewAPIToken{Name: "t"})
	if err != nil {
		w.t.Fatal(err)
	}
	o.token = token.ID
	_, signedIn, err := w.sessions.Start(ctx, session.Session{User: o.user, AMR: []string{"pwd"}, AuthTime: w.clock.Now()})
	if err != nil {
		w.t.Fatal(err)
	}
	o.session = signedIn.ID
	client, _, err := w.clients.Create(ctx, system(), provider.Client{Name: name, Organization: organization, GrantTypes: []string{"client_credentials"}, Enabled: true})
	if err != nil {
		w.t.Fatal(err)
	}
	o.client, o.secret = client.ID, client.Secrets[0].ID
	if organization != "" {
		o.invitation = w.invitation(organization, name+"-guest@example.org", secret.Token(8))
	}
	return o
}

// invitation is an open one with this token, mailed an hour ago.
func (w *town) invitation(organization id.Organization, email, token string) id.Invitation {
	w.t.Helper()
	before := w.clock.Now().Add(-1e9 * 3600)
	i := tenancy.Invitation{
		ID: id.New[id.Invitation](), Organization: organization, Email: email, Role: tenancy.Member, TokenHash: secret.Hash(token), State: tenancy.InvitationOpen,
		Sent: 1, Created: before, Modified: before, Expires: before.Add(1e9 * 3600 * 24 * 7),
	}
	if err := w.db.CreateInvitation(w.t.Context(), system(), i); err != nil {
		w.t.Fatal(err)
	}
	return i.ID
}

func (w *town) token(user id.User) string { return w.narrow(user, tenancy.NewAPIToken{}) }

func (w *town) narrow(user id.User, limits tenancy.NewAPIToken) string {
	w.t.Helper()
	limits.Name = "matrix"
	_, text, err := w.directory.CreateAPIToken(w.t.Context(), must(w.directory.Scope(w.t.Context(), user))(w.t), limits)
	if err != nil {
		w.t.Fatal(err)
	}
	return text.Reveal()
}

// save makes the database as it is now the one that restore brings back.
func (w *town) save() {
	ctx, t := w.t.Context(), w.t
	saved := filepath.Join(t.TempDir(), "saved.db")
	db := must(sql.Open("sqlite", "file:"+w.path+"?_pragma=busy_timeout(5000)"))(t)
	t.Cleanup(func() { _ = db.Close() })
	w.raw = must(db.Conn(ctx))(t)
	w.exec(`VACUUM INTO '` + saved + `'`)
	w.exec(`ATTACH '` + saved + `' AS saved`)
	rows, err := w.raw.QueryContext(ctx, `SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	w.restoring = "BEGIN IMMEDIATE;"
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			t.Fatal(err)
		}
		w.restoring += "DELETE FROM main." + table + "; INSERT INTO main." + table + " SELECT * FROM saved." + table + ";"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	w.restoring += "COMMIT;"
}

func (w *town) exec(text string) {
	w.t.Helper()
	if _, err := w.raw.ExecContext(w.t.Context(), text); err != nil {
		w.t.Fatal(err)
	}
}

// call is one operation on one object: as a request, and as what the directory is asked.
type call struct {
	path   map[string]string // what stands in the operation's path
	query  url.Values
	body   any
	seek   string // in a list: what should be in it
	direct func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) (listed []string, err error)
}

// byREST is the outcome of a request in one letter: + done, U not authenticated, F forbidden, N not found, I bad input, C conflict; of a list
// + or - whether the object is in it.
func (w *town) byREST(method, path string, c call, r requester) string {
	w.t.Helper()
	for name, value := range c.path {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	if len(c.query) > 0 {
		path += "?" + c.query.Encode()
	}
	a := w.do(method, path, r.token, c.body)
	letters := map[int]string{http.StatusUnauthorized: "U", http.StatusForbidden: "F", http.StatusNotFound: "N", http.StatusBadRequest: "I", http.StatusConflict: "C"}
	if rows := a.results(); len(rows) > 0 && rows[0]["status"] != nil { // of many: each has an outcome of its own
		status, _ := rows[0]["status"].(float64)
		a.status = int(status)
	}
	switch {
	case a.status >= 300:
		return letters[a.status] + map[bool]string{true: "? " + a.raw}[letters[a.status] == ""]
	case c.seek != "" && !strings.Contains(a.raw, c.seek):
		return "-"
	default:
		return "+"
	}
}

// byDirectory is the same outcome of the operation itself. Without a scope there is none.
func (w *town) byDirectory(c call, r requester) string {
	w.t.Helper()
	var scope tenancy.Scope
	if r.token != "" {
		var err error
		if scope, _, err = w.directory.AuthenticateToken(w.t.Context(), r.token); err != nil {
			w.t.Fatal(err)
		}
	}
	listed, err := c.direct(w.t.Context(), w.directory, scope)
	var invalid *tenancy.Invalid
	switch {
	case errors.Is(err, tenancy.ErrForbidden):
		return "F"
	case errors.Is(err, store.ErrNotFound):
		return "N"
	case errors.As(err, &invalid), errors.Is(err, tenancy.ErrBadLink):
		return "I"
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrStale):
		return "C"
	case err != nil:
		return "? " + err.Error()
	case c.seek != "" && !slices.Contains(listed, c.seek):
		return "-"
	default:
		return "+"
	}
}

// TestAuthorizationMatrix tries every operation as everybody on everything, over HTTP and with the directory.
func TestAuthorizationMatrix(t *testing.T) {
	w := newTown(t)
	operations := w.operations()
	calls := w.calls()
	for _, row := range matrix() {
		operation, known := operations[row.operation]
		if !known || calls[row.operation] == nil {
			t.Fatalf("there is no operation %s", row.operation)
		}
		delete(operations, row.operation)
		for kind, want := range []string{own: row.own, foreign: row.foreign, shared: row.shared, disabled: row.disabled} {
			if want != "" {
				w.check(row.operation, kind, want, operation, calls[row.operation](w.things[kind]))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		t.Errorf("%s is not in the matrix", name)
	}
}

// operations are method and path of everything in the OpenAPI document.
func (w *town) operations() map[string][2]string {
	w.t.Helper()
	found := map[string][2]string{}
	paths, _ := w.do(http.MethodGet, "/openapi.json", "", nil).want(w.t, http.StatusOK).body["paths"].(map[string]any)
	for path, item := range paths {
		methods, _ := item.(map[string]any)
		for method, operation := range methods {
			if described, is := operation.(map[string]any); is {
				name, _ := described["operationId"].(string)
				found[name] = [2]string{strings.ToUpper(method), path}
			}
		}
	}
	return found
}

func (w *town) check(name string, kind int, want string, operation [2]string, c call) {
	w.t.Helper()
	var byREST, byDirectory strings.Builder
	for _, r := range w.requesters {
		byREST.WriteString(w.byREST(operation[0], operation[1], c, r))
		if operation[0] != http.MethodGet {
			w.exec(w.restoring)
		}
		if r.token == "" {
			byDirectory.WriteString(want[:1]) // there is nobody to ask for
			continue
		}
		byDirectory.WriteString(w.byDirectory(c, r))
		if operation[0] != http.MethodGet {
			w.exec(w.restoring)
		}
	}
	if byREST.String() != want || byDirectory.String() != want {
		w.t.Errorf("%s on %s:\nwant      %s\nREST      %s\ndirectory %s", name, []string{"own", "foreign", "shared", "disabled"}[kind], want, byREST.String(), byDirectory.String())
	}
}
