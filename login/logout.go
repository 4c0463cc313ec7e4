package login

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"gatehouse/connectors"
	"gatehouse/internal/id"
	"gatehouse/internal/web"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/ui"
)

const (
	confirmLogoutPath    = provider.LogoutPath + "/confirm"
	signedOutPath        = "/signed-out"
	upstreamReturnPath   = signedOutPath + "/upstream" // registered at upstreams as post_logout_redirect_uri
	upstreamReturnWithin = 10 * time.Minute
)

// Return is where a browser goes on to that comes back from signing out at an upstream.
type Return struct{ URL string }

// logout is the end_session_endpoint (OpenID Connect RP-Initiated Logout 1.0 section 2). A browser whose very session the hint names is
// signed out at once; every other person is asked, because a link on any page leads here (section 6).
func (h *Handler) logout(w http.ResponseWriter, r *http.Request) error {
	request, v, err := h.logoutVisit(r)
	if err != nil {
		return err
	}
	live := v.facts.session
	switch {
	case live != nil && request.About(live.ID, live.User):
		return h.leave(w, r, v, afterwards(request))
	case live != nil:
		return h.askToSignOut(w, r, v, request)
	case request.Redirect == "" || request.Hinted(): // signed out already
		return h.leave(w, r, v, afterwards(request))
	default: // nobody is there to confirm it, and no hint vouches for the address: people go there by their own hand
		return h.showSignedOut(w, request.Client, request.Redirect)
	}
}

// logoutPost repeats a posted request as GET, as authorizePost does: our cookies come with that one only.
func (h *Handler) logoutPost(w http.ResponseWriter, r *http.Request) error {
	//nolint:gosec // the path is ours; only the query is theirs
	http.Redirect(w, r, provider.LogoutPath+"?"+r.PostForm.Encode(), http.StatusSeeOther)
	return nil
}

// logoutConfirmed signs out who has confirmed it. A session that is another one than the page had shown is asked about once more.
func (h *Handler) logoutConfirmed(w http.ResponseWriter, r *http.Request) error {
	request, v, err := h.logoutVisit(r)
	if err != nil {
		return err
	}
	if live := v.facts.session; live != nil && string(live.ID) != r.PostFormValue("session") {
		return h.askToSignOut(w, r, v, request)
	}
	return h.leave(w, r, v, afterwards(request))
}

// logoutVisit reads the request and the browser's session. What cannot be accepted is a page: nobody is signed out by it, and nobody sent
// anywhere, but people may still sign out here.
func (h *Handler) logoutVisit(r *http.Request) (provider.LogoutRequest, *visit, error) {
	v := &visit{}
	request, err := h.Provider.ParseLogout(r.Context(), r.Form)
	var refused *provider.LogoutError
	if errors.As(err, &refused) {
		return request, v, &web.Error{
			Status: http.StatusBadRequest, Title: "The application sent a request that cannot be accepted", Err: refused,
			Text: refused.Description + " Nobody was signed out by it.", LinkURL: provider.LogoutPath, LinkText: "Sign out here",
		}
	}
	if err != nil {
		return request, v, err
	}
	return request, v, h.loadSession(r.Context(), r, v)
}

// askToSignOut shows who is signed in and who asks.
func (h *Handler) askToSignOut(w http.ResponseWriter, r *http.Request, v *visit, request provider.LogoutRequest) error {
	v.facts.flow = &Flow{}
	if err := h.loadUser(r.Context(), v, v.facts.session.User); err != nil {
		return err
	}
	view := ui.LogoutConfirm{Action: confirmLogoutPath, StayURL: "/", Session: string(v.facts.session.ID)}
	if request.Client.ID != "" {
		view.ClientName = clientName(request.Client)
	}
	if standing := v.facts.standing; standing != nil {
		view.Name, view.Username = standing.User.Name(), standing.User.Username
	}
	for _, name := range slices.Sorted(maps.Keys(request.Params)) {
		view.Fields = append(view.Fields, ui.Field{Name: name, Value: request.Params.Get(name)})
	}
	return h.Pages.Render(w, http.StatusOK, view)
}

// afterwards is where the browser goes once its session has ended: where the client wants it, or to a page that leads back to the client.
func afterwards(request provider.LogoutRequest) string {
	switch {
	case request.Redirect != "":
		return request.Redirect
	case request.Client.ID != "":
		return signedOutPath + "?" + url.Values{"client_id": {string(request.Client.ID)}}.Encode()
	default:
		return signedOutPath
	}
}

// leave ends the browser's session, if it has one, with everything that was issued from it, and sends it on: by way of the upstream that it
// signed in through, where the operator wants that.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request, v *visit, next string) error {
	live, upstream := v.facts.session, ""
	if live != nil {
		if err := h.endSession(r.Context(), live.ID); err != nil {
			return err
		}
		var err error
		if upstream, err = h.upstreamLogout(w, r, live, next); err != nil {
			return err
		}
	}
	h.Cookies.signOut(w)
	http.Redirect(w, r, cmp.Or(upstream, next), http.StatusSeeOther)
	return nil
}

// upstreamLogout is where a browser signs out at its upstream, "" if it does not. One that cannot be reached keeps nobody.
func (h *Handler) upstreamLogout(w http.ResponseWriter, r *http.Request, ended *session.Session, next string) (string, error) {
	configured, known := h.Connectors.Enabled(ended.Connector)
	initiator, able := configured.Connector.(connectors.LogoutInitiator)
	if !known || !able {
		return "", nil
	}
	state := newFlowID()
	address, err := initiator.BeginLogout(r.Context(), connectors.LogoutRequest{
		Hint: ended.UpstreamHint, State: state, ReturnURL: h.Issuer + upstreamReturnPath,
	})
	var failed *connectors.Error
	if errors.As(err, &failed) {
		note(r, configured.ID, failed)
		return "", nil
	}
	if err != nil || address == "" {
		return "", err
	}
	return address, h.keepReturn(r.Context(), h.Cookies.browserSecret(w, r), state, next)
}

func (h *Handler) keepReturn(ctx context.Context, browser, state, next string) error {
	return h.Returns.Create(ctx, flowToken(browser, state), Return{next}, h.Now().Add(upstreamReturnWithin))
}

// upstreamReturn takes the browser that comes back from an upstream to where it wanted. State works once, and only in the browser that left.
func (h *Handler) upstreamReturn(w http.ResponseWriter, r *http.Request) error {
	browser := h.Cookies.browserSecret(w, r)
	held, err := h.Returns.Take(r.Context(), flowToken(browser, r.Form.Get("state")))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	http.Redirect(w, r, cmp.Or(held.Value.URL, signedOutPath), http.StatusSeeOther)
	return nil
}

// signOut ends the browser's session; nobody but the person himself asks for it.
func (h *Handler) signOut(w http.ResponseWriter, r *http.Request) error {
	v := &visit{}
	if err := h.loadSession(r.Context(), r, v); err != nil {
		return err
	}
	return h.leave(w, r, v, signedOutPath)
}

// signedOut says so, and leads back to the client that asked for it. Whoever is signed in is told nothing else.
func (h *Handler) signedOut(w http.ResponseWriter, r *http.Request) error {
	v := &visit{}
	if err := h.loadSession(r.Context(), r, v); err != nil {
		return err
	}
	if v.facts.session != nil {
		return toHome(w, r)
	}
	request, err := h.Provider.ParseLogout(r.Context(), url.Values{"client_id": {r.Form.Get("client_id")}})
	var refused *provider.LogoutError
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	return h.showSignedOut(w, request.Client, request.Client.URI)
}

func (h *Handler) showSignedOut(w http.ResponseWriter, client provider.Client, back string) error {
	return h.Pages.Render(w, http.StatusOK, ui.SignedOut{SignInURL: SignInPath, ClientName: clientName(client), ClientURL: back})
}

// endSession signs the browser out everywhere. It goes by the session's name: a tab that signs in again at this moment has another token.
func (h *Handler) endSession(ctx context.Context, sid id.Session) error {
	return SignOut{h.Sessions, h.Provider}.End(ctx, sid)
}
