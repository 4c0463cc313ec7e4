package api

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/internal/web"
	"gatehouse/mfa"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/tenancy"
)

// Names of the ways to authenticate in the reference.
const (
	bearerScheme  = "bearer"
	sessionScheme = "session"
)

// caller is who sent a request.
type caller struct {
	scope   tenancy.Scope
	user    id.User
	token   id.APIToken // empty: by session
	session id.Session  // empty: by token
	address string      // of what the client has, for counting: see web.Network

	path       string // of the request
	parameters url.Values
}

// authenticate finds the caller by bearer token, else by the browser's session. A request with an Authorization header never falls back
// on the session: its sender means the token.
func (a *API) authenticate(r *http.Request, who access) (caller, error) {
	if header := r.Header.Values("Authorization"); len(header) > 0 {
		scheme, token, found := strings.Cut(header[0], " ")
		if len(header) > 1 || !found || !strings.EqualFold(scheme, "Bearer") {
			return caller{}, unauthorized("The Authorization header has to be: Bearer, a space, a token.", nil)
		}
		return a.byToken(r, who, strings.TrimSpace(token))
	}
	return a.bySession(r, who)
}

func (a *API) byToken(r *http.Request, who access, text string) (caller, error) {
	scope, token, err := a.Directory.AuthenticateToken(r.Context(), text)
	if errors.Is(err, tenancy.ErrBadToken) {
		return caller{}, unauthorized("The token is unknown, expired or revoked.", err)
	}
	if err != nil {
		return caller{}, err
	}
	if scope.MustChangePassword() && !who.passwordChange {
		return caller{}, a.passwordExpired()
	}
	return caller{scope: scope, user: token.User, token: token.ID, address: web.Network(a.Address(r))}, nil
}

// bySession takes the browser's session. Requests of other sites' pages do not get here (see web.Defaults).
func (a *API) bySession(r *http.Request, who access) (caller, error) {
	session, err := a.Session(r)
	if errors.Is(err, store.ErrNotFound) {
		return caller{}, unauthorized("Authentication credentials were not provided.", nil)
	}
	if err != nil {
		return caller{}, err
	}
	scope, standing, err := a.Directory.Actor(r.Context(), session.User)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, tenancy.ErrDisabled) {
		return caller{}, unauthorized("The account is gone, or disabled.", err)
	}
	if err != nil {
		return caller{}, err
	}
	if err := a.factorShown(session, standing); err != nil {
		return caller{}, err
	}
	limits := tenancy.Limits{
		Via: "session", Organization: session.Organization,
		MustChange: slices.Contains(session.AMR, tenancy.MethodPassword) && a.Directory.PasswordExpired(standing.User),
	}
	if limits.MustChange && !who.passwordChange {
		return caller{}, a.passwordExpired()
	}
	return caller{scope: scope.Narrow(limits), user: session.User, session: session.ID, address: web.Network(a.Address(r))}, nil
}

// factorShown refuses a session that began without the second factor which an organization demands that it is good for: it may have
// begun for another one.
func (a *API) factorShown(s session.Session, standing tenancy.Standing) error {
	if !slices.Contains(s.AMR, mfa.MultiFactor) && standing.DemandsFactor(s.Organization) {
		return a.factorDemanded("factor_required", "Sign in again with it.")
	}
	return nil
}

// passwordExpired tells where the password can be changed, in the form of the described system.
func (a *API) passwordExpired() *Problem {
	return &Problem{
		Status: http.StatusForbidden, Detail: "The password has expired and has to be changed first.",
		Members: map[string]any{
			"code":                    "password_expired",
			"web_password_change_url": a.Issuer + "/signin",
			"api_password_change_url": a.Issuer + Prefix + passwordChangePath,
			"api_password_reset_url":  a.Issuer + Prefix + passwordResetPath,
		},
	}
}

// fingerprint is by whom a request claims to be sent, for keys that must not meet those of others.
func (c caller) fingerprint() string { return secret.Hash(string(c.user) + " " + string(c.token)) }
