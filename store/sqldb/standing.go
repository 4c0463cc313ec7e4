package sqldb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// A standing is one statement: every request of a user begins with one. Organizations and groups come as one text each, all fields in a
// row with a | behind each. In what people write, | is ~1 and ~ is ~0. No permission has one of these, or a comma.
const (
	placeFields      = 13
	groupFields      = 7
	standingPlacesOf = `COALESCE((SELECT string_agg(o.id || '|' || replace(replace(o.name, '~', '~0'), '|', '~1') || '|' || o.slug || '|' ||
			CASE WHEN o.active THEN '1' ELSE '0' END || '|' || replace(replace(o.description, '~', '~0'), '|', '~1') || '|' ||
			replace(replace(o.email, '~', '~0'), '|', '~1') || '|' || replace(replace(o.url, '~', '~0'), '|', '~1') || '|' || o.factor_policy || '|' ||
			o.max_users || '|' || o.created || '|' || o.modified || '|' || o.version || '|' || m.role || '|', '' ORDER BY o.name, o.id)
		FROM memberships m JOIN organizations o ON o.id = m.organization_id WHERE m.user_id = u.id), '')`
	standingGroupsOf = `COALESCE((SELECT string_agg(g.id || '|' || COALESCE(g.organization_id, '') || '|' ||
			replace(replace(g.name, '~', '~0'), '|', '~1') || '|' || g.created || '|' || g.modified || '|' || g.version || '|' ||
			COALESCE((SELECT string_agg(p.permission, ',' ORDER BY p.permission) FROM group_permissions p WHERE p.group_id = g.id), '') || '|',
			'' ORDER BY g.name, g.id)
		FROM group_members gm JOIN groups g ON g.id = gm.group_id WHERE gm.user_id = u.id), '')`
	permissionsOf   = `COALESCE((SELECT string_agg(up.permission, ',' ORDER BY up.permission) FROM user_permissions up WHERE up.user_id = u.id), '')`
	standingColumns = standingPlacesOf + `, ` + standingGroupsOf + `, ` + permissionsOf + `, ` + userColumns
)

var (
	standingByUser = unscoped("all of one user, to make his scope and tokens",
		`SELECT `+standingColumns+` FROM users u WHERE u.id = $1`)
	standingByToken = unscoped("its bearer holds the token itself; all of its user, to make his scope",
		`SELECT t.*, `+standingColumns+` FROM (SELECT `+apiTokenColumns+` FROM api_tokens WHERE hash = $1) t JOIN users u ON u.id = t.user_id`)
)

// Standing implements tenancy.Members.
func (q *queries) Standing(ctx context.Context, user id.User) (tenancy.Standing, error) {
	return one(ctx, q, q.read, scanStanding, standingByUser, string(user))
}

// StandingByToken implements tenancy.APITokens.
func (q *queries) StandingByToken(ctx context.Context, hash string) (tenancy.APIToken, tenancy.Standing, error) {
	var (
		token apiTokenRow
		found tenancy.APIToken
	)
	standing, err := one(ctx, q, q.read, func(row scanner) (tenancy.Standing, error) {
		standing, err := scanStanding(beside{row, token.targets()})
		if err != nil {
			return standing, err
		}
		found, err = token.token()
		return standing, err
	}, standingByToken, hash)
	return found, standing, err
}

func scanStanding(row scanner) (tenancy.Standing, error) {
	var (
		standing                    tenancy.Standing
		places, groups, permissions string
		err                         error
	)
	if standing.User, err = scanUser(beside{row, []any{&places, &groups, &permissions}}); err != nil {
		return standing, err
	}
	standing.Permissions = permissionsFrom(permissions)
	err = eachEntry(places, placeFields, func(e *entryReader) {
		place := e.place()
		if place.Organization.Active {
			standing.Places = append(standing.Places, place)
		} else {
			standing.Disabled = append(standing.Disabled, place)
		}
	})
	if err != nil {
		return standing, fmt.Errorf("places: %w", err)
	}
	err = eachEntry(groups, groupFields, func(e *entryReader) {
		switch group := e.group(); {
		case group.Organization == "" || among(standing.Places, group.Organization):
			standing.Groups = append(standing.Groups, group)
		case among(standing.Disabled, group.Organization):
			standing.DisabledGroups = append(standing.DisabledGroups, group)
		}
	})
	if err != nil {
		return standing, fmt.Errorf("groups: %w", err)
	}
	return standing, nil
}

func among(places []tenancy.Place, organization id.Organization) bool {
	return slices.ContainsFunc(places, func(place tenancy.Place) bool { return place.Organization.ID == organization })
}

func permissionsFrom(text string) []tenancy.Permission {
	if text == "" {
		return nil
	}
	found := make([]tenancy.Permission, 0, strings.Count(text, ",")+1)
	for permission := range strings.SplitSeq(text, ",") {
		found = append(found, tenancy.Permission(permission))
	}
	return found
}

// entryReader reads the fields of one entry in their order.
type entryReader struct {
	rest string
	err  error
}

// eachEntry calls read for each entry of so many fields.
func eachEntry(text string, fields int, read func(e *entryReader)) error {
	if found := strings.Count(text, "|"); found%fields != 0 {
		return fmt.Errorf("%d fields are no entries of %d", found, fields)
	}
	e := &entryReader{rest: text}
	for e.rest != "" && e.err == nil {
		read(e)
	}
	return e.err
}

func (e *entryReader) next() string {
	var field string
	field, e.rest, _ = strings.Cut(e.rest, "|")
	return field
}

var unescaper = strings.NewReplacer("~1", "|", "~0", "~")

// free is a field that people write.
func (e *entryReader) free() string {
	field := e.next()
	if strings.IndexByte(field, '~') < 0 {
		return field
	}
	return unescaper.Replace(field)
}

func (e *entryReader) number() int64 {
	number, err := strconv.ParseInt(e.next(), 10, 64)
	e.err = errors.Join(e.err, err)
	return number
}

func (e *entryReader) place() tenancy.Place {
	var place tenancy.Place
	o := &place.Organization
	o.ID, o.Name, o.Slug, o.Active = id.Organization(e.next()), e.free(), e.next(), e.next() == "1"
	o.Description, o.Email, o.URL, o.FactorPolicy = e.free(), e.free(), e.free(), tenancy.FactorPolicy(e.next())
	o.MaxUsers, o.Created, o.Modified, o.Version = int(e.number()), fromMicros(e.number()), fromMicros(e.number()), e.number()
	place.Role = tenancy.Role(e.next())
	return place
}

func (e *entryReader) group() tenancy.Group {
	return tenancy.Group{
		ID: id.Group(e.next()), Organization: id.Organization(e.next()), Name: e.free(),
		Created: fromMicros(e.number()), Modified: fromMicros(e.number()), Version: e.number(), Permissions: permissionsFrom(e.next()),
	}
}
