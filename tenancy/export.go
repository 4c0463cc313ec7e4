package tenancy

import (
	"context"
	"strconv"
	"time"

	"gatehouse/audit"
	"gatehouse/internal/id"
)

// ExportCursor is where a batch of an export begins: after the user of this time of creation and id. The zero value is the beginning.
type ExportCursor struct {
	Created time.Time
	ID      id.User
}

// ExportedUser is a user with his memberships, those of disabled organizations included.
type ExportedUser struct {
	User
	Memberships []ExportedMembership // ordered by slug
}

// ExportedMembership names the organization for people too.
type ExportedMembership struct {
	Organization id.Organization
	Slug         string
	Name         string
	Role         Role
}

// ExportOptions say who is exported and how.
type ExportOptions struct {
	Organization   id.Organization // its members only, with their membership in it only; "" = everybody
	PasswordHashes bool            // with PasswordHash, which is "" otherwise
}

const exportBatch = 500

// ExportUsers gives every user to each, ordered by time of creation, and returns how many. Only a superuser may. It reads in batches,
// each with a fixed number of statements: what changes meanwhile may be seen or not. The audit log has the beginning, because an
// export that breaks off has been read too, and the end with the number.
func (d *Directory) ExportUsers(ctx context.Context, scope Scope, o ExportOptions, each func(ExportedUser) error) (int, error) {
	if !scope.Superuser() {
		return 0, ErrForbidden
	}
	if err := d.Store.Record(ctx, d.exportEvent(scope, o, "users.export_begun", 0)); err != nil {
		return 0, err
	}
	exported, err := d.exportAll(ctx, scope, o, each)
	// A cancelled export is recorded as well.
	recorded := d.Store.Record(context.WithoutCancel(ctx), d.exportEvent(scope, o, "users.exported", exported))
	if err == nil {
		err = recorded
	}
	return exported, err
}

func (d *Directory) exportEvent(scope Scope, o ExportOptions, action string, exported int) audit.Event {
	event := d.event(scope, action, "", o.Organization)
	event.Detail = map[string]string{"password_hashes": strconv.FormatBool(o.PasswordHashes), "users": strconv.Itoa(exported)}
	return event
}

func (d *Directory) exportAll(ctx context.Context, scope Scope, o ExportOptions, each func(ExportedUser) error) (int, error) {
	var after ExportCursor
	for exported := 0; ; {
		batch, err := d.Store.ExportUsers(ctx, scope, o.Organization, after, exportBatch)
		if err != nil {
			return exported, err
		}
		for _, user := range batch {
			after = ExportCursor{user.Created, user.ID}
			if !o.PasswordHashes {
				user.PasswordHash = ""
			}
			if err := each(user); err != nil {
				return exported, err
			}
			exported++
		}
		if len(batch) < exportBatch {
			return exported, nil
		}
	}
}
