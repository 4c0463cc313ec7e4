package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/internal/web"
	"gatehouse/session"
	"gatehouse/store"
)

// VerificationPath is the page on which people enter the code of their device; served by package login.
const VerificationPath = "/device"

const (
	deviceInterval      = 5 * time.Second // between two polls, and by which that grows
	deviceTolerance     = 500 * time.Millisecond
	devicesPerNetwork   = 100 // that one network may begin with a public client in a window
	deviceNetworkWindow = 5 * time.Minute
	deviceRetries       = 10 // of changes that another request was faster with
)

// device is a device that waits for its user (RFC 8628), kept under the hash of its device code. The user code leads to that code by an
// entry of its own, so the store holds neither in the clear.
type device struct {
	Client        id.Client
	Scopes        []string
	Audience      []string // resources that were asked for (RFC 8707)
	Organization  string   // id or slug that was asked for, "" = none
	Address       string   // where it asked from
	Asked         time.Time
	Ends          time.Time // the entry stays longer, to say so
	Interval      time.Duration
	Polled        time.Time // last
	State         deviceState
	Authorization Authorization // once approved
	Approved      time.Time
}

type deviceState string

const (
	deviceWaits    deviceState = ""
	deviceApproved deviceState = "approved"
	deviceDenied   deviceState = "denied"
	deviceRedeemed deviceState = "redeemed"
)

// DeviceRequest is what the user of a device is asked to agree to. Of the AuthorizeRequest, Client, Scopes and Organization are set.
type DeviceRequest struct {
	AuthorizeRequest
	Address string // where the device asked from
	Asked   time.Time
}

// deviceAnswer is the device authorization response (RFC 8628 section 3.2).
type deviceAnswer struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"`
	Interval                int64  `json:"interval"`
}

// deviceAuthorization is the device authorization endpoint (RFC 8628 section 3.1).
func (p *Provider) deviceAuthorization(w http.ResponseWriter, r *http.Request) {
	answer, err := p.authorizeDevice(w, r)
	if err != nil {
		p.writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func (p *Provider) authorizeDevice(w http.ResponseWriter, r *http.Request) (deviceAnswer, error) {
	if err := parseForm(w, r); err != nil {
		return deviceAnswer{}, err
	}
	ctx := r.Context()
	authenticated, err := p.authenticate(ctx, r, r.PostForm)
	if err != nil {
		return deviceAnswer{}, err
	}
	client, ok := authenticated.(*fositeClient)
	if !ok {
		return deviceAnswer{}, errForeignSession
	}
	if !client.may(grantDevice) {
		return deviceAnswer{}, badRequest("unauthorized_client", "The client may not use this grant type.")
	}
	asked, err := p.newDevice(client, r)
	if err != nil {
		return deviceAnswer{}, err
	}
	if err := p.countDevice(ctx, client, asked.Address); err != nil {
		return deviceAnswer{}, err
	}
	return p.beginDevice(ctx, asked)
}

// newDevice reads the request.
func (p *Provider) newDevice(client *fositeClient, r *http.Request) (device, error) {
	scopes := strings.Fields(r.PostForm.Get("scope"))
	for _, scope := range scopes {
		if !allowedScope(client.GetScopes(), scope) {
			return device{}, badRequest("invalid_scope", "The client may not ask for one of these scopes.")
		}
	}
	organization, err := requestedOrganization(r.PostForm, scopes)
	if err != nil {
		return device{}, err
	}
	if err := checkResources(r.PostForm[resourceParameter]); err != nil {
		return device{}, err
	}
	audience, err := requestedResources(client.Audience, r.PostForm[resourceParameter])
	if err != nil {
		return device{}, err
	}
	now := p.now()
	return device{
		Client: client.ID, Scopes: client.grantable(scopes), Audience: audience, Organization: organization, Address: p.Address(r),
		Asked: now, Ends: now.Add(p.Lifetimes.Device), Interval: deviceInterval,
	}, nil
}

// countDevice bounds what strangers can have stored with a public client. Others have shown who they are.
func (p *Provider) countDevice(ctx context.Context, client *fositeClient, address string) error {
	if !client.Public() {
		return nil
	}
	key := session.Key{Kind: session.KindAttempt, ID: "devices:" + secret.Hash(web.Network(address))}
	count, ends, err := p.Ephemeral.Hit(ctx, key, deviceNetworkWindow)
	if err != nil || count <= devicesPerNetwork {
		return err
	}
	return tooMany(ends.Sub(p.now()))
}

// beginDevice keeps the device under fresh codes. The user code comes first: it may be another's.
func (p *Provider) beginDevice(ctx context.Context, asked device) (deviceAnswer, error) {
	token, expires := secret.Random(32), asked.Ends.Add(p.Lifetimes.Device)
	for range deviceRetries {
		code := newUserCode()
		err := p.userCodes.Create(ctx, p.userCodeToken(code), token.Reveal(), expires)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err == nil {
			err = p.devices.Create(ctx, token, asked, expires)
		}
		if err != nil {
			return deviceAnswer{}, err
		}
		page, shown := p.Issuer+VerificationPath, ShownUserCode(code)
		return deviceAnswer{
			DeviceCode: token.Reveal(), UserCode: shown, VerificationURI: page, VerificationURIComplete: page + "?user_code=" + url.QueryEscape(shown),
			ExpiresIn: int64(p.Lifetimes.Device / time.Second), Interval: int64(deviceInterval / time.Second),
		}, nil
	}
	return deviceAnswer{}, fmt.Errorf("draw a user code: %w", store.ErrConflict)
}

// Device finds the device that waits with a user code, in whatever way that is written; store.ErrNotFound if none does, or not any more.
// Whoever calls limits guessing.
func (p *Provider) Device(ctx context.Context, userCode string) (DeviceRequest, error) {
	_, held, err := p.findDevice(ctx, userCode)
	if err != nil {
		return DeviceRequest{}, err
	}
	client, err := p.clients.find(ctx, held.Value.Client)
	if err != nil {
		return DeviceRequest{}, err
	}
	if !client.may(grantDevice) {
		return DeviceRequest{}, store.ErrNotFound
	}
	return DeviceRequest{
		AuthorizeRequest: AuthorizeRequest{Client: client, Scopes: held.Value.Scopes, Organization: held.Value.Organization},
		Address:          held.Value.Address, Asked: held.Value.Asked,
	}, nil
}

func (p *Provider) findDevice(ctx context.Context, userCode string) (secret.Text, session.Held[device], error) {
	normal := NormalUserCode(userCode)
	if normal == "" {
		return secret.Text{}, session.Held[device]{}, store.ErrNotFound
	}
	leads, err := p.userCodes.Find(ctx, p.userCodeToken(normal))
	if err != nil {
		return secret.Text{}, session.Held[device]{}, err
	}
	token := secret.New(leads.Value)
	held, err := p.devices.Find(ctx, token)
	if err == nil && (held.Value.State != deviceWaits || !held.Value.Ends.After(p.now())) {
		err = store.ErrNotFound
	}
	return token, held, err
}

// ApproveDevice lets the device with a user code have tokens of the user who signed in. store.ErrNotFound if it does not wait any more:
// of approvals and denials exactly one counts. *AuthorizeError if the client belongs to another organization.
func (p *Provider) ApproveDevice(ctx context.Context, userCode string, a Authorization) error {
	if a.User == "" || a.Session == "" {
		return errors.New("approve device: nobody has signed in")
	}
	request, err := p.Device(ctx, userCode)
	if err != nil {
		return err
	}
	if !request.Client.serves(a.Organization) {
		return &AuthorizeError{Code: "access_denied", Description: "The client belongs to another organization."}
	}
	return p.settleDevice(ctx, userCode, func(d *device) { d.State, d.Authorization, d.Approved = deviceApproved, a, p.now() })
}

// DenyDevice tells the device with a user code that its user does not want it; errors as of ApproveDevice.
func (p *Provider) DenyDevice(ctx context.Context, userCode string) error {
	return p.settleDevice(ctx, userCode, func(d *device) { d.State = deviceDenied })
}

// settleDevice changes a device that waits. Polls of the device write too, so it may take several tries.
func (p *Provider) settleDevice(ctx context.Context, userCode string, change func(*device)) error {
	for range deviceRetries {
		token, held, err := p.findDevice(ctx, userCode)
		if err != nil {
			return err
		}
		change(&held.Value)
		if err := p.devices.Replace(ctx, token, held); !errors.Is(err, store.ErrStale) {
			return err
		}
	}
	return store.ErrStale
}
