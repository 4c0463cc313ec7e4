package provider

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/ory/fosite"

	"gatehouse/internal/id"
	"gatehouse/store"
)

// authenticate is the client authentication of the token endpoint (RFC 6749 section 2.3): HTTP Basic, or the secret in the body, or
// none for public clients. fosite's own would accept two ways at once and a client_id beside another in the header, let public clients
// show any secret, and read client assertions.
func (p *Provider) authenticate(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
	name, shown, err := clientCredentials(r, form)
	if err != nil {
		return nil, err
	}
	client, err := p.clients.lookUp(ctx, id.Client(name))
	if errors.Is(err, store.ErrNotFound) {
		return nil, errClient()
	}
	if err != nil {
		return nil, err
	}
	if client.Public() && shown == "" || client.hasSecret(shown, p.now()) {
		return client, nil
	}
	return nil, errClient()
}

// errClient is one text for unknown clients, wrong secrets and wrong methods.
func errClient() error {
	return &oauthError{status: http.StatusUnauthorized, code: "invalid_client", description: "Client authentication failed."}
}

func clientCredentials(r *http.Request, form url.Values) (client, shown string, err error) {
	header := r.Header.Values("Authorization")
	switch {
	case form.Has("client_assertion") || form.Has("client_assertion_type"):
		return "", "", errClient()
	case len(header) == 0 && form.Has("client_id"):
		return form.Get("client_id"), form.Get("client_secret"), nil
	case len(header) != 1:
		return "", "", errClient()
	}
	client, shown, ok := basicCredentials(r)
	switch {
	case !ok:
		return "", "", errClient()
	case form.Has("client_secret"):
		return "", "", invalidRequest("The client authenticates in two ways at once.")
	case form.Has("client_id") && form.Get("client_id") != client:
		return "", "", invalidRequest("The client_id in the body is not that of the Authorization header.")
	default:
		return client, shown, nil
	}
}

// basicCredentials decodes user and password, each of which is percent-encoded before Basic joins them (RFC 6749 section 2.3.1).
func basicCredentials(r *http.Request) (client, shown string, ok bool) {
	user, password, ok := r.BasicAuth()
	if !ok {
		return "", "", false
	}
	client, userErr := url.QueryUnescape(user)
	shown, passwordErr := url.QueryUnescape(password)
	return client, shown, userErr == nil && passwordErr == nil && client != "" && readable(client) && readable(shown)
}
