package login

import (
	"errors"
	"net/http"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/web"
	"gatehouse/mfa"
	"gatehouse/provider"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/ui"
)

// Paths around the page that people open for their device.
const (
	devicePath         = provider.VerificationPath
	deviceScreenPath   = devicePath + "/screen"
	deviceApprovedPath = devicePath + "/approved"
	deviceDeniedPath   = devicePath + "/denied"
)

// Codes that people of one network may enter without being signed in; whoever is signed in is counted by session.Guard.
const (
	codesPerNetwork = 30
	codesWindow     = 5 * time.Minute
)

// device asks for the code that a device shows (RFC 8628 section 3.3). An address that brings the code along fills it in; the person still
// has to press, having compared it, because anybody can send such an address.
func (h *Handler) device(w http.ResponseWriter, r *http.Request) error {
	code := provider.NormalUserCode(r.FormValue("user_code"))
	return h.showDeviceCode(w, http.StatusOK, provider.ShownUserCode(code), nil)
}

func (h *Handler) showDeviceCode(w http.ResponseWriter, status int, code string, alert *ui.Alert) error {
	return h.Pages.Render(w, status, ui.DeviceCode{Action: devicePath, Code: code, Alert: alert})
}

// devicePost begins a sign-in for the device with the code.
func (h *Handler) devicePost(w http.ResponseWriter, r *http.Request) error {
	code := provider.NormalUserCode(r.PostFormValue("user_code"))
	if code == "" {
		return h.showDeviceCode(w, http.StatusUnprocessableEntity, "", &ui.Alert{
			Kind: ui.AlertError, Title: "That is not a code", Text: "A code has eight letters, such as BCDF-GHJK, and no digits.",
		})
	}
	v := &visit{}
	if err := h.loadSession(r.Context(), r, v); err != nil {
		return err
	}
	var user id.User
	if v.facts.session != nil {
		user = v.facts.session.User
	}
	if err := h.admitDeviceCode(r, user); err != nil {
		return err
	}
	_, err := h.Provider.Device(r.Context(), code)
	if errors.Is(err, store.ErrNotFound) {
		return h.wrongDeviceCode(w, r, user, code)
	}
	if err != nil {
		return err
	}
	return h.start(w, r, Flow{Device: code})
}

// deviceGuard counts guesses of who is signed in. A right code resets nothing: anybody can have one of his own between two guesses.
func (h *Handler) deviceGuard() session.Guard {
	return session.Guard{Store: h.Attempts, Now: h.Now, Name: "device code"}
}

func (h *Handler) admitDeviceCode(r *http.Request, user id.User) error {
	if user == "" {
		return h.count(r.Context(), "device codes from "+h.network(r), codesPerNetwork, codesWindow)
	}
	err := h.deviceGuard().Admit(r.Context(), string(user), h.network(r))
	var closed *session.TooManyAttempts
	if errors.As(err, &closed) {
		return tooManyAttempts(closed.Until.Sub(h.Now()), err)
	}
	return err
}

func (h *Handler) wrongDeviceCode(w http.ResponseWriter, r *http.Request, user id.User, code string) error {
	if user != "" {
		if err := h.deviceGuard().Failed(r.Context(), string(user), h.network(r)); err != nil {
			return err
		}
	}
	return h.showDeviceCode(w, http.StatusNotFound, provider.ShownUserCode(code), &ui.Alert{
		Kind: ui.AlertError, Title: "No device waits with this code",
		Text: "Compare it with what the device shows. If it is the same, it was used already or is too old: begin again on the device.",
	})
}

// loadDevice finds what the flow is for.
func (h *Handler) loadDevice(r *http.Request, v *visit, code string) error {
	found, err := h.Provider.Device(r.Context(), code)
	if errors.Is(err, store.ErrNotFound) {
		return errDeviceGone(err)
	}
	if err != nil {
		return err
	}
	v.device, v.facts.request = &found, &found.AuthorizeRequest
	return nil
}

func errDeviceGone(cause error) error {
	return &web.Error{
		Status: http.StatusNotFound, Title: "The device does not wait any more", Err: cause,
		Text:    "Its code was used already, is too old, or the application has been taken away. Begin again on the device.",
		LinkURL: devicePath, LinkText: "Enter another code",
	}
}

func (h *Handler) showApprove(w http.ResponseWriter, r *http.Request, v *visit, d decision) error {
	asked := v.device
	view := ui.DeviceApprove{
		Action: action(deviceFormPath, v), SwitchAction: action(switchPath, v), Flow: v.open.id, Agreement: v.facts.agreement(d.organization.ID), Code: provider.ShownUserCode(v.open.flow().Device),
		ClientName: v.facts.clientName(), Account: label(v.facts.standing.User), Address: asked.Address,
		SameNetwork: web.Network(asked.Address) == h.network(r), Asked: about(h.Now().Sub(asked.Asked)) + " ago", Scopes: askedWords(asked.AuthorizeRequest),
		OrganizationName: d.organization.Name,
	}
	return h.Pages.Render(w, http.StatusOK, view)
}

// decideDevice takes the person's word. The flow ends here, in the very request that was decided about: nobody else's session can come
// in between. What the page showed is what is approved, see agreement; else it is shown again.
func (h *Handler) decideDevice(w http.ResponseWriter, r *http.Request) error {
	v, d, err := h.at(w, r, stepApprove)
	if err != nil {
		return err
	}
	switch r.PostFormValue("decision") {
	case "approve":
		if r.PostFormValue("agreement") != v.facts.agreement(d.organization.ID) {
			return errWrongStep
		}
		return h.finish(w, r, v, d)
	case "deny":
		return h.denyDevice(w, r, v)
	default:
		return errWrongStep
	}
}

func (h *Handler) denyDevice(w http.ResponseWriter, r *http.Request, v *visit) error {
	err := h.takeOpen(r.Context(), v.browser, v.open)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrStale) {
		return errFlowGone(err)
	}
	if err != nil {
		return err
	}
	return h.settled(w, r, h.Provider.DenyDevice(r.Context(), v.open.flow().Device), deviceDeniedPath)
}

// approveDevice ends a flow for a device. Its page is a question of consent, too: the answer is kept, so that people find it and can take it back.
func (h *Handler) approveDevice(w http.ResponseWriter, r *http.Request, v *visit, live *session.Session, d decision) error {
	ctx, request, authorization := r.Context(), v.facts.request, authorizationOf(live, d)
	if !request.Client.FirstParty {
		authorization.Consent = true
		if err := h.Provider.Agree(ctx, live.User, request.Client.ID, d.organization.ID, request.Asked()); err != nil {
			return err
		}
	}
	return h.settled(w, r, h.Provider.ApproveDevice(ctx, v.open.flow().Device, authorization), deviceApprovedPath)
}

func (h *Handler) settled(w http.ResponseWriter, r *http.Request, err error, path string) error {
	if errors.Is(err, store.ErrNotFound) {
		return errDeviceGone(err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

func (h *Handler) deviceApproved(w http.ResponseWriter, _ *http.Request) error {
	return h.Pages.Render(w, http.StatusOK, ui.Notice{
		Title: "Your device is signed in", Text: "It takes a few seconds until it notices. You can close this page; signing out of this browser signs the device out, too.",
	})
}

func (h *Handler) deviceDenied(w http.ResponseWriter, _ *http.Request) error {
	return h.Pages.Render(w, http.StatusOK, ui.Notice{
		Title: "The device was refused", Text: "It gets nothing. If you did not begin this yourself, somebody may have tried to get into your account; tell your administrator.",
	})
}

// deviceScreen is for devices that can show a page but not draw a QR code. It draws any code that is well formed: that one waits with it,
// only the device knows.
func (h *Handler) deviceScreen(w http.ResponseWriter, r *http.Request) error {
	code := provider.ShownUserCode(provider.NormalUserCode(r.FormValue("user_code")))
	if code == "" {
		return &web.Error{Status: http.StatusNotFound, Title: "There is no such code", Text: "The address of this page names no code that a device could have."}
	}
	drawn, err := mfa.QRCode(h.Issuer + devicePath + "?user_code=" + code)
	if err != nil {
		return err
	}
	return h.Pages.Render(w, http.StatusOK, ui.DeviceScreen{Code: code, Address: h.Issuer + devicePath, QR: drawn})
}
