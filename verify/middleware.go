package verify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// Check is one thing that a request must be allowed to. Checks are made by the functions of this package.
type Check struct {
	allowed func(*http.Request, *Token) bool
	scope   string // that was missing, for the answer
	hides   bool   // answer as if there were nothing
}

// Scope demands that a scope was granted.
func Scope(scope string) Check {
	return Check{scope: scope, allowed: func(_ *http.Request, t *Token) bool { return t.HasScope(scope) }}
}

// Permission demands that the user holds a permission in the organization of the request.
func Permission(permission string, in OrganizationOf) Check {
	return Check{allowed: func(r *http.Request, t *Token) bool { return t.Permitted(permission, in(r)) }}
}

// HasRole demands that the user is at least this in the organization of the request.
func HasRole(least Role, in OrganizationOf) Check {
	return Check{allowed: func(r *http.Request, t *Token) bool { return t.HasRole(least, in(r)) }}
}

// InOrganization demands that the token is for the organization of the request. Others are answered 404: what a foreign organization has
// is nobody's business.
func InOrganization(in OrganizationOf) Check {
	return Check{hides: true, allowed: func(r *http.Request, t *Token) bool { return t.In(in(r)) }}
}

// ByUser demands that the client acts for a user, not as itself.
func ByUser() Check {
	return Check{allowed: func(_ *http.Request, t *Token) bool { _, ok := t.User(); return ok }}
}

// By demands what the function says.
func By(allowed func(*http.Request, *Token) bool) Check { return Check{allowed: allowed} }

type contextKey struct{}

// FromContext is the token that Require has verified for this request.
func FromContext(ctx context.Context) (*Token, bool) {
	token, ok := ctx.Value(contextKey{}).(*Token)
	return token, ok
}

// Require lets requests through whose access token is valid and passes all checks, with the token in their context. Others get 401, 403
// (404: see InOrganization) or, while the Gatehouse cannot be asked, 503, with a WWW-Authenticate header (RFC 6750 section 3) and a JSON
// body of error and error_description.
func (v *Verifier) Require(checks ...Check) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			raw, err := Bearer(r)
			if err != nil {
				refuse(w, http.StatusUnauthorized, "", "")
				return
			}
			token, err := v.Verify(r.Context(), raw)
			switch {
			case errors.Is(err, ErrInvalid):
				refuse(w, http.StatusUnauthorized, "invalid_token", "The access token is not valid here.")
				return
			case err != nil:
				w.Header().Set("Retry-After", "5")
				refuse(w, http.StatusServiceUnavailable, "temporarily_unavailable", "Access tokens cannot be checked at the moment.")
				return
			}
			for _, check := range checks {
				if check.allowed == nil || !check.allowed(r, token) {
					check.refuse(w)
					return
				}
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, token)))
		})
	}
}

// ErrNoToken says that a request carries no access token, or several.
var ErrNoToken = errors.New("the request carries no access token")

// Bearer reads the access token from the Authorization header (RFC 6750 section 2.1), and from nowhere else: addresses end up in logs.
func Bearer(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return "", ErrNoToken
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", ErrNoToken
	}
	return token, nil
}

func (c Check) refuse(w http.ResponseWriter) {
	switch {
	case c.hides:
		refuse(w, http.StatusNotFound, "not_found", "There is nothing here.")
	case c.scope != "":
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="`+strings.Map(scopeRune, c.scope)+`"`)
		refuse(w, http.StatusForbidden, "insufficient_scope", "The access token lacks a scope.")
	default:
		refuse(w, http.StatusForbidden, "access_denied", "The access token does not allow this.")
	}
}

// scopeRune drops what a quoted header value must not hold.
func scopeRune(r rune) rune {
	if r <= ' ' || r >= 0x7f || r == '"' || r == '\\' {
		return -1
	}
	return r
}

func refuse(w http.ResponseWriter, status int, code, description string) {
	header := w.Header()
	if status == http.StatusUnauthorized {
		challenge := "Bearer"
		if code != "" {
			challenge += ` error="` + code + `"`
		}
		header.Set("WWW-Authenticate", challenge)
	}
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	body := map[string]string{}
	if code != "" {
		body = map[string]string{"error": code, "error_description": description}
	}
	_ = json.NewEncoder(w).Encode(body) // the client is gone; nobody to tell
}
