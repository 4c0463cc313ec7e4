package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"gatehouse/tenancy"
)

type usersUpdateCommand struct {
	configFlag
	outputFlag
	userArgument
	Username      *string           `placeholder:"NAME" help:"Another sign-in name."`
	Email         *string           `placeholder:"ADDRESS" help:"Another primary address, which is mailed a link to confirm it; empty for none."`
	EmailVerified bool              `help:"Take the primary address as proved, without a letter."`
	Phone         *string           `placeholder:"NUMBER" help:"With international prefix; empty for none."`
	FirstName     *string           `placeholder:"NAME" help:"First name."`
	LastName      *string           `placeholder:"NAME" help:"Last name."`
	BirthDate     *tenancy.Date     `placeholder:"DATE" help:"Such as 1990-02-28; empty for none."`
	Company       *string           `placeholder:"TEXT" help:"Company."`
	Location      *string           `placeholder:"TEXT" help:"Location."`
	URL           *string           `placeholder:"URL" help:"Address of the user's site."`
	Bio           *string           `placeholder:"TEXT" help:"What the user says about himself."`
	Notes         *string           `placeholder:"TEXT" help:"Of administrators, never shown to the user."`
	Language      *string           `placeholder:"TAG" help:"Of letters, such as en or pt-BR."`
	Expires       *tenancy.Date     `placeholder:"DATE" help:"Last day on which the account is good; empty for none."`
	Staff         *bool             `negatable:"" help:"Whether the user may enter the admin interface."`
	Superuser     *bool             `negatable:"" help:"Whether the user may do everything."`
	Custom        map[string]string `placeholder:"NAME=VALUE" help:"Value of a field of your own; empty takes it away. May be given several times."`
}

// Run changes a user.
func (c usersUpdateCommand) Run(ctx context.Context, t terminal) error {
	change := c.change()
	if reflect.DeepEqual(change, tenancy.UserChange{}) {
		return errors.New("nothing to change is named; say for example --first-name Ada")
	}
	return c.inDirectory(ctx, t, func(a *app) error {
		user, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		change.Custom = a.directory.Settings.Fields.FromTexts(change.Custom)
		changed, err := a.directory.UpdateUser(ctx, commandLine(), user.ID, change)
		if err != nil {
			return err
		}
		return c.object(t, userAttributes(changed)...)
	})
}

func (c usersUpdateCommand) change() tenancy.UserChange {
	change := tenancy.UserChange{
		Username: c.Username, Email: c.Email, Proved: c.EmailVerified, Phone: c.Phone, FirstName: c.FirstName, LastName: c.LastName, BirthDate: c.BirthDate,
		Company: c.Company, Location: c.Location, URL: c.URL, Bio: c.Bio, Notes: c.Notes, Language: c.Language, Expires: c.Expires,
		Staff: c.Staff, Superuser: c.Superuser,
	}
	for name, value := range c.Custom {
		if change.Custom == nil {
			change.Custom = map[string]any{}
		}
		if change.Custom[name] = any(value); value == "" {
			change.Custom[name] = nil
		}
	}
	return change
}

type usersRemoveFactorsCommand struct {
	configFlag
	confirmFlag
	userArgument
}

// Run removes the second factors of a user.
func (c usersRemoveFactorsCommand) Run(ctx context.Context, t terminal) error {
	return c.inDirectory(ctx, t, func(a *app) error {
		user, err := c.find(ctx, a)
		if err != nil {
			return err
		}
		factors, err := a.db.Factors(ctx, user.ID)
		if err != nil {
			return err
		}
		if len(factors) == 0 {
			return fmt.Errorf("%s has no second factor", user.Username)
		}
		if err := c.check("removes the second factors of " + user.Username + ", who then signs in without,"); err != nil {
			return err
		}
		if _, err := a.directory.RemoveFactors(ctx, commandLine(), user.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintf(t.out, "%s has no second factor any more.\n", user.Username)
		return err
	})
}
