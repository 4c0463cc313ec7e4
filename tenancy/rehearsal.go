package tenancy

import (
	"context"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// Rehearsal is an import that writes nothing. Each row runs in a transaction that is rolled back, and the rehearsal remembers what it
// would have left behind, so that later rows of the file meet it: duplicates within a file are found. It does not count members against
// an organization's limit. For one goroutine.
type Rehearsal struct {
	users         map[id.User]User
	created       map[id.User]bool
	memberships   map[id.User][]Membership
	addresses     map[id.User]map[string]bool // whether it is verified, by normal form; an address stays when another becomes primary
	identifiers   map[string]id.User
	organizations map[string]bool
}

// NewRehearsal begins one.
func NewRehearsal() *Rehearsal {
	return &Rehearsal{
		users: map[id.User]User{}, created: map[id.User]bool{}, memberships: map[id.User][]Membership{}, identifiers: map[string]id.User{},
		addresses:     map[id.User]map[string]bool{},
		organizations: map[string]bool{},
	}
}

// byID finds who is here in the rehearsal only; nobody in an import for real.
func (r *Rehearsal) byID(user id.User) (User, error) {
	if r == nil {
		return User{}, store.ErrNotFound
	}
	if !r.created[user] {
		return User{}, store.ErrNotFound
	}
	return r.users[user], nil
}

// holder is who got a name from an earlier row.
func (r *Rehearsal) holder(normal string) (user id.User, rehearsed bool) {
	if r == nil {
		return "", false
	}
	user, rehearsed = r.identifiers[normal]
	return user, rehearsed
}

// replayed finds a stored user once the transaction has him as earlier rows would have left him: names that he gave up are free.
func (a *admission) replayed(ctx context.Context, tx Store, find func() (User, error)) (User, error) {
	found, err := find()
	if err != nil || a.o.Rehearsal == nil {
		return found, err
	}
	changed := a.o.Rehearsal.users[found.ID]
	if changed.Version != found.Version { // no earlier row was about him, or somebody has changed him meanwhile
		return found, nil
	}
	if err := tx.UpdateUser(ctx, changed); err != nil {
		return User{}, err
	}
	return find()
}

// invented reports whether a user is here in the rehearsal only.
func (r *Rehearsal) invented(user id.User) bool { return r != nil && r.created[user] }

func (r *Rehearsal) joined(user id.User) ([]Membership, bool) {
	if !r.invented(user) {
		return nil, false
	}
	return r.memberships[user], true
}

// first reports whether an organization of this label is made for the first time.
func (r *Rehearsal) first(label string) bool {
	if r == nil {
		return true
	}
	again := r.organizations[label]
	r.organizations[label] = true
	return !again
}

// take remembers what a row would have left behind. What the database would have refused, had the earlier rows been written, is a
// conflict.
func (r *Rehearsal) take(a *admission) error {
	if a.result.Outcome == ImportSkipped {
		return nil
	}
	claims, err := r.claims(a.user)
	if err != nil {
		return err
	}
	for _, claim := range claims {
		if holder, taken := r.identifiers[claim.normal]; taken && holder != a.user.ID {
			return &store.Conflict{Field: claim.field}
		}
	}
	if err := r.release(a.user.ID); err != nil {
		return err
	}
	for _, claim := range claims {
		r.identifiers[claim.normal] = a.user.ID
	}
	r.remember(a.user)
	if a.result.Outcome == ImportCreated {
		r.created[a.user.ID] = true
		if a.o.Organization != "" {
			r.memberships[a.user.ID] = []Membership{{Organization: a.o.Organization, User: a.user.ID, Role: a.o.Role}}
		}
	}
	if before, again := r.users[a.user.ID]; again {
		a.user.Version = before.Version // that of the database, in which nothing has changed
	}
	r.users[a.user.ID] = a.user
	return nil
}

// release frees the names that earlier rows gave to a user.
func (r *Rehearsal) release(user id.User) error {
	claims, err := r.claims(r.users[user])
	for _, claim := range claims {
		delete(r.identifiers, claim.normal)
	}
	return err
}

type claim struct{ field, normal string }

// claims are the names of a user that nobody else may have: username, number, primary address and those that are verified.
func (r *Rehearsal) claims(u User) ([]claim, error) {
	var found []claim
	for _, c := range []claim{{"username", u.Username}, {"email", u.Email}, {"phone", u.Phone}} {
		if c.normal == "" {
			continue
		}
		normal, err := Normalise(c.normal)
		if err != nil {
			return nil, err
		}
		found = append(found, claim{c.field, normal})
	}
	for normal, verified := range r.addresses[u.ID] {
		if verified {
			found = append(found, claim{"email", normal})
		}
	}
	return found, nil
}

// remember keeps the primary address, for when it is not primary any more.
func (r *Rehearsal) remember(u User) {
	if r.addresses[u.ID] == nil {
		r.addresses[u.ID] = map[string]bool{}
	}
	if normal, err := Normalise(u.Email); err == nil {
		r.addresses[u.ID][normal] = u.EmailVerified
	}
}
