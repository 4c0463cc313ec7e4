package provider

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ory/fosite"

	"gatehouse/store"
)

// AuthorizeError is an authorization request that cannot be granted (RFC 6749 section 4.1.2.1).
type AuthorizeError struct {
	Code        string
	Description string // for developers; plain ASCII
	Response           // sends the browser back with the error; its URL is empty where no address can be trusted: show a page
}

// Error gives code and description.
func (e *AuthorizeError) Error() string { return e.Code + ": " + e.Description }

// oauthError is an error of an endpoint in the protocol's words.
type oauthError struct {
	status            int
	code, description string
	cause             error
	retryAfter        time.Duration // zero: nothing is said
}

// Error is for the log.
func (e *oauthError) Error() string {
	if e.cause == nil {
		return e.code + ": " + e.description
	}
	return e.code + ": " + e.description + ": " + e.cause.Error()
}

// Unwrap gives the cause.
func (e *oauthError) Unwrap() error { return e.cause }

func badRequest(code, description string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: code, description: description}
}

func invalidRequest(description string) *oauthError {
	return badRequest("invalid_request", description)
}

func invalidGrant(description string) *oauthError { return badRequest("invalid_grant", description) }

// inProtocol puts any error into the protocol's words. Texts of errors that are not meant for clients stay in the log.
func inProtocol(err error) *oauthError {
	var (
		ours   *oauthError
		theirs *fosite.RFC6749Error
	)
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.Is(err, store.ErrUnavailable):
		return &oauthError{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", description: "A storage is not available at the moment.", cause: err}
	case errors.As(err, &theirs) && theirs.ErrorField == "invalid_client":
		// One text for unknown clients, wrong secrets and wrong methods.
		return &oauthError{status: http.StatusUnauthorized, code: "invalid_client", description: "Client authentication failed.", cause: err}
	case errors.As(err, &theirs) && theirs.CodeField < http.StatusInternalServerError && knownCode(theirs.ErrorField):
		return &oauthError{status: http.StatusBadRequest, code: theirs.ErrorField, description: ascii(theirs.HintField, theirs.DescriptionField), cause: err}
	default:
		return &oauthError{status: http.StatusInternalServerError, code: "server_error", description: "Something went wrong here.", cause: err}
	}
}

func knownCode(code string) bool {
	switch code {
	case "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"unsupported_response_type", "unsupported_response_mode", "registration_not_supported", "request_not_supported", "request_uri_not_supported":
		return true
	default:
		return false
	}
}

// ascii picks the first text and drops what error_description may not hold (RFC 6749 section 5.2).
func ascii(texts ...string) string {
	for _, text := range texts {
		if text == "" {
			continue
		}
		return strings.Map(func(r rune) rune {
			if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
				return '\''
			}
			return r
		}, text)
	}
	return ""
}

// writeError answers a direct request (RFC 6749 section 5.2).
func (p *Provider) writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := inProtocol(err)
	if e.status >= http.StatusInternalServerError {
		p.Logger.ErrorContext(r.Context(), "oauth_error", "path", r.URL.Path, "code", e.code, "error", e.cause)
	}
	header := w.Header()
	if e.status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Basic realm="gatehouse"`)
	}
	if e.status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "2")
	}
	if e.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int((e.retryAfter+time.Second-1)/time.Second)))
	}
	writeJSON(w, e.status, errorBody{e.code, e.description})
}

// errorBody is the JSON of RFC 6749 section 5.2.
type errorBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// writeJSON answers with something that must not be cached.
func writeJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	write(w, status, "application/json", raw)
}

func write(w http.ResponseWriter, status int, kind string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("Cache-Control", "no-store")
	header.Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON or a JWT, never markup; the client is gone; nobody to tell
}
