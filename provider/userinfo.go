package provider

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// userinfo is the UserInfo endpoint (OpenID Connect Core section 5.3).
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
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
	subject, err := p.subjectFor(r.Context(), token)
	if errors.Is(err, store.ErrNotFound) {
		challenge(w, http.StatusUnauthorized, "invalid_token", "The access token is not valid.")
		return
	}
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, userClaims(token, subject))
}

// subjectFor describes the token's user, if he and the client are still there; else store.ErrNotFound.
func (p *Provider) subjectFor(ctx context.Context, token AccessToken) (Subject, error) {
	if _, err := p.clients.find(ctx, token.Client); err != nil {
		return Subject{}, err
	}
	return p.Subjects.Subject(ctx, id.User(token.Subject), token.Organization)
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

// userClaims are what the granted scopes let the client see (OpenID Connect Core section 5.4).
func userClaims(token AccessToken, s Subject) map[string]any {
	claims := map[string]any{}
	if token.has(scopeProfile) {
		maps.Copy(claims, s.Extra) // first: what follows stands, whatever they are called
	}
	maps.Copy(claims, map[string]any{"sub": token.Subject, "org_id": token.Organization, "org_slug": s.OrganizationSlug, "org_name": s.OrganizationName, "org_role": s.Role})
	set := func(name, value string) {
		if value != "" {
			claims[name] = value
		}
	}
	if token.has(scopeProfile) {
		set("name", s.Name)
		set("given_name", s.GivenName)
		set("family_name", s.FamilyName)
		set("preferred_username", s.Username)
		set("locale", s.Language)
		claims["updated_at"] = s.UpdatedAt.Unix()
	}
	if token.has(scopeEmail) && s.Email != "" {
		claims["email"], claims["email_verified"] = s.Email, s.EmailVerified
	}
	if token.has(scopeGroups) {
		claims["groups"] = append([]string{}, s.Groups...)
	}
	if token.has(scopePermissions) {
		claims["permissions"] = append([]string{}, s.Permissions...)
	}
	return claims
}
