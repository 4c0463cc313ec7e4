package tenancy_test

import (
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// TestBulkAndLastDays: only who becomes active again loses a last day, and only one that is over.
func TestBulkAndLastDays(t *testing.T) {
	for _, tt := range []struct {
		name, lastDay    string
		inactive, active bool
		want             tenancy.Date
		cleared          bool
	}{
		{"none", "", true, true, "", false},
		{"over", "2026-02-28", true, true, "", true},
		{"today", "2026-03-01", true, true, "2026-03-01", false},
		{"over, switched off", "2026-02-28", false, false, "2026-02-28", false},
	} {
		f := newFixture(t)
		user := f.guest(t, "ada", tt.lastDay, tenancy.NewUser{Inactive: tt.inactive})
		rows := f.SetUsersActive(t.Context(), system(), []id.User{user}, tt.active)
		if rows[0].Err != nil || !rows[0].Changed || rows[0].ExpiryCleared != tt.cleared {
			t.Errorf("%s: %+v", tt.name, rows[0])
		}
		if after := f.stored(t, user); after.Expires != tt.want || after.Active != tt.active {
			t.Errorf("%s: %q, active %v", tt.name, after.Expires, after.Active)
		}
	}
}
