package tenancy

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/internal/id"
)

// Query is how a list is searched, sorted and paged. The zero value is the first page of everything, in the list's own order.
type Query struct {
	Search string // words, each of which has to occur; see Searchable
	Sort   string // a column of the list, with "-" before it for descending; "" = the list's own order
	Page   int    // from 1; 0 = 1
	Size   int    // rows of a page, at most MaxPageSize, which more means too; 0 = DefaultPageSize
	After  string // cursor of another page (Page.Next, Page.Previous) of the same list; Page is then ignored
}

// Sizes of pages.
const (
	DefaultPageSize = 10
	MaxPageSize     = 100
)

const (
	maxSearch      = 200
	maxSearchWords = 10
)

// ParseQuery reads a Query from what a request says; "" is "not said". *Invalid names "page" and "page_size" where they are no
// positive numbers.
func ParseQuery(search, sort, page, size, after string) (Query, error) {
	found := problems{}
	query := Query{Search: search, Sort: sort, Page: found.positive("page", page), Size: found.positive("page_size", size), After: after}
	return query, found.err()
}

func (p problems) positive(field, text string) int {
	if text == "" {
		return 0
	}
	number, err := strconv.ParseUint(text, 10, 31)
	if err != nil || number == 0 {
		p.add(field, "This is not a number from 1 on.")
	}
	return int(number)
}

// Checked is the query with its defaults. *Invalid names "search", "page" and "page_size".
func (q Query) Checked() (Query, error) {
	found := problems{}
	if !utf8.ValidString(q.Search) || utf8.RuneCountInString(q.Search) > maxSearch || len(q.Words()) > maxSearchWords {
		found.add("search", "Search for at most 10 words of together 200 characters.")
	}
	if q.Size < 0 {
		found.add("page_size", "This is not a number from 1 on.")
	}
	if q.Size == 0 {
		q.Size = DefaultPageSize
	}
	q.Size = min(q.Size, MaxPageSize)
	if q.Page < 0 || q.Page > math.MaxInt32/MaxPageSize {
		found.add("page", "There is no such page.")
	}
	q.Page = max(q.Page, 1)
	return q, found.err()
}

// Words are what is searched for, each in its searchable form.
func (q Query) Words() []string { return strings.Fields(Searchable(q.Search)) }

// Page is part of a list.
type Page[T any] struct {
	Items      []T
	Number     int // of this page, from 1
	Size       int // of a full page
	Count      int // of all pages together
	CountExact bool
	Next       string // cursor of the page after this, "" on the last
	Previous   string // cursor of the page before, "" on the first
}

// Period is a range of time, From included, To not. A zero end is open.
type Period struct{ From, To time.Time }

// UserFilter narrows a list of users. Zero fields do not.
type UserFilter struct {
	Organization id.Organization
	Role         Role // in Organization, else in any organization of the scope
	Group        id.Group
	Active       *bool
	Staff        *bool
	Superuser    *bool
	Username     string // exact, whatever its case
	Email        string // exact, whatever its case
	Created      Period
	LastLogin    Period // who never signed in is before every time
}

// OrganizationFilter narrows a list of organizations.
type OrganizationFilter struct {
	Active *bool
	Member id.User // in whatever role; of superusers only those who see every organization learn
}

// MembershipFilter narrows a list of memberships.
type MembershipFilter struct {
	Organization id.Organization
	User         id.User
	Role         Role
}

// GroupFilter narrows a list of groups.
type GroupFilter struct {
	Organization id.Organization
	Shared       *bool
}

// InvitationFilter narrows a list of invitations.
type InvitationFilter struct {
	Organization id.Organization
	State        InvitationState
	Email        string // exact, whatever its case
}

// AuditFilter narrows a list of audit events.
type AuditFilter struct {
	Organization id.Organization
	Actor        id.User
	Object       string
	Action       string // its beginning: "user." for everything about users
	At           Period
}

// IdentityFilter narrows a list of identities.
type IdentityFilter struct {
	User      id.User
	Connector id.Connector
}

// UserRow is a user with what ties him to the organizations and groups of the scope. In a list it has neither the password's hash nor
// Permissions.
type UserRow struct {
	User

	Memberships []Membership // ordered by organization
	Groups      []id.Group   // sorted
	Permissions []Permission // that he holds without a group, sorted
}

// MembershipRow is a membership in a list, with what people call its ends.
type MembershipRow struct {
	Membership

	Username         string
	Email            string
	Name             string // of the user, see User.Name
	OrganizationName string
	OrganizationSlug string
}
