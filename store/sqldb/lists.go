package sqldb

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// userTies are what ties a user to the organizations and groups of a scope.
const userTies = `COALESCE((SELECT string_agg(m.id || ' ' || m.organization_id || ' ' || m.role || ' ' || m.created || ' ' || m.modified || ' ' || m.version, ',')
		FROM memberships m WHERE m.user_id = u.id AND {m.organization_id}), ''),
	COALESCE((SELECT string_agg(g.id, ',') FROM group_members gm JOIN groups g ON g.id = gm.group_id
		WHERE gm.user_id = u.id AND {g.organization_id|shared}), ''), `

var (
	userID   = column{text: "u.id"}
	userList = listed(listing[tenancy.UserRow]{
		name: "users", from: "users u", identity: []column{userID}, order: "-created",
		orders: map[string][]column{
			"created": {{text: "u.created", number: true}}, "last_login": {{text: "u.last_login", number: true}},
			"username": {{text: "u.username"}}, "email": {{text: "u.email"}}, "last_name": {{text: "u.last_name"}},
		},
		columns: userTies + userColumns, scan: scanListedUser,
	})

	// Users of organizations are found by IN, never by a join, so that each is there once. SQLite goes from IN to the users, and from users
	// to EXISTS; PostgreSQL decides for itself.
	userSearch    = narrow(`u.search LIKE ? ESCAPE '\'`)
	userSearchAll = narrow(`(u.search || '') LIKE ? ESCAPE '\'`) // no index is for that
	userAbove     = wide(`NOT u.superuser`)
	userIn        = narrow(`u.id IN (SELECT m.user_id FROM memberships m WHERE {m.organization_id})`)
	userInMany    = narrow(`EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = u.id AND {m.organization_id})`)
	userInOne     = narrow(`u.id IN (SELECT m.user_id FROM memberships m WHERE m.organization_id = ? AND {m.organization_id})`)
	userWithRole  = narrow(`u.id IN (SELECT m.user_id FROM memberships m WHERE m.role = ? AND {m.organization_id})`)
	userInOneWith = narrow(`u.id IN (SELECT m.user_id FROM memberships m WHERE m.organization_id = ? AND m.role = ? AND {m.organization_id})`)
	userInGroup   = narrow(`u.id IN (SELECT gm.user_id FROM group_members gm JOIN groups g ON g.id = gm.group_id
		WHERE g.id = ? AND {g.organization_id|shared})`)
	userNamed = narrow(`u.id IN (SELECT i.user_id FROM identifiers i WHERE i.value = ? AND i.kind = 'username')`)
	// An address that is also the user's name stands among identifiers as that.
	userAt = narrow(`u.id IN (SELECT i.user_id FROM identifiers i WHERE i.value = ? AND (i.kind = 'email' OR u.email = u.username))`)

	userActive    = flag{wide(`u.active`), wide(`NOT u.active`)}
	userStaff     = flag{wide(`u.staff`), wide(`NOT u.staff`)}
	userSuperuser = flag{wide(`u.superuser`), wide(`NOT u.superuser`)}
	userCreated   = period{wide(`u.created >= ?`), wide(`u.created < ?`)}
	userLastLogin = period{wide(`u.last_login >= ?`), wide(`u.last_login < ?`)}
)

// flag is a filter by yes and no, of which partial indexes find the rarer.
type flag struct{ yes, no condition }

func (r *request) flag(f flag, wanted *bool) {
	switch {
	case wanted == nil:
	case *wanted:
		r.where(f.yes)
	default:
		r.where(f.no)
	}
}

// period is a filter by time.
type period struct{ from, to condition }

func (r *request) period(p period, wanted tenancy.Period) {
	if !wanted.From.IsZero() {
		r.where(p.from, micros(wanted.From))
	}
	if !wanted.To.IsZero() {
		r.where(p.to, micros(wanted.To))
	}
}

// equal is a filter by a value, where it is given.
func equal[T ~string](r *request, c condition, wanted T) {
	if wanted != "" {
		r.where(c, string(wanted))
	}
}

// exact is a filter by an identifier. What cannot be one is nobody's.
func (r *request) exact(c condition, wanted string) {
	if wanted == "" {
		return
	}
	normal, err := tenancy.Normalise(wanted)
	if err != nil {
		normal = ""
	}
	r.where(c, normal)
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// search adds a condition for each word; every ? in it is that word.
func (r *request) search(c condition, words []string) {
	for _, word := range words {
		args := make([]any, strings.Count(c.text, "?"))
		for i := range args {
			args[i] = "%" + likeEscaper.Replace(word) + "%"
		}
		r.where(c, args...)
	}
}

// shortestLocal is from where on what stands before the @ finds few enough addresses.
const shortestLocal = 4

// searchUsers adds a condition for a word. Of an address the index is asked for what stands before the @: the trigrams of domains are
// those of half the users, and to intersect them takes longer than to look at who is found without.
func (r *request) searchUsers(word string) {
	if at := strings.IndexByte(word, '@'); at >= shortestLocal && at < len(word)-1 {
		r.search(userSearchAll, []string{word})
		word = word[:at+1]
	}
	r.search(userSearch, []string{word})
}

// manyOrganizations is from where on most users may be in one of a scope's.
const manyOrganizations = 30

// ListUsers implements tenancy.Listings.
func (q *queries) ListUsers(ctx context.Context, scope tenancy.Scope, f tenancy.UserFilter, query tenancy.Query) (tenancy.Page[tenancy.UserRow], error) {
	r := userList.request(q, scope)
	if !scope.Everywhere() {
		r.where(userAbove)
	}
	switch {
	case f.Organization != "" && f.Role != "":
		r.where(userInOneWith, string(f.Organization), string(f.Role))
	case f.Organization != "":
		r.where(userInOne, string(f.Organization))
	case f.Role != "":
		r.where(userWithRole, string(f.Role))
	case !scope.Everywhere() && len(scope.Organizations()) > manyOrganizations:
		r.where(userInMany)
	case !scope.Everywhere():
		r.where(userIn)
	}
	equal(r, userInGroup, f.Group)
	r.flag(userActive, f.Active)
	r.flag(userStaff, f.Staff)
	r.flag(userSuperuser, f.Superuser)
	r.exact(userNamed, f.Username)
	r.exact(userAt, f.Email)
	r.period(userCreated, f.Created)
	r.period(userLastLogin, f.LastLogin)
	for _, word := range query.Words() {
		r.searchUsers(word)
	}
	return pageOf(ctx, q, userList, r, query)
}

func scanListedUser(s scanner) (tenancy.UserRow, error) {
	row, err := scanUserRow(s)
	row.PasswordHash = ""
	return row, err
}

// scanWholeUser reads a row with the permissions that its user holds without a group.
func scanWholeUser(s scanner) (tenancy.UserRow, error) {
	var permissions string
	row, err := scanUserRow(beside{s, []any{&permissions}})
	row.Permissions = permissionsFrom(permissions)
	return row, err
}

func scanUserRow(s scanner) (tenancy.UserRow, error) {
	var (
		row                 tenancy.UserRow
		memberships, groups string
		err                 error
	)
	if row.User, err = scanUser(beside{s, []any{&memberships, &groups}}); err != nil {
		return row, err
	}
	if groups != "" {
		for group := range strings.SplitSeq(groups, ",") {
			row.Groups = append(row.Groups, id.Group(group))
		}
		slices.Sort(row.Groups)
	}
	row.Memberships, err = membershipsFrom(row.ID, memberships)
	return row, err
}

// membershipsFrom reads what userList aggregates: identifiers, roles and numbers, none of which has a blank or a comma.
func membershipsFrom(user id.User, text string) ([]tenancy.Membership, error) {
	if text == "" {
		return nil, nil
	}
	var found []tenancy.Membership
	for entry := range strings.SplitSeq(text, ",") {
		fields := strings.Split(entry, " ")
		if len(fields) != 6 {
			return nil, fmt.Errorf("membership %q has %d fields", entry, len(fields))
		}
		var numbers [3]int64
		for i := range numbers {
			var err error
			if numbers[i], err = strconv.ParseInt(fields[3+i], 10, 64); err != nil {
				return nil, err
			}
		}
		found = append(found, tenancy.Membership{
			ID: id.Membership(fields[0]), User: user, Organization: id.Organization(fields[1]), Role: tenancy.Role(fields[2]),
			Created: fromMicros(numbers[0]), Modified: fromMicros(numbers[1]), Version: numbers[2],
		})
	}
	slices.SortFunc(found, func(a, b tenancy.Membership) int {
		return strings.Compare(string(a.Organization), string(b.Organization))
	})
	return found, nil
}
