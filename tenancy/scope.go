package tenancy

import (
	"slices"
	"strings"

	"gatehouse/internal/id"
)

// Scope is the authority under which an operation runs: who acts, in which organizations, with which permissions. It is the first
// parameter after ctx of everything that touches what belongs to tenants. Only Directory.Scope (a loaded user), Narrow and System
// (the program itself) make one; the zero value panics at its first use.
type Scope struct {
	state *scopeState
}

type permissionSet map[Permission]bool

type scopeState struct {
	actor         id.User // empty for the program itself
	reason        string  // set for the program itself
	via           string
	superuser     bool
	everywhere    bool
	staff         bool
	organizations []id.Organization                 // where the actor is a manager
	disabled      map[id.Organization]bool          // those of them that are disabled
	permissions   permissionSet                     // that count everywhere
	within        map[id.Organization]permissionSet // that groups of an organization give there
	narrowed      bool
	only          permissionSet // of a narrowed scope; nil: no such limit
	mustChange    bool          // good for a new password only
}

// System is the authority of the program itself, for the named reason ("sign-in", "command line"), which the audit log shows. It
// passes every check: never give it to something that a request asked for.
func System(reason string) Scope {
	return Scope{&scopeState{reason: reason, superuser: true, everywhere: true}}
}

// newScope is the authority of a loaded user.
func newScope(standing Standing) Scope {
	superuser := standing.User.Superuser
	state := &scopeState{
		actor: standing.User.ID, superuser: superuser, everywhere: superuser, staff: standing.User.Staff,
		permissions: permissionSet{}, within: map[id.Organization]permissionSet{}, disabled: map[id.Organization]bool{},
	}
	for _, place := range standing.everyPlace() {
		if place.Role.AtLeast(Manager) {
			state.organizations = append(state.organizations, place.Organization.ID)
			state.disabled[place.Organization.ID] = !place.Organization.Active
		}
	}
	for _, permission := range standing.Permissions {
		state.permissions[permission] = true
	}
	for _, group := range slices.Concat(standing.Groups, standing.DisabledGroups) {
		set := state.permissions
		if group.Organization != "" {
			if state.within[group.Organization] == nil {
				state.within[group.Organization] = permissionSet{}
			}
			set = state.within[group.Organization]
		}
		for _, permission := range group.Permissions {
			set[permission] = true
		}
	}
	return Scope{state}
}

// Limits narrow a scope: those of an API token.
type Limits struct {
	Via          string          // for the audit log, "token:<id>"
	Organization id.Organization // the only one; "": no such limit
	Permissions  []Permission    // the only ones; empty: no such limit
	MustChange   bool            // good for changing the actor's own expired password and for nothing else
}

// Narrow is the scope within limits, never more than the scope itself. Somebody limited to permissions is no superuser any more,
// though he may still see every organization; somebody limited to an organization is neither.
func (s Scope) Narrow(l Limits) Scope {
	narrow := *s.must()
	narrow.via = l.Via
	narrow.narrowed = narrow.narrowed || l.Organization != "" || len(l.Permissions) > 0
	if l.Organization != "" {
		covered := s.Covers(l.Organization)
		narrow.organizations = nil
		if covered {
			narrow.organizations = []id.Organization{l.Organization}
		}
		narrow.everywhere = false
	}
	if len(l.Permissions) > 0 {
		only := permissionSet{}
		for _, permission := range l.Permissions {
			if narrow.only == nil || narrow.only.has(permission) {
				only[permission] = true
			}
		}
		narrow.only = only
	}
	if l.MustChange {
		narrow.narrowed, narrow.mustChange = true, true
		narrow.everywhere, narrow.organizations, narrow.only = false, nil, permissionSet{}
	}
	return Scope{&narrow}
}

func (s Scope) must() *scopeState {
	if s.state == nil {
		panic("tenancy: operation without a scope")
	}
	return s.state
}

// Actor is the acting user, empty for the program itself.
func (s Scope) Actor() id.User { return s.must().actor }

// Reason is why the program itself acts, empty for a user.
func (s Scope) Reason() string { return s.must().reason }

// Via is by what the actor acts, for the audit log.
func (s Scope) Via() string { return s.must().via }

// Everywhere reports whether the scope sees all organizations. What it may do there, Has and Superuser tell.
func (s Scope) Everywhere() bool { return s.must().everywhere }

// Superuser reports whether nothing limits the scope: it may make superusers.
func (s Scope) Superuser() bool {
	state := s.must()
	return state.superuser && !state.narrowed
}

// is reports whether the scope is a user's own, with nothing to limit it: what everybody may do with himself, a narrowed API token
// of his may not.
func (s Scope) is(user id.User) bool {
	state := s.must()
	return state.actor == user && user != "" && !state.narrowed
}

// MustChangePassword reports whether the actor has to change his password before he may do anything else.
func (s Scope) MustChangePassword() bool { return s.must().mustChange }

// mayChangePassword reports whether the scope may replace the user's password, given the old one.
func (s Scope) mayChangePassword(user id.User) bool {
	state := s.must()
	return s.is(user) || (state.actor == user && user != "" && state.mustChange)
}

// Organizations are those in which the actor manages, disabled ones included. Meaningless if Everywhere.
func (s Scope) Organizations() []id.Organization { return slices.Clone(s.must().organizations) }

// Covers reports whether the organization is within the scope.
func (s Scope) Covers(organization id.Organization) bool {
	state := s.must()
	return state.everywhere || slices.Contains(state.organizations, organization)
}

// has reports whether a set has a permission. Who may change something may view it.
func (set permissionSet) has(permission Permission) bool {
	if set[permission] {
		return true
	}
	app, rest, viewing := strings.Cut(string(permission), ".view_")
	return viewing && set[Permission(app+".change_"+rest)]
}

// Has reports whether the actor holds a permission that counts everywhere.
func (s Scope) Has(permission Permission) bool {
	state := s.must()
	return state.lets(permission) && (state.superuser || state.permissions.has(permission))
}

// Disabled reports whether the organization is one that the actor manages and that is disabled: he may read and delete there, and
// nothing else. An Everywhere scope does not know which are.
func (s Scope) Disabled(organization id.Organization) bool { return s.must().disabled[organization] }

// HasIn reports whether the actor holds a permission in one organization within scope. What is shared ("") asks for Has. In a
// disabled organization that he manages he holds those to view and to delete alone.
func (s Scope) HasIn(organization id.Organization, permission Permission) bool {
	return s.holdsIn(organization, permission) && (!s.Disabled(organization) || permission.keeps())
}

// keeps reports whether a permission lets nobody create or change anything.
func (permission Permission) keeps() bool {
	_, action, _ := strings.Cut(string(permission), ".")
	return strings.HasPrefix(action, "view_") || strings.HasPrefix(action, "delete_")
}

// holdsIn is HasIn whether or not the organization is disabled: what the actor could give.
func (s Scope) holdsIn(organization id.Organization, permission Permission) bool {
	state := s.must()
	switch {
	case organization == "":
		return s.Has(permission)
	case !s.Covers(organization):
		return false
	default:
		return s.Has(permission) || (state.lets(permission) && state.within[organization].has(permission))
	}
}

// somewhere reports whether the actor holds a permission anywhere at all, in disabled organizations too. Who holds it nowhere is
// refused before anything is looked up.
func (s Scope) somewhere(permission Permission) bool {
	return s.Has(permission) || slices.ContainsFunc(s.must().organizations, func(o id.Organization) bool { return s.holdsIn(o, permission) })
}

func (state *scopeState) lets(permission Permission) bool {
	return state.only == nil || state.only.has(permission)
}

// Where is the scope limited to the organizations in which the actor holds a permission: what a list shows. ErrForbidden if there is
// none, unless he holds it everywhere: then the list may be empty.
func (s Scope) Where(permission Permission) (Scope, error) {
	if s.Has(permission) {
		return s, nil
	}
	limited := *s.must()
	limited.everywhere = false
	limited.organizations = slices.DeleteFunc(s.Organizations(), func(o id.Organization) bool { return !s.HasIn(o, permission) })
	if len(limited.organizations) == 0 {
		return Scope{}, ErrForbidden
	}
	return Scope{&limited}, nil
}

// holds reports whether the actor holds every one of the permissions in an organization ("": everywhere): what he may grant, and whose
// holder's account he may take over.
func (s Scope) holds(organization id.Organization, permissions ...Permission) bool {
	return !slices.ContainsFunc(permissions, func(permission Permission) bool { return !s.holdsIn(organization, permission) })
}
