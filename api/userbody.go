package api

import (
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

// UserBody is a user in lists.
type UserBody struct {
	ID                id.User            `json:"id"`
	Username          string             `json:"username"`
	Email             *string            `json:"email"`
	EmailVerified     bool               `json:"email_verified"`
	FirstName         string             `json:"first_name"`
	LastName          string             `json:"last_name"`
	PhoneNumber       *string            `json:"phone_number" doc:"E.164, with the international prefix."`
	BirthDate         *string            `json:"birth_date" format:"date"`
	IsActive          bool               `json:"is_active"`
	IsStaff           bool               `json:"is_staff"`
	IsSuperuser       *bool              `json:"is_superuser,omitempty" doc:"For superusers only."`
	ExpirationDate    *string            `json:"expiration_date" format:"date" doc:"The last day on which the account is good."`
	DateJoined        *time.Time         `json:"date_joined"`
	LastLogin         *time.Time         `json:"last_login"`
	Groups            []id.Group         `json:"groups"`
	OrganizationUsers []organizationUser `json:"organization_users"`
}

// organizationUser is a membership, seen from its user.
type organizationUser struct {
	ID           id.Membership   `json:"id"`
	Organization id.Organization `json:"organization"`
	IsAdmin      bool            `json:"is_admin" doc:"Manager or owner."`
	Role         tenancy.Role    `json:"role"`
}

// userDetail is a user by himself.
type userDetail struct {
	UserBody

	Bio             string               `json:"bio"`
	URL             string               `json:"url"`
	Company         string               `json:"company"`
	Location        string               `json:"location"`
	Notes           *string              `json:"notes,omitempty" doc:"Of administrators; never shown to the user."`
	Language        string               `json:"language"`
	Custom          map[string]any       `json:"custom" doc:"Values of the fields that the operator declared, as far as the caller may see them."`
	PasswordUpdated *time.Time           `json:"password_updated"`
	HasPassword     bool                 `json:"has_password"`
	UserPermissions []tenancy.Permission `json:"user_permissions,omitempty" doc:"For superusers only."`
}

func writeUser(c caller, row tenancy.UserRow) UserBody {
	body := UserBody{
		ID: row.ID, Username: row.Username, Email: orNull(row.Email), EmailVerified: row.EmailVerified, FirstName: row.FirstName, LastName: row.LastName,
		PhoneNumber: orNull(row.Phone), BirthDate: orNull(row.BirthDate), IsActive: row.Active, IsStaff: row.Staff, ExpirationDate: orNull(row.Expires),
		DateJoined: moment(row.Created), LastLogin: moment(row.LastLogin), Groups: row.Groups, OrganizationUsers: make([]organizationUser, len(row.Memberships)),
	}
	if body.Groups == nil {
		body.Groups = []id.Group{}
	}
	if c.scope.Everywhere() {
		body.IsSuperuser = &row.Superuser
	}
	for i, m := range row.Memberships {
		body.OrganizationUsers[i] = organizationUser{ID: m.ID, Organization: m.Organization, IsAdmin: m.Role.AtLeast(tenancy.Manager), Role: m.Role}
	}
	return body
}

// UserInput is what can be written of a user. Members that are left out stay as they are.
type UserInput struct {
	Username       optional[string]         `json:"username,omitempty"`
	Email          optional[string]         `json:"email,omitempty" doc:"The primary address. A new one has to be confirmed."`
	FirstName      optional[string]         `json:"first_name,omitempty"`
	LastName       optional[string]         `json:"last_name,omitempty"`
	PhoneNumber    optional[string]         `json:"phone_number,omitempty"`
	BirthDate      optional[string]         `json:"birth_date,omitempty"`
	Bio            optional[string]         `json:"bio,omitempty"`
	URL            optional[string]         `json:"url,omitempty"`
	Company        optional[string]         `json:"company,omitempty"`
	Location       optional[string]         `json:"location,omitempty"`
	Notes          optional[string]         `json:"notes,omitempty"`
	Language       optional[string]         `json:"language,omitempty"`
	ExpirationDate optional[string]         `json:"expiration_date,omitempty"`
	IsActive       optional[bool]           `json:"is_active,omitempty"`
	IsStaff        optional[bool]           `json:"is_staff,omitempty"`
	IsSuperuser    optional[bool]           `json:"is_superuser,omitempty"`
	Custom         optional[map[string]any] `json:"custom,omitempty" doc:"Fields that are left out stay; null removes one."`

	Groups            optional[[]id.Group]           `json:"groups,omitempty" doc:"All of the user's groups that the caller sees."`
	UserPermissions   optional[[]tenancy.Permission] `json:"user_permissions,omitempty" doc:"For superusers only."`
	OrganizationUsers optional[any]                  `json:"organization_users,omitempty" doc:"When creating: {organization, is_admin}, or a list with one. Later see users/membership/."`
}

func (in UserInput) change(version int64) tenancy.UserChange {
	return tenancy.UserChange{
		Username: in.Username.pointer(), Email: in.Email.pointer(), FirstName: in.FirstName.pointer(), LastName: in.LastName.pointer(),
		Phone: in.PhoneNumber.pointer(), BirthDate: as[tenancy.Date](in.BirthDate), Bio: in.Bio.pointer(), URL: in.URL.pointer(),
		Company: in.Company.pointer(), Location: in.Location.pointer(), Notes: in.Notes.pointer(), Language: in.Language.pointer(),
		Expires: as[tenancy.Date](in.ExpirationDate), Active: in.IsActive.pointer(), Staff: in.IsStaff.pointer(), Superuser: in.IsSuperuser.pointer(),
		Custom: in.Custom.value, Version: version,
	}
}
