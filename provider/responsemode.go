package provider

import (
	"net/url"
	"strings"
)

// Response is how to answer an authorization request: a redirect to URL, or, where Form is set, a page that posts Form there (OAuth 2.0
// Form Post Response Mode).
type Response struct {
	URL  string
	Form url.Values
}

// Response modes (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1).
const (
	modeQuery    = "query"
	modeFragment = "fragment"
	modeFormPost = "form_post"
)

func responseModes() []string { return []string{modeQuery, modeFragment, modeFormPost} }

// checkMode refuses what responseMode does not take as it stands.
func checkMode(params url.Values) error {
	switch asked := params.Get("response_mode"); {
	case asked == "" || asked == responseMode(params):
		return nil
	case asked == modeFormPost:
		return invalidRequest("The response_mode form_post needs a redirect_uri that takes posts: http or https.")
	default:
		return invalidRequest("The response_mode must be query, fragment or form_post.")
	}
}

// responseMode is the mode to answer in, errors about it included: what cannot be followed is answered in the query.
func responseMode(params url.Values) string {
	asked, redirectURI := params.Get("response_mode"), params.Get("redirect_uri")
	switch {
	case asked == modeFragment:
		return modeFragment
	case asked == modeFormPost && (strings.HasPrefix(redirectURI, "https://") || strings.HasPrefix(redirectURI, "http://")):
		return modeFormPost
	default:
		return modeQuery
	}
}

// respondTo answers a request whose redirect URI has been checked: with its state and our issuer (RFC 9207), in its mode.
func (p *Provider) respondTo(params, answer url.Values) Response {
	answer.Set("iss", p.Issuer)
	if params.Get("state") != "" {
		answer.Set("state", params.Get("state"))
	}
	redirectURI := params.Get("redirect_uri")
	switch responseMode(params) {
	case modeFormPost:
		return Response{URL: redirectURI, Form: answer}
	case modeFragment:
		return Response{URL: redirectURI + "#" + answer.Encode()} // a registered address has no fragment
	default:
		return Response{URL: redirectWith(redirectURI, answer)}
	}
}

// redirectError sends an error back to the client.
func (p *Provider) redirectError(params url.Values, e *oauthError) *AuthorizeError {
	answer := url.Values{"error": {e.code}}
	if e.description != "" {
		answer.Set("error_description", e.description)
	}
	return &AuthorizeError{Code: e.code, Description: e.description, Response: p.respondTo(params, answer)}
}

// redirectWith adds parameters to a redirect URI, keeping its own query as it is.
func redirectWith(redirectURI string, parameters url.Values) string {
	separator := "?"
	switch {
	case strings.HasSuffix(redirectURI, "?") || strings.HasSuffix(redirectURI, "&"):
		separator = ""
	case strings.Contains(redirectURI, "?"):
		separator = "&"
	}
	return redirectURI + separator + parameters.Encode()
}
