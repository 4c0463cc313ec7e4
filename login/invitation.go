package login

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"gatehouse/internal/password"
	"gatehouse/internal/web"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

// Accounts that people try to make with one invitation, within a window: each try costs a password hash.
const (
	attemptsPerInvitation = 30
	invitationWindow      = 5 * time.Minute
)

// invitation shows what the link of a letter is for. To open it accepts nothing: mail scanners open links too.
func (h *Handler) invitation(w http.ResponseWriter, r *http.Request) error {
	return h.showInvitation(w, r, http.StatusOK, nil)
}

func (h *Handler) showInvitation(w http.ResponseWriter, r *http.Request, status int, invalid *tenancy.Invalid) error {
	token := r.FormValue("token")
	open, err := h.Directory.InvitationByToken(r.Context(), token)
	if err != nil {
		return invitationError(err)
	}
	view := ui.Invitation{
		Token: token, Organization: open.Organization, Inviter: open.Inviter, Email: open.Email, Manager: open.Role == tenancy.Manager,
		JoinAction: tenancy.InvitationPath + "/join", SignOutAction: "/signout", SignInURL: SignInPath + "?invitation=" + url.QueryEscape(token),
		Username: r.PostFormValue("username"), FirstName: r.PostFormValue("first_name"), LastName: r.PostFormValue("last_name"),
	}
	if !open.Known {
		view.CreateAction = tenancy.InvitationPath + "/create"
	}
	if invalid != nil {
		view.FieldErrors, view.Alert = invalid.Fields, invitationAlert(invalid)
	}
	v := &visit{}
	if err := h.load(r.Context(), r, v, &Flow{}); err != nil {
		return err
	}
	if v.facts.standing != nil {
		view.Name = v.facts.standing.User.Name()
	}
	return h.Pages.Render(w, status, view)
}

// invitationAlert says what is wrong with something that is no field of the form.
func invitationAlert(invalid *tenancy.Invalid) *ui.Alert {
	for _, field := range []string{"membership", "organization", "email"} {
		if texts := invalid.Fields[field]; len(texts) > 0 {
			return &ui.Alert{Kind: ui.AlertError, Title: "That did not work", Text: texts[0]}
		}
	}
	return nil
}

func invitationError(err error) error {
	switch {
	case errors.Is(err, tenancy.ErrInvitationGone):
		return &web.Error{
			Status: http.StatusNotFound, Title: "This invitation does not work", Err: err,
			Text: "It was accepted already, was taken back or mailed again, or is too old. Ask whoever invited you for another one.",
		}
	case errors.Is(err, password.ErrBusy):
		return &web.Error{Status: http.StatusServiceUnavailable, Title: "Many people are signing in", Text: "Please try again in a moment.", RetryAfter: 5 * time.Second, Err: err}
	default:
		return err
	}
}

// join accepts the invitation for who is signed in.
func (h *Handler) join(w http.ResponseWriter, r *http.Request) error {
	v := &visit{}
	if err := h.load(r.Context(), r, v, &Flow{}); err != nil {
		return err
	}
	if v.facts.standing == nil { // the session has ended meanwhile
		return h.showInvitation(w, r, http.StatusUnauthorized, nil)
	}
	scope, err := h.Directory.Scope(r.Context(), v.facts.standing.User.ID)
	if err != nil {
		return err
	}
	scope = scope.Narrow(tenancy.Limits{Via: "session", Organization: v.facts.limit()})
	_, err = h.Directory.AcceptInvitation(r.Context(), scope, r.PostFormValue("token"))
	var invalid *tenancy.Invalid
	switch {
	case errors.As(err, &invalid):
		return h.showInvitation(w, r, http.StatusUnprocessableEntity, invalid)
	case errors.Is(err, tenancy.ErrForbidden):
		return &web.Error{
			Status: http.StatusForbidden, Title: "This sign-in is for one organization", Err: err, LinkURL: SignInPath, LinkText: "Sign in",
			Text: "You came in through an organization's own sign-in, which is good for that one alone. Sign out, sign in another way and follow the link of the letter again.",
		}
	case err != nil:
		return invitationError(err)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// createAndJoin makes an account, and signs its person in by a flow that goes on as after a password: the organization may demand a
// second factor.
func (h *Handler) createAndJoin(w http.ResponseWriter, r *http.Request) error {
	form := r.PostForm
	if err := h.count(r.Context(), "invitation:"+form.Get("token"), attemptsPerInvitation, invitationWindow); err != nil {
		return err
	}
	user, err := h.Directory.AcceptInvitationAsNew(r.Context(), form.Get("token"), tenancy.NewUser{
		Username: form.Get("username"), FirstName: form.Get("first_name"), LastName: form.Get("last_name"), Password: form.Get("password"),
	})
	var invalid *tenancy.Invalid
	switch {
	case errors.As(err, &invalid):
		return h.showInvitation(w, r, http.StatusUnprocessableEntity, invalid)
	case err != nil:
		return invitationError(err)
	}
	browser, flowID := h.Cookies.browserSecret(w, r), newFlowID()
	first := FirstFactor{User: user.ID, At: h.Now(), Method: amrPassword}
	if err := h.keep(r.Context(), browser, flowID, Flow{Started: h.Now(), First: &first}); err != nil {
		return err
	}
	toSignIn(w, r, flowID)
	return nil
}
