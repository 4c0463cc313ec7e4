package login

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"gatehouse/internal/secret"
	"gatehouse/internal/web"
	"gatehouse/store"
	"gatehouse/tenancy"
	"gatehouse/ui"
)

const setupLifetime = 24 * time.Hour

// SetupLink is the one-time permission to create the first superuser.
type SetupLink struct{ Made time.Time }

// NewSetupLink makes a link for an installation that nobody administers yet, good for a day. It returns "" if a superuser exists.
func (h *Handler) NewSetupLink(ctx context.Context) (string, error) {
	needed, err := h.Directory.NeedsSetup(ctx)
	if err != nil || !needed {
		return "", err
	}
	token := secret.Random(32)
	if err := h.SetupLinks.Create(ctx, token, SetupLink{Made: h.Now()}, h.Now().Add(setupLifetime)); err != nil {
		return "", err
	}
	return h.Issuer + SetupPath + "?token=" + url.QueryEscape(token.Reveal()), nil
}

func (h *Handler) setup(w http.ResponseWriter, r *http.Request) error {
	if err := h.setupAllowed(r); err != nil {
		return err
	}
	return h.Pages.Render(w, http.StatusOK, ui.Setup{Action: setupAction(r.FormValue("token")), Token: r.FormValue("token")})
}

// setupPost creates the first superuser; of many at once exactly one succeeds, and the link is spent.
func (h *Handler) setupPost(w http.ResponseWriter, r *http.Request) error {
	if err := h.setupAllowed(r); err != nil {
		return err
	}
	form := r.PostForm
	_, err := h.Directory.CreateFirstSuperuser(r.Context(), tenancy.NewUser{
		Username: form.Get("username"), Email: form.Get("email"), EmailVerified: true, Password: form.Get("password"),
	})
	var invalid *tenancy.Invalid
	switch {
	case errors.As(err, &invalid):
		return h.Pages.Render(w, http.StatusUnprocessableEntity, ui.Setup{
			Action: setupAction(form.Get("token")), Token: form.Get("token"), Username: form.Get("username"), Email: form.Get("email"), FieldErrors: invalid.Fields,
		})
	case errors.Is(err, tenancy.ErrSetUpAlready):
		return errSetupGone(err)
	case err != nil:
		return err
	}
	if err := h.SetupLinks.Delete(r.Context(), secret.New(form.Get("token"))); err != nil {
		return err
	}
	return h.start(w, r, Flow{Alert: &ui.Alert{
		Kind: ui.AlertInfo, Title: "Administrator created", Text: "Sign in with the username and the password that you have just chosen.",
	}})
}

// setupAction keeps the link in the address of a form that is shown again.
func setupAction(token string) string { return SetupPath + "?token=" + url.QueryEscape(token) }

func (h *Handler) setupAllowed(r *http.Request) error {
	if _, err := h.SetupLinks.Find(r.Context(), secret.New(r.FormValue("token"))); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return errSetupGone(err)
		}
		return err
	}
	needed, err := h.Directory.NeedsSetup(r.Context())
	if err == nil && !needed {
		return errSetupGone(tenancy.ErrSetUpAlready)
	}
	return err
}

func errSetupGone(cause error) error {
	return &web.Error{
		Status: http.StatusNotFound, Title: "This set-up link does not work", Err: cause,
		Text: "It was used already or is older than a day. Restart the server to get a new one, or run “gatehouse admin create”.",
	}
}
