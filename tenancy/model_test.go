package tenancy_test

import (
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

func TestRanks(t *testing.T) {
	order := []tenancy.Role{tenancy.Member, tenancy.Manager, tenancy.Owner}
	for i, role := range order {
		for j, other := range order {
			if got := role.AtLeast(other); got != (i >= j) {
				t.Errorf("%s at least %s: %v", role, other, got)
			}
		}
	}
	for _, nothing := range []tenancy.Role{"", "king"} {
		for _, other := range []tenancy.Role{"", "king", tenancy.Member} {
			if nothing.AtLeast(other) {
				t.Errorf("%q is at least %q", nothing, other)
			}
		}
	}
}

func TestName(t *testing.T) {
	for want, user := range map[string]tenancy.User{
		"ada":          {Username: "ada"},
		"Ada":          {Username: "ada", FirstName: "Ada"},
		"Lovelace":     {Username: "ada", LastName: "Lovelace"},
		"Ada Lovelace": {Username: "ada", FirstName: "Ada", LastName: "Lovelace"},
	} {
		if got := user.Name(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDemandsFactor(t *testing.T) {
	strict, lax := tenancy.Organization{ID: "strict", FactorPolicy: tenancy.FactorRequired}, tenancy.Organization{ID: "lax"}
	for only, want := range map[id.Organization]bool{"": true, "strict": true, "lax": false, "other": false} {
		standing := tenancy.Standing{Places: []tenancy.Place{{Organization: lax}, {Organization: strict}}}
		if got := standing.DemandsFactor(only); got != want {
			t.Errorf("good for %q: %v", only, got)
		}
	}
}
