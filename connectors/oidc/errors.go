package oidc

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"golang.org/x/oauth2"

	"gatehouse/connectors"
)

// fail quotes err cleaned and cut: libraries put whole answers of the upstream into their errors.
func fail(reason connectors.Reason, doing string, err error) *connectors.Error {
	return &connectors.Error{Reason: reason, Err: &cleaned{text: doing + ": " + clean(err.Error()), cause: err}}
}

// cleaned keeps the cause for errors.Is and its text from the log.
type cleaned struct {
	text  string
	cause error
}

// Error implements error.
func (c *cleaned) Error() string { return c.text }

// Unwrap gives the cause.
func (c *cleaned) Unwrap() error { return c.cause }

func invalid(text string) *connectors.Error {
	return &connectors.Error{Reason: connectors.ReasonInvalid, Err: errors.New(text)}
}

// refused is the provider's error response (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6).
func refused(code, description string) *connectors.Error {
	reason := connectors.ReasonDenied
	switch code {
	case "server_error", "temporarily_unavailable":
		reason = connectors.ReasonUnavailable
	case "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "invalid_client",
		"request_not_supported", "request_uri_not_supported", "registration_not_supported":
		reason = connectors.ReasonSetup
	}
	return &connectors.Error{Reason: reason, Err: errors.New("the provider answered " + clean(code) + ": " + clean(description))}
}

// exchangeError classifies a failed code exchange without quoting the answer, which may hold tokens.
func exchangeError(err error) *connectors.Error {
	var answered *oauth2.RetrieveError
	if !errors.As(err, &answered) {
		return fail(connectors.ReasonUnavailable, "exchange the code", err)
	}
	status := answered.Response.StatusCode
	reason := connectors.ReasonInvalid
	switch {
	case answered.ErrorCode == "invalid_client", answered.ErrorCode == "unauthorized_client", answered.ErrorCode == "" && status == http.StatusUnauthorized:
		reason = connectors.ReasonSetup
	case answered.ErrorCode == "", status >= http.StatusInternalServerError:
		reason = connectors.ReasonUnavailable
	}
	return &connectors.Error{Reason: reason, Err: fmt.Errorf("exchange the code: the provider answered %d %s", status, clean(answered.ErrorCode))}
}

const maxQuoted = 200 // bytes

// clean makes a stranger's text fit for a log line: short, and without characters that end, hide or reorder it.
func clean(text string) string {
	cut := len(text) > maxQuoted
	if cut {
		text = text[:maxQuoted]
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, ""))
	if cut {
		text += "…"
	}
	return text
}
