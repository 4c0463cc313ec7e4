package login_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gatehouse/connectors"
	"gatehouse/notify"
	"gatehouse/tenancy"
)

// kept keeps the last letter.
type kept struct {
	tenancy.Store
	message *notify.Message
}

func (k kept) InTx(ctx context.Context, work func(tx tenancy.Store) error) error {
	return k.Store.InTx(ctx, func(tx tenancy.Store) error { return work(kept{tx, k.message}) })
}

func (k kept) Enqueue(ctx context.Context, m notify.Message) error {
	*k.message = m
	return k.Store.Enqueue(ctx, m)
}

// invite mails an invitation to an address and returns the path of its link.
func (h *house) invite(organization tenancy.Organization, email string) string {
	t := h.t
	t.Helper()
	inviter := h.person("inviter", organization)
	m := must[[]tenancy.Membership](t)(h.directory.MembershipsOf(t.Context(), tenancy.System("test"), inviter.ID))[0]
	must[tenancy.Membership](t)(h.directory.ChangeMembership(t.Context(), tenancy.System("test"), m.ID, tenancy.MembershipChange{Role: tenancy.Manager}))
	if err := h.directory.SetUserPermissions(t.Context(), tenancy.System("test"), inviter.ID, []tenancy.Permission{tenancy.AddMembership}); err != nil {
		t.Fatal(err)
	}
	var message notify.Message
	h.directory.Store = kept{h.db, &message}
	scope := must[tenancy.Scope](t)(h.directory.Scope(t.Context(), inviter.ID))
	must[tenancy.Invitation](t)(h.directory.Invite(t.Context(), scope, tenancy.NewInvitation{Organization: organization.ID, Email: email, Role: tenancy.Member}))
	h.directory.Store = h.db
	return must[notify.Letter](t)(message.Letter(h.directory.Keys)).Data["link"]
}

func (b *browser) signIn(t *testing.T, name string) {
	t.Helper()
	if p := b.password(flowOf(b.get("/signin")), name, goodPassword); p.address.Path != "/" {
		t.Fatalf("not signed in: %s", visible(p))
	}
}

func tokenOf(t *testing.T, link string) string {
	return must[*url.URL](t)(url.Parse(link)).Query().Get("token")
}

func (h *house) contains(t *testing.T, p page, status int, texts ...string) {
	t.Helper()
	seen := strings.Join(strings.Fields(visible(p)), " ")
	for _, text := range texts {
		if p.status != status || !strings.Contains(seen, text) {
			t.Errorf("%d at %s without %q: %s", p.status, p.address, text, seen)
		}
	}
}

func TestInvitationSignedIn(t *testing.T) {
	h := newHouse(t)
	link := h.invite(h.castle, "ada@elsewhere.example")
	b := h.browser()
	b.signIn(t, "ada")
	h.contains(t, b.get(link), http.StatusOK, "Join Castle", "inviter invites ada@elsewhere.example", "Join as ada")
	p := b.post("/invitation/join", url.Values{"token": {tokenOf(t, link)}})
	h.contains(t, p, http.StatusOK, "Castle member", "Harbour member")
	if p.address.Path != "/" {
		t.Errorf("led to %s", p.address)
	}
	h.contains(t, b.get(link), http.StatusNotFound, "This invitation does not work")
	h.contains(t, b.post("/invitation/join", url.Values{"token": {tokenOf(t, link)}}), http.StatusNotFound, "This invitation does not work")
}

// Signing in on the way leads back to the invitation.
func TestInvitationAfterSignIn(t *testing.T) {
	h := newHouse(t)
	link := h.invite(h.castle, "ada@x.example")
	b := h.browser()
	p := b.get(link)
	h.contains(t, p, http.StatusOK, "Sign in to join", "An account with this address exists already")
	if strings.Contains(p.text, "/invitation/create") {
		t.Error("it offers a second account for the address")
	}
	h.contains(t, b.post("/invitation/join", url.Values{"token": {tokenOf(t, link)}}), http.StatusUnauthorized, "Sign in to join")
	p = b.get("/signin?invitation=" + url.QueryEscape(tokenOf(t, link)))
	p = b.password(flowOf(p), "ada", goodPassword)
	h.contains(t, p, http.StatusOK, "Join as ada")
	if p.address.Path != "/invitation" {
		t.Errorf("led to %s", p.address)
	}
	b = h.browser()
	p = b.password(flowOf(b.get("/signin?invitation="+url.QueryEscape("//evil.example/"))), "ada", goodPassword)
	h.contains(t, p, http.StatusNotFound, "This invitation does not work")
}

func TestInvitationCreatesAnAccount(t *testing.T) {
	h := newHouse(t)
	link := h.invite(h.harbour, "new@x.example")
	b, form := h.browser(), url.Values{"token": {tokenOf(t, link)}, "username": {"ada"}, "first_name": {"Neo"}, "password": {goodPassword}}
	h.contains(t, b.get(link), http.StatusOK, "Create account and join", "I have an account")
	p := b.post("/invitation/create", form)
	h.contains(t, p, http.StatusUnprocessableEntity, "This name is taken")
	if !strings.Contains(p.text, `value="Neo"`) || strings.Contains(p.text, goodPassword) {
		t.Error("the form forgot what was typed, or says the password")
	}
	form.Set("username", "neo")
	p = b.post("/invitation/create", form)
	h.contains(t, p, http.StatusOK, "signed in as neo", "Harbour member")
	h.contains(t, h.browser().post("/invitation/create", form), http.StatusNotFound, "This invitation does not work")
	if log := h.log.String(); strings.Contains(log, tokenOf(t, link)) {
		t.Error("the token is in the log")
	}
}

// An organization that demands a second factor leads a new account through it.
func TestInvitationToACautiousOrganization(t *testing.T) {
	h := newHouse(t)
	link := h.invite(h.castle, "new@x.example")
	p := h.browser().post("/invitation/create", url.Values{"token": {tokenOf(t, link)}, "username": {"neo"}, "password": {goodPassword}})
	h.contains(t, p, http.StatusOK, "Set up two‑step sign-in")
}

func TestInvitationToAFullOrganization(t *testing.T) {
	h := newHouse(t)
	link := h.invite(h.harbour, "new@x.example")
	limit := 2
	must[tenancy.Organization](t)(h.directory.UpdateOrganization(t.Context(), tenancy.System("test"), h.harbour.ID, tenancy.OrganizationChange{MaxUsers: &limit}))
	p := h.browser().post("/invitation/create", url.Values{"token": {tokenOf(t, link)}, "username": {"neo"}, "password": {goodPassword}})
	h.contains(t, p, http.StatusUnprocessableEntity, "as many members as it may have")
	var last page
	for range 30 {
		last = h.browser().post("/invitation/create", url.Values{"token": {tokenOf(t, link)}, "username": {"neo"}, "password": {"short"}})
	}
	h.contains(t, last, http.StatusTooManyRequests, "Too many attempts")
}

// TestInvitationBehindAnOwnConnector: a sign-in through an organization's own connector is good for that one alone. What another one
// offers is for the account, which nobody but its owner joins to anything.
func TestInvitationBehindAnOwnConnector(t *testing.T) {
	h := newHouse(t)
	lodger, link := h.person("lodger", h.castle), h.invite(h.harbour, "lodger@x.example")
	if err := h.directory.LinkIdentity(t.Context(), tenancy.System("test"), tenancy.Identity{Connector: "castles", Subject: "s", User: lodger.ID}); err != nil {
		t.Fatal(err)
	}
	h.upstream.identity = connectors.Identity{Subject: "s"}
	b := h.browser()
	h.code(b.confirm(b.get(callback("castles", b.toUpstream(b.begin("castle"), "castles")))))
	p := b.post("/invitation/join", url.Values{"token": {tokenOf(t, link)}})
	h.contains(t, p, http.StatusForbidden, "This sign-in is for one organization")
	if places := must[[]tenancy.Membership](t)(h.directory.MembershipsOf(t.Context(), tenancy.System("test"), lodger.ID)); len(places) != 1 {
		t.Errorf("joined: %v", places)
	}
}
