package provider

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// userinfo is the UserInfo endpoint (OpenID Connect Core section 5.3).
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	raw, err := bearer(w, r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	if raw == "" {
		challenge(w, http.StatusUnauthorized, "", "")
		return
	}
	token, err := p.VerifyAccessToken(r.Context(), raw)
	switch {
	case errors.Is(err, ErrBadToken):
		challenge(w, http.StatusUnauthorized, "invalid_token", "The access token is not valid.")
		return
	case err != nil:
		p.writeError(w, r, err)
		return
	case token.Session == "" || !token.has(scopeOpenID):
		challenge(w, http.StatusForbidden, "insufficient_scope", "The access token has no scope openid.")
		return
	}
	client, subject, err := p.subjectFor(r.Context(), token)
	if errors.Is(err, store.ErrNotFound) {
		challenge(w, http.StatusUnauthorized, "invalid_token", "The access token is not valid.")
		return
	}
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	claims := userClaims(token, client, subject)
	if client.UserinfoAlg == "" {
		writeJSON(w, http.StatusOK, claims)
		return
	}
	p.writeSigned(w, r, client, claims)
}

// writeSigned answers with a JWT for the client (OpenID Connect Core section 5.3.2). It has no "exp", which tells it from ID tokens.
func (p *Provider) writeSigned(w http.ResponseWriter, r *http.Request, client Client, claims map[string]any) {
	claims["iss"], claims["aud"] = p.Issuer, client.ID
	signer, err := p.keys.signer(r.Context(), client.UserinfoAlg)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	token, err := signer.sign(typeID, claims)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	write(w, http.StatusOK, "application/jwt", []byte(token))
}

// subjectFor describes the token's client and user, if both are still there, and the client still where the token is from; else store.ErrNotFound.
func (p *Provider) subjectFor(ctx context.Context, token AccessToken) (Client, Subject, error) {
	client, err := p.clients.find(ctx, token.Client)
	if err == nil && !client.serves(token.Organization) {
		err = store.ErrNotFound
	}
	if err != nil {
		return Client{}, Subject{}, err
	}
	subject, err := p.Subjects.Subject(ctx, id.User(token.Subject), token.Organization)
	return client, subject, err
}

// bearer reads the token from the header, or from the form of a POST (RFC 6750 section 2); never from the address. "" if there is none.
func bearer(w http.ResponseWriter, r *http.Request) (string, error) {
	var posted string
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "" {
		if err := parseForm(w, r); err != nil {
			return "", err
		}
		posted = r.PostForm.Get("access_token")
	}
	header := r.Header.Values("Authorization")
	switch {
	case len(header) == 0:
		return posted, nil
	case len(header) > 1 || posted != "":
		return "", invalidRequest("The request must carry one access token.")
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	return strings.TrimSpace(token), nil
}

// challenge refuses in the words of RFC 6750 section 3.
func challenge(w http.ResponseWriter, status int, code, description string) {
	header := `Bearer realm="gatehouse"`
	body := map[string]string{}
	if code != "" {
		header += `, error="` + code + `", error_description="` + description + `"`
		body = map[string]string{"error": code, "error_description": description}
	}
	w.Header().Set("WWW-Authenticate", header)
	writeJSON(w, status, body)
}
