package login

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"gatehouse/connectors"
	"gatehouse/internal/web"
	"gatehouse/mfa"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

// Paths of the flow that other parts of the program link to.
const (
	SignInPath   = "/signin"
	CallbackPath = "/signin/callback/" // followed by the connector's id; registered at the upstream
	SetupPath    = "/setup"
	ResetPath    = "/reset-password"
)

// Handler serves the browser's way in. All fields are required.
type Handler struct {
	Issuer     string // no trailing slash
	Provider   *provider.Provider
	Directory  *tenancy.Directory
	Connectors connectors.Set
	Factors    *mfa.TOTP
	Sessions   *session.Manager
	Flows      session.Vault[Flow]
	SetupLinks session.Vault[SetupLink]
	Attempts   session.Store
	Pages      *ui.Renderer
	Cookies    Cookies
	Address    func(*http.Request) string         // the client's address
	Wrap       func(web.Handler) http.HandlerFunc // turns returned errors into pages
	Now        func() time.Time
}

// Mount adds the routes of the flow.
func (h *Handler) Mount(r chi.Router) {
	get := func(path string, handle web.Handler) { r.Get(path, h.Wrap(h.answering(handle))) }
	post := func(path string, handle web.Handler) { r.Post(path, h.Wrap(h.answering(handle))) }
	get("/", h.home)
	get(provider.AuthorizePath, h.authorize)
	post(provider.AuthorizePath, h.authorizePost)
	get(SignInPath, h.signIn)
	post(SignInPath+"/password", h.password)
	post(SignInPath+"/connector", h.connector)
	get(CallbackPath+"{connector}", h.callback)
	post(SignInPath+"/factor", h.factor)
	post(SignInPath+"/enrol", h.enrol)
	post(SignInPath+"/new-password", h.newPassword)
	post(SignInPath+"/organization", h.organization)
	post("/signout", h.signOut)
	get("/signed-out", h.signedOut)
	get(ResetPath, h.reset)
	post(ResetPath, h.resetPost)
	get(ResetPath+"/sent", h.resetSent)
	post(ResetPath+"/choose", h.resetChoose)
	get(ResetPath+"/done", h.resetDone)
	get(SetupPath, h.setup)
	post(SetupPath, h.setupPost)
}

// answering reads the form within its limit and answers the two errors that are redirects, not pages.
func (h *Handler) answering(handle web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
		if err := r.ParseForm(); err != nil {
			return badForm(err)
		}
		err := handle(w, r)
		var refused *provider.AuthorizeError
		switch {
		case errors.Is(err, errWrongStep):
			toSignIn(w, r, r.FormValue("flow"))
			return nil
		case errors.As(err, &refused):
			return answerAuthorizeError(w, r, refused)
		default:
			return err
		}
	}
}

func badForm(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return &web.Error{Status: http.StatusRequestEntityTooLarge, Title: "That is too much", Text: "The form is larger than this page accepts.", Err: err}
	}
	return &web.Error{Status: http.StatusBadRequest, Title: "This request is damaged", Text: "What the browser sent cannot be read.", Err: err}
}

// toSignIn sends the browser to the page of a flow. 303, so that a POST is not repeated there.
func toSignIn(w http.ResponseWriter, r *http.Request, flowID string) {
	http.Redirect(w, r, SignInPath+"?flow="+url.QueryEscape(flowID), http.StatusSeeOther)
}
