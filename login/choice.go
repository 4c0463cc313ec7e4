package login

import (
	"net/http"

	"gatehouse/internal/id"
	"gatehouse/ui"
)

// account takes the person's answer to "as whom?": as who is signed in, or as somebody else. The form names whom the page showed, so that
// nobody goes on as the one who has signed in meanwhile.
func (h *Handler) account(w http.ResponseWriter, r *http.Request) error {
	v, _, err := h.at(w, r, stepAccount)
	if err != nil {
		return err
	}
	flow := v.open.flow()
	switch chosen := id.User(r.PostFormValue("account")); chosen {
	case "":
		flow.Another = true
	case v.facts.standing.User.ID:
		flow.Account = chosen
	default:
		return errWrongStep
	}
	if err := h.save(r.Context(), v.browser, v.open); err != nil {
		return err
	}
	toSignIn(w, r, v.open.id)
	return nil
}

func (h *Handler) showAccount(w http.ResponseWriter, v *visit) error {
	user := v.facts.standing.User
	return h.Pages.Render(w, http.StatusOK, ui.Accounts{
		Action: action(accountPath, v), Flow: v.open.id, Value: string(user.ID), Name: user.Name(), Account: label(user), ClientName: v.facts.clientName(),
	})
}
