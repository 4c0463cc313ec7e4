package login

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"gatehouse/connectors"
	"gatehouse/internal/id"
	"gatehouse/internal/web"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/ui"
)

// connector sends the browser to an upstream. The flow is copied under a fresh id, which is the state that the upstream sees; the
// first one stays, so that going back and choosing another way works.
func (h *Handler) connector(w http.ResponseWriter, r *http.Request) error {
	v, _, err := h.at(w, r, stepSignIn)
	if err != nil {
		return err
	}
	configured, known := h.Connectors.Enabled(id.Connector(r.PostFormValue("connector")))
	if !known {
		return h.showSignIn(w, v, http.StatusBadRequest, "", connectorAlert(r, "", connectors.ReasonDenied))
	}
	if err := h.admitFlow(r); err != nil {
		return err
	}
	state, flow := newFlowID(), *v.open.flow()
	force := flow.Secure || mustBeFresh(v.facts.request)
	redirect, err := configured.Connector.Begin(r.Context(), connectors.BeginRequest{
		State: state, CallbackURL: h.callbackURL(configured.ID), LoginHint: loginHint(v.facts), ForceLogin: force,
	})
	var failed *connectors.Error
	if errors.As(err, &failed) {
		note(r, configured.ID, failed)
		return h.showSignIn(w, v, http.StatusServiceUnavailable, "", connectorAlert(r, configured.Name, failed.Reason))
	}
	if err != nil {
		return err
	}
	flow.Upstream = &Upstream{Connector: configured.ID, Private: redirect.Private, Force: force, Started: h.Now()}
	flow.Alert = nil
	if err := h.keep(r.Context(), v.browser, state, flow); err != nil {
		return err
	}
	http.Redirect(w, r, redirect.URL, http.StatusSeeOther)
	return nil
}

// mustBeFresh: where the client limits the age of the sign-in, an upstream's older session will not do.
func mustBeFresh(request *provider.AuthorizeRequest) bool {
	return request != nil && (request.MaxAge != nil || slices.Contains(request.Prompt, "login"))
}

func (h *Handler) callbackURL(connector id.Connector) string {
	return h.Issuer + CallbackPath + string(connector)
}

func loginHint(f facts) string {
	if f.request == nil {
		return ""
	}
	return f.request.LoginHint
}

// callback takes the upstream's answer. State finds the flow only in the browser that began it, and only once; the flow goes on
// under an id that the upstream has not seen.
func (h *Handler) callback(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	browser := h.Cookies.browserSecret(w, r)
	flow, err := h.takeFlow(ctx, browser, r.Form.Get("state"))
	if errors.Is(err, store.ErrNotFound) {
		return errFlowGone(err)
	}
	if err != nil {
		return err
	}
	upstream := flow.Upstream
	configured, known := h.Connectors.Enabled(id.Connector(chi.URLParam(r, "connector")))
	if upstream == nil || !known || upstream.Connector != configured.ID {
		return errFlowGone(fmt.Errorf("callback of connector %q in a flow that is not there", configured.ID))
	}
	flow.Upstream = nil
	first, why, err := h.identify(r, configured, *upstream)
	if err != nil {
		return err
	}
	flow.First, flow.Alert, flow.FactorOf, flow.Enrolment, flow.Organization = first, nil, "", nil, ""
	if first == nil {
		flow.Alert = signInFailed(r, why)
	}
	flowID := newFlowID()
	if err := h.keep(ctx, browser, flowID, flow); err != nil {
		return err
	}
	toSignIn(w, r, flowID)
	return nil
}

// identify turns the upstream's answer into a first factor, or into what to tell the person.
func (h *Handler) identify(r *http.Request, configured connectors.Configured, upstream Upstream) (*FirstFactor, string, error) {
	identity, err := configured.Connector.Finish(r.Context(), connectors.Callback{
		Parameters: r.Form, CallbackURL: h.callbackURL(configured.ID), Private: upstream.Private,
		ForceLogin: upstream.Force, Started: upstream.Started,
	})
	var failed *connectors.Error
	if errors.As(err, &failed) {
		note(r, configured.ID, failed)
		return nil, connectorText(configured.Name, failed.Reason), nil
	}
	if err != nil {
		return nil, "", err
	}
	user, why, err := h.link(r, configured, identity)
	if err != nil || why != "" {
		return nil, why, err
	}
	at := h.Now()
	if said := identity.Auth.At; !said.IsZero() && said.Before(at) {
		at = said // the person may have signed in there long before he came here
	}
	return &FirstFactor{
		User: user, At: at, Method: amrFederated, Connector: configured.ID, Subject: identity.Subject,
		Limit: configured.Organization, UpstreamSession: identity.Auth.SessionKey,
	}, "", nil
}

func connectorAlert(r *http.Request, name string, reason connectors.Reason) *ui.Alert {
	return signInFailed(r, connectorText(name, reason))
}

// signInFailed carries the reference of the request whose log event has the cause; the page is shown by a later one.
func signInFailed(r *http.Request, text string) *ui.Alert {
	return &ui.Alert{Kind: ui.AlertError, Title: "Sign-in did not work", Text: text, Reference: web.RequestID(r)}
}

func connectorText(name string, reason connectors.Reason) string {
	if name == "" {
		name = "That way of signing in"
	}
	switch reason {
	case connectors.ReasonUnavailable:
		return name + " cannot be reached at the moment. Try again in a few minutes, or sign in another way."
	case connectors.ReasonDenied:
		return name + " did not confirm the sign-in. If you did not cancel it yourself, ask the administrator there, with the reference below."
	case connectors.ReasonSetup:
		return name + " is not set up correctly. Tell your administrator the reference below."
	default:
		return name + " sent an answer that could not be verified. Try again; if it goes on, tell your administrator the reference below."
	}
}
