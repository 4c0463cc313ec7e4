package tenancy

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

const (
	tokenPrefix       = "gha_" // by which people and secret scanners know one
	tokenBytes        = 32
	tokenHintLength   = 4
	signInTokenName   = "sign-in"
	mustChangeFor     = 15 * time.Minute
	touchTokensEvery  = time.Minute
	maxTokenPermitted = 500 // permissions that a token lists
)

// MethodPassword is the method of a session or token whose owner showed his local password (RFC 8176).
const MethodPassword = "pwd"

var tokenForm = regexp.MustCompile(`^gha_[0-9a-f]{32}\.[A-Za-z0-9_-]{43}$`)

// NewAPIToken is a token to be made.
type NewAPIToken struct {
	User         id.User         // whom it acts as; "": the actor himself
	Name         string          // 1…150 characters
	Organization id.Organization // the only one it is good for; "": all of the user's
	Permissions  []Permission    // the only ones it carries; empty: all of the user's
	Expires      time.Time       // zero: never, unless Settings.MaxTokenLifetime says otherwise
}

// CreateAPIToken makes a token and returns its text, which nobody will see again. Everybody makes his own, with what he holds; those of
// others only a superuser makes. A token with limits makes none. *Invalid names "name", "permissions", "organization" and "expires";
// ErrDisabled for an owner who may not sign in.
func (d *Directory) CreateAPIToken(ctx context.Context, scope Scope, n NewAPIToken) (APIToken, secret.Text, error) {
	if n.User == "" {
		n.User = scope.Actor()
	}
	if !scope.is(n.User) && !scope.Superuser() {
		return APIToken{}, secret.Text{}, ErrForbidden
	}
	token, text := d.newToken(n)
	err := d.write(ctx, d.tokenEvent(scope, "token.created", token), func(tx Store) error {
		standing, err := tx.Standing(ctx, n.User)
		if err != nil {
			return err
		}
		if !d.MaySignIn(standing.User) {
			return ErrDisabled
		}
		if err := d.validToken(ctx, tx, standing, n); err != nil {
			return err
		}
		return tx.CreateAPIToken(ctx, token)
	})
	if err != nil {
		return APIToken{}, secret.Text{}, err
	}
	return token, text, nil
}

func (d *Directory) newToken(n NewAPIToken) (APIToken, secret.Text) {
	token := APIToken{
		ID: id.New[id.APIToken](), User: n.User, Organization: n.Organization, Name: n.Name, Purpose: PurposeAPI,
		Permissions: slices.Compact(slices.Sorted(slices.Values(n.Permissions))), Created: d.now(), Expires: n.Expires.UTC().Truncate(time.Microsecond),
	}
	text := tokenPrefix + strings.ReplaceAll(string(token.ID), "-", "") + "." + secret.Token(tokenBytes)
	token.Hash, token.Hint = secret.Hash(text), text[len(text)-tokenHintLength:]
	return token, secret.New(text)
}

func (d *Directory) tokenEvent(scope Scope, action string, token APIToken) audit.Event {
	event := d.event(scope, action, string(token.ID), "")
	event.Detail = map[string]string{"user": string(token.User), "name": token.Name}
	return event
}

// validToken checks a new token against what its owner is and may.
func (d *Directory) validToken(ctx context.Context, tx Store, owner Standing, n NewAPIToken) error {
	found, scope := problems{}, newScope(owner)
	found.name(n.Name, maxName)
	longest := d.Settings.MaxTokenLifetime
	switch {
	case !n.Expires.IsZero() && !n.Expires.After(d.now()):
		found.add("expires", "This is over already.")
	case longest > 0 && (n.Expires.IsZero() || n.Expires.After(d.now().Add(longest))):
		found.add("expires", "A token is good for at most "+longest.String()+".")
	}
	if len(n.Permissions) > maxTokenPermitted {
		found.add("permissions", "These are too many.")
	}
	for _, permission := range n.Permissions {
		if !holdsSomewhere(scope, owner, n.Organization, permission) {
			found.add("permissions", strconv.Quote(string(permission))+" is nothing that the owner of the token may do.")
		}
	}
	if n.Organization != "" {
		_, member := owner.In(n.Organization)
		o, err := tx.Organization(ctx, scope, n.Organization)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if !member && (err != nil || !o.Active) { // disabled ones are within the scope of their managers
			found.add("organization", "Choose one of the owner's organizations.")
		}
	}
	if err := found.err(); err != nil {
		return err
	}
	return registered(ctx, tx, n.Permissions)
}

// holdsSomewhere reports whether the owner holds a permission where the token is good: in its organization, else in any of his.
func holdsSomewhere(scope Scope, owner Standing, organization id.Organization, permission Permission) bool {
	if !permissionForm.MatchString(string(permission)) {
		return false
	}
	if organization != "" {
		return scope.HasIn(organization, permission)
	}
	return scope.Has(permission) ||
		slices.ContainsFunc(owner.Places, func(place Place) bool { return scope.HasIn(place.Organization.ID, permission) })
}

// IssueToken gives somebody who has just signed in by a method (RFC 8176) a token in place of a session. It ends with his password. If
// the password that he showed has expired, the token is good for changing it only, for a quarter of an hour. ErrDisabled if he may not
// sign in. That he has proved himself is for the caller to know.
func (d *Directory) IssueToken(ctx context.Context, user id.User, method string) (APIToken, secret.Text, error) {
	owner, err := d.Store.User(ctx, user)
	if err != nil {
		return APIToken{}, secret.Text{}, err
	}
	if !d.MaySignIn(owner) {
		return APIToken{}, secret.Text{}, ErrDisabled
	}
	token, text := d.newToken(NewAPIToken{User: user, Name: signInTokenName, Expires: d.now().Add(d.Settings.tokenLifetime())})
	token.Method = method
	if method == MethodPassword && d.PasswordExpired(owner) {
		token.Purpose, token.Expires = PurposePasswordChange, d.now().Add(mustChangeFor)
	}
	event := d.tokenEvent(System("sign-in"), "token.created", token)
	event.Actor = user
	event.Detail["method"] = method
	if err := d.write(ctx, event, func(tx Store) error { return tx.CreateAPIToken(ctx, token) }); err != nil {
		return APIToken{}, secret.Text{}, err
	}
	return token, text, nil
}

// AuthenticateToken finds who acts by a token, and how far. Every refusal is ErrBadToken. A token for changing the password, and one
// of a sign-in by a password that has expired meanwhile, give a scope whose MustChangePassword is true and which is good for nothing
// else.
func (d *Directory) AuthenticateToken(ctx context.Context, text string) (Scope, APIToken, error) {
	if !tokenForm.MatchString(text) {
		return Scope{}, APIToken{}, ErrBadToken
	}
	token, standing, err := d.Store.StandingByToken(ctx, secret.Hash(text))
	if errors.Is(err, store.ErrNotFound) {
		return Scope{}, APIToken{}, ErrBadToken
	}
	if err != nil {
		return Scope{}, APIToken{}, err
	}
	if now := d.now(); (!token.Expires.IsZero() && !now.Before(token.Expires)) || !d.MaySignIn(standing.User) {
		return Scope{}, APIToken{}, ErrBadToken
	} else if now.Sub(token.LastUsed) >= touchTokensEvery {
		if err := d.Store.TouchAPIToken(ctx, token.ID, now, now.Add(-touchTokensEvery)); err != nil {
			return Scope{}, APIToken{}, err
		}
		token.LastUsed = now
	}
	return newScope(standing).Narrow(Limits{
		Via: tokenVia(token.ID), Organization: token.Organization, Permissions: token.Permissions,
		MustChange: token.Purpose != PurposeAPI || (token.Method == MethodPassword && d.PasswordExpired(standing.User)),
	}), token, nil
}

func tokenVia(token id.APIToken) string { return "token:" + string(token) }

// APITokens lists a user's tokens, newest first, at most 1,000. His own everybody sees; those of others need users.view_apikey,
// everywhere, and authority over the account by it (see accountFor).
func (d *Directory) APITokens(ctx context.Context, scope Scope, user id.User) ([]APIToken, error) {
	if err := tokensFor(ctx, d.Store, scope, user, ViewAPIKey); err != nil {
		return nil, err
	}
	return d.Store.APITokensOf(ctx, user)
}

func tokensFor(ctx context.Context, tx Store, scope Scope, user id.User, permission Permission) error {
	if scope.is(user) {
		return nil
	}
	if !scope.Has(permission) {
		return ErrForbidden
	}
	_, err := accountWith(ctx, tx, scope, user, permission)
	return err
}

// RevokeAPIToken ends a token of a user ("": of whoever has it) at once. Everybody revokes his own, and every token itself; those of
// others need users.delete_apikey, everywhere, and authority over the account by it. Without either there is no such token.
func (d *Directory) RevokeAPIToken(ctx context.Context, scope Scope, user id.User, token id.APIToken) error {
	return d.Store.InTx(ctx, func(tx Store) error {
		found, err := tx.APIToken(ctx, token)
		if err != nil {
			return err
		}
		if user != "" && found.User != user {
			return store.ErrNotFound
		}
		if scope.Via() != tokenVia(token) {
			err := tokensFor(ctx, tx, scope, found.User, DeleteAPIKey)
			if errors.Is(err, ErrForbidden) && !scope.Has(DeleteAPIKey) {
				err = store.ErrNotFound
			}
			if err != nil {
				return err
			}
		}
		if err := tx.DeleteAPIToken(ctx, token); err != nil {
			return err
		}
		return tx.Record(ctx, d.tokenEvent(scope, "token.revoked", found))
	})
}

// RevokeAllAPITokens ends every token of a user and returns how many; who may is as with RevokeAPIToken.
func (d *Directory) RevokeAllAPITokens(ctx context.Context, scope Scope, user id.User) (int, error) {
	revoked := 0
	event := d.event(scope, "token.all_revoked", string(user), "")
	err := d.write(ctx, event, func(tx Store) error {
		err := tokensFor(ctx, tx, scope, user, DeleteAPIKey)
		if err == nil {
			revoked, err = tx.DeleteAPITokensOf(ctx, user, "", true)
		}
		return err
	})
	return revoked, err
}
