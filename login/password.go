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

// Attempts at passwords within a window, whether they succeed or not.
const (
	passwordWindow      = 5 * time.Minute
	attemptsPerPair     = 10  // one account from one address
	attemptsPerAccount  = 50  // one account from anywhere: enough that a stranger cannot easily lock its owner out
	attemptsFromAddress = 300 // one address, which may be a whole company's
)

// password checks a username or e-mail and its password.
func (h *Handler) password(w http.ResponseWriter, r *http.Request) error {
	v, _, err := h.at(w, r, stepSignIn)
	if err != nil {
		return err
	}
	identifier := r.PostFormValue("identifier")
	if err := h.countAttempt(r, identifier); err != nil {
		return err
	}
	at := h.Now() // before the check: of a password that is replaced meanwhile the flow must be older
	user, err := h.Directory.Authenticate(r.Context(), identifier, r.PostFormValue("password"))
	switch {
	case errors.Is(err, tenancy.ErrBadCredentials):
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

// countAttempt refuses guessing before the expensive hash. An unknown name counts like a known one, and all names of an account are
// one. The order matters: what is refused for its address does not count for the account, or a single stranger could lock its owner out.
func (h *Handler) countAttempt(r *http.Request, identifier string) error {
	account, err := h.Directory.AccountName(r.Context(), tenancy.System("sign-in"), identifier)
	if err != nil {
		return err
	}
	address := web.Network(h.Address(r))
	for _, limit := range []struct {
		name string
		most int
	}{
		{"password from " + address, attemptsFromAddress},
		{"password:" + account + " " + address, attemptsPerPair},
		{"password:" + account, attemptsPerAccount},
	} {
		if err := h.count(r.Context(), limit.name, limit.most, passwordWindow); err != nil {
			return err
		}
	}
	return nil
}

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
