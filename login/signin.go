package login

import (
	"log/slog"
	"net/http"

	"gatehouse/connectors"
	"gatehouse/internal/id"
	"gatehouse/internal/web"
	"gatehouse/ui"
)

// signIn shows the page that the flow is at, or finishes it. Without a flow it begins one that no client asked for, which may lead to an
// invitation.
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
	case stepAccount:
		return h.showAccount(w, v)
	case stepPrompt:
		return h.showPrompt(w, v, http.StatusOK, nil)
	case stepPassword:
		return h.showNewPassword(w, v, http.StatusOK, nil)
	case stepEnrol:
		return h.showEnrol(w, r, v, d, http.StatusOK, nil)
	case stepOrganization:
		return h.showOrganizations(w, v, d)
	case stepConsent:
		return h.showConsent(w, v, d)
	case stepApprove:
		return h.showApprove(w, r, v, d)
	case stepRefuse:
		return h.showRefusal(w, r, v, d)
	default:
		return h.showSignIn(w, v, http.StatusOK, "", v.open.flow().Alert)
	}
}

func (h *Handler) beginDirect(w http.ResponseWriter, r *http.Request) error {
	return h.start(w, r, Flow{Invitation: r.FormValue("invitation")})
}

// start keeps a new flow and sends the browser to its page.
func (h *Handler) start(w http.ResponseWriter, r *http.Request, flow Flow) error {
	if err := h.admitFlow(r); err != nil {
		return err
	}
	browser, flowID := h.Cookies.browserSecret(w, r), newFlowID()
	flow.Started = h.Now()
	if err := h.keep(r.Context(), browser, flowID, flow); err != nil {
		return err
	}
	toSignIn(w, r, flowID)
	return nil
}

func (h *Handler) showSignIn(w http.ResponseWriter, v *visit, status int, identifier string, alert *ui.Alert) error {
	if identifier == "" && v.facts.request != nil {
		identifier = v.facts.request.LoginHint
	}
	view := ui.SignIn{
		Action: action(passwordPath, v), ConnectorAction: action(connectorPath, v), Flow: v.open.id,
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

// showRefusal tells a person who is signed in why it ends here. The ways on: another account, or back to the client.
func (h *Handler) showRefusal(w http.ResponseWriter, r *http.Request, v *visit, d decision) error {
	name := v.facts.standing.User.Name()
	view := ui.Error{
		Status: http.StatusForbidden, Reference: web.RequestID(r),
		SwitchAction: action(switchPath, v), Flow: v.open.id,
	}
	switch d.refusal {
	case refusedOtherUser:
		view.Title = "Somebody else was expected"
		view.Text = "You are signed in as " + name + ", but the application asked for another account."
	case refusedNotMember:
		view.Title = "No access for this account"
		view.Text = name + " is not a member of the organization that this application belongs to. Ask one of its managers to add you, or use another account."
	default:
		view.Title = "No organization yet"
		view.Text = name + " does not belong to any active organization. Ask a manager of yours to add you, or use another account."
	}
	web.Note(r, slog.String("failure", view.Title))
	if v.device != nil {
		return h.Pages.Render(w, view.Status, view)
	}
	response, err := h.Provider.Refuse(r.Context(), v.open.flow().Params, "access_denied", string(d.refusal))
	if err == nil {
		view.LinkURL, view.LinkFields, view.LinkText = response.URL, fields(response.Form), "Back to "+v.facts.clientName()
	}
	return h.Pages.Render(w, view.Status, view)
}
