package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"gatehouse/internal/secret"
	"gatehouse/mfa"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// Authentication method references in tokens (RFC 8176; "fed", an upstream vouched, is not registered but in wide use).
const (
	amrPassword  = tenancy.MethodPassword
	amrFederated = "fed"
	amrOTP       = "otp"
	amrMulti     = mfa.MultiFactor
)

// finish ends the flow: of many requests exactly one takes it. The browser gets a session, the client its code.
func (h *Handler) finish(w http.ResponseWriter, r *http.Request, v *visit, d decision) error {
	ctx := r.Context()
	err := h.takeOpen(ctx, v.browser, v.open)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrStale) {
		return errFlowGone(err)
	}
	if err != nil {
		return err
	}
	flow := *v.open.flow()
	if first := flow.First; first != nil && first.Method == amrPassword {
		if err := h.Passwords.Succeeded(ctx, string(first.User), h.network(r)); err != nil {
			return err
		}
	}
	live, err := h.establish(w, r, v, flow)
	if err != nil {
		return err
	}
	switch {
	case flow.Device != "":
		return h.approveDevice(w, r, v, live, d)
	case flow.Params == nil:
		http.Redirect(w, r, flow.home(), http.StatusSeeOther)
		return nil
	}
	if err := h.remember(ctx, v, d.organization.ID); err != nil {
		return err
	}
	return h.issueCode(w, r, v, live, d)
}

// home is where a sign-in leads that no client asked for.
func (f *Flow) home() string {
	if f.Invitation == "" {
		return "/"
	}
	return tenancy.InvitationPath + "?token=" + url.QueryEscape(f.Invitation)
}

// issueCode answers the client's request.
func (h *Handler) issueCode(w http.ResponseWriter, r *http.Request, v *visit, live *session.Session, d decision) error {
	request := v.facts.request
	authorization := authorizationOf(live, d)
	authorization.Consent = !request.Client.FirstParty
	response, err := h.Provider.Complete(r.Context(), request.Params, authorization)
	if err != nil {
		return err
	}
	return h.answerClient(w, r, response)
}

func authorizationOf(live *session.Session, d decision) provider.Authorization {
	return provider.Authorization{
		User: live.User, Organization: d.organization.ID, Session: live.ID,
		AuthTime: live.AuthTime, ACR: live.ACR, AMR: live.AMR,
	}
}

// establish gives the browser the session that the flow earned. Its token is fresh after every authentication.
func (h *Handler) establish(w http.ResponseWriter, r *http.Request, v *visit, flow Flow) (*session.Session, error) {
	ctx, live := r.Context(), v.facts.session
	switch {
	case flow.First == nil && flow.FactorOf == "":
		return live, nil
	case flow.First == nil && flow.FactorOf != live.User:
		return nil, errFlowGone(errors.New("the session became another user's while the flow was under way"))
	case flow.First == nil:
		renewed, err := h.renew(ctx, w, v.token, addFactor)
		if errors.Is(err, store.ErrNotFound) { // it was ended in another tab
			return nil, errFlowGone(err)
		}
		return renewed, err
	}
	if err := h.recordLogin(ctx, flow.First); err != nil {
		return nil, err
	}
	signedIn := h.newSession(r, flow)
	if live != nil && live.User == signedIn.User && live.Organization == signedIn.Organization {
		renewed, err := h.renew(ctx, w, v.token, func(s *session.Session) {
			s.AuthTime, s.AMR, s.ACR = signedIn.AuthTime, signedIn.AMR, signedIn.ACR
			s.Connector, s.UpstreamSession, s.UpstreamHint = signedIn.Connector, signedIn.UpstreamSession, signedIn.UpstreamHint
		})
		if !errors.Is(err, store.ErrNotFound) { // it ended a moment ago; the person has just signed in all the same
			return renewed, err
		}
	} else if live != nil {
		if err := h.endSession(ctx, live.ID); err != nil {
			return nil, err
		}
	}
	token, started, err := h.Sessions.Start(ctx, signedIn)
	if err != nil {
		return nil, err
	}
	h.Cookies.signIn(w, token, started.Expires.Sub(h.Now()))
	return &started, nil
}

func (h *Handler) newSession(r *http.Request, flow Flow) session.Session {
	signedIn := session.Session{
		User: flow.First.User, Organization: flow.First.Limit, AuthTime: flow.First.At,
		AMR: []string{flow.First.Method}, ACR: ACRSingle,
		Connector: flow.First.Connector, UpstreamSession: flow.First.UpstreamSession, UpstreamHint: flow.First.UpstreamHint,
		Address: h.Address(r), Agent: clip(r.UserAgent()),
	}
	if flow.FactorOf == flow.First.User {
		addFactor(&signedIn)
	}
	return signedIn
}

const maxAgent = 300

// clip bounds what a browser says about itself.
func clip(agent string) string {
	return strings.ToValidUTF8(agent[:min(len(agent), maxAgent)], "")
}

func addFactor(s *session.Session) {
	s.AMR, s.ACR = append(s.AMR, amrOTP, amrMulti), ACRMulti
}

func (h *Handler) renew(ctx context.Context, w http.ResponseWriter, old secret.Text, change func(*session.Session)) (*session.Session, error) {
	token, renewed, err := h.Sessions.Renew(ctx, old, change)
	if err != nil {
		return nil, err
	}
	h.Cookies.signIn(w, token, renewed.Expires.Sub(h.Now()))
	return &renewed, nil
}

func (h *Handler) recordLogin(ctx context.Context, first *FirstFactor) error {
	return h.Directory.RecordLogin(ctx, tenancy.System("sign-in"), first.User, first.Method, first.Connector, first.Subject)
}
