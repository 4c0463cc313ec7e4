package api

import (
	"context"
	"errors"
	"net/http"

	"gatehouse/internal/id"
	"gatehouse/session"
	"gatehouse/tenancy"
)

// Addresses that an expired password leads to, below Prefix.
const (
	passwordChangePath = "/users/user/password/change/"
	passwordResetPath  = "/users/password/reset/"
)

type detailOutput struct {
	Body struct {
		Detail string `json:"detail"`
	}
}

func done(text string) *detailOutput {
	out := &detailOutput{}
	out.Body.Detail = text
	return out
}

func (a *API) passwords() {
	change := signedIn
	change.passwordChange = true
	handle(a, route{http.MethodPost, passwordResetPath, "request-password-reset", tagSignIn, "Mail a link to choose a new password", 0}, anyone, a.requestReset)
	handle(a, route{http.MethodPost, passwordResetPath + "confirm/", "confirm-password-reset", tagSignIn, "Choose a new password with the token of the link", 0}, anyone, a.confirmReset)
	handle(a, route{http.MethodPost, passwordChangePath, "change-own-password", tagSignIn, "Change one's own password", 0}, change, a.changeOwnPassword)
	handle(a, route{http.MethodPut, "/users/user/{id}/password/", "set-password", tagUsers, "Set the password of a user, or change one's own", 0}, needs(tenancy.ChangeUser), a.setPassword)
}

// resets are counted together with those of the sign-in pages.
func (a *API) resets() session.ResetGuard { return session.ResetGuard{Store: a.Ephemeral} }

type resetInput struct {
	Body struct {
		Input string `json:"input" minLength:"1" doc:"Username, e-mail address or phone number."`
	}
}

// requestReset answers the same for everybody, so that nobody learns who has an account.
func (a *API) requestReset(ctx context.Context, c caller, in *resetInput) (*detailOutput, error) {
	if err := a.resets().Asked(ctx, c.address); err != nil {
		return nil, err
	}
	account, err := a.Directory.AccountName(ctx, tenancy.System("password reset"), in.Body.Input)
	if err != nil {
		return nil, err
	}
	if err := a.resets().AskedFor(ctx, account); err != nil {
		return nil, err
	}
	if err := a.Directory.RequestPasswordReset(ctx, in.Body.Input); err != nil {
		return nil, err
	}
	return done("Password reset e-mail has been sent."), nil
}

type resetConfirmInput struct {
	Body struct {
		UID   string `json:"uid,omitempty" doc:"Not needed; the token says it."`
		Token string `json:"token"`
		New1  string `json:"new_password1"`
		New2  string `json:"new_password2"`
	}
}

func (a *API) confirmReset(ctx context.Context, c caller, in *resetConfirmInput) (*detailOutput, error) {
	if err := a.resets().Chosen(ctx, c.address); err != nil {
		return nil, err
	}
	if in.Body.New1 != in.Body.New2 {
		return nil, fieldProblem("new_password2", "The two passwords differ.")
	}
	_, err := a.Directory.ResetPassword(ctx, in.Body.Token, in.Body.New1)
	if errors.Is(err, tenancy.ErrBadLink) {
		return nil, fieldProblem("token", "The link was used already or has expired.")
	}
	if err != nil {
		return nil, renamed(renamed(err, "password", "new_password1"), "new_password", "new_password1")
	}
	return done("Password has been reset with the new password."), nil
}

type changeOwnInput struct {
	Body struct {
		Old  string `json:"old_password"`
		New1 string `json:"new_password1"`
		New2 string `json:"new_password2"`
	}
}

func (a *API) changeOwnPassword(ctx context.Context, c caller, in *changeOwnInput) (*detailOutput, error) {
	if in.Body.New1 != in.Body.New2 {
		return nil, fieldProblem("new_password2", "The two passwords differ.")
	}
	if err := a.changeOwn(ctx, c, in.Body.Old, in.Body.New1, "old_password", "new_password1"); err != nil {
		return nil, err
	}
	return done("New password has been saved."), nil
}

// changeOwn guards the old password like a sign-in.
func (a *API) changeOwn(ctx context.Context, c caller, old, fresh, oldField, newField string) error {
	if err := a.Passwords.Admit(ctx, string(c.user), c.address); err != nil {
		return err
	}
	err := a.Directory.ChangePassword(ctx, c.scope, old, fresh, tenancy.Kept{Session: c.session, Token: c.token, NamedTokens: c.scope.MustChangePassword()})
	var invalid *tenancy.Invalid
	if errors.As(err, &invalid) && len(invalid.Fields["old_password"]) > 0 {
		err = errors.Join(err, a.Passwords.Failed(ctx, string(c.user), c.address))
	}
	if err != nil {
		return renamed(renamed(err, "old_password", oldField), "new_password", newField)
	}
	return a.Passwords.Succeeded(ctx, string(c.user), c.address)
}

type setPasswordInput struct {
	ID   string `path:"id" doc:"Of the user."`
	Body struct {
		Current string `json:"current_password,omitempty" doc:"Needed for one's own."`
		New     string `json:"new_password"`
		Confirm string `json:"confirm_password"`
	}
}

type statusOutput struct {
	Body struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
}

func (a *API) setPassword(ctx context.Context, c caller, in *setPasswordInput) (*statusOutput, error) {
	if in.Body.New != in.Body.Confirm {
		return nil, fieldProblem("confirm_password", "The two passwords differ.")
	}
	own := id.User(in.ID) == c.user
	if own && in.Body.Current == "" {
		return nil, fieldProblem("current_password", "This field is required: it is your own password.")
	}
	var err error
	if own {
		err = a.changeOwn(ctx, c, in.Body.Current, in.Body.New, "current_password", "new_password")
	} else {
		err = renamed(a.Directory.SetPassword(ctx, c.scope, id.User(in.ID), in.Body.New), "password", "new_password")
	}
	if err != nil {
		return nil, err
	}
	out := &statusOutput{}
	out.Body.Status, out.Body.Message = "success", "Password updated successfully."
	return out, nil
}

func fieldProblem(field, text string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Detail: badInput, Fields: map[string][]string{field: {text}}}
}

// renamed calls a field of the domain by its name in this request.
func renamed(err error, from, to string) error {
	var invalid *tenancy.Invalid
	if !errors.As(err, &invalid) || len(invalid.Fields[from]) == 0 {
		return err
	}
	fields := map[string][]string{}
	for field, texts := range invalid.Fields {
		if field == from {
			field = to
		}
		fields[field] = append(fields[field], texts...)
	}
	return &tenancy.Invalid{Fields: fields}
}
