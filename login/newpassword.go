package login

import (
	"errors"
	"net/http"

	"gatehouse/internal/id"
	"gatehouse/internal/password"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

const fieldAgain = "again"

// newPassword replaces an expired password within a flow. Age alone asks for that, so the user's other tokens stay good.
func (h *Handler) newPassword(w http.ResponseWriter, r *http.Request) error {
	v, _, err := h.at(w, r, stepPassword)
	if err != nil {
		return err
	}
	user := v.facts.standing.User
	if err := h.admit(r, string(user.ID)); err != nil {
		return err
	}
	if problems := typedTwice(r); problems != nil {
		return h.showNewPassword(w, v, http.StatusUnprocessableEntity, problems)
	}
	scope, err := h.Directory.Scope(r.Context(), user.ID)
	if err != nil {
		return err
	}
	err = h.Directory.ChangePassword(r.Context(), scope, r.PostFormValue("old_password"), r.PostFormValue("new_password"), tenancy.Kept{
		Session: v.facts.ownSession(), NamedTokens: true,
	})
	var invalid *tenancy.Invalid
	switch {
	case errors.As(err, &invalid):
		if len(invalid.Fields["old_password"]) > 0 {
			if err := h.Passwords.Failed(r.Context(), string(user.ID), h.network(r)); err != nil {
				return err
			}
		}
		return h.showNewPassword(w, v, http.StatusUnprocessableEntity, invalid.Fields)
	case errors.Is(err, password.ErrBusy):
		return errBusy(err)
	case err != nil:
		return err
	}
	if first := v.open.flow().First; first != nil {
		first.At = h.Now()
		if err := h.save(r.Context(), v.browser, v.open); err != nil {
			return err
		}
	}
	toSignIn(w, r, v.open.id)
	return nil
}

// ownSession is the live session of this browser, if it is the user's.
func (f facts) ownSession() id.Session {
	if f.session == nil || f.session.User != f.user() {
		return ""
	}
	return f.session.ID
}

// typedTwice says what is wrong if the two fields of a new password differ.
func typedTwice(r *http.Request) map[string][]string {
	if r.PostFormValue("new_password") == r.PostFormValue(fieldAgain) {
		return nil
	}
	return map[string][]string{fieldAgain: {"This differs from the password above."}}
}

func (h *Handler) showNewPassword(w http.ResponseWriter, v *visit, status int, problems map[string][]string) error {
	return h.Pages.Render(w, status, ui.NewPassword{
		Action: action(newPasswordPath, v), SwitchAction: action(switchPath, v), Flow: v.open.id, Account: v.facts.standing.User.Username,
		ClientName: v.facts.clientName(), FieldErrors: problems,
	})
}
