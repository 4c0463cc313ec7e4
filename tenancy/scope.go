package tenancy

import (
	"slices"
	"strings"

	"gatehouse/internal/id"
)

// Scope is the authority under which an operation runs: who acts, in which organizations, with which permissions. It is the first
// parameter after ctx of everything that touches what belongs to tenants. Only Directory.Scope (a loaded user) and System (the
// program itself) make one; the zero value panics at its first use.
type Scope struct {
	state *scopeState
}

type scopeState struct {
	actor         id.User // empty for the program itself
	reason        string  // set for the program itself
	superuser     bool
	staff         bool
	organizations []id.Organization // where the actor is a manager
	permissions   map[Permission]bool
}

// System is the authority of the program itself, for the named reason ("sign-in", "command line"), which the audit log shows. It
// passes every check: never give it to something that a request asked for.
func System(reason string) Scope {
	return Scope{&scopeState{reason: reason, superuser: true}}
}

// newScope is the authority of a loaded user.
func newScope(standing Standing) Scope {
	state := &scopeState{actor: standing.User.ID, superuser: standing.User.Superuser, staff: standing.User.Staff, permissions: map[Permission]bool{}}
	for _, place := range standing.Places {
		if place.Role.AtLeast(Manager) {
			state.organizations = append(state.organizations, place.Organization.ID)
		}
	}
	for _, permission := range standing.Permissions {
		state.permissions[permission] = true
	}
	for _, group := range standing.Groups {
		if group.Organization != "" {
			continue // counts in its own organization only
		}
		for _, permission := range group.Permissions {
			state.permissions[permission] = true
		}
	}
	return Scope{state}
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

// Everywhere reports whether the scope is not limited to organizations (superusers and the program).
func (s Scope) Everywhere() bool { return s.must().superuser }

// Organizations are those in which the actor manages. Meaningless if Everywhere.
func (s Scope) Organizations() []id.Organization { return slices.Clone(s.must().organizations) }

// Covers reports whether the organization is within the scope.
func (s Scope) Covers(organization id.Organization) bool {
	state := s.must()
	return state.superuser || slices.Contains(state.organizations, organization)
}

// Has reports whether the actor holds a permission. Who may change something may view it.
func (s Scope) Has(permission Permission) bool {
	state := s.must()
	if state.superuser || state.permissions[permission] {
		return true
	}
	app, rest, viewing := strings.Cut(string(permission), ".view_")
	return viewing && state.permissions[Permission(app+".change_"+rest)]
}

// holds reports whether the actor holds every one of the permissions: what he may grant, and whose holder's account he may take over.
func (s Scope) holds(permissions ...Permission) bool {
	return !slices.ContainsFunc(permissions, func(permission Permission) bool { return !s.Has(permission) })
}
