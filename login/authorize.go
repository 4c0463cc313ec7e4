package login

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"gatehouse/internal/web"
	"gatehouse/provider"
	"gatehouse/ui"
)

const maxFormBytes = 64 << 10

// authorize is the authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core section 3.1.2). It validates first; a browser
// whose session satisfies the request goes straight on with its code; every other gets a flow.
func (h *Handler) authorize(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	request, err := h.Provider.ParseAuthorize(ctx, r.Form)
	if err != nil {
		return err
	}
	v := &visit{}
	flow := Flow{Params: request.Params, Started: h.Now()}
	if err := h.load(ctx, r, v, &flow); err != nil {
		return err
	}
	d := next(v.facts)
	switch {
	case d.step == stepDone:
		return h.issueCode(w, r, v, v.facts.session, d)
	case slices.Contains(request.Prompt, "none"):
		return h.refuse(w, r, request.Params, silentRefusal(d.step))
	}
	return h.start(w, r, flow)
}

// authorizePost repeats a posted request as GET. A form that another site posts comes without our SameSite=Lax cookies; the GET
// that follows brings them.
func (h *Handler) authorizePost(w http.ResponseWriter, r *http.Request) error {
	//nolint:gosec // the path is ours; only the query is theirs
	http.Redirect(w, r, provider.AuthorizePath+"?"+r.PostForm.Encode(), http.StatusSeeOther)
	return nil
}

// answerAuthorizeError sends the browser back with an error, or shows a page where there is no address that may be trusted.
func (h *Handler) answerAuthorizeError(w http.ResponseWriter, r *http.Request, refused *provider.AuthorizeError) error {
	if refused.URL == "" {
		return &web.Error{
			Status: http.StatusBadRequest, Title: "The application sent a request that cannot be accepted",
			Text: refused.Description, Err: refused,
		}
	}
	return h.answerClient(w, r, refused.Response)
}

// answerClient sends the browser back to the client in the way it asked for.
func (h *Handler) answerClient(w http.ResponseWriter, r *http.Request, response provider.Response) error {
	if response.Form != nil {
		return h.Pages.Render(w, http.StatusOK, ui.FormPost{Action: response.URL, Fields: fields(response.Form)})
	}
	w.Header().Set("Cache-Control", "no-store") // the address holds a code
	http.Redirect(w, r, response.URL, http.StatusSeeOther)
	return nil
}

// fields are hidden inputs, in an order that stays.
func fields(form url.Values) []ui.Field {
	var fields []ui.Field
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			fields = append(fields, ui.Field{Name: name, Value: value})
		}
	}
	return fields
}

// silentRefusal is what prompt=none answers where a page would be needed (OpenID Connect Core section 3.1.2.6).
func silentRefusal(s step) provider.AuthorizeError {
	switch s {
	case stepSignIn:
		return provider.AuthorizeError{Code: "login_required", Description: "Nobody is signed in, or the sign-in is too old."}
	case stepAccount:
		return provider.AuthorizeError{Code: "account_selection_required", Description: "An account must be chosen."}
	case stepOrganization:
		return provider.AuthorizeError{Code: "account_selection_required", Description: "An organization must be picked."}
	case stepRefuse:
		return provider.AuthorizeError{Code: "access_denied", Description: "The signed-in user may not use this application."}
	case stepConsent:
		return provider.AuthorizeError{Code: "consent_required", Description: "The user has not agreed to this yet."}
	case stepPassword:
		return provider.AuthorizeError{Code: "interaction_required", Description: "The password has expired."}
	default:
		return provider.AuthorizeError{Code: "interaction_required", Description: "A second factor is needed."}
	}
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, params url.Values, why provider.AuthorizeError) error {
	response, err := h.Provider.Refuse(r.Context(), params, why.Code, why.Description)
	if err != nil {
		return err
	}
	return h.answerClient(w, r, response)
}
