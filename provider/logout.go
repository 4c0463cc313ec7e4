package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// LogoutPath is the end_session_endpoint, below the issuer. Package login serves it with ParseLogout: it acts on the browser's session.
const LogoutPath = "/oauth2/logout"

// LogoutRequest is a request to sign out that has been found acceptable (OpenID Connect RP-Initiated Logout 1.0 section 2).
type LogoutRequest struct {
	Params   url.Values // what to repeat it with, once the person has confirmed
	Client   Client     // who asks; zero: nobody said
	User     id.User    // whom the hint is about, with Session; empty: there was no hint
	Session  id.Session
	Redirect string // where to send the browser afterwards, with the state; empty: nowhere
}

// Hinted reports whether an ID token of ours came with the request.
func (r LogoutRequest) Hinted() bool { return r.User != "" }

// About reports whether the hint is of this very session. Every other request has to be confirmed by the person.
func (r LogoutRequest) About(session id.Session, user id.User) bool {
	return r.Hinted() && r.Session != "" && r.Session == session && r.User == user
}

// LogoutError is a request to sign out that cannot be accepted. No browser is sent anywhere: the person gets a page.
type LogoutError struct{ Description string }

// Error gives the description.
func (e *LogoutError) Error() string { return e.Description }

// ParseLogout checks everything about a request to sign out that can be checked without the browser's session. Its error is
// *LogoutError, or a sentinel of package store.
//
// The hint may be of any algorithm that we sign with, and may have expired (section 4); the client is the one it was made for. An
// address to return to is compared exactly, and only if hint or client_id say whose it is. ui_locales and logout_hint mean nothing
// here yet: whoever is signed out is told apart by his session alone.
func (p *Provider) ParseLogout(ctx context.Context, params url.Values) (LogoutRequest, error) {
	if err := checkParams(params); err != nil {
		return LogoutRequest{}, &LogoutError{inProtocol(err).description}
	}
	request := LogoutRequest{Params: url.Values{}}
	for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state"} {
		if value := params.Get(name); value != "" {
			request.Params.Set(name, value)
		}
	}
	client, err := p.readLogoutHint(ctx, &request)
	if err != nil {
		return LogoutRequest{}, err
	}
	if request.Client, err = p.logoutClient(ctx, client); err != nil {
		return LogoutRequest{}, err
	}
	request.Redirect, err = afterLogout(request.Client, request.Params)
	return request, err
}

// readLogoutHint takes over whom the hint is about and returns the client that the request comes from, "" if nobody said.
func (p *Provider) readLogoutHint(ctx context.Context, request *LogoutRequest) (id.Client, error) {
	named := id.Client(request.Params.Get("client_id"))
	hint := request.Params.Get("id_token_hint")
	if hint == "" {
		return named, nil
	}
	var claims struct {
		Issuer   string     `json:"iss"`
		Subject  id.User    `json:"sub"`
		Audience id.Client  `json:"aud"`
		Session  id.Session `json:"sid"`
		Expires  int64      `json:"exp"` // every ID token has one, and no other JWT of this type
	}
	if err := p.verify(ctx, hint, typeID, &claims); err != nil || claims.Issuer != p.Issuer || claims.Subject == "" || claims.Audience == "" || claims.Expires == 0 {
		return "", &LogoutError{"The id_token_hint is not an ID token of this provider."}
	}
	if named != "" && named != claims.Audience {
		return "", &LogoutError{"The id_token_hint was made for another application than client_id says."}
	}
	request.User, request.Session = claims.Subject, claims.Session
	return claims.Audience, nil
}

func (p *Provider) logoutClient(ctx context.Context, client id.Client) (Client, error) {
	if client == "" {
		return Client{}, nil
	}
	found, err := p.clients.find(ctx, client)
	if errors.Is(err, store.ErrNotFound) {
		return Client{}, &LogoutError{"The application (client_id) is not known here, or is disabled."}
	}
	return found, err
}

// afterLogout is where the browser goes in the end. Without a client there is no registration that the address could be one of.
func afterLogout(client Client, params url.Values) (string, error) {
	wanted := params.Get("post_logout_redirect_uri")
	switch {
	case wanted == "":
		return "", nil
	case client.ID == "":
		return "", &LogoutError{"The address to return to (post_logout_redirect_uri) needs an id_token_hint or a client_id."}
	case !slices.Contains(client.PostLogout, wanted):
		return "", &LogoutError{"The address to return to (post_logout_redirect_uri) is not one that is registered for the application."}
	}
	if !params.Has("state") {
		return wanted, nil
	}
	address, err := url.Parse(wanted)
	if err != nil {
		return "", fmt.Errorf("registered address of client %s: %w", client.ID, err)
	}
	if address.RawQuery != "" {
		address.RawQuery += "&"
	}
	address.RawQuery += url.Values{"state": {params.Get("state")}}.Encode()
	return address.String(), nil
}
