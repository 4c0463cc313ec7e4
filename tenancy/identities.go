package tenancy

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

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
	if !scope.Superuser() {
		return User{}, ErrForbidden
	}
	identity, err := d.Store.Identity(ctx, connector, subject)
	if err != nil {
		return User{}, err
	}
	return d.Store.User(ctx, identity.User)
}

// LinkIdentity links (connector, subject) to a user. Only the program does, by the linking rules or by a proof. Once more for the
// same user is no error; *store.Conflict names "identity" if it is another's.
func (d *Directory) LinkIdentity(ctx context.Context, scope Scope, identity Identity) error {
	if !scope.Superuser() {
		return ErrForbidden
	}
	if err := validSubject(identity.Connector, identity.Subject); err != nil {
		return err
	}
	identity.Created = d.now()
	event := d.event(scope, "identity.linked", string(identity.User), "")
	event.Detail = map[string]string{"connector": string(identity.Connector)}
	err := d.write(ctx, event, func(tx Store) error { return tx.CreateIdentity(ctx, identity) })
	if errors.Is(err, store.ErrConflict) {
		if linked, found := d.Store.Identity(ctx, identity.Connector, identity.Subject); found == nil && linked.User == identity.User {
			return nil
		}
	}
	return err
}

// Identities lists the upstream identities of a user, oldest first: his own, or by users.view_user as User says.
func (d *Directory) Identities(ctx context.Context, scope Scope, user id.User) ([]Identity, error) {
	if _, err := reachable(ctx, d.Store, scope, user, ViewUser); err != nil {
		return nil, err
	}
	return d.Store.IdentitiesOf(ctx, user)
}

// Unlink takes an upstream identity away from a user, for whom accountFor speaks. ErrLastSignIn if he has neither a password nor
// another identity.
func (d *Directory) Unlink(ctx context.Context, scope Scope, user id.User, connector id.Connector, subject string) error {
	return d.Store.InTx(ctx, func(tx Store) error {
		if _, err := accountFor(ctx, tx, scope, user); err != nil {
			return err
		}
		identity, err := tx.Identity(ctx, connector, subject)
		if err != nil {
			return err
		}
		if identity.User != user {
			return store.ErrNotFound
		}
		err = tx.DeleteIdentity(ctx, user, connector, subject)
		if errors.Is(err, store.ErrStale) {
			return ErrLastSignIn
		}
		if err != nil {
			return err
		}
		event := d.event(scope, "identity.unlinked", string(user), "")
		event.Detail = map[string]string{"connector": string(connector)}
		return tx.Record(ctx, event)
	})
}

// validSubject refuses what cannot name one person: an upstream that sends no subject would make one account of all its users.
func validSubject(connector id.Connector, subject string) error {
	if connector == "" || subject == "" || len(subject) > maxSubject || !utf8.ValidString(subject) || strings.ContainsFunc(subject, unicode.IsControl) {
		return &Invalid{Fields: map[string][]string{"subject": {"The identity has no usable subject."}}}
	}
	return nil
}

const (
	maxNameTries = 8
	maxSubject   = 1024 // bytes
)

// Provision makes an account for a person from an upstream just in time: user, membership and link together or not at all. Of
// concurrent calls for one identity all return the one user. A taken username gets a suffix; a taken or malformed e-mail address is
// left out. *Invalid names "subject" if that is unusable and "organization" if that is disabled.
func (d *Directory) Provision(ctx context.Context, scope Scope, n NewIdentityUser) (User, error) {
	if !scope.Superuser() {
		return User{}, ErrForbidden
	}
	if err := validSubject(n.Connector, n.Subject); err != nil {
		return User{}, err
	}
	base := usernameFrom(n)
	username := base
	for range maxNameTries {
		user, err := d.provisionAs(ctx, scope, n, username)
		var (
			invalid  *Invalid
			conflict *store.Conflict
		)
		switch {
		case errors.As(err, &conflict) && conflict.Field == "identity": // another call was first
			return d.UserByIdentity(ctx, scope, n.Connector, n.Subject)
		case errors.As(err, &invalid) && len(invalid.Fields["username"]) > 0:
			username = fmt.Sprintf("%.140s-%s", base, strings.ToLower(secret.Token(4)))
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
		FirstName: clip(n.FirstName), LastName: clip(n.LastName), Language: clipLanguage(n.Language),
	}, "")
	if err != nil {
		return User{}, err
	}
	event := d.event(scope, "user.created", string(user.ID), n.Organization)
	event.Detail = map[string]string{"connector": string(n.Connector)}
	err = d.write(ctx, event, func(tx Store) error {
		if err := d.createMember(ctx, tx, scope, user, n.Organization, Member); err != nil {
			return err
		}
		return tx.CreateIdentity(ctx, Identity{Connector: n.Connector, Subject: n.Subject, User: user.ID, Created: d.now()})
	})
	return user, d.takenBy(err)
}

var notInUsername = regexp.MustCompile(`[^\p{L}\p{N}@.+_-]+`)

// usernameFrom makes the suggestion valid, else the e-mail's local part, else a random name. Usernames and addresses share one
// namespace: a suggestion that looks like an address is cut at the "@" unless it is the person's verified one, so that nobody takes
// the address of somebody else who is still to come.
func usernameFrom(n NewIdentityUser) string {
	suggested := n.Username
	if !n.EmailVerified || !strings.EqualFold(suggested, n.Email) {
		suggested, _, _ = strings.Cut(suggested, "@")
	}
	local, _, _ := strings.Cut(n.Email, "@")
	for _, suggestion := range []string{suggested, local} {
		name := strings.Trim(notInUsername.ReplaceAllString(strings.ToValidUTF8(suggestion, ""), "-"), "-")
		if runes := []rune(name); len(runes) > maxName {
			name = string(runes[:maxName])
		}
		if validUsername(name) && !mixesScripts(name) {
			return name
		}
	}
	return "user-" + strings.ToLower(secret.Token(6))
}

// clip makes a single line of at most 150 characters from what an upstream sent.
func clip(text string) string {
	printable := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case turnsText(r):
			return -1
		default:
			return r
		}
	}, strings.ToValidUTF8(text, ""))
	line := strings.Join(strings.Fields(printable), " ")
	if runes := []rune(line); len(runes) > maxName {
		return string(runes[:maxName])
	}
	return line
}

// clipLanguage keeps what is a language tag.
func clipLanguage(text string) string {
	found := problems{}
	if found.language(text); found.err() != nil {
		return ""
	}
	return text
}

// RecordLogin notes a sign-in of a user, by "pwd" or through a connector.
func (d *Directory) RecordLogin(ctx context.Context, scope Scope, user id.User, how string, connector id.Connector, subject string) error {
	event := d.event(scope, "user.signed_in", string(user), "")
	event.Actor = user
	event.Detail = map[string]string{"method": how, "connector": string(connector)}
	return d.write(ctx, event, func(tx Store) error {
		if err := tx.RecordLogin(ctx, user, d.now(), how, connector); err != nil {
			return err
		}
		if connector == "" {
			return nil
		}
		return tx.RecordIdentityLogin(ctx, connector, subject, d.now())
	})
}
