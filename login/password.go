package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"gatehouse/internal/password"
	"gatehouse/internal/secret"
	"gatehouse/internal/web"
	"gatehouse/session"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

// password checks a username or e-mail and its password.
func (h *Handler) password(w http.ResponseWriter, r *http.Request) error {
	v, _, err := h.at(w, r, stepSignIn)
	if err != nil {
		return err
	}
	identifier := r.PostFormValue("identifier")
	account, err := h.Directory.AccountName(r.Context(), tenancy.System("sign-in"), identifier)
	if err != nil {
		return err
	}
	if err := h.admit(r, account); err != nil {
		return err
	}
	at := h.Now() // before the check: of a password that is replaced meanwhile the flow must be older
	user, err := h.Directory.Authenticate(r.Context(), identifier, r.PostFormValue("password"))
	switch {
	case errors.Is(err, tenancy.ErrBadCredentials):
		if err := h.Passwords.Failed(r.Context(), account, h.network(r)); err != nil {
			return err
		}
		return h.showSignIn(w, v, http.StatusUnauthorized, identifier, &ui.Alert{
			Kind: ui.AlertError, Title: "That did not match", Text: "Check the username or e-mail address and the password, and try again.",
		})
	case errors.Is(err, password.ErrBusy):
		return errBusy(err)
	case err != nil:
		return err
	}
	return h.firstFactorDone(w, r, v, FirstFactor{User: user.ID, At: at, Method: amrPassword})
}

func errBusy(cause error) error {
	return &web.Error{Status: http.StatusServiceUnavailable, Title: "Many people are signing in", Text: "Please try again in a moment.", RetryAfter: 5 * time.Second, Err: cause}
}

func (h *Handler) firstFactorDone(w http.ResponseWriter, r *http.Request, v *visit, first FirstFactor) error {
	flow := v.open.flow()
	flow.First, flow.FactorOf, flow.Alert, flow.Enrolment, flow.Organization = &first, "", nil, nil, ""
	if err := h.save(r.Context(), v.browser, v.open); err != nil {
		return err
	}
	toSignIn(w, r, v.open.id)
	return nil
}

// admit refuses guessing before the expensive hash. An unknown name counts like a known one, and all names of an account are one.
func (h *Handler) admit(r *http.Request, account string) error {
	return h.closed(h.Passwords.Admit(r.Context(), account, h.network(r)))
}

// closed makes a page of what a guard refuses.
func (h *Handler) closed(err error) error {
	var closed *session.TooManyAttempts
	if errors.As(err, &closed) {
		return tooManyAttempts(closed.Until.Sub(h.Now()), err)
	}
	return err
}

// network is what one customer has; limits are per customer.
func (h *Handler) network(r *http.Request) string { return web.Network(h.Address(r)) }

// count is one more event under a name; beyond limit it is a 429. Names are hashed: they hold what people typed.
func (h *Handler) count(ctx context.Context, name string, limit int, window time.Duration) error {
	count, ends, err := h.Attempts.Hit(ctx, session.Key{Kind: session.KindAttempt, ID: secret.Hash(name)}, window)
	if err != nil {
		return err
	}
	if count <= limit {
		return nil
	}
	return tooManyAttempts(ends.Sub(h.Now()), fmt.Errorf("%d attempts", count))
}

func tooManyAttempts(wait time.Duration, cause error) error {
	return &web.Error{
		Status: http.StatusTooManyRequests, Title: "Too many attempts", RetryAfter: max(wait, time.Second), Err: cause,
		Text: "To keep the account safe, no more attempts are looked at for now, right or wrong. Try again in " + about(wait) + ".",
	}
}

// about says a wait in words, never less than it is.
func about(wait time.Duration) string {
	minutes := int((wait + time.Minute - 1) / time.Minute)
	switch {
	case minutes <= 1:
		return "about a minute"
	case minutes <= 90:
		return fmt.Sprintf("about %d minutes", minutes)
	default:
		return fmt.Sprintf("about %d hours", (minutes+59)/60)
	}
}
