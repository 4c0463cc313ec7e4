package provider

import (
	"context"
	"errors"
	"time"

	"github.com/ory/fosite"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/store"
)

// deviceGrant is the device authorization grant (RFC 8628 section 3.4). What it issues, and under which conditions, is the code grant's.
type deviceGrant struct{ *codeGrant }

var _ fosite.TokenEndpointHandler = (*deviceGrant)(nil)

// CanHandleTokenEndpointRequest implements fosite.TokenEndpointHandler.
func (*deviceGrant) CanHandleTokenEndpointRequest(_ context.Context, request fosite.AccessRequester) bool {
	return request.GetGrantTypes().ExactOne(grantDevice)
}

// HandleTokenEndpointRequest implements fosite.TokenEndpointHandler: it answers a poll.
func (g *deviceGrant) HandleTokenEndpointRequest(ctx context.Context, request fosite.AccessRequester) error {
	client, session, err := ours(request, grantDevice)
	if err != nil {
		return err
	}
	shown := request.GetRequestForm().Get("device_code")
	if shown == "" {
		return invalidRequest("The parameter device_code is missing.")
	}
	approved, err := g.poll(ctx, client, secret.New(shown))
	if err != nil {
		return err
	}
	if !client.serves(approved.Authorization.Organization) {
		return errMoved()
	}
	return g.begin(ctx, client, code{
		Client: approved.Client, Scopes: approved.Scopes, Audience: approved.Audience, Authorization: approved.Authorization, Granted: approved.Approved,
		Grant: id.New[id.Grant](),
	}, request, session)
}

// poll looks at the device and notes that it was there, both by one conditional write: of many polls of an approved device one is
// answered with tokens. The others revoke nothing, unlike with codes of browsers: a device code passes through no third hands, and a
// device that lost an answer asks again.
func (g *deviceGrant) poll(ctx context.Context, client Client, token secret.Text) (device, error) {
	for range deviceRetries {
		held, err := g.devices.Find(ctx, token)
		if errors.Is(err, store.ErrNotFound) {
			return device{}, invalidGrant("The device code is unknown, or expired a while ago.")
		}
		if err != nil {
			return device{}, err
		}
		if held.Value.Client != client.ID {
			return device{}, invalidGrant("The device code belongs to another client.")
		}
		if err := held.Value.over(g.now()); err != nil {
			return device{}, err
		}
		answer := held.Value.polled(g.now())
		err = g.devices.Replace(ctx, token, held)
		switch {
		case err == nil:
			return held.Value, answer
		case !errors.Is(err, store.ErrStale) && !errors.Is(err, store.ErrNotFound):
			return device{}, err
		}
	}
	return device{}, badRequest("slow_down", "The device polls many times at once.")
}

// over says what a device is told that need not ask again; nil if it may (RFC 8628 section 3.5).
func (d *device) over(now time.Time) error {
	switch {
	case d.State == deviceDenied:
		return badRequest("access_denied", "The user denied the request.")
	case d.State == deviceRedeemed:
		return invalidGrant("The device code was used before.")
	case !d.Ends.After(now):
		return badRequest("expired_token", "The device code has expired; begin again.")
	default:
		return nil
	}
}

// polled moves the device on by one poll, and says what it is told: nil for its tokens.
func (d *device) polled(now time.Time) error {
	early := d.Polled.Add(d.Interval - deviceTolerance).After(now)
	d.Polled = now
	switch {
	case d.State == deviceApproved:
		d.State = deviceRedeemed
		return nil
	case early:
		d.Interval += deviceInterval
		return badRequest("slow_down", "The device polls too often; the interval is 5 seconds longer from now on.")
	default:
		return badRequest("authorization_pending", "The user has not decided yet.")
	}
}
