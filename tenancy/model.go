package tenancy

import (
	"time"

	"gatehouse/internal/id"
)

// Role is what a membership makes of a user in one organization.
type Role string

// The roles, each including the one before it. An organization has at most one owner.
const (
	Member  Role = "member"
	Manager Role = "manager"
	Owner   Role = "owner"
)

// AtLeast reports whether r includes other. An unknown role includes nothing.
func (r Role) AtLeast(other Role) bool { return r.rank() > 0 && r.rank() >= other.rank() }

func (r Role) rank() int {
	switch r {
	case Member:
		return 1
	case Manager:
		return 2
	case Owner:
		return 3
	default:
		return 0
	}
}

// User is a person (or robot) with an account in the installation. Organizations tie to users by memberships.
type User struct {
	ID            id.User
	Username      string // 1…150 of letters, digits and @.+-_ ; unique as an identifier
	Email         string // primary address, "" if none; unique as an identifier
	EmailVerified bool
	FirstName     string
	LastName      string
	Language      string // BCP 47, "" = the installation's
	PasswordHash  string // PHC text, "" = no local password
	Active        bool
	Staff         bool // may enter the admin interface; gives nothing by itself
	Superuser     bool
	Created       time.Time
	Modified      time.Time
	LastLogin     time.Time // zero = never
}

// Name is what people read: first and last name, else the username.
func (u User) Name() string {
	switch {
	case u.FirstName == "" && u.LastName == "":
		return u.Username
	case u.FirstName == "":
		return u.LastName
	case u.LastName == "":
		return u.FirstName
	default:
		return u.FirstName + " " + u.LastName
	}
}

// FactorPolicy says whether an organization demands a second factor of its members.
type FactorPolicy string

// The factor policies. The empty string means FactorOptional.
const (
	FactorOptional FactorPolicy = "optional"
	FactorRequired FactorPolicy = "required"
)

// Organization is a tenant.
type Organization struct {
	ID           id.Organization
	Name         string // 1…200 characters
	Slug         string // 1…200 of lower-case letters, digits and hyphens; unique
	Active       bool
	Description  string
	Email        string
	URL          string
	FactorPolicy FactorPolicy
	Created      time.Time
	Modified     time.Time
}

// Membership is a user in an organization.
type Membership struct {
	ID           id.Membership
	User         id.User
	Organization id.Organization
	Role         Role
	Created      time.Time
	Modified     time.Time
}

// Permission is "<app>.<action>_<model>", for example "users.change_user".
type Permission string

// Group is a named set of permissions; shared when Organization is empty.
type Group struct {
	ID           id.Group
	Organization id.Organization
	Name         string
	Permissions  []Permission
}

// Identity links an upstream's stable subject to a user.
type Identity struct {
	Connector id.Connector
	Subject   string
	User      id.User
	Created   time.Time
	LastLogin time.Time
}

// Standing is a user with everything that decides what he may do now: the form in which entry points load an actor and tokens are
// filled. Only active organizations are in it.
type Standing struct {
	User        User
	Places      []Place      // ordered by organization name
	Groups      []Group      // shared groups and those of the organizations in Places
	Permissions []Permission // given to the user directly; those of Groups are not repeated
}

// Place is one membership together with its active organization.
type Place struct {
	Organization Organization
	Role         Role
}

// In finds the user's place in an organization.
func (s Standing) In(organization id.Organization) (Place, bool) {
	for _, place := range s.Places {
		if place.Organization.ID == organization {
			return place, true
		}
	}
	return Place{}, false
}

// GroupsIn lists the groups that count in an organization: the shared ones and its own.
func (s Standing) GroupsIn(organization id.Organization) []Group {
	var groups []Group
	for _, group := range s.Groups {
		if group.Organization == "" || group.Organization == organization {
			groups = append(groups, group)
		}
	}
	return groups
}
