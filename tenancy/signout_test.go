package tenancy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/tenancy"
)

// TestEndSessionsOfUsers: who signs somebody out is recorded; a stranger signs nobody out.
func TestEndSessionsOfUsers(t *testing.T) {
	f := newFixture(t)
	sessions := &ended{}
	f.Sessions = sessions
	ada, eve := f.user(t, tenancy.NewUser{Username: "ada"}), f.user(t, tenancy.NewUser{Username: "eve"})
	f.events = nil
	for _, end := range []func(tenancy.Scope) error{
		func(scope tenancy.Scope) error { return f.EndSessions(t.Context(), scope, ada) },
		func(scope tenancy.Scope) error { return f.EndSession(t.Context(), scope, ada, "s1") },
	} {
		if err := end(f.scope(t, eve)); err == nil {
			t.Error("a stranger signs ada out")
		}
		must("", end(f.scope(t, ada)))(t)
	}
	if diff := cmp.Diff([]string{string(ada) + " but ", "s1 of " + string(ada)}, sessions.calls); diff != "" {
		t.Error(diff)
	}
	var recorded []string
	for _, e := range f.events {
		recorded = append(recorded, e.Action+" "+string(e.Actor)+" "+e.Object+" "+e.Detail["session"])
	}
	if diff := cmp.Diff([]string{"user.signed_out " + string(ada) + " " + string(ada) + " ", "user.signed_out " + string(ada) + " " + string(ada) + " s1"}, recorded); diff != "" {
		t.Error(diff)
	}
}
