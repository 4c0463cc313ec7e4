package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

const (
	tagUsers = "Users"
	userPath = "/users/user/{id}/"
)

func (a *API) users() {
	handle(a, route{http.MethodGet, "/users/user/", "list-users", tagUsers, "List users", 0}, needs(tenancy.ViewUser), a.listUsers)
	handle(a, route{http.MethodPost, "/users/user/", "create-user", tagUsers, "Create a user", http.StatusCreated}, needs(tenancy.AddUser), a.createUser)
	handle(a, route{http.MethodGet, userPath, "user", tagUsers, "Read a user", 0}, needs(tenancy.ViewUser), a.user)
	handle(a, route{http.MethodPut, userPath, "replace-user", tagUsers, "Change a user; the username has to be there", 0}, needs(tenancy.ChangeUser), a.replaceUser)
	handle(a, route{http.MethodPatch, userPath, "change-user", tagUsers, "Change a user", 0}, needs(tenancy.ChangeUser), a.changeUser)
	handle(a, route{http.MethodDelete, userPath, "delete-user", tagUsers, "Delete a user", http.StatusNoContent}, needs(tenancy.DeleteUser), a.deleteUser)
	handle(a, route{http.MethodGet, userPath + "effective-permissions/", "effective-permissions", tagUsers, "What a user may do, and why", 0}, needs(tenancy.ViewUser), a.effectivePermissions)
}

type listUsersInput struct {
	ListInput

	Organization id.Organization `query:"organization" format:"uuid" doc:"Members of this organization."`
	Role         string          `query:"role" enum:"member,manager,owner" doc:"With this role in the organization, or in any."`
	Group        id.Group        `query:"group" format:"uuid" doc:"In this group."`
	IsActive     string          `query:"is_active" doc:"true or false."`
	IsStaff      string          `query:"is_staff" doc:"true or false."`
	IsSuperuser  string          `query:"is_superuser" doc:"true or false; for superusers only."`
	Username     string          `query:"username" doc:"Exactly this, whatever its case."`
	Email        string          `query:"email" doc:"Exactly this, whatever its case."`
	From         string          `query:"from" doc:"Created at this time or day, or later."`
	To           string          `query:"to" doc:"Created before this time or day."`
}

func (in listUsersInput) filter() (tenancy.UserFilter, error) {
	filter := tenancy.UserFilter{Organization: in.Organization, Role: tenancy.Role(in.Role), Group: in.Group, Username: in.Username, Email: in.Email}
	for _, f := range []struct {
		field, text string
		target      **bool
	}{{"is_active", in.IsActive, &filter.Active}, {"is_staff", in.IsStaff, &filter.Staff}, {"is_superuser", in.IsSuperuser, &filter.Superuser}} {
		value, err := flag(f.field, f.text)
		if err != nil {
			return filter, err
		}
		*f.target = value
	}
	var err error
	filter.Created, err = period(in.From, in.To)
	return filter, err
}

func (a *API) listUsers(ctx context.Context, c caller, in *listUsersInput) (*listOutput[UserBody], error) {
	in.Ordering = strings.Replace(in.Ordering, "date_joined", "created", 1)
	asked, err := query(in.ListInput)
	if err != nil {
		return nil, err
	}
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	page, err := a.Directory.ListUsers(ctx, c.scope, filter, asked)
	if err != nil {
		return nil, err
	}
	return listed(a, c, page, func(row tenancy.UserRow) UserBody { return writeUser(c, row) }), nil
}

type userOutput struct {
	ETag string `header:"ETag"`
	Body userDetail
}

// detail reads a user with everything that his page shows.
func (a *API) detail(ctx context.Context, c caller, user id.User) (*userOutput, error) {
	row, err := a.Directory.UserRow(ctx, c.scope, user)
	if err != nil {
		return nil, err
	}
	out := &userOutput{ETag: etag(row.Version), Body: userDetail{
		UserBody: writeUser(c, row), Bio: row.Bio, URL: row.URL, Company: row.Company, Location: row.Location, Language: row.Language,
		Custom: row.Custom, PasswordUpdated: moment(row.PasswordUpdated), HasPassword: row.PasswordHash != "",
	}}
	if out.Body.Custom == nil {
		out.Body.Custom = map[string]any{}
	}
	if c.user != user {
		out.Body.Notes = &row.Notes
	}
	if c.scope.Everywhere() {
		out.Body.UserPermissions = row.Permissions
	}
	return out, nil
}

// UserIDInput names a user in the path.
type UserIDInput struct {
	ID id.User `path:"id" doc:"Of the user."`
}

func (a *API) user(ctx context.Context, c caller, in *UserIDInput) (*userOutput, error) {
	return a.detail(ctx, c, in.ID)
}

type createUserInput struct {
	Body struct {
		UserInput

		Password      string `json:"password,omitempty"`
		EmailVerified bool   `json:"email_verified,omitempty" doc:"The address is known to be the user's; no mail is sent."`
	}
}

func (a *API) createUser(ctx context.Context, c caller, in *createUserInput) (*createdOutput[userDetail], error) {
	b := in.Body
	if missing := required(map[string]string{"username": b.Username.value, "email": b.Email.value, "password": b.Password}); missing != nil {
		return nil, missing
	}
	place, err := placeOf(b.OrganizationUsers)
	if err != nil {
		return nil, err
	}
	var user tenancy.User
	err = a.Directory.Atomically(ctx, func(d *tenancy.Directory) error {
		var err error
		if user, err = d.CreateUser(ctx, c.scope, in.newUser(place)); err != nil {
			return err
		}
		return setRights(ctx, d, c, user.ID, UserInput{UserPermissions: b.UserPermissions})
	})
	if err != nil {
		return nil, renamedUser(err)
	}
	out, err := a.detail(ctx, c, user.ID)
	if err != nil {
		return nil, err
	}
	return &createdOutput[userDetail]{Location: a.created("/users/user/", string(user.ID)), ETag: out.ETag, Body: out.Body}, nil
}

func (in createUserInput) newUser(p place) tenancy.NewUser {
	b := in.Body
	return tenancy.NewUser{
		Organization: p.Organization, Role: p.role(), Groups: b.Groups.value, Username: b.Username.value, Email: b.Email.value,
		EmailVerified: b.EmailVerified, Phone: b.PhoneNumber.value, FirstName: b.FirstName.value, LastName: b.LastName.value, Bio: b.Bio.value,
		URL: b.URL.value, Company: b.Company.value, Location: b.Location.value, BirthDate: tenancy.Date(b.BirthDate.value), Notes: b.Notes.value,
		Language: b.Language.value, Custom: b.Custom.value, Password: b.Password, Expires: tenancy.Date(b.ExpirationDate.value),
		Inactive: b.IsActive.given && !b.IsActive.value, Staff: b.IsStaff.value, Superuser: b.IsSuperuser.value,
	}
}

// place is the organization that a new user begins in.
type place struct {
	Organization id.Organization `json:"organization"`
	IsAdmin      bool            `json:"is_admin"`
}

func (p place) role() tenancy.Role {
	if p.IsAdmin {
		return tenancy.Manager
	}
	return tenancy.Member
}

// placeOf reads one membership, by itself or in a list, as the described system takes both.
func placeOf(in optional[any]) (place, error) {
	bad := fieldProblem("organization_users", "This has to be {organization, is_admin}, or a list with one. Further memberships are made at users/membership/.")
	value := in.value
	if items, isList := value.([]any); isList {
		if len(items) > 1 {
			return place{}, bad
		}
		value = nil
		if len(items) == 1 {
			value = items[0]
		}
	}
	if value == nil {
		return place{}, nil
	}
	raw, err := json.Marshal(value)
	var p place
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil || p.Organization == "" {
		return place{}, bad
	}
	return p, nil
}

// renamedUser calls the domain's fields as this interface does.
func renamedUser(err error) error {
	for domain, name := range map[string]string{"phone": "phone_number", "expires": "expiration_date", "active": "is_active", "staff": "is_staff", "superuser": "is_superuser", "organization": "organization_users"} {
		err = renamed(err, domain, name)
	}
	return err
}

type changeUserInput struct {
	UserIDInput
	Precondition
	Body UserInput
}

func (a *API) replaceUser(ctx context.Context, c caller, in *changeUserInput) (*userOutput, error) {
	if missing := required(map[string]string{"username": in.Body.Username.value}); missing != nil {
		return nil, missing
	}
	return a.changeUser(ctx, c, in)
}

func (a *API) changeUser(ctx context.Context, c caller, in *changeUserInput) (*userOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	if in.Body.OrganizationUsers.given {
		return nil, fieldProblem("organization_users", "Memberships are changed at users/membership/.")
	}
	err = a.Directory.Atomically(ctx, func(d *tenancy.Directory) error {
		if _, err := d.UpdateUser(ctx, c.scope, in.ID, in.Body.change(version)); err != nil {
			return err
		}
		return setRights(ctx, d, c, in.ID, in.Body)
	})
	if err != nil {
		return nil, in.changed(renamedUser(err))
	}
	return a.detail(ctx, c, in.ID)
}

// setRights writes groups and permissions where the request has them.
func setRights(ctx context.Context, d *tenancy.Directory, c caller, user id.User, in UserInput) error {
	if in.Groups.given {
		if err := d.SetUserGroups(ctx, c.scope, user, in.Groups.value); err != nil {
			return err
		}
	}
	if in.UserPermissions.given {
		return renamed(d.SetUserPermissions(ctx, c.scope, user, in.UserPermissions.value), "permissions", "user_permissions")
	}
	return nil
}

type nothing struct{}

func (a *API) deleteUser(ctx context.Context, c caller, in *UserIDInput) (*nothing, error) {
	return &nothing{}, a.Directory.DeleteUser(ctx, c.scope, in.ID)
}

type effectiveInput struct {
	UserIDInput

	Organization id.Organization `query:"organization" format:"uuid" doc:"Where; without it, what counts everywhere."`
}

type effectivePermission struct {
	Permission tenancy.Permission `json:"permission"`
	Label      string             `json:"label"`
	Reasons    []string           `json:"reasons" doc:"In words: superuser, given to the user, through group …"`
}

type effectiveOutput struct {
	Body struct {
		Results []effectivePermission `json:"results"`
	}
}

func (a *API) effectivePermissions(ctx context.Context, c caller, in *effectiveInput) (*effectiveOutput, error) {
	effective, err := a.Directory.EffectivePermissions(ctx, c.scope, in.ID, in.Organization)
	if err != nil {
		return nil, err
	}
	out := &effectiveOutput{}
	out.Body.Results = make([]effectivePermission, len(effective))
	for i, e := range effective {
		out.Body.Results[i] = effectivePermission{Permission: e.Permission, Label: e.Label, Reasons: e.Reasons}
	}
	return out, nil
}
