package tenancy_test

import (
	"fmt"
	"strings"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// bearer is the scope of a person of organization "a" with permissions on access servers.
func bearer(role tenancy.Role, permissions ...tenancy.Permission) tenancy.Scope {
	return tenancy.ScopeFromClaims(tenancy.Claims{User: "ada", Organization: "a", Role: role, Permissions: permissions})
}

// Rows: list, read, create, update, delete. Columns: shared, own, of a disabled organization, foreign.
func TestDecide(t *testing.T) {
	all := map[tenancy.Action]tenancy.Permission{
		tenancy.List: "radius.view_nas", tenancy.Read: "radius.view_nas", tenancy.Create: "radius.add_nas",
		tenancy.Update: "radius.change_nas", tenancy.Delete: "radius.delete_nas",
	}
	var every []tenancy.Permission
	for _, permission := range all {
		every = append(every, permission)
	}
	super := system()
	for name, c := range map[string]struct {
		scope tenancy.Scope
		want  [5]string
	}{
		"superuser":                   {super, [5]string{"++++", "++++", "++I+", "++I+", "++++"}},
		"superuser's token to read":   {super.Narrow(tenancy.Limits{Permissions: []tenancy.Permission{"radius.view_nas"}}), [5]string{"++++", "++++", "FFFF", "FFFF", "FFFF"}},
		"owner":                       {bearer(tenancy.Owner, every...), [5]string{"+++N", "+++N", "I+IN", "F+IN", "F++N"}},
		"manager":                     {bearer(tenancy.Manager, every...), [5]string{"+++N", "+++N", "I+IN", "F+IN", "F++N"}},
		"manager who may only change": {bearer(tenancy.Manager, "radius.change_nas"), [5]string{"+++N", "+++N", "FFFF", "F+IN", "FFFF"}},
		"manager of something else":   {bearer(tenancy.Manager, "radius.view_batch"), [5]string{"FFFF", "FFFF", "FFFF", "FFFF", "FFFF"}},
		"member":                      {bearer(tenancy.Member, every...), [5]string{"NNNN", "NNNN", "INNN", "NNNN", "NNNN"}},
	} {
		for action, want := range c.want {
			got := ""
			for _, object := range []struct {
				organization id.Organization
				active       bool
			}{{"", true}, {"a", true}, {"a", false}, {"b", true}} {
				got += outcome(tenancy.Decide(c.scope, tenancy.Action(action), all[tenancy.Action(action)], object.organization, object.active))
			}
			if got != want {
				t.Errorf("%s, action %d: %s, want %s", name, action, got, want)
			}
		}
	}
}

// A member whose permissions count everywhere still manages nothing.
func TestDecideForMembers(t *testing.T) {
	w := newTown(t)
	member := w.requesters[5].scope
	for action, want := range map[tenancy.Action]string{tenancy.List: "N", tenancy.Read: "N", tenancy.Create: "I", tenancy.Update: "N", tenancy.Delete: "N"} {
		for organization, want := range map[id.Organization]string{"": want, w.a: "N"} {
			if got := outcome(tenancy.Decide(member, action, tenancy.ChangeUser, organization, true)); got != want {
				t.Errorf("action %d on an object of %q: %s, want %s", action, organization, got, want)
			}
		}
	}
}

// TestDecideWhereNotHeld: a permission that a group of one organization gives says nothing of another that he manages, too.
func TestDecideWhereNotHeld(t *testing.T) {
	f := newFixture(t)
	a, b := f.organization(t, "acme"), f.organization(t, "bolt")
	ada := f.user(t, tenancy.NewUser{Username: "ada"})
	f.member(t, a, ada, tenancy.Manager)
	f.member(t, b, ada, tenancy.Manager)
	f.group(t, tenancy.Group{Name: "changers", Organization: a, Permissions: []tenancy.Permission{tenancy.ChangeUser}}, ada)
	for _, action := range []tenancy.Action{tenancy.List, tenancy.Read, tenancy.Create, tenancy.Update, tenancy.Delete} {
		for organization, want := range map[id.Organization]string{a: "+", b: "F"} {
			if got := outcome(tenancy.Decide(f.scope(t, ada), action, tenancy.ChangeUser, organization, true)); got != want {
				t.Errorf("action %d: %s, want %s", action, got, want)
			}
		}
	}
}

func TestScopeFromClaims(t *testing.T) {
	scope := bearer(tenancy.Owner, tenancy.ChangeUser)
	if scope.Superuser() || scope.Everywhere() || scope.Has(tenancy.ChangeUser) || !scope.HasIn("a", tenancy.ViewUser) || scope.HasIn("b", tenancy.ViewUser) {
		t.Error("a bearer has more or less than the token says")
	}
	if nobody := tenancy.ScopeFromClaims(tenancy.Claims{Role: tenancy.Owner, Permissions: []tenancy.Permission{tenancy.ChangeUser}}); nobody.Covers("") || nobody.HasIn("", tenancy.ChangeUser) {
		t.Error("a token of no organization is good for something")
	}
	w := newTown(t)
	own := tenancy.ScopeFromClaims(tenancy.Claims{User: w.onlyA, Organization: w.a, Role: tenancy.Member})
	if err := w.RemoveMember(t.Context(), own, w.membership(t, w.a, w.onlyA).ID); outcome(err) != "F" {
		t.Errorf("an access token left the organization: %v", err)
	}
}

func TestCheckMove(t *testing.T) {
	nas := tenancy.Owned{Kind: "access server", Plural: "access servers", Organization: "a"}
	one := tenancy.Referrers{Owned: tenancy.Owned{Kind: "batch", Plural: "batches"}, Count: 1}
	none := tenancy.Referrers{Owned: tenancy.Owned{Kind: "check", Plural: "checks"}}
	for organization, want := range map[id.Organization]string{"a": "+", "b": "I", "": "I"} {
		if got := outcome(tenancy.CheckMove(nas, organization, one, none)); got != want {
			t.Errorf("to %q: %s, want %s", organization, got, want)
		}
	}
	if err := tenancy.CheckMove(nas, "b", none); err != nil {
		t.Errorf("nothing refers to it: %v", err)
	}
	two := tenancy.Referrers{Owned: tenancy.Owned{Kind: "voucher", Plural: "vouchers"}, Count: 2}
	for says, referrer := range map[string]tenancy.Referrers{"1 batch refers": one, "2 vouchers refer": two} {
		if err := tenancy.CheckMove(nas, "b", referrer, none); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "check") {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

func TestCheckReference(t *testing.T) {
	of := func(organization id.Organization) tenancy.Owned {
		return tenancy.Owned{Kind: "thing", Organization: organization}
	}
	for _, c := range []struct {
		from, to id.Organization
		says     string
	}{{"a", "a", ""}, {"a", "", ""}, {"", "", ""}, {"a", "b", "the same organization"}, {"", "a", "A shared thing cannot"}} {
		err := tenancy.CheckReference("nas", of(c.from), of(c.to))
		if (err == nil) != (c.says == "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q refers to %q: %v, want one that says %q", c.from, c.to, err, c.says)
		}
	}
}

// A sibling keeps access servers and batches of users that refer to them. It has verified the access token already.
func Example() {
	scope := tenancy.ScopeFromClaims(tenancy.Claims{
		User: "ada", Organization: "acme", Role: tenancy.Manager, Permissions: []tenancy.Permission{"radius.view_nas", "radius.change_nas"},
	})
	fmt.Println("read a shared one:", tenancy.Decide(scope, tenancy.Read, "radius.view_nas", "", true))
	fmt.Println("change a shared one:", tenancy.Decide(scope, tenancy.Update, "radius.change_nas", "", true))
	fmt.Println("change one's own:", tenancy.Decide(scope, tenancy.Update, "radius.change_nas", "acme", true))
	fmt.Println("change another's:", tenancy.Decide(scope, tenancy.Update, "radius.change_nas", "bolt", true))

	batch := tenancy.Owned{Kind: "batch", Plural: "batches", Organization: "acme"}
	nas := tenancy.Owned{Kind: "access server", Plural: "access servers", Organization: "bolt"}
	fmt.Println(tenancy.CheckReference("nas", batch, nas))
	fmt.Println(tenancy.CheckMove(nas, "acme", tenancy.Referrers{Owned: batch, Count: 2}))
	// Output:
	// read a shared one: <nil>
	// change a shared one: not allowed
	// change one's own: <nil>
	// change another's: not found
	// nas: The batch and the access server have to belong to the same organization.
	// organization: The access server cannot change its organization: 2 batches refer to it.
}
