package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/mfa"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/tenancy"
)

const (
	tagSignIn         = "Signing in"
	challengeLifetime = 5 * time.Minute
)

type tokenInput struct {
	Body struct {
		Username  string `json:"username,omitempty" doc:"Username, e-mail address or phone number."`
		Password  string `json:"password,omitempty"`
		Challenge string `json:"challenge,omitempty" doc:"From the answer that asked for a second factor; with code, instead of username and password."`
		Code      string `json:"code,omitempty" doc:"Of the authenticator app."`
	}
}

type tokenOutput struct {
	Body struct {
		Token           string     `json:"token" doc:"Shown this once. Send it as Authorization: Bearer."`
		User            id.User    `json:"user" doc:"Whose token it is."`
		Expires         *time.Time `json:"expires"`
		PasswordExpired bool       `json:"password_expired" doc:"The token can do nothing but change the password."`
	}
}

// challenge is a sign-in that waits for its second factor.
type challenge struct {
	User    id.User
	Account string
}

func (a *API) tokens() {
	handle(a, route{http.MethodPost, "/users/token/", "obtain-token", tagSignIn, "Obtain an API token for a password", 0}, anyone, a.obtainToken)
}

func (a *API) challenges() session.Vault[challenge] {
	return session.Vault[challenge]{Kind: session.KindChallenge, Store: a.Ephemeral, Keys: a.Keys, Now: a.Now}
}

func (a *API) obtainToken(ctx context.Context, c caller, in *tokenInput) (*tokenOutput, error) {
	if in.Body.Challenge != "" {
		return a.answerChallenge(ctx, c, in.Body.Challenge, in.Body.Code)
	}
	if missing := required(map[string]string{"username": in.Body.Username, "password": in.Body.Password}); missing != nil {
		return nil, missing
	}
	account, err := a.Directory.AccountName(ctx, tenancy.System("sign-in"), in.Body.Username)
	if err != nil {
		return nil, err
	}
	if err := a.Passwords.Admit(ctx, account, c.address); err != nil {
		return nil, err
	}
	user, err := a.Directory.Authenticate(ctx, in.Body.Username, in.Body.Password)
	if errors.Is(err, tenancy.ErrBadCredentials) {
		return nil, errors.Join(&Problem{
			Status: http.StatusBadRequest, Detail: badInput, Fields: map[string][]string{"non_field_errors": {"Unable to log in with provided credentials."}},
		}, a.Passwords.Failed(ctx, account, c.address))
	}
	if err != nil {
		return nil, err
	}
	factors, err := a.Factors.Store.Factors(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	if len(factors) > 0 {
		return nil, a.ask(ctx, challenge{User: user.ID, Account: account})
	}
	return a.issue(ctx, c, user.ID, account)
}

// required names the texts that are empty.
func required(texts map[string]string) error {
	fields := map[string][]string{}
	for name, text := range texts {
		if text == "" {
			fields[name] = []string{"This field is required."}
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return &Problem{Status: http.StatusBadRequest, Detail: badInput, Fields: fields}
}

// ask refuses the token for the time being and says how to get it.
func (a *API) ask(ctx context.Context, waiting challenge) error {
	token := secret.Random(32)
	if err := a.challenges().Create(ctx, token, waiting, a.Now().Add(challengeLifetime)); err != nil {
		return err
	}
	p := unauthorized("This account has a second factor. Send challenge and code.", nil)
	p.Members = map[string]any{"code": "factor_required", "challenge": token.Reveal(), "methods": []string{string(mfa.KindTOTP)}, "expires_in": int(challengeLifetime / time.Second)}
	return p
}

func (a *API) answerChallenge(ctx context.Context, c caller, text, code string) (*tokenOutput, error) {
	token := secret.New(text)
	held, err := a.challenges().Find(ctx, token)
	if errors.Is(err, store.ErrNotFound) {
		return nil, unauthorized("The challenge is unknown, used or expired. Begin again with username and password.", err)
	}
	if err != nil {
		return nil, err
	}
	if missing := required(map[string]string{"code": code}); missing != nil {
		return nil, missing
	}
	_, err = a.Factors.Verify(ctx, held.Value.User, code)
	if errors.Is(err, mfa.ErrWrongCode) {
		p := unauthorized("The code is wrong, or was used before.", err)
		p.Members = map[string]any{"code": "wrong_code", "challenge": text}
		return nil, errors.Join(p, a.Passwords.Failed(ctx, held.Value.Account, c.address))
	}
	if err != nil {
		return nil, err
	}
	if _, err := a.challenges().Take(ctx, token); err != nil {
		return nil, unauthorized("The challenge was used already.", err)
	}
	return a.issue(ctx, c, held.Value.User, held.Value.Account)
}

// issue ends a sign-in. Somebody who has no second factor but is in an organization that demands one enrols it in a browser first.
func (a *API) issue(ctx context.Context, c caller, user id.User, account string) (*tokenOutput, error) {
	if err := a.enrolled(ctx, user); err != nil {
		return nil, err
	}
	issued, text, err := a.Directory.IssueToken(ctx, user, tenancy.MethodPassword)
	if errors.Is(err, tenancy.ErrDisabled) {
		return nil, unauthorized("The account is disabled.", err)
	}
	if err != nil {
		return nil, err
	}
	if err := a.Passwords.Succeeded(ctx, account, c.address); err != nil {
		return nil, err
	}
	out := &tokenOutput{}
	out.Body.Token, out.Body.User, out.Body.Expires = text.Reveal(), user, moment(issued.Expires)
	out.Body.PasswordExpired = issued.Purpose == tenancy.PurposePasswordChange
	return out, nil
}

func (a *API) enrolled(ctx context.Context, user id.User) error {
	factors, err := a.Factors.Store.Factors(ctx, user)
	if err != nil || len(factors) > 0 {
		return err
	}
	standing, err := a.Directory.Standing(ctx, tenancy.System("sign-in"), user)
	if err != nil {
		return err
	}
	if standing.DemandsFactor("") {
		return a.factorDemanded("factor_enrolment_required", "Sign in with a browser and set it up first.")
	}
	return nil
}

// factorDemanded refuses who has not shown the second factor that an organization of his demands.
func (a *API) factorDemanded(code, what string) *Problem {
	return &Problem{
		Status: http.StatusForbidden, Detail: "An organization of this account demands a second factor. " + what,
		Members: map[string]any{"code": code, "web_sign_in_url": a.Issuer + "/signin"},
	}
}
