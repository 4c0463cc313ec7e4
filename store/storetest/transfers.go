package storetest

import (
	"slices"
	"testing"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// exported reads everybody in batches of two.
func (w *world) exported(t *testing.T, scope tenancy.Scope, organization id.Organization) []tenancy.ExportedUser {
	t.Helper()
	var (
		found []tenancy.ExportedUser
		after tenancy.ExportCursor
	)
	for {
		batch, err := w.ExportUsers(t.Context(), scope, organization, after, 2)
		must(t, err)
		found = append(found, batch...)
		if len(batch) < 2 {
			return found
		}
		after = tenancy.ExportCursor{Created: batch[1].Created, ID: batch[1].ID}
	}
}

func testExportUsers(t *testing.T, w *world) {
	early, late := newUser("early", ""), newUser("late", "")
	early.Created, late.Created = noon.Add(-time.Hour), noon.Add(time.Microsecond)
	must(t, w.CreateUser(t.Context(), late))
	must(t, w.CreateUser(t.Context(), early))
	everybody := w.exported(t, w.all, "")
	if len(everybody) != 5 || everybody[0].Username != "early" || everybody[4].Username != "late" {
		t.Fatalf("exported %d users: %+v", len(everybody), everybody)
	}
	sameMoment := []id.User{everybody[1].ID, everybody[2].ID, everybody[3].ID}
	if !slices.IsSorted(sameMoment) {
		t.Errorf("users of one moment are not ordered by id: %v", sameMoment)
	}
	both := everybody[slices.IndexFunc(everybody, func(u tenancy.ExportedUser) bool { return u.Username == "both" })]
	if len(both.Memberships) != 2 || both.Memberships[0].Slug != "alpha" || both.Memberships[1].Slug != "beta" {
		t.Errorf("memberships of both: %+v", both.Memberships)
	}
	members := w.exported(t, w.all, w.b.ID)
	for _, user := range members {
		if len(user.Memberships) != 1 || user.Memberships[0].Organization != w.b.ID {
			t.Errorf("%s of beta has memberships %+v", user.Username, user.Memberships)
		}
	}
	if len(members) != 2 {
		t.Errorf("beta has %d members: %+v", len(members), members)
	}
	for _, organization := range []id.Organization{"", w.a.ID} {
		if found := w.exported(t, w.inA, organization); len(found) != 0 {
			t.Errorf("a scope of one organization exports %+v", found)
		}
	}
}
