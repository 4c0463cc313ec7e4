package tenancy

import "gatehouse/internal/id"

// Claims are what an access token of ours says about a person in one organization: "sub", "org_id", "org_role" and "permissions".
type Claims struct {
	User         id.User
	Organization id.Organization
	Role         Role
	Permissions  []Permission
}

// ScopeFromClaims is the authority that a sibling gives the bearer of an access token: that of its person, in the token's organization
// and with the token's permissions alone. It is never a superuser's, manages where the role says so, and sees shared objects as
// managers do.
//
// The caller must have verified the token: signature, issuer, audience, expiry and that it is an access token (RFC 9068, section 4).
// This function believes what it is given. What changed since the token was issued shows in the next one.
func ScopeFromClaims(c Claims) Scope {
	held := permissionSet{}
	for _, permission := range c.Permissions {
		held[permission] = true
	}
	state := &scopeState{
		actor: c.User, via: "access token", narrowed: true, permissions: permissionSet{},
		within: map[id.Organization]permissionSet{c.Organization: held}, disabled: map[id.Organization]bool{},
	}
	if c.Organization != "" && c.Role.AtLeast(Manager) {
		state.organizations = []id.Organization{c.Organization}
	}
	return Scope{state}
}
