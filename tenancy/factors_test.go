package tenancy_test

import (
	"errors"
	"slices"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/mfa"
	"gatehouse/notify"
	"gatehouse/tenancy"
)

func (f *fixture) factor(t *testing.T, user id.User, name string) {
	t.Helper()
	factor := mfa.Factor{ID: id.New[id.Factor](), User: user, Kind: mfa.KindTOTP, Name: name, Secret: []byte("sealed"), Created: f.Now()}
	if err := f.db.CreateFactor(t.Context(), factor); err != nil {
		t.Fatal(err)
	}
}

func TestRemoveFactors(t *testing.T) {
	f := newFixture(t)
	sessions := &ended{}
	f.Sessions = sessions
	ada, own := f.person(t, "ada")
	bob, _ := f.person(t, "bob")
	for _, user := range []id.User{ada, bob} {
		f.factor(t, user, "Phone")
		f.factor(t, user, "Tablet")
	}
	named, _ := f.token(t, own, tenancy.NewAPIToken{})
	_, text, err := f.IssueToken(t.Context(), ada, tenancy.MethodPassword)
	if err != nil {
		t.Fatal(err)
	}
	if n := must(f.RemoveFactors(t.Context(), system(), ada))(t); n != 2 {
		t.Errorf("%d removed", n)
	}
	if left, kept := must(f.db.Factors(t.Context(), ada))(t), must(f.db.Factors(t.Context(), bob))(t); len(left) != 0 || len(kept) != 2 {
		t.Errorf("left %d, of somebody else %d", len(left), len(kept))
	}
	if len(sessions.calls) != 2 {
		t.Errorf("sessions ended: %v", sessions.calls)
	}
	if _, _, err := f.AuthenticateToken(t.Context(), text.Reveal()); !errors.Is(err, tenancy.ErrBadToken) {
		t.Errorf("the token of the sign-in: %v", err)
	}
	if _, err := f.db.APIToken(t.Context(), named.ID); err != nil {
		t.Errorf("the token of a program: %v", err)
	}
	if last := f.events[len(f.events)-1]; last.Action != "user.factors_removed" || last.Object != string(ada) || last.Detail["factors"] != "2" {
		t.Errorf("recorded %+v", last)
	}
	recorded := len(f.events)
	if n := must(f.RemoveFactors(t.Context(), system(), ada))(t); n != 0 || len(f.events) != recorded {
		t.Errorf("once more: %d removed", n)
	}
	if got := recipients(f.sent(t), notify.KindFactorsRemoved); !slices.Equal(got, []string{"ada@x.example"}) {
		t.Errorf("told %q", got)
	}
}

// TestWhoRemovesFactors: system, superuser, owner, manager | bare, member, both | other, nowhere, of the disabled one.
func TestWhoRemovesFactors(t *testing.T) {
	w := newTown(t)
	for user, want := range map[id.User]string{w.onlyA: "++++" + "FN+" + "NNN", w.super: "+FNN" + "FNN" + "NNN", w.inBoth: "++FF" + "FN+" + "FNN"} {
		for i, r := range w.requesters {
			if _, err := w.RemoveFactors(t.Context(), r.scope, user); outcome(err) != want[i:i+1] {
				t.Errorf("%s: %s, want %s", r.name, outcome(err), want[i:i+1])
			}
		}
	}
	scope := w.scope(t, w.onlyA)
	if _, err := w.RemoveFactors(t.Context(), scope, w.onlyA); outcome(err) != "F" {
		t.Errorf("his own: %v", err)
	}
}
