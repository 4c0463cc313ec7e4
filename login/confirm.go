package login

import (
	"errors"
	"net/http"

	"gatehouse/internal/web"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

// confirm asks the person to confirm. Opening the link alone does not: programs that look at mail open links, too.
func (h *Handler) confirm(w http.ResponseWriter, r *http.Request) error {
	return h.Pages.Render(w, http.StatusOK, ui.ConfirmEmail{Action: ConfirmPath, Token: r.FormValue("token")})
}

func (h *Handler) confirmPost(w http.ResponseWriter, r *http.Request) error {
	_, err := h.Directory.ConfirmEmail(r.Context(), r.PostFormValue("token"))
	var invalid *tenancy.Invalid
	switch {
	case errors.Is(err, tenancy.ErrBadLink):
		return &web.Error{
			Status: http.StatusNotFound, Title: "This link does not work", Err: err,
			Text: "It was used already, is too old, or the address has been taken away from the account. Ask for a new link.",
		}
	case errors.As(err, &invalid):
		return &web.Error{
			Status: http.StatusConflict, Title: "This address belongs to somebody else", Err: err,
			Text: "Another account has confirmed it in the meantime. If it is yours, sign in to that one.",
		}
	case err != nil:
		return err
	}
	http.Redirect(w, r, ConfirmPath+"/done", http.StatusSeeOther)
	return nil
}

func (h *Handler) confirmDone(w http.ResponseWriter, _ *http.Request) error {
	return h.Pages.Render(w, http.StatusOK, ui.Notice{
		Title: "Your address is confirmed", Text: "You can close this page.", LinkURL: "/", LinkText: "Go on to your account",
	})
}
