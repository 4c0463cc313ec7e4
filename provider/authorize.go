package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ory/fosite"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// AuthorizeRequest is an authorization request that has been found acceptable (RFC 6749 section 4.1.1, OpenID Connect Core section
// 3.1.2.1).
type AuthorizeRequest struct {
	Params             url.Values // what to keep while the person signs in, and to give to Complete
	Client             Client
	Scopes             []string
	Prompt             []string
	MaxAge             *time.Duration // nil: not given
	ACRValues          []string
	LoginHint          string
	UILocales          []string
	Organization       string          // id or slug that was asked for, "" = none
	IDTokenHintSubject string          // of a hint that verified, "" = none
	Resources          []string        // that the tokens are to be for (RFC 8707); empty: all of the client
	Claims             json.RawMessage // what is asked for one by one (OpenID Connect Core section 5.5), in a form of our own; nil: nothing
	EssentialACR       []string        // of which one must be reached (OpenID Connect Core section 5.5.1.1); empty: none
	Subjects           []string        // whom alone the client will have; empty: anybody
}

// Authorization is what a person who signed in grants to a client.
type Authorization struct {
	User         id.User
	Organization id.Organization
	Session      id.Session
	AuthTime     time.Time
	ACR          string
	AMR          []string
	Consent      bool // it rests on a consent that the store keeps
}

const (
	maxParameter = 4096 // of tokens: maxToken
	maxRequest   = maxToken + 8<<10
)

// checkParams refuses what no well-meaning client sends: repeated, oversized and unreadable parameters (RFC 6749 section 3.1).
func checkParams(params url.Values) error {
	for name, values := range params {
		limit := maxParameter
		if name == "id_token_hint" || name == "access_token" || name == "token" || name == "client_assertion" {
			limit = maxToken
		}
		many := 1
		if name == resourceParameter {
			many = maxResources
		}
		switch {
		case len(values) > many:
			return invalidRequest("A parameter is given more than once.")
		case !readable(name) || slices.ContainsFunc(values, func(value string) bool { return !readable(value) }):
			return invalidRequest("A parameter is not valid UTF-8, or holds a NUL.")
		case len(name) > 128 || slices.ContainsFunc(values, func(value string) bool { return len(value) > limit }):
			return invalidRequest("A parameter is too long.")
		}
	}
	return nil
}

// meaningful copies the parameters that mean something here, and have a value. Others are ignored (RFC 6749 section 3.1), and not kept.
func meaningful(params url.Values) url.Values {
	kept := url.Values{}
	for _, name := range []string{
		"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
		"prompt", "max_age", "acr_values", "login_hint", "ui_locales", "id_token_hint", "organization", "audience", "claims", "request", "request_uri", "registration",
	} {
		if value := params.Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	if resources := given(params[resourceParameter]); len(resources) > 0 {
		kept[resourceParameter] = resources
	}
	return kept
}

// size is what keeping the parameters takes: until somebody has signed in they are anybody's.
func size(params url.Values) int {
	total := 0
	for name, values := range params {
		for _, value := range values {
			total += len(name) + len(value)
		}
	}
	return total
}

func readable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// ParseAuthorize checks everything about an authorization request of a browser that can be checked before anybody signs in. A
// pushed request (RFC 9126) is used up. Its error is *AuthorizeError, or a sentinel of package store.
func (p *Provider) ParseAuthorize(ctx context.Context, params url.Values) (AuthorizeRequest, error) {
	if err := checkParams(params); err != nil {
		return AuthorizeRequest{}, p.pageError(err)
	}
	params = meaningful(params)
	if !strings.HasPrefix(params.Get("request_uri"), requestURIPrefix) {
		return p.resume(ctx, params)
	}
	pushed, err := p.takePushed(ctx, params)
	if err != nil {
		return AuthorizeRequest{}, p.pageError(err)
	}
	return p.resume(ctx, pushed)
}

// ResumeAuthorize checks the Params of an accepted request once more: while the person signs in, the client may change. Errors as of
// ParseAuthorize.
func (p *Provider) ResumeAuthorize(ctx context.Context, params url.Values) (AuthorizeRequest, error) {
	if err := checkParams(params); err != nil {
		return AuthorizeRequest{}, p.pageError(err)
	}
	kept := meaningful(params)
	if params.Has(pushedMark) {
		kept.Set(pushedMark, "yes")
	}
	return p.resume(ctx, kept)
}

func (p *Provider) resume(ctx context.Context, params url.Values) (AuthorizeRequest, error) {
	client, err := p.redirectTarget(ctx, params)
	if err != nil {
		return AuthorizeRequest{}, p.pageError(err)
	}
	request := AuthorizeRequest{Params: params, Client: client}
	err = p.parse(ctx, params, &request)
	if err == nil {
		err = p.readHint(ctx, params.Get("id_token_hint"), &request)
	}
	if err != nil {
		known := inProtocol(err)
		if known.status >= http.StatusInternalServerError {
			return AuthorizeRequest{}, fmt.Errorf("check authorization request: %w", err) // a page with a trace helps more than an error at the client
		}
		return AuthorizeRequest{}, p.redirectError(params, known)
	}
	return request, nil
}

// redirectTarget finds the client and matches its redirect URI. Until both are certain no browser is sent anywhere.
func (p *Provider) redirectTarget(ctx context.Context, params url.Values) (Client, error) {
	client, err := p.clients.find(ctx, id.Client(params.Get("client_id")))
	if errors.Is(err, store.ErrNotFound) {
		return Client{}, invalidRequest("The application (client_id) is not known here, or is disabled.")
	}
	if err != nil {
		return Client{}, err
	}
	if params.Get("redirect_uri") == "" {
		return Client{}, invalidRequest("The address to return to (redirect_uri) is missing.")
	}
	if !matchRedirectURI(client.RedirectURIs, params.Get("redirect_uri")) {
		return Client{}, invalidRequest("The address to return to (redirect_uri) is not one that is registered for the application.")
	}
	return client, nil
}

// pageError is an error whose redirect URI cannot be trusted.
func (p *Provider) pageError(err error) error {
	known := inProtocol(err)
	if known.status >= http.StatusInternalServerError {
		return fmt.Errorf("check authorization request: %w", err)
	}
	return &AuthorizeError{Code: known.code, Description: known.description}
}

// parse lets fosite check the OAuth 2.0 parameters, then checks those that it leaves to us.
func (p *Provider) parse(ctx context.Context, params url.Values, request *AuthorizeRequest) error {
	switch {
	case params.Get("response_type") == "":
		return invalidRequest("The parameter response_type is missing.")
	case params.Get("response_type") != "code": // fosite compares without regard to case
		return badRequest("unsupported_response_type", "The only response_type supported is code.")
	case params.Has("request"):
		return badRequest("request_not_supported", "Request objects are not supported.")
	case params.Has("request_uri"):
		return badRequest("request_uri_not_supported", "Request URIs are not supported.")
	case !request.Client.may(grantCode):
		return badRequest("unauthorized_client", "The client may not use the authorization code grant.")
	case size(params) > maxRequest:
		return invalidRequest("The request is too long.")
	case request.Client.RequirePAR && !params.Has(pushedMark):
		return invalidRequest("The client has to push its authorization requests (RFC 9126).")
	}
	if err := checkMode(params); err != nil {
		return err
	}
	parsed, err := p.authorize.NewAuthorizeRequest(ctx, fositeRequest(params))
	if err != nil {
		return err
	}
	if err := checkChallenge(params); err != nil {
		return err
	}
	request.Scopes = (&fositeClient{Client: request.Client}).grantable(parsed.GetRequestedScopes())
	request.LoginHint = params.Get("login_hint")
	request.ACRValues = strings.Fields(params.Get("acr_values"))
	request.UILocales = strings.Fields(params.Get("ui_locales"))
	if request.Organization, err = requestedOrganization(params, parsed.GetRequestedScopes()); err != nil {
		return err
	}
	if request.Prompt, err = parsePrompt(params.Get("prompt")); err != nil {
		return err
	}
	if request.MaxAge, err = parseMaxAge(params); err != nil {
		return err
	}
	if err := checkResources(params[resourceParameter]); err != nil {
		return err
	}
	if request.Resources, err = requestedResources(request.Client.Audience, append(parsed.GetRequestedAudience(), params[resourceParameter]...)); err != nil {
		return err
	}
	return readClaims(params.Get("claims"), request)
}

// readHint ignores a hint that does not verify (any more: keys are not kept for ever), unless nobody would be asked: prompt=none must not
// answer with whoever happens to be signed in.
func (p *Provider) readHint(ctx context.Context, hint string, request *AuthorizeRequest) error {
	if hint == "" {
		return nil
	}
	subject, err := p.hintSubject(ctx, hint)
	if err != nil && slices.Contains(request.Prompt, "none") {
		return badRequest("login_required", "The id_token_hint is not an ID token of this issuer.")
	}
	request.IDTokenHintSubject = subject
	return nil
}

// fositeRequest wraps parameters as the HTTP request that fosite wants. fosite demands a state, which the standards only recommend.
func fositeRequest(params url.Values) *http.Request {
	form := url.Values{}
	for name, values := range params {
		form[name] = values
	}
	if form.Get("state") == "" {
		form.Set("state", "none")
	}
	form.Del("response_mode") // ours
	return &http.Request{Method: http.MethodGet, URL: &url.URL{Path: AuthorizePath}, Header: http.Header{}, Form: form, PostForm: url.Values{}}
}

const (
	methodS256      = "S256"
	challengeLength = 43 // base64url of SHA-256
)

// checkChallenge demands PKCE with S256 of every client (RFC 7636, RFC 9700 section 2.1.1).
func checkChallenge(params url.Values) error {
	challenge := params.Get("code_challenge")
	switch {
	case challenge == "":
		return invalidRequest("PKCE is required: the parameter code_challenge is missing.")
	case params.Get("code_challenge_method") != methodS256:
		return invalidRequest("PKCE is required with code_challenge_method S256.")
	case len(challenge) != challengeLength || !base64URL(challenge):
		return invalidRequest("The code_challenge is not a base64url SHA-256 hash.")
	default:
		return nil
	}
}

func base64URL(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

func requestedOrganization(params url.Values, scopes []string) (string, error) {
	wanted := params.Get("organization")
	for _, scope := range scopes {
		slug, found := strings.CutPrefix(scope, organizationScope)
		switch {
		case !found:
		case wanted != "" && wanted != slug:
			return "", invalidRequest("The request asks for more than one organization.")
		default:
			wanted = slug
		}
	}
	return wanted, nil
}

func parsePrompt(text string) ([]string, error) {
	prompts := strings.Fields(text)
	for _, prompt := range prompts {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, prompt) {
			return nil, invalidRequest("The parameter prompt has an unknown value.")
		}
	}
	if len(prompts) > 1 && slices.Contains(prompts, "none") {
		return nil, invalidRequest("The parameter prompt has none beside another value.")
	}
	return prompts, nil
}

func parseMaxAge(params url.Values) (*time.Duration, error) {
	if !params.Has("max_age") {
		return nil, nil //nolint:nilnil // not given is a value of its own
	}
	seconds, err := strconv.ParseUint(params.Get("max_age"), 10, 31)
	if err != nil {
		return nil, invalidRequest("The parameter max_age is not a number of seconds.")
	}
	age := time.Duration(seconds) * time.Second
	return &age, nil
}

// Complete issues a code for what ParseAuthorize accepted, checking it all once more.
func (p *Provider) Complete(ctx context.Context, params url.Values, a Authorization) (Response, error) {
	checked, err := p.ResumeAuthorize(ctx, params)
	if err != nil {
		return Response{}, err
	}
	params = checked.Params
	if a.User == "" || a.Session == "" {
		return Response{}, errors.New("complete authorization: nobody has signed in")
	}
	if !checked.Client.serves(a.Organization) {
		return Response{}, p.redirectError(params, badRequest("access_denied", "The client belongs to another organization."))
	}
	if !checked.Accepts(a.User) {
		return Response{}, p.redirectError(params, badRequest("login_required", "The request is for another user."))
	}
	if a.ACR, err = checked.reached(a.ACR); err != nil {
		return Response{}, p.redirectError(params, inProtocol(err))
	}
	request, err := p.authorize.NewAuthorizeRequest(ctx, fositeRequest(params))
	if err != nil {
		return Response{}, err
	}
	answered, err := p.authorize.NewAuthorizeResponse(ctx, request, &grantSession{authorization: a, asked: checked})
	if err != nil {
		return Response{}, err
	}
	return p.respondTo(params, url.Values{"code": {answered.GetCode()}}), nil
}

// Refuse sends the browser back with an error. If the client or its redirect URI is not valid any more, *AuthorizeError.
func (p *Provider) Refuse(ctx context.Context, params url.Values, errorCode, description string) (Response, error) {
	if err := checkParams(params); err != nil {
		return Response{}, p.pageError(err)
	}
	if _, err := p.redirectTarget(ctx, params); err != nil {
		return Response{}, p.pageError(err)
	}
	return p.redirectError(params, badRequest(errorCode, ascii(description))).Response, nil
}

// Accepts reports whether the client will have this user: id_token_hint and the claim sub may name him (OpenID Connect Core sections
// 3.1.2.1 and 3.1.2.2).
func (r *AuthorizeRequest) Accepts(user id.User) bool {
	if r.IDTokenHintSubject != "" && r.IDTokenHintSubject != string(user) {
		return false
	}
	return len(r.Subjects) == 0 || slices.Contains(r.Subjects, string(user))
}

var _ fosite.AuthorizeEndpointHandler = (*codeGrant)(nil)
