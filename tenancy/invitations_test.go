package tenancy_test

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/notify"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// letters keeps what is put into the outbox.
type letters struct {
	recorded
	sent *[]notify.Message
}

func (l letters) InTx(ctx context.Context, work func(tx tenancy.Store) error) error {
	return l.Store.InTx(ctx, func(tx tenancy.Store) error {
		l.Store = tx
		return work(l)
	})
}

func (l letters) Enqueue(ctx context.Context, m notify.Message) error {
	*l.sent = append(*l.sent, m)
	return l.Store.Enqueue(ctx, m)
}

// mailed runs work and returns the one letter that it wrote.
func (f *fixture) mailed(t *testing.T, work func()) notify.Letter {
	t.Helper()
	var sent []notify.Message
	before := f.Store
	f.Store = letters{before.(recorded), &sent}
	work()
	f.Store = before
	if len(sent) != 1 {
		t.Fatalf("%d letters", len(sent))
	}
	return must(sent[0].Letter(f.Keys))(t)
}

func tokenOf(t *testing.T, letter notify.Letter) string {
	t.Helper()
	link := must(url.Parse(letter.Data["link"]))(t)
	if link.Path != tenancy.InvitationPath || len(link.Query().Get("token")) < 40 {
		t.Fatalf("link %q", link)
	}
	return link.Query().Get("token")
}

// invite returns an invitation and its token.
func (w *town) invite(t *testing.T, by tenancy.Scope, n tenancy.NewInvitation) (tenancy.Invitation, string) {
	t.Helper()
	var i tenancy.Invitation
	letter := w.mailed(t, func() { i = must(w.Invite(t.Context(), by, n))(t) })
	if letter.To != n.Email || letter.Kind != notify.KindInvitation || letter.Data["organization"] != "acme" || letter.Data["expires"] == "" {
		t.Errorf("letter %+v", letter)
	}
	return i, tokenOf(t, letter)
}

func invite(n tenancy.NewInvitation) act {
	return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.Invite(ctx, scope, n)
		return err
	}
}

func TestInvitationMatrix(t *testing.T) {
	w := newTown(t)
	const address = "new@x.example"
	w.raw(t, `INSERT INTO identifiers (value, user_id, kind) VALUES ('only-a@x.example', $1, 'email'), ('super@x.example', $2, 'email')`, string(w.onlyA), string(w.super))
	open := must(w.Invite(t.Context(), system(), tenancy.NewInvitation{Organization: w.a, Email: "open@x.example", Role: tenancy.Member}))(t)
	w.raw(t, `UPDATE organizations SET active = TRUE WHERE id = $1`, string(w.disabled))
	closed := must(w.Invite(t.Context(), system(), tenancy.NewInvitation{Organization: w.disabled, Email: "open@x.example", Role: tenancy.Member}))(t)
	w.raw(t, `UPDATE organizations SET active = FALSE WHERE id = $1`, string(w.disabled))
	w.raw(t, `UPDATE invitations SET modified = modified - 60000000`)
	w.saved += "2"
	w.raw(t, `VACUUM INTO $1`, w.saved)
	resend := func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
		_, err := d.Resend(ctx, scope, open.ID)
		return err
	}
	revoke := func(i tenancy.Invitation) act {
		return func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			return d.Revoke(ctx, scope, i.ID)
		}
	}
	w.checkMatrix(t, false, []operation{
		{"invite to a", "++++" + "FN+" + "NNN" + "FF", invite(tenancy.NewInvitation{Organization: w.a, Email: address, Role: tenancy.Manager})},
		{"invite an owner", "IIII" + "FII" + "III" + "FF", invite(tenancy.NewInvitation{Organization: w.a, Email: address, Role: tenancy.Owner})},
		{"invite to the disabled one", "IINN" + "FNN" + "NNI" + "FF", invite(tenancy.NewInvitation{Organization: w.disabled, Email: address, Role: tenancy.Member})},
		{"invite a member", "IIII" + "FNI" + "NNN" + "FF", invite(tenancy.NewInvitation{Organization: w.a, Email: "Only-A@x.example", Role: tenancy.Member})},
		{"invite a superuser who is in", "II++" + "FN+" + "NNN" + "FF", invite(tenancy.NewInvitation{Organization: w.a, Email: "super@x.example", Role: tenancy.Member})},
		{"invite twice", "IIII" + "FNI" + "NNN" + "FF", invite(tenancy.NewInvitation{Organization: w.a, Email: "OPEN@x.example", Role: tenancy.Member})},
		{"invite to a shared group", "++++" + "FN+" + "NNN" + "FF", invite(tenancy.NewInvitation{Organization: w.a, Email: address, Role: tenancy.Member, Groups: []id.Group{w.operators}})},
		{"invite to a group that may do more", "++II" + "FNI" + "NNN" + "FF", invite(tenancy.NewInvitation{Organization: w.a, Email: address, Role: tenancy.Member, Groups: []id.Group{w.builders}})},
		{"invite to another organization's group", "IIII" + "FNI" + "NNN" + "FF", invite(tenancy.NewInvitation{Organization: w.a, Email: address, Role: tenancy.Member, Groups: []id.Group{w.ofDisabled}})},
		{"resend", "++++" + "FN+" + "NNN" + "FF", resend},
		{"revoke", "++++" + "FN+" + "NNN" + "FF", revoke(open)},
		{"revoke in the disabled one", "++NN" + "FNN" + "NN+" + "FF", revoke(closed)},
	})
	w.checkMatrix(t, true, []operation{
		{"read", "++++" + "FN+" + "NNN" + "++", func(ctx context.Context, d *tenancy.Directory, scope tenancy.Scope) error {
			_, err := d.Invitation(ctx, scope, open.ID)
			return err
		}},
	})
}

func TestInvitationInput(t *testing.T) {
	w := newTown(t)
	_, err := w.Invite(t.Context(), system(), tenancy.NewInvitation{Organization: w.a, Lifetime: -1})
	wantInvalid(t, err, "email", "role", "lifetime")
	_, err = w.Invite(t.Context(), system(), tenancy.NewInvitation{Organization: w.a, Email: "x", Role: tenancy.Member, Lifetime: 91 * 24 * time.Hour})
	wantInvalid(t, err, "email", "lifetime")
}

func TestAcceptAsNew(t *testing.T) {
	w := newTown(t)
	i, token := w.invite(t, w.scope(t, w.manager), tenancy.NewInvitation{
		Organization: w.a, Email: "New@x.example", Role: tenancy.Manager, Groups: []id.Group{w.ofA, w.operators, w.ofA},
	})
	if found := must(w.InvitationByToken(t.Context(), token))(t); found.Organization != "acme" || found.Inviter != "manager" || found.Email != "New@x.example" || found.Known {
		t.Errorf("the page shows %+v", found)
	}
	_, err := w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{Username: "only-a", Password: goodPassword})
	wantInvalid(t, err, "username")
	_, err = w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{Username: "fresh"})
	wantInvalid(t, err, "password")
	created := must(w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{
		Username: "fresh", Password: goodPassword, Email: "other@x.example", Superuser: true, Staff: true, Organization: w.b,
	}))(t)
	user := must(w.db.User(t.Context(), created.ID))(t)
	if user.Email != "New@x.example" || !user.EmailVerified || user.Superuser || user.Staff || !user.Active {
		t.Errorf("made %+v", user)
	}
	if memberships := must(w.db.Memberships(t.Context(), system(), user.ID))(t); len(memberships) != 1 || memberships[0].Role != tenancy.Manager {
		t.Errorf("memberships %v", memberships)
	}
	if groups := must(w.db.GroupsOf(t.Context(), system(), user.ID))(t); len(groups) != 2 {
		t.Errorf("groups %v", groups)
	}
	i = must(w.Invitation(t.Context(), system(), i.ID))(t)
	if i.State != tenancy.InvitationAccepted || i.AcceptedBy != user.ID {
		t.Errorf("afterwards %+v", i)
	}
	for name, err := range map[string]error{
		"read again":   ignore(w.InvitationByToken(t.Context(), token)),
		"accept again": ignore(w.AcceptInvitation(t.Context(), w.scope(t, w.onlyB), token)),
		"join again":   ignore(w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{Username: "x", Password: goodPassword})),
	} {
		if !errors.Is(err, tenancy.ErrInvitationGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ignore[T any](_ T, err error) error { return err }

func TestAcceptSignedIn(t *testing.T) {
	w := newTown(t)
	_, token := w.invite(t, w.scope(t, w.owner), tenancy.NewInvitation{Organization: w.a, Email: "new@x.example", Role: tenancy.Member, Groups: []id.Group{w.ofA, w.operators}})
	own := w.scope(t, w.onlyB)
	if _, err := w.AcceptInvitation(t.Context(), own.Narrow(tenancy.Limits{Organization: w.b}), token); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("a narrowed token accepted: %v", err)
	}
	if _, err := w.AcceptInvitation(t.Context(), system(), token); !errors.Is(err, tenancy.ErrForbidden) {
		t.Errorf("nobody accepted: %v", err)
	}
	_, err := w.AcceptInvitation(t.Context(), w.scope(t, w.onlyA), token)
	wantInvalid(t, err, "membership")
	if m := must(w.AcceptInvitation(t.Context(), own, token))(t); m.Role != tenancy.Member || w.role(t, w.a, w.onlyB) != tenancy.Member {
		t.Errorf("joined as %s", m.Role)
	}
	// The inviter manages a alone: a shared group would count in b too.
	groups := must(w.db.GroupsOf(t.Context(), system(), w.onlyB))(t)
	if len(groups) != 1 || groups[0].ID != w.ofA {
		t.Errorf("groups %v", groups)
	}
	if user := must(w.db.User(t.Context(), w.onlyB))(t); user.Email != "" {
		t.Errorf("a forwarded link gave the address %q to another account", user.Email)
	}
}

// What the inviter lost since, he does not give.
func TestInviterLostHisAuthority(t *testing.T) {
	for name, lose := range map[string]func(w *town) (string, []any){
		"role": func(w *town) (string, []any) {
			return `UPDATE memberships SET role = 'member' WHERE user_id = $1`, []any{string(w.manager)}
		},
		"permissions": func(w *town) (string, []any) {
			return `DELETE FROM group_members WHERE user_id = $1`, []any{string(w.manager)}
		},
		"account": func(w *town) (string, []any) {
			return `UPDATE users SET active = FALSE WHERE id = $1`, []any{string(w.manager)}
		},
		"all of it": func(w *town) (string, []any) { return `DELETE FROM users WHERE id = $1`, []any{string(w.manager)} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			_, token := w.invite(t, w.scope(t, w.manager), tenancy.NewInvitation{Organization: w.a, Email: "new@x.example", Role: tenancy.Manager, Groups: []id.Group{w.ofA}})
			text, args := lose(w)
			w.raw(t, text, args...)
			user := must(w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{Username: "fresh", Password: goodPassword}))(t)
			groups := must(w.db.GroupsOf(t.Context(), system(), user.ID))(t)
			if w.role(t, w.a, user.ID) != tenancy.Member || len(groups) != 0 {
				t.Errorf("joined as %s in %v", w.role(t, w.a, user.ID), groups)
			}
		})
	}
}

// An inviter who may still invite, but not put people into the group any more, makes a manager without it.
func TestInviterLostTheGroup(t *testing.T) {
	w := newTown(t)
	_, token := w.invite(t, w.scope(t, w.manager), tenancy.NewInvitation{Organization: w.a, Email: "new@x.example", Role: tenancy.Manager, Groups: []id.Group{w.ofA}})
	w.raw(t, `DELETE FROM group_members WHERE user_id = $1`, string(w.manager))
	w.raw(t, `INSERT INTO user_permissions (user_id, permission) VALUES ($1, $2)`, string(w.manager), string(tenancy.AddMembership))
	user := must(w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{Username: "fresh", Password: goodPassword}))(t)
	groups := must(w.db.GroupsOf(t.Context(), system(), user.ID))(t)
	if w.role(t, w.a, user.ID) != tenancy.Manager || len(groups) != 0 {
		t.Errorf("joined as %s in %v", w.role(t, w.a, user.ID), groups)
	}
}

func TestInvitationGone(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, w *town, i tenancy.Invitation){
		"revoked": func(t *testing.T, w *town, i tenancy.Invitation) {
			if err := w.Revoke(t.Context(), system(), i.ID); err != nil {
				t.Error(err)
			}
			if err := w.Revoke(t.Context(), system(), i.ID); !errors.Is(err, store.ErrStale) {
				t.Errorf("revoked twice: %v", err)
			}
			_, err := w.Resend(t.Context(), system(), i.ID)
			wantInvalid(t, err, "invitation")
		},
		"expired": func(_ *testing.T, w *town, i tenancy.Invitation) { w.Now = func() time.Time { return i.Expires } },
		"mailed again": func(t *testing.T, w *town, i tenancy.Invitation) {
			_, err := w.Resend(t.Context(), system(), i.ID)
			wantInvalid(t, err, "invitation") // too soon
			now := i.Created.Add(time.Minute)
			w.Now = func() time.Time { return now }
			letter := w.mailed(t, func() { i = must(w.Resend(t.Context(), system(), i.ID))(t) })
			if i.Sent != 2 || !i.Expires.Equal(now.Add(7*24*time.Hour)) {
				t.Errorf("mailed again: %+v", i)
			}
			must(w.InvitationByToken(t.Context(), tokenOf(t, letter)))(t)
		},
		"disabled": func(t *testing.T, w *town, _ tenancy.Invitation) { w.disable(t, w.a) },
		"deleted": func(t *testing.T, w *town, _ tenancy.Invitation) {
			must(w.DeleteOrganization(t.Context(), system(), w.a))(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			i, token := w.invite(t, system(), tenancy.NewInvitation{Organization: w.a, Email: "new@x.example", Role: tenancy.Member})
			spoil(t, w, i)
			if err := ignore(w.InvitationByToken(t.Context(), token)); !errors.Is(err, tenancy.ErrInvitationGone) {
				t.Errorf("read: %v", err)
			}
			if err := ignore(w.AcceptInvitation(t.Context(), w.scope(t, w.onlyB), token)); !errors.Is(err, tenancy.ErrInvitationGone) {
				t.Errorf("accepted: %v", err)
			}
		})
	}
}

func TestAcceptancesAtOnce(t *testing.T) {
	w := newTown(t)
	users := w.users(t, 8)
	scopes := make([]tenancy.Scope, len(users))
	for i, user := range users {
		scopes[i] = w.scope(t, user)
	}
	_, token := w.invite(t, system(), tenancy.NewInvitation{Organization: w.a, Email: "new@x.example", Role: tenancy.Member})
	won := 0
	for _, err := range atOnce(16, func(i int) error {
		if i%2 == 0 {
			return ignore(w.AcceptInvitation(t.Context(), scopes[i/2], token))
		}
		return ignore(w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{Username: "racer" + strings.Repeat("x", i), Password: goodPassword}))
	}) {
		if err == nil {
			won++
		} else if !errors.Is(err, tenancy.ErrInvitationGone) {
			t.Error(err)
		}
	}
	if contents := must(w.OrganizationContents(t.Context(), system(), w.a))(t); won != 1 || contents.Memberships != 13 {
		t.Errorf("%d accepted, %d members", won, contents.Memberships)
	}
}

func TestInvitationToAFullOrganization(t *testing.T) {
	w := newTown(t)
	_, token := w.invite(t, system(), tenancy.NewInvitation{Organization: w.a, Email: "new@x.example", Role: tenancy.Member})
	must(w.UpdateOrganization(t.Context(), system(), w.a, tenancy.OrganizationChange{MaxUsers: ptr(12)}))(t)
	_, err := w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{Username: "fresh", Password: goodPassword})
	wantInvalid(t, err, "organization")
	must(w.UpdateOrganization(t.Context(), system(), w.a, tenancy.OrganizationChange{MaxUsers: ptr(13)}))(t)
	must(w.AcceptInvitationAsNew(t.Context(), token, tenancy.NewUser{Username: "fresh", Password: goodPassword}))(t)
	if slices.ContainsFunc(w.events, func(e audit.Event) bool { return strings.Contains(e.Object+e.Detail["email"], token) }) {
		t.Error("the token is in the audit log")
	}
}
