package provider

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"github.com/ory/fosite"

	"gatehouse/internal/id"
	"gatehouse/internal/web"
	"gatehouse/store"
)

// authenticate is the client authentication of every endpoint that clients call directly (RFC 6749 section 2.3): HTTP Basic, the secret
// in the body, a signed assertion (RFC 7523), or nothing for public clients. fosite's own would accept two ways at once and a client_id
// beside another in the header, and let public clients show any secret. form is the body; the address is never looked at.
//
// A client that registered a secret may show it in either way; one that registered keys must sign. Failures are counted per client and
// network, see clientGuard.
func (p *Provider) authenticate(ctx context.Context, r *http.Request, form url.Values) (fosite.Client, error) {
	shown, err := p.readCredentials(r, form)
	if err != nil {
		return nil, err
	}
	client, err := p.claimed(ctx, shown)
	if err != nil {
		return nil, err
	}
	if asked := form.Get("client_id"); asked != "" && id.Client(asked) != client.ID {
		return nil, invalidRequest("The client_id in the body is not that of the client authentication.")
	}
	if client.Public() {
		return client, refusedAs(r, client, shown.nothing(), "a public client shows credentials")
	}
	network := web.Network(p.Address(r))
	if err := p.guard.admit(client.ID, network); err != nil {
		return nil, err
	}
	why, err := p.prove(ctx, r, client, shown)
	if err != nil {
		return nil, err
	}
	if why != "" {
		if err := p.guard.failed(ctx, client.ID, network); err != nil {
			return nil, err
		}
	}
	return client, refusedAs(r, client, why == "", why)
}

// credentials are what a request shows to authenticate its client.
type credentials struct {
	names     []id.Client // who the client may be: two where a Basic header can be read in two ways
	secrets   []string    // likewise
	assertion *assertion
}

// nothing reports whether there is no credential, as of a public client. An empty password in a Basic header is none.
func (c credentials) nothing() bool {
	return c.assertion == nil && !slices.ContainsFunc(c.secrets, func(shown string) bool { return shown != "" })
}

// prove checks the credentials of a confidential client. A reason means no; it is for the log alone.
func (p *Provider) prove(ctx context.Context, r *http.Request, client *fositeClient, shown credentials) (why string, err error) {
	switch {
	case client.AuthMethod == AuthPrivateKey && shown.assertion == nil:
		return "the client must sign an assertion", nil
	case client.AuthMethod == AuthPrivateKey:
		return p.checkAssertion(ctx, r, client, *shown.assertion)
	case shown.assertion != nil:
		return "the client has no keys", nil
	case slices.ContainsFunc(shown.secrets, func(text string) bool { return client.hasSecret(text, p.now()) }):
		return "", nil
	default:
		return "the secret is wrong, missing or expired", nil
	}
}

// errClient is one text for unknown clients, wrong secrets and wrong methods.
func errClient() error {
	return &oauthError{status: http.StatusUnauthorized, code: "invalid_client", description: "Client authentication failed."}
}

// refusedAs is nil if all is well. Else the request's log event says why, and the client learns nothing.
func refusedAs(r *http.Request, client *fositeClient, fine bool, why string) error {
	if fine {
		return nil
	}
	web.Note(r, slog.String("client", string(client.ID)), slog.String("failure", why))
	return errClient()
}

// claimed finds the client that the request says it comes from: the first reading that is a client's.
func (p *Provider) claimed(ctx context.Context, shown credentials) (*fositeClient, error) {
	for _, name := range shown.names {
		client, err := p.clients.lookUp(ctx, name)
		if !errors.Is(err, store.ErrNotFound) {
			return client, err
		}
	}
	return nil, errClient()
}

func (p *Provider) readCredentials(r *http.Request, form url.Values) (credentials, error) {
	header := r.Header.Values("Authorization")
	signed := form.Has("client_assertion") || form.Has("client_assertion_type")
	switch {
	case len(header) > 0:
		shown, err := basicCredentials(r, header)
		if err == nil && (signed || form.Has("client_secret")) {
			err = errTwoWays()
		}
		return shown, err
	case signed && form.Has("client_secret"):
		return credentials{}, errTwoWays()
	case signed:
		return readAssertion(form)
	case form.Has("client_id"):
		return credentials{names: []id.Client{id.Client(form.Get("client_id"))}, secrets: []string{form.Get("client_secret")}}, nil
	default:
		return credentials{}, errClient()
	}
}

func errTwoWays() error { return invalidRequest("The client authenticates in two ways at once.") }

// basicCredentials reads user and password, each of which is percent-encoded before Basic joins them (RFC 6749 section 2.3.1). Many
// clients leave that out. So both readings count: the decoded one first, then the text as it stands. Somebody who guesses gains
// nothing, and a name is never taken for another's that is registered as decoded.
func basicCredentials(r *http.Request, header []string) (credentials, error) {
	user, password, ok := r.BasicAuth()
	if !ok || len(header) > 1 {
		return credentials{}, errClient()
	}
	shown := credentials{secrets: readings(password)}
	for _, name := range readings(user) {
		if name != "" {
			shown.names = append(shown.names, id.Client(name))
		}
	}
	if len(shown.names) == 0 || len(shown.secrets) == 0 {
		return credentials{}, errClient()
	}
	return shown, nil
}

// readings are the decoded form of a text and the text itself, once each, without what is not readable.
func readings(text string) []string {
	var found []string
	if decoded, err := url.QueryUnescape(text); err == nil && readable(decoded) {
		found = append(found, decoded)
	}
	if readable(text) && !slices.Contains(found, text) {
		found = append(found, text)
	}
	return found
}
