package main

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/store"
	"gatehouse/tenancy"
)

type usersCommand struct {
	List          usersListCommand          `cmd:"" help:"List users, newest first."`
	Create        usersCreateCommand        `cmd:"" help:"Create a user. Asks for the password; without a terminal, reads it from standard input."`
	Show          usersShowCommand          `cmd:"" help:"Show a user with organizations and groups."`
	Update        usersUpdateCommand        `cmd:"" help:"Change a user; what is not named stays."`
	Activate      usersActivateCommand      `cmd:"" help:"Let a user sign in again."`
	Deactivate    usersDeactivateCommand    `cmd:"" help:"Keep a user from signing in; sessions end."`
	SetPassword   usersSetPasswordCommand   `cmd:"" help:"Set a user's password, asked for or read from standard input. Sessions and tokens end."`
	RemoveFactors usersRemoveFactorsCommand `cmd:"" help:"Take the second factors from a user who has lost them; sessions end."`
	Delete        usersDeleteCommand        `cmd:"" help:"Delete a user and everything that is the user's."`
	Export        usersExportCommand        `cmd:"" help:"Write all users to a file."`
	Import        usersImportCommand        `cmd:"" help:"Take users from a file: an export of OpenWISP, or our own."`
}

// userArgument names a user.
type userArgument struct {
	User string `arg:"" help:"Username, e-mail address, phone number or id."`
}

func (u userArgument) find(ctx context.Context, a *app) (tenancy.User, error) {
	user, err := a.directory.FindUser(ctx, commandLine(), u.User)
	if errors.Is(err, store.ErrNotFound) {
		return user, fmt.Errorf("there is no user %q; \"users list --search\" finds people by parts of their names", u.User)
	}
	return user, err
}

type usersCreateCommand struct {
	configFlag
	outputFlag
	Username      string `arg:"" help:"Sign-in name."`
	Email         string `help:"E-mail address, which is mailed a link to confirm it."`
	EmailVerified bool   `help:"Take the address as proved, without a letter."`
	FirstName     string `help:"First name."`
	LastName      string `help:"Last name."`
	Organization  string `placeholder:"SLUG" help:"Organization to be a member of."`
	Role          string `enum:"member,manager" default:"member" help:"Role there: member or manager."`
	NoPassword    bool   `help:"Without local password: for sign-in through an upstream, or by a reset."`
}

// Run creates a user; superusers are made by "admin create".
func (c usersCreateCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	n := tenancy.NewUser{
		Username: c.Username, Email: c.Email, EmailVerified: c.EmailVerified, FirstName: c.FirstName, LastName: c.LastName, Role: tenancy.Role(c.Role),
	}
	if n.Organization, err = findOrganization(ctx, a, c.Organization); err != nil {
		return err
	}
	if !c.NoPassword {
		if n.Password, err = readPassword(t); err != nil {
			return err
		}
	}
	var user tenancy.User
	err = a.directory.Atomically(ctx, func(d *tenancy.Directory) error {
		if user, err = d.CreateUser(ctx, commandLine(), n); err != nil {
			return err
		}
		return confirmed(ctx, d, user)
	})
	if err != nil {
		return err
	}
	return c.object(t, userAttributes(user)...)
}

// confirmed mails a new user the link that confirms his address. The program itself sends none: it makes accounts in many ways.
func confirmed(ctx context.Context, d *tenancy.Directory, user tenancy.User) error {
	if user.Email == "" || user.EmailVerified {
		return nil
	}
	addresses, err := d.Emails(ctx, commandLine(), user.ID)
	if err != nil {
		return err
	}
	return d.SendConfirmation(ctx, commandLine(), user.ID, addresses[0].ID)
}

func userAttributes(u tenancy.User) []attribute {
	return []attribute{
		{"id", u.ID},
		{"username", u.Username},
		{"email", u.Email},
		{"email_verified", u.EmailVerified},
		{"phone_number", u.Phone},
		{"first_name", u.FirstName},
		{"last_name", u.LastName},
		{"is_active", u.Active},
		{"is_staff", u.Staff},
		{"is_superuser", u.Superuser},
		{"has_password", u.PasswordHash != ""},
		{"expiration_date", u.Expires},
		{"date_joined", u.Created},
		{"last_login", u.LastLogin},
		{"custom", customOf(u)},
	}
}

// customOf are the values of the operator's own fields, never nil.
func customOf(u tenancy.User) map[string]any {
	if u.Custom == nil {
		return map[string]any{}
	}
	return u.Custom
}

type usersShowCommand struct {
	configFlag
	outputFlag
	userArgument
}

// Run shows a user, with active organizations and the groups that count.
func (c usersShowCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	user, err := c.find(ctx, a)
	if err != nil {
		return err
	}
	standing, err := a.directory.Standing(ctx, commandLine(), user.ID)
	if err != nil {
		return err
	}
	places, groups := []string{}, []string{}
	for _, place := range standing.Places {
		places = append(places, fmt.Sprintf("%s (%s)", place.Organization.Slug, place.Role))
	}
	for _, group := range standing.Groups {
		groups = append(groups, group.Name)
	}
	return c.object(t, append(userAttributes(user), attribute{"organizations", places}, attribute{"groups", groups})...)
}

type usersActivateCommand struct {
	configFlag
	userArgument
}

// Run lets a user sign in again.
func (c usersActivateCommand) Run(ctx context.Context, t terminal) error {
	return setActive(ctx, t, c.configFlag, c.userArgument, true)
}

type usersDeactivateCommand struct {
	configFlag
	userArgument
}

// Run keeps a user from signing in.
func (c usersDeactivateCommand) Run(ctx context.Context, t terminal) error {
	return setActive(ctx, t, c.configFlag, c.userArgument, false)
}

func setActive(ctx context.Context, t terminal, f configFlag, who userArgument, active bool) error {
	a, err := f.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	user, err := who.find(ctx, a)
	if err != nil {
		return err
	}
	if _, err := a.directory.UpdateUser(ctx, commandLine(), user.ID, tenancy.UserChange{Active: &active}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s may sign in: %s.\n", user.Username, words(active))
	return err
}

type usersSetPasswordCommand struct {
	configFlag
	userArgument
}

// Run sets a password.
func (c usersSetPasswordCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	user, err := c.find(ctx, a)
	if err != nil {
		return err
	}
	password, err := readPassword(t)
	if err != nil {
		return err
	}
	if err := a.directory.SetPassword(ctx, commandLine(), user.ID, password); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s has a new password.\n", user.Username)
	return err
}

type usersDeleteCommand struct {
	configFlag
	confirmFlag
	userArgument
}

// Run deletes a user.
func (c usersDeleteCommand) Run(ctx context.Context, t terminal) error {
	a, err := c.openDirectory(ctx, t)
	if err != nil {
		return err
	}
	defer a.close()
	user, err := c.find(ctx, a)
	if err != nil {
		return err
	}
	if err := c.check("deletes " + user.Username + " (" + string(user.ID) + ")"); err != nil {
		return err
	}
	if err := a.directory.DeleteUser(ctx, commandLine(), user.ID); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "Deleted %s.\n", user.Username)
	return err
}
