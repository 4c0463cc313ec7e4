package provider

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"

	"github.com/ory/fosite"
)

// The grant types.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
	grantClient  = "client_credentials"
	grantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
)

const maxTokenBody = 64 << 10

// token is the token endpoint (RFC 6749 section 3.2).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	answer, err := p.answerToken(w, r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (p *Provider) answerToken(w http.ResponseWriter, r *http.Request) (map[string]any, error) {
	if err := parseForm(w, r); err != nil {
		return nil, err
	}
	engine, err := p.engine(r.PostForm)
	if err != nil {
		return nil, err
	}
	ctx := r.Context()
	request, err := engine.NewAccessRequest(ctx, r, &grantSession{})
	if err != nil {
		return nil, err
	}
	response, err := engine.NewAccessResponse(ctx, request)
	if err != nil {
		return nil, err
	}
	return response.ToMap(), nil
}

func (p *Provider) engine(form url.Values) (*fosite.Fosite, error) {
	grant := form.Get("grant_type")
	if grant == "" {
		return nil, invalidRequest("The parameter grant_type is missing.")
	}
	engine, known := p.grants[grant]
	if !known {
		return nil, badRequest("unsupported_grant_type", "This grant type is not supported.")
	}
	return engine, nil
}

// parseForm reads a form from the body, and from nowhere else: parameters in the address would end up in logs.
func parseForm(w http.ResponseWriter, r *http.Request) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return invalidRequest("The body must be application/x-www-form-urlencoded.")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxTokenBody)
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return &oauthError{status: http.StatusRequestEntityTooLarge, code: "invalid_request", description: "The body is too large."}
		}
		return invalidRequest("The body cannot be read.")
	}
	for name, values := range r.PostForm {
		if len(values) == 1 && values[0] == "" {
			delete(r.PostForm, name) // as if it were not there (RFC 6749 section 3.2)
		}
	}
	return checkParams(r.PostForm)
}

// issueTokens is how every grant answers: what its first phase put into the session.
func (p *Provider) issueTokens(ctx context.Context, request fosite.AccessRequester, response fosite.AccessResponder) error {
	session, ok := request.GetSession().(*grantSession)
	if !ok {
		return errForeignSession
	}
	return p.respond(ctx, session.issue, response)
}
