package tenancy

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// NewIdentityUser is a person whom an upstream vouches for and whom the installation does not know yet.
type NewIdentityUser struct {
	Connector     id.Connector
	Subject       string
	Username      string // a suggestion; made valid and unique
	Email         string
	EmailVerified bool
	FirstName     string
	LastName      string
	Language      string
	Organization  id.Organization // where to become a member; empty: nowhere
}

// UserByIdentity finds the user whom (connector, subject) is linked to.
func (d *Directory) UserByIdentity(ctx context.Context, scope Scope, connector id.Connector, subject string) (User, error) {
	if !scope.Everywhere() {
		return User{}, ErrForbidden
	}
	identity, err := d.Store.Identity(ctx, connector, subject)
	if err != nil {
		return User{}, err
	}
	return d.Store.User(ctx, identity.User)
}

// LinkIdentity links (connector, subject) to a user. Only the program does, by the linking rules or by a proof.
func (d *Directory) LinkIdentity(ctx context.Context, scope Scope, identity Identity) error {
	if !scope.Everywhere() {
		return ErrForbidden
	}
	identity.Created = d.now()
	event := d.event(scope, "identity.linked", string(identity.User), "")
	event.Detail = map[string]string{"connector": string(identity.Connector)}
	return d.write(ctx, event, func(tx Store) error { return tx.CreateIdentity(ctx, identity) })
}

const maxNameTries = 8

// Provision makes an account for a person from an upstream just in time: user, membership and link together or not at all. Of
// concurrent calls for one identity all return the one user.
func (d *Directory) Provision(ctx context.Context, scope Scope, n NewIdentityUser) (User, error) {
	if !scope.Everywhere() {
		return User{}, ErrForbidden
	}
	base := usernameFrom(n)
	for try := range maxNameTries {
		username := base
		if try > 0 {
			username = fmt.Sprintf("%.140s-%s", base, strings.ToLower(secret.Token(4)))
		}
		user, err := d.provisionAs(ctx, scope, n, username)
		var (
			invalid  *Invalid
			conflict *store.Conflict
		)
		switch {
		case errors.As(err, &conflict) && conflict.Field == "identity":
			return d.UserByIdentity(ctx, scope, n.Connector, n.Subject)
		case errors.As(err, &invalid) && len(invalid.Fields["username"]) > 0:
			continue
		case errors.As(err, &invalid) && len(invalid.Fields["email"]) > 0:
			n.Email = "" // another account has it, or it is no address: the person goes without
		default:
			return user, err
		}
	}
	return User{}, fmt.Errorf("no free username near %q", base)
}

func (d *Directory) provisionAs(ctx context.Context, scope Scope, n NewIdentityUser, username string) (User, error) {
	user, err := d.newUser(ctx, NewUser{
		Username: username, Email: n.Email, EmailVerified: n.EmailVerified,
		FirstName: clip(n.FirstName), LastName: clip(n.LastName), Language: n.Language,
	})
	if err != nil {
		return User{}, err
	}
	event := d.event(scope, "user.created", string(user.ID), n.Organization)
	event.Detail = map[string]string{"connector": string(n.Connector)}
	err = d.write(ctx, event, func(tx Store) error {
		if err := tx.CreateUser(ctx, user); err != nil {
			return err
		}
		if n.Organization != "" {
			m := Membership{ID: id.New[id.Membership](), User: user.ID, Organization: n.Organization, Role: Member, Created: d.now(), Modified: d.now()}
			if err := tx.AddMembership(ctx, scope, m); err != nil {
				return err
			}
		}
		return tx.CreateIdentity(ctx, Identity{Connector: n.Connector, Subject: n.Subject, User: user.ID, Created: d.now()})
	})
	return user, taken(err, takenUser)
}

var notInUsername = regexp.MustCompile(`[^\p{L}\p{N}@.+_-]+`)

// usernameFrom makes the suggestion valid, else the e-mail's local part, else a random name.
func usernameFrom(n NewIdentityUser) string {
	local, _, _ := strings.Cut(n.Email, "@")
	for _, suggestion := range []string{n.Username, local} {
		name := strings.Trim(notInUsername.ReplaceAllString(suggestion, "-"), "-")
		if name != "" && usernameForm.MatchString(name) {
			return name
		}
	}
	return "user-" + strings.ToLower(secret.Token(6))
}

// clip makes a single line of at most 150 characters from what an upstream sent.
func clip(text string) string {
	line := strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ")
	if runes := []rune(line); len(runes) > maxName {
		return string(runes[:maxName])
	}
	return line
}

// RecordLogin notes a sign-in of a user, by "pwd" or through a connector.
func (d *Directory) RecordLogin(ctx context.Context, scope Scope, user id.User, how string, connector id.Connector, subject string) error {
	event := d.event(scope, "user.signed_in", string(user), "")
	event.Actor = user
	event.Detail = map[string]string{"method": how, "connector": string(connector)}
	return d.write(ctx, event, func(tx Store) error {
		if err := tx.RecordLogin(ctx, user, d.now()); err != nil {
			return err
		}
		if connector == "" {
			return nil
		}
		return tx.RecordIdentityLogin(ctx, connector, subject, d.now())
	})
}
