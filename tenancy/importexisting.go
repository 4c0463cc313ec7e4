package tenancy

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"gatehouse/audit"
	"gatehouse/internal/id"
	"gatehouse/store"
)

// existing takes a row whose user is here.
func (a *admission) existing(ctx context.Context, tx Store, found User) error {
	a.user, a.result.User = found, found.ID
	memberships, err := a.memberships(ctx, tx)
	if err != nil {
		return err
	}
	if a.o.Organization != "" && !slices.ContainsFunc(memberships, func(m Membership) bool { return m.Organization == a.o.Organization }) {
		return &Invalid{Fields: map[string][]string{"organization": {"There is such a user, who belongs elsewhere; invite him instead."}}}
	}
	switch {
	case !a.o.Resumed.IsZero() && found.Version == 1 && !found.Modified.Before(a.o.Resumed):
		a.result.Outcome = ImportCreated
		a.note("Made before the import was interrupted.")
		return nil
	case a.o.OnExisting == ExistingFail:
		return &Invalid{Fields: map[string][]string{"username": {"There is such a user already."}}}
	case a.o.OnExisting != ExistingUpdate:
		a.result.Outcome = ImportSkipped
		return nil
	case (found.Staff || found.Superuser) && !a.o.AllowPrivileged:
		return &Invalid{Fields: map[string][]string{"is_staff": {"This is an account of staff or a superuser, which imports do not change."}}}
	}
	return a.update(ctx, tx, found, memberships)
}

// memberships are those of a user who is here; who was rehearsed only has what his row said.
func (a *admission) memberships(ctx context.Context, tx Store) ([]Membership, error) {
	if rehearsed, ok := a.o.Rehearsal.joined(a.user.ID); ok {
		return rehearsed, nil
	}
	return tx.Memberships(ctx, a.scope, a.user.ID)
}

func (a *admission) update(ctx context.Context, tx Store, found User, memberships []Membership) error {
	if err := a.write(&a.user); err != nil {
		return err
	}
	changes := userChanges(a.d.Settings.Fields, found, a.user)
	if a.o.Rehearsal.invented(found.ID) {
		a.result.Outcome = ImportUpdated
		return a.wouldJoin(ctx, tx) // there is no row to write to
	}
	if len(changes) > 0 {
		a.user.Modified = a.d.now()
		if err := tx.UpdateUser(ctx, a.user); err != nil {
			return staleRow(err)
		}
	}
	more, err := a.firstPassword(ctx, tx, found)
	if err != nil {
		return err
	}
	changes = append(changes, more...)
	joined, err := a.join(ctx, tx, memberships)
	if err != nil {
		return err
	}
	if len(changes) == 0 && !joined {
		a.result.Outcome = ImportSkipped
		a.note("Nothing to change.")
		return nil
	}
	a.result.Outcome = ImportUpdated
	event := a.event("user.changed")
	event.Changes = changes
	return tx.Record(ctx, event)
}

func staleRow(err error) error {
	if errors.Is(err, store.ErrStale) {
		return &Invalid{Fields: map[string][]string{"id": {"Somebody else changed the user at the same moment; import the row again."}}}
	}
	return err
}

// firstPassword sets the password of an account that has none. One that was set here is newer than any file.
func (a *admission) firstPassword(ctx context.Context, tx Store, found User) ([]audit.Change, error) {
	if a.row.PasswordHash == "" || a.row.PasswordHash == found.PasswordHash {
		return nil, nil
	}
	if found.PasswordHash != "" {
		a.note("The password stays as it is.")
		return nil, nil
	}
	change := audit.Change{Field: "password", After: audit.Masked}
	return []audit.Change{change}, tx.SetPasswordHash(ctx, found.ID, "", a.row.PasswordHash, a.d.now())
}

// join adds the memberships that the user has not, and reports whether there were any. Roles that he has stay.
func (a *admission) join(ctx context.Context, tx Store, has []Membership) (bool, error) {
	joined := false
	for _, w := range a.wanted() {
		organization, err := a.organization(ctx, tx, w)
		if err != nil {
			return joined, err
		}
		if slices.ContainsFunc(has, func(m Membership) bool { return m.Organization == organization }) {
			continue
		}
		m := a.d.newMembership(organization, a.user.ID, w.Role)
		if (w.Role == Owner || (w.Role == Manager && !w.Exact)) && !a.owned[organization] {
			m.Role = Owner
		} else if w.Role == Owner {
			m.Role = Manager
		}
		if err := a.joinOne(ctx, tx, m); err != nil {
			return joined, err
		}
		has, joined = append(has, m), true
	}
	return joined, nil
}

func (a *admission) wanted() []ImportMembership {
	if a.o.Organization != "" {
		return []ImportMembership{{Organization: a.o.Organization, Role: a.o.Role}}
	}
	return a.row.Memberships
}

// wouldJoin looks for what would be wrong with the memberships of a user who was only rehearsed.
func (a *admission) wouldJoin(ctx context.Context, tx Store) error {
	for _, w := range a.wanted() {
		organization, err := a.organization(ctx, tx, w)
		if err == nil {
			err = enabled(ctx, tx, a.scope, organization)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *admission) joinOne(ctx context.Context, tx Store, m Membership) error {
	if m.Role.rank() == 0 {
		return &Invalid{Fields: map[string][]string{"organizations": {strconv.Quote(string(m.Role)) + " is no role."}}}
	}
	if err := enabled(ctx, tx, a.scope, m.Organization); err != nil {
		return err
	}
	a.joining = m.Organization
	if err := tx.AddMembership(ctx, a.scope, m); err != nil {
		return err
	}
	event := a.d.event(a.scope, "membership.created", string(m.ID), m.Organization)
	event.Detail = map[string]string{"user": string(m.User), "role": string(m.Role)}
	return tx.Record(ctx, event)
}

// organization finds what a row means, or makes it.
func (a *admission) organization(ctx context.Context, tx Store, w ImportMembership) (id.Organization, error) {
	for _, name := range []string{string(w.Organization), w.Slug} {
		if meant := a.o.Organizations[name]; meant != "" && name != "" {
			return meant, nil
		}
	}
	found, err := tx.Organization(ctx, a.scope, w.Organization)
	if errors.Is(err, store.ErrNotFound) && w.Slug != "" {
		found, err = tx.OrganizationBySlug(ctx, a.scope, w.Slug)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return found.ID, err
	}
	if !a.o.CreateOrganizations {
		return "", &Invalid{Fields: map[string][]string{"organizations": {"There is no organization " + strconv.Quote(w.label()) + " here."}}}
	}
	return a.makeOrganization(ctx, tx, w)
}

func (w ImportMembership) label() string {
	if w.Slug != "" {
		return w.Slug
	}
	return string(w.Organization)
}

// makeOrganization keeps the id of the file, by which other applications know the organization. A file that has nothing but the id
// gives a slug that a person will want to change.
func (a *admission) makeOrganization(ctx context.Context, tx Store, w ImportMembership) (id.Organization, error) {
	kept, ok := id.Parse[id.Organization](string(w.Organization))
	if !ok {
		kept = id.New[id.Organization]()
	}
	slug, name := w.Slug, w.Name
	if slug == "" {
		slug = "org-" + string(kept)
	}
	if name == "" {
		name = slug
	}
	found := problems{}
	found.slug(slug)
	found.name(name, maxOrganizationName)
	if len(found) > 0 {
		return "", &Invalid{Fields: map[string][]string{"organizations": {"No organization can be named " + strconv.Quote(w.label()) + "."}}}
	}
	o := Organization{ID: kept, Name: name, Slug: slug, Active: true, Created: a.d.now(), Modified: a.d.now(), Version: 1}
	if err := tx.CreateOrganization(ctx, a.scope, o); err != nil {
		return "", err
	}
	if a.o.Rehearsal.first(w.label()) {
		a.note("Made the organization " + slug + ".")
	}
	return kept, tx.Record(ctx, a.d.event(a.scope, "organization.created", string(kept), kept))
}
