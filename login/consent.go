package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/provider"
	"gatehouse/store"
	"gatehouse/ui"
)

// loadConsent finds what the person has let the client see before, in the organization that the request will be for.
func (h *Handler) loadConsent(ctx context.Context, v *visit) error {
	if v.facts.request == nil || v.facts.request.Client.FirstParty {
		return nil
	}
	found := v.facts.organization()
	if found.step != stepDone {
		return nil
	}
	consent, err := h.Provider.Store.Consent(ctx, v.facts.user(), v.facts.request.Client.ID, found.organization.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		v.facts.consent = &consent
	}
	return err
}

// consentMissing reports whether the person has to be asked what the client may see: for prompt=consent each time, else what a client that
// is not the operator's own was not allowed yet.
func (f facts) consentMissing(organization id.Organization) bool {
	if f.request == nil || f.flow.Agreed == f.agreement(organization) {
		return false
	}
	if slices.Contains(f.request.Prompt, "consent") {
		return true
	}
	return !f.request.Client.FirstParty && (f.consent == nil || f.consent.Organization != organization || !f.consent.Covers(f.request.Asked()))
}

// agreement names exactly what a person is asked: who, by which client, for which organization, to what. What the page showed is what the button
// agrees to, even if another tab or the client's registration has changed meanwhile.
func (f facts) agreement(organization id.Organization) string {
	asked := append([]string{string(f.user()), string(f.request.Client.ID), string(organization)}, slices.Sorted(slices.Values(f.request.Asked()))...)
	return secret.Hash(strings.Join(asked, "\n"))
}

// consent takes the person's answer.
func (h *Handler) consent(w http.ResponseWriter, r *http.Request) error {
	v, d, err := h.at(w, r, stepConsent)
	if err != nil {
		return err
	}
	if r.PostFormValue("answer") == "deny" {
		return h.denyConsent(w, r, v)
	}
	if r.PostFormValue("agreement") == v.facts.agreement(d.organization.ID) {
		v.open.flow().Agreed = r.PostFormValue("agreement")
		if err := h.save(r.Context(), v.browser, v.open); err != nil {
			return err
		}
	}
	toSignIn(w, r, v.open.id)
	return nil
}

// denyConsent ends the flow. A session that it would have begun does not begin.
func (h *Handler) denyConsent(w http.ResponseWriter, r *http.Request, v *visit) error {
	err := h.takeOpen(r.Context(), v.browser, v.open)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrStale) {
		return errFlowGone(err)
	}
	if err != nil {
		return err
	}
	return h.refuse(w, r, v.open.flow().Params, provider.AuthorizeError{Code: "access_denied", Description: "The user does not agree."})
}

// remember keeps what the person agreed to in this flow.
func (h *Handler) remember(ctx context.Context, v *visit, organization id.Organization) error {
	if v.facts.request == nil || v.open.flow().Agreed != v.facts.agreement(organization) {
		return nil
	}
	return h.Provider.Agree(ctx, v.facts.user(), v.facts.request.Client.ID, organization, v.facts.request.Asked())
}

func (h *Handler) showConsent(w http.ResponseWriter, v *visit, d decision) error {
	request := v.facts.request
	view := ui.Consent{
		Action: action(consentPath, v), SwitchAction: action(switchPath, v), Flow: v.open.id, Agreement: v.facts.agreement(d.organization.ID),
		ClientName: clientName(request.Client), ClientURL: request.Client.URI, PolicyURL: request.Client.PolicyURI, TermsURL: request.Client.TermsURI,
		Destination: destination(request.Params.Get("redirect_uri")), Account: v.facts.standing.User.Name(), OrganizationName: d.organization.Name,
	}
	for _, scope := range append([]string{scopeIdentity}, request.Asked()...) {
		switch {
		case scope == scopeOpenID:
		case v.facts.consent != nil && (scope == scopeIdentity || slices.Contains(v.facts.consent.Scopes, scope)):
			view.Known = append(view.Known, scopeWords(scope))
		default:
			view.Asked = append(view.Asked, scopeWords(scope))
		}
	}
	return h.Pages.Render(w, http.StatusOK, view)
}

// destination is where the answer goes, as far as people know it: the name of a client, everybody can choose.
func destination(redirectURI string) string {
	uri, err := url.Parse(redirectURI)
	switch {
	case err != nil:
		return ""
	case uri.Scheme == "https":
		return uri.Host
	case uri.Scheme == "http":
		return "a program on this device"
	default:
		return "the app " + uri.Scheme
	}
}

const (
	scopeOpenID   = "openid"
	scopeIdentity = "" // what every client is told, whatever it asks for
)

// askedWords says all that a request asks for.
func askedWords(request provider.AuthorizeRequest) []string {
	words := []string{scopeWords(scopeIdentity)}
	for _, scope := range request.Asked() {
		if scope != scopeOpenID {
			words = append(words, scopeWords(scope))
		}
	}
	return words
}

// scopeWords says for people what a scope gives.
func scopeWords(scope string) string {
	switch scope {
	case scopeIdentity:
		return "Know that it is you, in which organization, and in what role"
	case "profile":
		return "See your name, username, language and the rest of your profile"
	case "email":
		return "See your e-mail address"
	case "phone":
		return "See your phone number"
	case "groups":
		return "See which groups you are in"
	case "permissions":
		return "See and use what you are permitted to do in the organization"
	case "offline_access":
		return "Keep this access while you are away"
	default:
		return "Use other services for you, with the scope “" + scope + "”"
	}
}
