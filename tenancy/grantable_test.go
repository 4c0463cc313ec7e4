package tenancy_test

import (
	"errors"
	"fmt"
	"testing"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

var errUndo = errors.New("undo")

// Whatever a manager holds, he can give that and no more.
func TestGrantOnlyWhatYouHold(t *testing.T) {
	f := newFixture(t)
	a := f.organization(t, "acme")
	f.register(t, "radius", "nas")
	pool := []tenancy.Permission{tenancy.AddGroup, tenancy.ChangeUser, tenancy.ViewUser, tenancy.AddOrganization, "radius.add_nas"}
	subset := func(bits int) (chosen []tenancy.Permission) {
		for i, permission := range pool {
			if bits>>i&1 == 1 {
				chosen = append(chosen, permission)
			}
		}
		return chosen
	}
	target := f.user(t, tenancy.NewUser{Username: "target", Organization: a})
	groups := map[int]id.Group{}
	for bits := range 1 << len(pool) {
		groups[bits] = f.group(t, tenancy.Group{Name: fmt.Sprint("given ", bits), Permissions: subset(bits)})
	}
	for held := range 1 << len(pool) {
		actor := f.user(t, tenancy.NewUser{Username: fmt.Sprint("actor", held)})
		f.member(t, a, actor, tenancy.Manager)
		f.group(t, tenancy.Group{Name: fmt.Sprint("held ", held), Permissions: subset(held)}, actor)
		scope := f.scope(t, actor)
		implied := held // who may change users may view them
		if held&2 != 0 {
			implied |= 4
		}
		for given := range 1 << len(pool) {
			covered := given&^implied == 0
			_, err := f.CreateGroup(t.Context(), scope, tenancy.Group{
				Name: fmt.Sprint(held, " gives ", given), Organization: a, Permissions: subset(given),
			})
			if want := covered && held&1 != 0; (err == nil) != want {
				t.Fatalf("holding %v, create a group with %v: %v", subset(held), subset(given), err)
			}
			err = f.db.InTx(t.Context(), func(tx tenancy.Store) error {
				inner := tenancy.Directory{Store: tx, Passwords: f.Passwords, Now: f.Now}
				if err := inner.AddToGroup(t.Context(), scope, groups[given], target); err != nil {
					return err
				}
				return errUndo
			})
			if want := covered && held&2 != 0; errors.Is(err, errUndo) != want {
				t.Fatalf("holding %v, add to a group with %v: %v", subset(held), subset(given), err)
			}
		}
	}
}
