package verify

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Role is what a user is in an organization. Each role includes those before it.
type Role string

// The roles, from the least.
const (
	Member  Role = "member"
	Manager Role = "manager"
	Owner   Role = "owner"
)

func (r Role) rank() int { return slices.Index([]Role{Member, Manager, Owner}, r) }

// Token is an access token that has been verified. Its zero value grants nothing.
type Token struct {
	claims claims
	raw    json.RawMessage
}

// claims are those that the package looks at (RFC 9068 section 2.2; RFC 7662 section 2.2 has the same names).
type claims struct {
	Issuer      string   `json:"iss"`
	Subject     string   `json:"sub"`
	Audience    audience `json:"aud"`
	Client      string   `json:"client_id"`
	ID          string   `json:"jti"`
	Expires     int64    `json:"exp"`
	IssuedAt    int64    `json:"iat"`
	NotBefore   int64    `json:"nbf"`
	AuthTime    int64    `json:"auth_time"`
	Scope       string   `json:"scope"`
	Session     string   `json:"sid"`
	ACR         string   `json:"acr"`
	AMR         []string `json:"amr"`
	OrgID       string   `json:"org_id"`
	OrgSlug     string   `json:"org_slug"`
	OrgRole     Role     `json:"org_role"`
	Permissions []string `json:"permissions"`
	Groups      []string `json:"groups"`
}

// audience reads "aud" as a string or a list of them (RFC 7519 section 4.1.3).
type audience []string

// UnmarshalJSON accepts both forms.
func (a *audience) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

// User is the id of the user on whose behalf the client acts. It is false for a client that acts as itself.
func (t *Token) User() (id string, ok bool) {
	if t.claims.Session == "" || t.claims.Subject == t.claims.Client {
		return "", false
	}
	return t.claims.Subject, true
}

// Client is the id of the client that the token was issued to.
func (t *Token) Client() string { return t.claims.Client }

// ID is the token's own name ("jti").
func (t *Token) ID() string { return t.claims.ID }

// Session names the sign-in ("sid"); "" for a client that acts as itself. A back-channel logout names it too.
func (t *Token) Session() string { return t.claims.Session }

// OrganizationID is the identifier of the token's organization, "" without one. To decide about access ask In, Permitted or HasRole.
func (t *Token) OrganizationID() string { return t.claims.OrgID }

// OrganizationSlug is the slug of the token's organization; tokens of clients that act as themselves have none.
func (t *Token) OrganizationSlug() string { return t.claims.OrgSlug }

// Role is what the user is in the token's organization, and Permissions are what he holds there: both are for showing. To decide about access
// ask HasRole and Permitted.
func (t *Token) Role() Role { return t.claims.OrgRole }

// Permissions are what the user holds in the token's organization, for showing; see Role.
func (t *Token) Permissions() []string { return slices.Clone(t.claims.Permissions) }

// Expires is when the token ends.
func (t *Token) Expires() time.Time { return time.Unix(t.claims.Expires, 0).UTC() }

// AuthTime is when the user proved who he is, zero for a client that acts as itself.
func (t *Token) AuthTime() time.Time {
	if t.claims.AuthTime == 0 {
		return time.Time{}
	}
	return time.Unix(t.claims.AuthTime, 0).UTC()
}

// ACR is how sure the sign-in was ("urn:gatehouse:acr:mfa" for two factors), AMR by what means (RFC 8176).
func (t *Token) ACR() string { return t.claims.ACR }

// AMR are the means of the sign-in (RFC 8176), "pwd" and "otp" for example.
func (t *Token) AMR() []string { return slices.Clone(t.claims.AMR) }

// Groups are the names of the user's groups; the token has them with the scope "groups" only.
func (t *Token) Groups() []string { return slices.Clone(t.claims.Groups) }

// HasScope reports whether a scope was granted (RFC 6749 section 3.3).
func (t *Token) HasScope(scope string) bool {
	return slices.Contains(strings.Fields(t.claims.Scope), scope)
}

// In reports whether the token is for an organization.
func (t *Token) In(organization Organization) bool {
	return organization.is(t.claims.OrgID, t.claims.OrgSlug)
}

// HasRole reports whether the user is at least this in the organization.
func (t *Token) HasRole(least Role, organization Organization) bool {
	return least.rank() >= 0 && t.claims.OrgRole.rank() >= least.rank() && t.In(organization)
}

// Permitted reports whether the user holds a permission ("lines.view_line") in the organization. The token carries permissions with the
// scope "permissions" only.
func (t *Token) Permitted(permission string, organization Organization) bool {
	return slices.Contains(t.claims.Permissions, permission) && t.In(organization)
}

// Payload is all claims as JSON, for showing and logging them.
func (t *Token) Payload() json.RawMessage { return slices.Clone(t.raw) }

// Claim decodes a further claim of the token into target; false if the token has none of this name.
func (t *Token) Claim(name string, target any) (bool, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(t.raw, &all); err != nil || all[name] == nil {
		return false, nil //nolint:nilerr // a zero token has no claims
	}
	if err := json.Unmarshal(all[name], target); err != nil {
		return true, fmt.Errorf("decode claim %s: %w", name, err)
	}
	return true, nil
}
