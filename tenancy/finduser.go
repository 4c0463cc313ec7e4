package tenancy

import (
	"context"

	"gatehouse/internal/id"
)

// FindUser finds the account that a person means who types its id, or what its owner could sign in with. Only a superuser may; whoever
// is not there is store.ErrNotFound.
func (d *Directory) FindUser(ctx context.Context, scope Scope, text string) (User, error) {
	if !scope.Superuser() {
		return User{}, ErrForbidden
	}
	if user, ok := id.Parse[id.User](text); ok {
		return d.Store.User(ctx, user)
	}
	return d.byIdentifier(ctx, text)
}
