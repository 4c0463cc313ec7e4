package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"gatehouse/internal/secret"
	"gatehouse/verify"
)

//go:embed sibling.html
var siblingPage string

// sibling is a small example service that trusts Gatehouse: it sends people there (authorization code with PKCE) and believes an
// access token only after verifying it by itself with package verify, offline, with the published keys.
type sibling struct {
	issuer   string
	clientID string
	ownURL   string
	oauth    oauth2.Config
	idTokens *oidc.IDTokenVerifier
	verifier *verify.Verifier
	page     *template.Template

	mu      sync.Mutex
	holders map[string]*siblingToken // by cookie
}

// siblingSignIn is what must survive the trip to Gatehouse; it travels in a cookie.
type siblingSignIn struct{ State, Nonce, Verifier string }

// siblingToken is what the page shows of a verified token.
type siblingToken struct {
	*verify.Token
	UserID string
	All    string // the whole payload, indented
}

// The cookies: a sign-in under way, and who has signed in.
const (
	siblingCookie  = "sibling_signin"
	siblingSession = "sibling_session"
)

// siblingView is what the page shows: a token, a problem under a title, or the welcome.
type siblingView struct {
	Issuer, Client string
	Token          *siblingToken
	Title, Problem string
}

// newSibling discovers the provider, which must be running.
func newSibling(ctx context.Context, issuer, clientID string, clientSecret secret.Text, ownURL string) (*sibling, error) {
	discovered, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", issuer, err)
	}
	verifier, err := verify.New(verify.Config{Issuer: issuer, Audience: clientID, Organizations: verify.EveryOrganization()})
	if err != nil {
		return nil, err
	}
	page, err := template.New("sibling").Parse(siblingPage)
	if err != nil {
		return nil, fmt.Errorf("parse page: %w", err)
	}
	return &sibling{
		issuer: issuer, clientID: clientID, ownURL: ownURL, page: page, holders: map[string]*siblingToken{},
		idTokens: discovered.Verifier(&oidc.Config{ClientID: clientID}),
		verifier: verifier,
		oauth: oauth2.Config{
			ClientID: clientID, ClientSecret: clientSecret.Reveal(), Endpoint: discovered.Endpoint(), RedirectURL: ownURL + "/callback",
			Scopes: []string{oidc.ScopeOpenID, "profile", "groups", "permissions"},
		},
	}, nil
}

// ServeHTTP has three pages: the welcome or, for whoever has signed in, the token; the way to Gatehouse; and the way back.
func (s *sibling) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("Cache-Control", "no-store")
	if s.ownURL != "http://"+r.Host { // as "localhost" the cookie would be missing on the way back, which leads to the registered address
		http.Redirect(w, r, s.ownURL+r.URL.RequestURI(), http.StatusSeeOther) //nolint:gosec // scheme and host are ours
		return
	}
	switch r.URL.Path {
	case "/":
		s.show(w, http.StatusOK, siblingView{Token: s.held(r)})
	case "/signin":
		s.begin(w, r)
	case "/callback":
		token, err := s.finish(r)
		if err != nil {
			s.show(w, http.StatusForbidden, siblingView{Title: "You are not signed in", Problem: err.Error()})
			return
		}
		s.hold(w, token)
		http.Redirect(w, r, "/", http.StatusSeeOther) // reloading a page with a spent code in its address would fail
	default:
		s.show(w, http.StatusNotFound, siblingView{Title: "There is no such page", Problem: "Nothing is at this address."})
	}
}

// hold keeps the token on this side; the browser gets a cookie that stands for it.
func (s *sibling) hold(w http.ResponseWriter, token *siblingToken) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.holders, func(_ string, old *siblingToken) bool { return old.expired() })
	name := secret.Token(16)
	s.holders[name] = token
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // the example runs on plain http, on loopback only
		Name: siblingSession, Value: name, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// held is the token of the browser, nil without one or once it has expired.
func (s *sibling) held(r *http.Request) *siblingToken {
	cookie, err := r.Cookie(siblingSession)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if token := s.holders[cookie.Value]; token != nil && !token.expired() {
		return token
	}
	return nil
}

func (t *siblingToken) expired() bool { return !time.Now().Before(t.Expires()) }

func (s *sibling) begin(w http.ResponseWriter, r *http.Request) {
	trip := siblingSignIn{State: secret.Token(16), Nonce: secret.Token(16), Verifier: oauth2.GenerateVerifier()}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // the example runs on plain http, on loopback only
		Name: siblingCookie, Value: trip.State + "." + trip.Nonce + "." + trip.Verifier, Path: "/", HttpOnly: true,
		SameSite: http.SameSiteLaxMode, MaxAge: 1800,
	})
	http.Redirect(w, r, s.oauth.AuthCodeURL(trip.State, oidc.Nonce(trip.Nonce), oauth2.S256ChallengeOption(trip.Verifier)), http.StatusSeeOther)
}

func (s *sibling) finish(r *http.Request) (*siblingToken, error) {
	trip, err := readTrip(r)
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	if query.Get("state") != trip.State || query.Get("iss") != s.issuer {
		return nil, errors.New("the answer does not belong to this browser's sign-in")
	}
	if refused := query.Get("error"); refused != "" {
		return nil, fmt.Errorf("%s: %s", refused, query.Get("error_description"))
	}
	tokens, err := s.oauth.Exchange(r.Context(), query.Get("code"), oauth2.VerifierOption(trip.Verifier))
	if err != nil {
		return nil, fmt.Errorf("exchange the code: %w", err)
	}
	rawID, _ := tokens.Extra("id_token").(string)
	idToken, err := s.idTokens.Verify(r.Context(), rawID)
	if err != nil {
		return nil, fmt.Errorf("verify the ID token: %w", err)
	}
	if idToken.Nonce != trip.Nonce {
		return nil, errors.New("the ID token is of another sign-in")
	}
	return s.shown(r.Context(), tokens.AccessToken)
}

func readTrip(r *http.Request) (siblingSignIn, error) {
	cookie, err := r.Cookie(siblingCookie)
	if err != nil {
		return siblingSignIn{}, errors.New("this browser did not start a sign-in here")
	}
	parts := strings.Split(cookie.Value, ".")
	if len(parts) != 3 {
		return siblingSignIn{}, errors.New("the sign-in cookie is damaged")
	}
	return siblingSignIn{State: parts[0], Nonce: parts[1], Verifier: parts[2]}, nil
}

// shown is a token that package verify believes, as every sibling service checks one. It does not learn of revocation before the token
// expires; that is what short lifetimes are for.
func (s *sibling) shown(ctx context.Context, raw string) (*siblingToken, error) {
	token, err := s.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	shown := &siblingToken{Token: token}
	shown.UserID, _ = token.User()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, token.Payload(), "", "  "); err != nil {
		return nil, fmt.Errorf("show the access token: %w", err)
	}
	shown.All = pretty.String()
	return shown, nil
}

func (s *sibling) show(w http.ResponseWriter, status int, view siblingView) {
	view.Issuer, view.Client = s.issuer, s.clientID
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = s.page.Execute(w, view) // the connection is gone; nobody to tell
}
