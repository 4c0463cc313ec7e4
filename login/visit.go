package login

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/internal/web"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// visit is one request within a flow, with everything loaded that the decision needs.
type visit struct {
	browser string
	open    *openFlow
	token   secret.Text // of the live session, if facts.session is set
	facts   facts
	device  *provider.DeviceRequest // of a flow for one
}

// errFlowGone is shown for a flow that has ended, has expired or belongs to another browser; which of them, nobody learns.
func errFlowGone(cause error) error {
	return &web.Error{
		Status: http.StatusBadRequest, Title: "This sign-in is no longer valid",
		Text:    "It was finished already, took longer than 30 minutes, or was started in another browser. Start again from the application you came from.",
		LinkURL: "/", LinkText: "To the start page", Err: cause,
	}
}

// visit loads the flow that the request names, and the rest.
func (h *Handler) visit(w http.ResponseWriter, r *http.Request) (*visit, error) {
	v := &visit{browser: h.Cookies.browserSecret(w, r)}
	open, err := h.findFlow(r.Context(), v.browser, r.FormValue("flow"))
	if errors.Is(err, store.ErrNotFound) {
		return nil, errFlowGone(err)
	}
	if err != nil {
		return nil, err
	}
	v.open = open
	return v, h.load(r.Context(), r, v, open.flow())
}

// at is visit for the handler of one step. A step that the flow is not at is refused: nobody enrols a factor to get past the
// prompt for the one he has.
func (h *Handler) at(w http.ResponseWriter, r *http.Request, steps ...step) (*visit, decision, error) {
	v, err := h.visit(w, r)
	if err != nil {
		return nil, decision{}, err
	}
	d := next(v.facts)
	if !slices.Contains(steps, d.step) {
		return nil, d, errWrongStep
	}
	return v, d, nil
}

// errWrongStep makes the handler redirect to the page that the flow is at.
var errWrongStep = errors.New("the flow is at another step")

// load fills v.facts for a flow.
func (h *Handler) load(ctx context.Context, r *http.Request, v *visit, flow *Flow) error {
	v.facts = facts{now: h.Now(), flow: flow}
	if flow.Params != nil {
		request, err := h.Provider.ResumeAuthorize(ctx, flow.Params)
		if err != nil {
			return err
		}
		v.facts.request = &request
	}
	if flow.Device != "" {
		if err := h.loadDevice(r, v, flow.Device); err != nil {
			return err
		}
	}
	if err := h.loadSession(ctx, r, v); err != nil {
		return err
	}
	user := v.facts.user()
	if user == "" {
		return nil
	}
	return h.loadUser(ctx, v, user)
}

// user is who the flow is about: whoever signed in within it, else the one of the live session.
func (f facts) user() id.User {
	switch {
	case f.flow.First != nil:
		return f.flow.First.User
	case f.session != nil:
		return f.session.User
	default:
		return ""
	}
}

func (h *Handler) loadSession(ctx context.Context, r *http.Request, v *visit) error {
	v.token = h.Cookies.sessionToken(r)
	if v.token.Empty() {
		return nil
	}
	live, err := h.Sessions.Find(ctx, v.token)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	v.facts.session = &live
	return nil
}

// Session is the live session of the browser that sent a request; store.ErrNotFound for none.
func (h *Handler) Session(r *http.Request) (session.Session, error) {
	v := &visit{}
	if err := h.loadSession(r.Context(), r, v); err != nil {
		return session.Session{}, err
	}
	if v.facts.session == nil {
		return session.Session{}, store.ErrNotFound
	}
	return *v.facts.session, nil
}

// loadUser leaves facts.standing nil for an account that is gone, disabled or past its last day.
func (h *Handler) loadUser(ctx context.Context, v *visit, user id.User) error {
	standing, err := h.Directory.Standing(ctx, tenancy.System("sign-in"), user)
	if errors.Is(err, store.ErrNotFound) || (err == nil && !h.Directory.MaySignIn(standing.User)) {
		return nil
	}
	if err != nil {
		return err
	}
	v.facts.standing, v.facts.expired = &standing, h.Directory.PasswordExpired(standing.User)
	if v.facts.factors, err = h.Factors.Store.Factors(ctx, user); err != nil {
		return err
	}
	return h.loadConsent(ctx, v)
}

// clientName is who asked for the sign-in, for the pages.
func (f facts) clientName() string {
	if f.request == nil {
		return ""
	}
	return clientName(f.request.Client)
}

func clientName(client provider.Client) string {
	if client.Name != "" {
		return client.Name
	}
	return string(client.ID)
}
