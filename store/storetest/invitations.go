package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gatehouse/internal/id"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// newInvitation is of the same address in whichever organization.
func (w *world) newInvitation(organization id.Organization) tenancy.Invitation {
	return tenancy.Invitation{
		ID: id.New[id.Invitation](), Organization: organization, Email: "New@X.example", Role: tenancy.Manager, Groups: []id.Group{"g1", "g2"},
		InvitedBy: w.ada.ID, TokenHash: "hash of " + id.New[string](), State: tenancy.InvitationOpen, Sent: 1,
		Created: noon, Modified: noon, Expires: noon.Add(time.Hour),
	}
}

func testInvitations(t *testing.T, w *world) {
	inA, inB := w.newInvitation(w.a.ID), w.newInvitation(w.b.ID)
	want(t, w.CreateInvitation(t.Context(), w.inB, inA), store.ErrNotFound)
	for _, i := range []tenancy.Invitation{inA, inB} {
		must(t, w.CreateInvitation(t.Context(), w.all, i))
		found, err := w.InvitationByToken(t.Context(), i.TokenHash)
		must(t, err)
		if diff := cmp.Diff(i, found); diff != "" {
			t.Error(diff)
		}
	}
	_, err := w.InvitationByToken(t.Context(), "another")
	want(t, err, store.ErrNotFound)
	_, err = w.Invitation(t.Context(), w.inA, inB.ID)
	want(t, err, store.ErrNotFound)
	found, err := w.Invitation(t.Context(), w.inA, inA.ID)
	must(t, err)
	if diff := cmp.Diff(inA, found); diff != "" {
		t.Error(diff)
	}
	second := w.newInvitation(w.a.ID)
	second.Email = "new@x.EXAMPLE"
	wantConflict(t, w.CreateInvitation(t.Context(), w.all, second), "email")
	second.Created = inA.Expires // when the first has expired
	must(t, w.CreateInvitation(t.Context(), w.all, second))
	found, err = w.Invitation(t.Context(), w.all, inA.ID)
	must(t, err)
	if found.State != tenancy.InvitationRevoked {
		t.Errorf("the expired one is %s", found.State)
	}
}

func testRenewInvitation(t *testing.T, w *world) {
	i := w.newInvitation(w.a.ID)
	must(t, w.CreateInvitation(t.Context(), w.all, i))
	renewed := i
	renewed.TokenHash, renewed.Modified, renewed.Expires = "renewed", noon.Add(time.Minute), noon.Add(2*time.Hour)
	want(t, w.RenewInvitation(t.Context(), w.inB, renewed), store.ErrStale)
	if won := race(t, store.ErrStale, func(int) error { return w.RenewInvitation(context.Background(), w.inA, renewed) }); won != 1 {
		t.Errorf("%d renewed one invitation", won)
	}
	renewed.Sent = 2
	found, err := w.InvitationByToken(t.Context(), "renewed")
	must(t, err)
	if diff := cmp.Diff(renewed, found); diff != "" {
		t.Error(diff)
	}
	_, err = w.InvitationByToken(t.Context(), i.TokenHash)
	want(t, err, store.ErrNotFound)
	want(t, w.TakeInvitation(t.Context(), i.TokenHash, w.both.ID, noon), store.ErrStale)
	want(t, w.RevokeInvitation(t.Context(), w.inB, i.ID, noon), store.ErrStale)
	must(t, w.RevokeInvitation(t.Context(), w.inA, i.ID, noon))
	want(t, w.RevokeInvitation(t.Context(), w.inA, i.ID, noon), store.ErrStale)
	want(t, w.RenewInvitation(t.Context(), w.inA, renewed), store.ErrStale)
	want(t, w.TakeInvitation(t.Context(), "renewed", w.both.ID, noon), store.ErrStale)
	must(t, w.CreateInvitation(t.Context(), w.all, w.newInvitation(w.a.ID)))
}

func testTakeInvitation(t *testing.T, w *world) {
	i := w.newInvitation(w.a.ID)
	must(t, w.CreateInvitation(t.Context(), w.all, i))
	want(t, w.TakeInvitation(t.Context(), i.TokenHash, w.both.ID, i.Expires), store.ErrStale)
	people := []id.User{w.both.ID, w.grace.ID}
	if won := race(t, store.ErrStale, func(n int) error {
		return w.TakeInvitation(context.Background(), i.TokenHash, people[n%2], noon.Add(time.Minute))
	}); won != 1 {
		t.Errorf("%d took one invitation", won)
	}
	found, err := w.Invitation(t.Context(), w.inA, i.ID)
	must(t, err)
	if found.State != tenancy.InvitationAccepted || found.AcceptedBy == "" || !found.Modified.Equal(noon.Add(time.Minute)) {
		t.Errorf("it is %+v", found)
	}
}
