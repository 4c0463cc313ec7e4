package login

import (
	"errors"
	"net/http"
	"time"

	"gatehouse/store"
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
	view := ui.Home{
		Name: user.Name(), Username: user.Username, Email: user.Email, Superuser: user.Superuser, SignOutAction: signOutPath,
		FactorCount: len(v.facts.factors), SecureAction: securePath,
	}
	for _, place := range v.facts.places() {
		view.Organizations = append(view.Organizations, ui.OrganizationChoice{
			Name: place.Organization.Name, Slug: place.Organization.Slug, Role: string(place.Role),
		})
	}
	return h.Pages.Render(w, http.StatusOK, view)
}

// switchAccount signs out whoever the flow is about and starts it anew for somebody else, with the same request of the client.
func (h *Handler) switchAccount(w http.ResponseWriter, r *http.Request) error {
	v, err := h.visit(w, r)
	if err != nil {
		return err
	}
	if live := v.facts.session; live != nil && live.User == v.facts.user() {
		if err := h.endSession(r.Context(), v.token, live.ID); err != nil {
			return err
		}
		h.Cookies.signOut(w)
	}
	flow, err := h.takeFlow(r.Context(), v.browser, v.open.id)
	if errors.Is(err, store.ErrNotFound) {
		return errFlowGone(err)
	}
	if err != nil {
		return err
	}
	return h.start(w, r, Flow{Params: flow.Params, Device: flow.Device})
}

// recent is how fresh a sign-in must be for its person to add a factor: whoever finds an open browser must not lock its owner out.
const recent = 10 * time.Minute

// secure begins a flow in which the person enrols a second factor although nobody demands one. An upstream's older session will not do
// either.
func (h *Handler) secure(w http.ResponseWriter, r *http.Request) error {
	return h.start(w, r, Flow{Secure: true, Alert: &ui.Alert{
		Kind: ui.AlertInfo, Title: "Sign in again first", Text: "Your last sign-in is a while ago. After this one you set up the second step.",
	}})
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
