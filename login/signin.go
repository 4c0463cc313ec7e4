package login

import (
	"net/http"

	"gatehouse/connectors"
	"gatehouse/internal/id"
	"gatehouse/internal/web"
	"gatehouse/ui"
)

// signIn shows the page that the flow is at, or finishes it. Without a flow it begins one that no client asked for.
func (h *Handler) signIn(w http.ResponseWriter, r *http.Request) error {
	if r.FormValue("flow") == "" {
		return h.beginDirect(w, r)
	}
	v, err := h.visit(w, r)
	if err != nil {
		return err
	}
	d := next(v.facts)
	switch d.step {
	case stepDone:
		return h.finish(w, r, v, d)
	case stepPrompt:
		return h.showPrompt(w, v, http.StatusOK, nil)
	case stepPassword:
		return h.showNewPassword(w, v, http.StatusOK, nil)
	case stepEnrol:
		return h.showEnrol(w, r, v, d, http.StatusOK, nil)
	case stepOrganization:
		return h.showOrganizations(w, v, d)
	case stepRefuse:
		return h.showRefusal(r, v, d)
	default:
		return h.showSignIn(w, v, http.StatusOK, "", flowAlert(v))
	}
}

func (h *Handler) beginDirect(w http.ResponseWriter, r *http.Request) error {
	browser, flowID := h.Cookies.browserSecret(w, r), newFlowID()
	if err := h.keep(r.Context(), browser, flowID, Flow{Started: h.Now()}); err != nil {
		return err
	}
	toSignIn(w, r, flowID)
	return nil
}

// flowAlert is what an earlier request left to be told.
func flowAlert(v *visit) *ui.Alert {
	if v.open.flow().Alert == "" {
		return nil
	}
	return &ui.Alert{Kind: ui.AlertError, Title: "Sign-in did not work", Text: v.open.flow().Alert}
}

func (h *Handler) showSignIn(w http.ResponseWriter, v *visit, status int, identifier string, alert *ui.Alert) error {
	if identifier == "" && v.facts.request != nil {
		identifier = v.facts.request.LoginHint
	}
	view := ui.SignIn{
		Action: SignInPath + "/password", ConnectorAction: SignInPath + "/connector", Flow: v.open.id,
		Identifier: identifier, PasswordEnabled: true, ResetURL: ResetPath, ClientName: v.facts.clientName(), Alert: alert,
	}
	for _, configured := range h.offered(v.facts) {
		view.Connectors = append(view.Connectors, ui.ConnectorChoice{Name: configured.Name, Value: string(configured.ID)})
	}
	return h.Pages.Render(w, status, view)
}

// offered are the connectors for the organization that the client belongs to, else the shared ones.
func (h *Handler) offered(f facts) []connectors.Configured {
	var organization id.Organization
	if f.request != nil {
		organization = f.request.Client.Organization
	}
	return h.Connectors.For(organization)
}

// showRefusal tells a person who is signed in why it ends here, and offers the way back to the client.
func (h *Handler) showRefusal(r *http.Request, v *visit, d decision) error {
	why := &web.Error{Status: http.StatusForbidden}
	name := v.facts.standing.User.Name()
	switch d.refusal {
	case refusedOtherUser:
		why.Title = "Somebody else was expected"
		why.Text = "You are signed in as " + name + ", but the application asked for another account. Sign out and try again."
	case refusedNotMember:
		why.Title = "No access for this account"
		why.Text = name + " is not a member of the organization that this application belongs to. Ask one of its managers to add you."
	default:
		why.Title = "No organization yet"
		why.Text = name + " does not belong to any active organization. Ask a manager of yours to add you."
	}
	response, err := h.Provider.Refuse(r.Context(), v.open.flow().Params, "access_denied", string(d.refusal))
	if err == nil {
		why.LinkURL, why.LinkText = response.URL, "Back to "+v.facts.clientName()
	}
	return why
}
