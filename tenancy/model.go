package tenancy

import (
	"slices"
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

// Date is a day without time or place, "2026-03-01"; "" is none. Dates compare as texts.
type Date string

// DateOf is the day of a moment in its location.
func DateOf(t time.Time) Date { return Date(t.Format(time.DateOnly)) }

// User is a person (or robot) with an account in the installation. Organizations tie to users by memberships.
type User struct {
	ID              id.User
	Username        string // 1…150 of letters, digits and @.+-_ ; unique as an identifier
	Email           string // primary address, "" if none; unique as an identifier
	EmailVerified   bool
	Phone           string // E.164, "" if none; unique as an identifier
	FirstName       string
	LastName        string
	Bio             string
	URL             string
	Company         string
	Location        string
	BirthDate       Date
	Notes           string         // of administrators, never shown to the user
	Language        string         // BCP 47, "" = the installation's
	Custom          map[string]any // values of the fields that the operator declared, by name; nil = none
	PasswordHash    string         // PHC text, "" = no local password
	PasswordUpdated time.Time      // zero = unknown
	Expires         Date           // the last day on which the account is good; "" = for ever
	Active          bool
	Staff           bool // may enter the admin interface; gives nothing by itself
	Superuser       bool
	Created         time.Time
	Modified        time.Time
	LastLogin       time.Time    // zero = never
	LastMethod      string       // of the last sign-in: "pwd", "fed"; "" = never
	LastConnector   id.Connector // of the last sign-in, "" for a local one
	Version         int64        // counted up at each change of the fields above but those of signing in, of groups and of own permissions
}

// EmailAddress is one of a user's addresses.
type EmailAddress struct {
	ID       id.Email
	User     id.User
	Email    string
	Verified bool // such an address is nobody else's
	Primary  bool // at most one of a user's; User.Email is a copy of it
	Created  time.Time
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
	MaxUsers     int // members at most; 0 = any number
	Created      time.Time
	Modified     time.Time
	Version      int64 // counted by the store at each change
}

// SearchText is what searches for an organization look through.
func (o Organization) SearchText() string { return Searchable(o.Name + " " + o.Slug) }

// Membership is a user in an organization.
type Membership struct {
	ID           id.Membership
	User         id.User
	Organization id.Organization
	Role         Role
	Created      time.Time
	Modified     time.Time
	Version      int64 // counted by the store at each change
}

// InvitationState is what has become of an invitation.
type InvitationState string

// The states. An open invitation past its Expires is as good as revoked.
const (
	InvitationOpen     InvitationState = "open"
	InvitationAccepted InvitationState = "accepted"
	InvitationRevoked  InvitationState = "revoked"
)

// Invitation asks whoever reads the mail of an address to join an organization.
type Invitation struct {
	ID           id.Invitation
	Organization id.Organization
	Email        string // at most one open invitation of an organization for an address
	Role         Role   // Member or Manager
	Groups       []id.Group
	InvitedBy    id.User
	TokenHash    string // secret.Hash of the token in the link
	State        InvitationState
	AcceptedBy   id.User
	Sent         int // how often it was mailed
	Created      time.Time
	Modified     time.Time
	Expires      time.Time
}

// Purpose limits what an API token is good for.
type Purpose string

// The purposes.
const (
	PurposeAPI            Purpose = "api"
	PurposePasswordChange Purpose = "password_change" // for who signed in with an expired password
)

// APIToken lets a program act as a user. Its text is shown once; only the hash is kept.
type APIToken struct {
	ID           id.APIToken
	User         id.User
	Organization id.Organization // the only one it is good for; "" = all of the user's
	Name         string          // 1…150 characters
	Hash         string          // secret.Hash of the token
	Hint         string          // its last four characters, for people who look for one in a list
	Purpose      Purpose
	Method       string       // how its owner proved himself: "pwd", "fed"
	Permissions  []Permission // the only ones it carries; empty = all of the user's
	Created      time.Time
	Expires      time.Time // zero = never
	LastUsed     time.Time // to the minute; zero = never
}

// PermissionDefinition is a registered permission.
type PermissionDefinition struct {
	Code   Permission
	App    string
	Model  string
	Action string // view, add, change, delete or another
	Label  string // for people, "Can change user"
}

// Permission is "<app>.<action>_<model>", for example "users.change_user".
type Permission string

// Group is a named set of permissions; shared when Organization is empty.
type Group struct {
	ID           id.Group
	Organization id.Organization
	Name         string
	Permissions  []Permission // sorted
	Created      time.Time
	Modified     time.Time
	Version      int64 // counted by the store at each change
}

// SearchText is what searches for a group look through.
func (g Group) SearchText() string { return Searchable(g.Name) }

// Identity links an upstream's stable subject to a user.
type Identity struct {
	Connector id.Connector
	Subject   string
	User      id.User
	Created   time.Time
	LastLogin time.Time
}

// Standing is a user with everything that decides what he may do now: the form in which entry points load an actor and tokens are
// filled. Tokens and sign-in look at Places alone: nobody gets one for a disabled organization, whose managers only read it.
type Standing struct {
	User           User
	Places         []Place      // in active organizations, ordered by their names
	Groups         []Group      // shared groups and those of the organizations in Places
	Permissions    []Permission // given to the user directly; those of Groups are not repeated
	Disabled       []Place      // in disabled organizations, ordered by their names
	DisabledGroups []Group      // those of the organizations in Disabled
}

// Place is one membership together with its organization.
type Place struct {
	Organization Organization
	Role         Role
}

// everyPlace is Places and Disabled.
func (s Standing) everyPlace() []Place { return slices.Concat(s.Places, s.Disabled) }

// In finds the user's place in an active organization.
func (s Standing) In(organization id.Organization) (Place, bool) {
	for _, place := range s.Places {
		if place.Organization.ID == organization {
			return place, true
		}
	}
	return Place{}, false
}

// DemandsFactor reports whether an organization that a sign-in is good for demands a second factor: only, or where that is empty any of
// the user's active ones.
func (s Standing) DemandsFactor(only id.Organization) bool {
	for _, place := range s.Places {
		if (only == "" || place.Organization.ID == only) && place.Organization.FactorPolicy == FactorRequired {
			return true
		}
	}
	return false
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
