package api

import (
	"context"
	"net/http"
	"time"

	"gatehouse/internal/id"
	"gatehouse/tenancy"
)

const (
	tagEmails  = "E-mail addresses"
	emailsPath = "/users/user/{id}/email/"
	emailPath  = emailsPath + "{email}/"
)

func (a *API) emails() {
	handle(a, route{http.MethodGet, emailsPath, "list-emails", tagEmails, "List the addresses of a user", 0}, needs(tenancy.ViewEmailAddress), a.listEmails)
	handle(a, route{http.MethodPost, emailsPath, "add-email", tagEmails, "Add an address; a confirmation is mailed to it", http.StatusCreated}, needs(tenancy.AddEmailAddress), a.addEmail)
	handle(a, route{http.MethodGet, emailPath, "email", tagEmails, "Read an address", 0}, needs(tenancy.ViewEmailAddress), a.email)
	handle(a, route{http.MethodPut, emailPath, "replace-email", tagEmails, "Make an address the primary one", 0}, needs(tenancy.ChangeEmailAddress), a.changeEmail)
	handle(a, route{http.MethodPatch, emailPath, "change-email", tagEmails, "Make an address the primary one", 0}, needs(tenancy.ChangeEmailAddress), a.changeEmail)
	handle(a, route{http.MethodDelete, emailPath, "delete-email", tagEmails, "Delete an address", http.StatusNoContent}, needs(tenancy.DeleteEmailAddress), a.deleteEmail)
	handle(a, route{http.MethodPost, emailPath + "confirmation/", "send-confirmation", tagEmails, "Mail the confirmation again", http.StatusAccepted}, needs(tenancy.ChangeEmailAddress), a.sendConfirmation)
}

type emailBody struct {
	ID       id.Email   `json:"id"`
	Email    string     `json:"email"`
	Verified bool       `json:"verified"`
	Primary  bool       `json:"primary"`
	Created  *time.Time `json:"created"`
}

func writeEmail(e tenancy.EmailAddress) emailBody {
	return emailBody{ID: e.ID, Email: e.Email, Verified: e.Verified, Primary: e.Primary, Created: moment(e.Created)}
}

type emailOutput struct{ Body emailBody }

// EmailIDInput names an address of a user in the path.
type EmailIDInput struct {
	UserIDInput

	Email id.Email `path:"email" doc:"Of the address."`
}

func (a *API) listEmails(ctx context.Context, c caller, in *UserIDInput) (*listOutput[emailBody], error) {
	found, err := a.Directory.Emails(ctx, c.scope, in.ID)
	if err != nil {
		return nil, err
	}
	return listed(a, c, whole(found), writeEmail), nil
}

// whole is a list that is never long enough for pages.
func whole[T any](items []T) tenancy.Page[T] {
	return tenancy.Page[T]{Items: items, Number: 1, Size: len(items), Count: len(items), CountExact: true}
}

type addEmailInput struct {
	UserIDInput

	Body struct {
		Email   string `json:"email"`
		Primary bool   `json:"primary,omitempty" doc:"Make it the primary one."`
	}
}

func (a *API) addEmail(ctx context.Context, c caller, in *addEmailInput) (*createdOutput[emailBody], error) {
	var added tenancy.EmailAddress
	err := a.Directory.Atomically(ctx, func(d *tenancy.Directory) error {
		var err error
		if added, err = d.AddEmail(ctx, c.scope, in.ID, in.Body.Email); err != nil || !in.Body.Primary {
			return err
		}
		added.Primary = true
		return d.SetPrimaryEmail(ctx, c.scope, in.ID, added.ID)
	})
	return &createdOutput[emailBody]{Location: a.created("/users/user/"+string(in.ID)+"/email/", string(added.ID)), Body: writeEmail(added)}, err
}

func (a *API) findEmail(ctx context.Context, c caller, in EmailIDInput) (tenancy.EmailAddress, error) {
	found, err := a.Directory.Emails(ctx, c.scope, in.ID)
	if err != nil {
		return tenancy.EmailAddress{}, err
	}
	for _, address := range found {
		if address.ID == in.Email {
			return address, nil
		}
	}
	return tenancy.EmailAddress{}, errNotFound
}

func (a *API) email(ctx context.Context, c caller, in *EmailIDInput) (*emailOutput, error) {
	found, err := a.findEmail(ctx, c, *in)
	return &emailOutput{writeEmail(found)}, err
}

type changeEmailInput struct {
	EmailIDInput

	Body struct {
		Email    optional[string] `json:"email,omitempty" doc:"Cannot be changed: add another address instead."`
		Primary  optional[bool]   `json:"primary,omitempty"`
		Verified optional[bool]   `json:"verified,omitempty" doc:"Only superusers say so."`
	}
}

func (a *API) changeEmail(ctx context.Context, c caller, in *changeEmailInput) (*emailOutput, error) {
	found, err := a.findEmail(ctx, c, in.EmailIDInput)
	if err != nil {
		return nil, err
	}
	if in.Body.Email.given && in.Body.Email.value != found.Email {
		return nil, fieldProblem("email", "An address cannot be changed: add another one and delete this.")
	}
	if in.Body.Primary.given && !in.Body.Primary.value && found.Primary {
		return nil, fieldProblem("primary", "Make another address the primary one instead.")
	}
	err = a.Directory.Atomically(ctx, func(d *tenancy.Directory) error {
		if in.Body.Verified.given && in.Body.Verified.value != found.Verified {
			if err := d.SetEmailVerified(ctx, c.scope, in.ID, in.EmailIDInput.Email, in.Body.Verified.value); err != nil {
				return err
			}
		}
		if in.Body.Primary.value && !found.Primary {
			return d.SetPrimaryEmail(ctx, c.scope, in.ID, in.EmailIDInput.Email)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a.email(ctx, c, &in.EmailIDInput)
}

func (a *API) deleteEmail(ctx context.Context, c caller, in *EmailIDInput) (*nothing, error) {
	return &nothing{}, a.Directory.DeleteEmail(ctx, c.scope, in.ID, in.Email)
}

func (a *API) sendConfirmation(ctx context.Context, c caller, in *EmailIDInput) (*detailOutput, error) {
	if err := a.Directory.SendConfirmation(ctx, c.scope, in.ID, in.Email); err != nil {
		return nil, err
	}
	return done("The confirmation is on its way."), nil
}
