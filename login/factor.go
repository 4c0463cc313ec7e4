package login

import (
	"errors"
	"net/http"

	"gatehouse/mfa"
	"gatehouse/store"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

const codesPerFlow = 10

// factor checks a code of an enrolled factor.
func (h *Handler) factor(w http.ResponseWriter, r *http.Request) error {
	v, _, err := h.at(w, r, stepPrompt)
	if err != nil {
		return err
	}
	if err := h.count(r.Context(), "codes in flow "+v.open.id, codesPerFlow, flowLifetime); err != nil {
		return err
	}
	_, err = h.Factors.Verify(r.Context(), v.facts.user(), r.PostFormValue("code"))
	if errors.Is(err, mfa.ErrWrongCode) {
		return h.showPrompt(w, v, http.StatusUnauthorized, wrongCode())
	}
	if err != nil {
		return h.factorError(err)
	}
	return h.factorDone(w, r, v)
}

// enrol confirms the factor on offer by its first code.
func (h *Handler) enrol(w http.ResponseWriter, r *http.Request) error {
	v, d, err := h.at(w, r, stepEnrol)
	if err != nil {
		return err
	}
	offered := v.open.flow().Enrolment
	if offered == nil {
		return errWrongStep
	}
	_, err = h.Factors.Confirm(r.Context(), v.facts.user(), *offered, "Authenticator", r.PostFormValue("code"))
	if errors.Is(err, mfa.ErrWrongCode) {
		return h.showEnrol(w, r, v, d, http.StatusUnauthorized, wrongCode())
	}
	if errors.Is(err, store.ErrConflict) { // the form was sent twice
		return errWrongStep
	}
	if err != nil {
		return h.factorError(err)
	}
	return h.factorDone(w, r, v)
}

func (h *Handler) factorDone(w http.ResponseWriter, r *http.Request, v *visit) error {
	flow := v.open.flow()
	flow.FactorOf, flow.Enrolment = v.facts.user(), nil
	if err := h.save(r.Context(), v.browser, v.open); err != nil {
		return err
	}
	toSignIn(w, r, v.open.id)
	return nil
}

func (h *Handler) factorError(err error) error {
	var many *mfa.TooManyAttempts
	if errors.As(err, &many) {
		return tooManyAttempts(many.Until.Sub(h.Now()), err)
	}
	return err
}

func wrongCode() *ui.Alert {
	return &ui.Alert{
		Kind: ui.AlertError, Title: "That code is not right",
		Text: "Codes change every 30 seconds and work once. Wait for the next one, and check that your device's clock is set automatically.",
	}
}

func (h *Handler) showPrompt(w http.ResponseWriter, v *visit, status int, alert *ui.Alert) error {
	return h.Pages.Render(w, status, ui.FactorPrompt{
		Action: action(factorPath, v), SwitchAction: action(switchPath, v), Flow: v.open.id,
		Issuer: h.Factors.Issuer, Account: label(v.facts.standing.User), ClientName: v.facts.clientName(), Alert: alert,
	})
}

// showEnrol offers a factor: the same one until it is confirmed, so that a reload does not spoil a scanned code.
func (h *Handler) showEnrol(w http.ResponseWriter, r *http.Request, v *visit, d decision, status int, alert *ui.Alert) error {
	flow := v.open.flow()
	if flow.Enrolment == nil {
		offered, err := h.Factors.Begin(label(v.facts.standing.User))
		if err != nil {
			return err
		}
		flow.Enrolment = &offered
		if err := h.save(r.Context(), v.browser, v.open); err != nil {
			return err
		}
	}
	code, err := h.Factors.QR(*flow.Enrolment)
	if err != nil {
		return err
	}
	view := ui.FactorEnrol{
		Action: action(enrolPath, v), SwitchAction: action(switchPath, v), Flow: v.open.id, QR: ui.QRCode(code), Secret: flow.Enrolment.Secret,
		URI: flow.Enrolment.URI(h.Factors.Issuer), Account: flow.Enrolment.Account, ClientName: v.facts.clientName(), Alert: alert,
	}
	if flow.Secure {
		view.CancelURL = "/"
	}
	if d.organization != nil {
		view.OrganizationName = d.organization.Name
	}
	return h.Pages.Render(w, status, view)
}

// label is how an authenticator app shows the account.
func label(user tenancy.User) string {
	if user.Email != "" {
		return user.Email
	}
	return user.Username
}
