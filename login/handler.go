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
	ConfirmPath  = "/confirm-email"
)

// Paths of the forms of a flow.
const (
	passwordPath     = SignInPath + "/password"
	connectorPath    = SignInPath + "/connector"
	factorPath       = SignInPath + "/factor"
	enrolPath        = SignInPath + "/enrol"
	newPasswordPath  = SignInPath + "/new-password"
	organizationPath = SignInPath + "/organization"
	consentPath      = SignInPath + "/consent"
	accountPath      = SignInPath + "/account"
	switchPath       = SignInPath + "/another"
	securePath       = SignInPath + "/secure"
	deviceFormPath   = SignInPath + "/device"
	signOutPath      = "/signout"
)

// action is where a form of the visit's flow goes. The address names the flow, so that asking for it again, which is a GET, finds back.
func action(path string, v *visit) string { return path + "?flow=" + url.QueryEscape(v.open.id) }

// Handler serves the browser's way in. All fields are required.
type Handler struct {
	Issuer     string // no trailing slash
	Provider   *provider.Provider
	Directory  *tenancy.Directory
	Connectors connectors.Set
	Factors    *mfa.TOTP
	Sessions   *session.Manager
	Flows      session.Vault[Flow]
	Returns    session.Vault[Return]
	SetupLinks session.Vault[SetupLink]
	Attempts   session.Store
	Passwords  session.Guard // against guessing
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
	get(CallbackPath+"{connector}", h.callback)
	for path, handle := range map[string]web.Handler{
		passwordPath: h.password, connectorPath: h.connector, factorPath: h.factor, enrolPath: h.enrol, organizationPath: h.organization, accountPath: h.account, consentPath: h.consent,
		newPasswordPath: h.newPassword, switchPath: h.switchAccount, securePath: h.secure, deviceFormPath: h.decideDevice,
	} {
		post(path, handle)
		get(path, backToFlow) // what a form answered stays in the address bar
	}
	post(signOutPath, h.signOut)
	get(signOutPath, toHome)
	get(signedOutPath, h.signedOut)
	get(upstreamReturnPath, h.upstreamReturn)
	get(provider.LogoutPath, h.logout)
	post(provider.LogoutPath, h.logoutPost)
	post(confirmLogoutPath, h.logoutConfirmed)
	get(confirmLogoutPath, toHome)
	get(ResetPath, h.reset)
	post(ResetPath, h.resetPost)
	get(ResetPath+"/sent", h.resetSent)
	post(ResetPath+"/choose", h.resetChoose)
	get(ResetPath+"/choose", h.reset)
	get(ResetPath+"/done", h.resetDone)
	get(ConfirmPath, h.confirm)
	post(ConfirmPath, h.confirmPost)
	get(ConfirmPath+"/done", h.confirmDone)
	get(devicePath, h.device)
	post(devicePath, h.devicePost)
	get(deviceScreenPath, h.deviceScreen)
	get(deviceApprovedPath, h.deviceApproved)
	get(deviceDeniedPath, h.deviceDenied)
	get(SetupPath, h.setup)
	post(SetupPath, h.setupPost)
	get(tenancy.InvitationPath, h.invitation)
	post(tenancy.InvitationPath+"/join", h.join)
	post(tenancy.InvitationPath+"/create", h.createAndJoin)
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
			return h.answerAuthorizeError(w, r, refused)
		default:
			return withWayBack(err, r.FormValue("flow"))
		}
	}
}

// withWayBack adds to an error page within a flow the link to where the flow is.
func withWayBack(err error, flowID string) error {
	var page *web.Error
	if flowID != "" && errors.As(err, &page) && page.LinkURL == "" {
		page.LinkURL, page.LinkText = SignInPath+"?flow="+url.QueryEscape(flowID), "Back to signing in"
	}
	return err
}

func backToFlow(w http.ResponseWriter, r *http.Request) error {
	toSignIn(w, r, r.FormValue("flow"))
	return nil
}

func toHome(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
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
	if flowID == "" {
		http.Redirect(w, r, SignInPath, http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, SignInPath+"?flow="+url.QueryEscape(flowID), http.StatusSeeOther)
}
