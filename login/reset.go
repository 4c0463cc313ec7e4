package login

import (
	"errors"
	"net/http"
	"net/url"

	"gatehouse/internal/password"
	"gatehouse/internal/web"
	"gatehouse/session"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

// reset shows the page of a link, or without one asks whom to send a link.
func (h *Handler) reset(w http.ResponseWriter, r *http.Request) error {
	token := r.FormValue("token")
	if token == "" {
		return h.Pages.Render(w, http.StatusOK, ui.ResetRequest{Action: ResetPath})
	}
	user, err := h.Directory.ResetOf(r.Context(), token)
	if err != nil {
		return resetError(err)
	}
	return h.showReset(w, http.StatusOK, token, user, nil)
}

// resets are counted together with those of the REST API.
func (h *Handler) resets() session.ResetGuard { return session.ResetGuard{Store: h.Attempts} }

// resetPost answers the same whether it sends a link or not.
func (h *Handler) resetPost(w http.ResponseWriter, r *http.Request) error {
	identifier := r.PostFormValue("identifier")
	if err := h.closed(h.resets().Asked(r.Context(), h.network(r))); err != nil {
		return err
	}
	account, err := h.Directory.AccountName(r.Context(), tenancy.System("password reset"), identifier)
	if err != nil {
		return err
	}
	if err := h.closed(h.resets().AskedFor(r.Context(), account)); err != nil {
		return err
	}
	if err := h.Directory.RequestPasswordReset(r.Context(), identifier); err != nil {
		return err
	}
	http.Redirect(w, r, ResetPath+"/sent", http.StatusSeeOther)
	return nil
}

func (h *Handler) resetSent(w http.ResponseWriter, _ *http.Request) error {
	return h.Pages.Render(w, http.StatusOK, ui.Notice{
		Title:   "Look into your mail",
		Text:    "If there is an account of that name with a confirmed e-mail address, a link to choose a new password is on its way there. It works once, and not for long.",
		LinkURL: SignInPath, LinkText: "Back to the sign-in",
	})
}

// resetChoose sets the new password. It signs nobody in: the second factor is still to be shown.
func (h *Handler) resetChoose(w http.ResponseWriter, r *http.Request) error {
	token := r.PostFormValue("token")
	if err := h.closed(h.resets().Chosen(r.Context(), h.network(r))); err != nil {
		return err
	}
	user, err := h.Directory.ResetOf(r.Context(), token)
	if err != nil {
		return resetError(err)
	}
	if problems := typedTwice(r); problems != nil {
		return h.showReset(w, http.StatusUnprocessableEntity, token, user, problems)
	}
	_, err = h.Directory.ResetPassword(r.Context(), token, r.PostFormValue("new_password"))
	var invalid *tenancy.Invalid
	if errors.As(err, &invalid) {
		return h.showReset(w, http.StatusUnprocessableEntity, token, user, invalid.Fields)
	}
	if err != nil {
		return resetError(err)
	}
	http.Redirect(w, r, ResetPath+"/done", http.StatusSeeOther)
	return nil
}

func (h *Handler) showReset(w http.ResponseWriter, status int, token string, user tenancy.User, problems map[string][]string) error {
	return h.Pages.Render(w, status, ui.ResetPassword{Action: ResetPath + "/choose?token=" + url.QueryEscape(token), Token: token, Account: user.Username, FieldErrors: problems})
}

func (h *Handler) resetDone(w http.ResponseWriter, _ *http.Request) error {
	return h.Pages.Render(w, http.StatusOK, ui.Notice{
		Title:   "Your password is changed",
		Text:    "All your sessions and API tokens have ended. Sign in with the new password.",
		LinkURL: SignInPath, LinkText: "Sign in",
	})
}

func resetError(err error) error {
	switch {
	case errors.Is(err, tenancy.ErrBadLink):
		return &web.Error{
			Status: http.StatusNotFound, Title: "This link does not work", Err: err, LinkURL: ResetPath, LinkText: "Ask for a new link",
			Text: "It was used already, is too old, or your password or address has changed since it was sent.",
		}
	case errors.Is(err, password.ErrBusy):
		return errBusy(err)
	default:
		return err
	}
}
