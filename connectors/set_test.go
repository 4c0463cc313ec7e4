package connectors_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gatehouse/connectors"
	"gatehouse/internal/id"
)

func TestSet(t *testing.T) {
	all := []connectors.Configured{
		{ID: "shared", Enabled: true},
		{ID: "shared-off"},
		{ID: "of-a", Organization: "a", Enabled: true},
		{ID: "of-a-off", Organization: "a"},
		{ID: "of-b", Organization: "b", Enabled: true},
	}
	set := connectors.NewSet(all)
	all[1].Enabled = true // the caller's slice is the caller's
	for connector, want := range map[id.Connector]bool{
		"shared": true, "shared-off": false, "of-a": true, "of-a-off": false, "of-b": true, "nobody": false, "": false,
	} {
		if got, found := set.Enabled(connector); found != want || (found && got.ID != connector) {
			t.Errorf("Enabled(%q) is %q, %v", connector, got.ID, found)
		}
	}
	for organization, want := range map[id.Organization][]id.Connector{
		"": {"shared"}, "a": {"shared", "of-a"}, "b": {"shared", "of-b"}, "c": {"shared"},
	} {
		var got []id.Connector
		for _, configured := range set.For(organization) {
			got = append(got, configured.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("For(%q): %s", organization, diff)
		}
	}
	if _, found := (connectors.Set{}).Enabled("shared"); found {
		t.Error("the empty set has a connector")
	}
}
