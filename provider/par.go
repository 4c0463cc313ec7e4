package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/session"
	"gatehouse/store"
)

// Pushed authorization requests (RFC 9126).

const (
	requestURIPrefix = "urn:ietf:params:oauth:request_uri:"
	pushedLifetime   = 90 * time.Second
	pushesPerNetwork = 10_000 // of public clients, as many as flows
	pushWindow       = 10 * time.Minute
	// pushedMark is in the kept parameters of a request that was pushed. Browsers cannot bring it: ParseAuthorize drops what it does not know.
	pushedMark = "gatehouse_pushed"
)

// pushed is a request that waits for its browser. It holds what means something to the authorization endpoint, and so no credentials.
type pushed struct {
	Client id.Client
	Params url.Values
}

// push is the pushed authorization request endpoint (RFC 9126 section 2).
func (p *Provider) push(w http.ResponseWriter, r *http.Request) {
	token, err := p.keepPushed(w, r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]any{
		"request_uri": requestURIPrefix + token.Reveal(), "expires_in": int(pushedLifetime / time.Second),
	})
}

// keepPushed authenticates the client as at the token endpoint, checks the request as the authorization endpoint will, and keeps it.
func (p *Provider) keepPushed(w http.ResponseWriter, r *http.Request) (secret.Text, error) {
	if err := parseForm(w, r); err != nil {
		return secret.Text{}, err
	}
	client, err := p.authenticate(r.Context(), r, r.PostForm)
	if err != nil {
		return secret.Text{}, err
	}
	if r.PostForm.Has("request_uri") {
		return secret.Text{}, invalidRequest("A pushed request has no request_uri.")
	}
	params := meaningful(r.PostForm)
	params.Set("client_id", client.GetID())
	params.Set(pushedMark, "yes")
	registered, err := p.redirectTarget(r.Context(), params)
	if err != nil {
		return secret.Text{}, err
	}
	if err := p.parse(r.Context(), params, &AuthorizeRequest{Client: registered}); err != nil {
		return secret.Text{}, err
	}
	if registered.Public() {
		if err := p.countPush(r); err != nil {
			return secret.Text{}, err
		}
	}
	token := secret.Random(32)
	return token, p.pushes.Create(r.Context(), token, pushed{registered.ID, params}, p.now().Add(pushedLifetime))
}

// countPush bounds what clients that prove nothing, and so anybody, can have kept here.
func (p *Provider) countPush(r *http.Request) error {
	if p.Network == nil {
		return nil
	}
	key := session.Key{Kind: session.KindAttempt, ID: secret.Hash("pushed requests of " + p.Network(r))}
	count, ends, err := p.Ephemeral.Hit(r.Context(), key, pushWindow)
	if err != nil || count <= pushesPerNetwork {
		return err
	}
	return &oauthError{
		status: http.StatusTooManyRequests, code: "temporarily_unavailable", description: "Too many requests were pushed from this network.",
		retryAfter: ends.Sub(p.now()),
	}
}

// takePushed uses up a pushed request: exactly one browser gets it, and of what that brings itself nothing counts but the client.
func (p *Provider) takePushed(ctx context.Context, params url.Values) (url.Values, error) {
	token := secret.New(strings.TrimPrefix(params.Get("request_uri"), requestURIPrefix))
	held, err := p.pushes.Take(ctx, token)
	if errors.Is(err, store.ErrNotFound) || (err == nil && string(held.Value.Client) != params.Get("client_id")) {
		return nil, badRequest("invalid_request_uri", "The pushed request (request_uri) is unknown, expired, was used before, or is of another application.")
	}
	return held.Value.Params, err
}
