package login

import (
	"net/http"

	"gatehouse/ui"
)

// home tells who is signed in and where he belongs.
func (h *Handler) home(w http.ResponseWriter, r *http.Request) error {
	v := &visit{}
	if err := h.load(r.Context(), r, v, &Flow{}); err != nil {
		return err
	}
	if v.facts.standing == nil {
		http.Redirect(w, r, SignInPath, http.StatusSeeOther)
		return nil
	}
	if v.facts.expired && v.facts.byPassword() {
		http.Redirect(w, r, SignInPath, http.StatusSeeOther)
		return nil
	}
	user := v.facts.standing.User
	view := ui.Home{Name: user.Name(), Username: user.Username, Email: user.Email, SignOutAction: "/signout", FactorCount: len(v.facts.factors)}
	for _, place := range v.facts.places() {
		view.Organizations = append(view.Organizations, ui.OrganizationChoice{
			Name: place.Organization.Name, Slug: place.Organization.Slug, Role: string(place.Role),
		})
	}
	return h.Pages.Render(w, http.StatusOK, view)
}

// signOut ends the browser's session with everything that was issued from it.
func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) error {
	v := &visit{}
	if err := h.loadSession(r.Context(), r, v); err != nil {
		return err
	}
	if v.facts.session != nil {
		if err := h.endSession(r.Context(), v.token, v.facts.session.ID); err != nil {
			return err
		}
	}
	h.Cookies.signOut(w)
	http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
	return nil
}

func (h *Handler) signedOut(w http.ResponseWriter, _ *http.Request) error {
	return h.Pages.Render(w, http.StatusOK, ui.SignedOut{SignInURL: SignInPath})
}
