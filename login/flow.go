package login

import (
	"context"
	"errors"
	"net/url"
	"time"

	"gatehouse/internal/id"
	"gatehouse/internal/secret"
	"gatehouse/mfa"
	"gatehouse/session"
	"gatehouse/store"
	"gatehouse/ui"
)

const flowLifetime = 30 * time.Minute

// Flow is one sign-in in progress.
type Flow struct {
	Params  url.Values // the client's authorization request; nil for a sign-in that no client asked for
	Started time.Time
	Alert   *ui.Alert // told on the sign-in page until something else happens
	// Device is the user code of a device that waits for its user; Params is nil then.
	Device string
	// Secure is set where a person asks for a second factor of his own accord.
	Secure bool
	// Invitation is the token of one to go on to, where no client asked.
	Invitation string

	// Account is whom the person chose to go on as, where the client asked for a choice; Another that it is to be nobody who is signed in.
	Account id.User
	Another bool

	// First holds the first factor once it was shown in this flow; until then a live session may stand in for it.
	First *FirstFactor
	// FactorOf is whose second factor was shown in this flow. It names the user, because the session that stands in for the first
	// factor may become somebody else's before the flow ends.
	FactorOf id.User
	// Enrolment is a factor on offer, until its first code confirms it.
	Enrolment *mfa.Enrolment
	// Organization is what the person picked.
	Organization id.Organization
	// Agreed is what the person agreed to in this flow; see facts.agreement.
	Agreed string
	// Upstream is set while the browser is at an upstream.
	Upstream *Upstream
}

// FirstFactor is how a person signed in.
type FirstFactor struct {
	User            id.User
	At              time.Time
	Method          string          // RFC 8176: "pwd", or "fed" for an upstream
	Connector       id.Connector    // empty for a password
	Subject         string          // the upstream's, empty for a password
	Limit           id.Organization // the organization whose own connector it was: the sign-in is good for that one alone
	UpstreamSession string
	UpstreamHint    string // connectors.Authentication.LogoutHint
}

// Upstream is what must be known again when the browser comes back from an upstream.
type Upstream struct {
	Connector id.Connector
	Private   []byte
	Force     bool
	Started   time.Time
}

// openFlow is a flow in the hands of a request: what it is, and the token under which it is kept.
type openFlow struct {
	id   string
	held session.Held[Flow]
}

func (f *openFlow) flow() *Flow { return &f.held.Value }

// flowToken makes the vault's token of a flow: without the browser's cookie the id opens nothing.
func flowToken(browser, flowID string) secret.Text { return secret.New(browser + "." + flowID) }

// newFlowID makes the id of a flow: 128 random bits.
func newFlowID() string { return secret.Token(16) }

// keep stores a new flow for the browser.
func (h *Handler) keep(ctx context.Context, browser, flowID string, flow Flow) error {
	return h.Flows.Create(ctx, flowToken(browser, flowID), flow, flow.Started.Add(flowLifetime))
}

// findFlow returns the browser's flow, or store.ErrNotFound.
func (h *Handler) findFlow(ctx context.Context, browser, flowID string) (*openFlow, error) {
	held, err := h.Flows.Find(ctx, flowToken(browser, flowID))
	if err != nil {
		return nil, err
	}
	return &openFlow{id: flowID, held: held}, nil
}

// save writes the flow back; store.ErrStale if another request changed it meanwhile.
func (h *Handler) save(ctx context.Context, browser string, open *openFlow) error {
	err := h.Flows.Replace(ctx, flowToken(browser, open.id), open.held)
	if errors.Is(err, store.ErrNotFound) { // another request has ended it
		return errFlowGone(err)
	}
	return err
}

// takeFlow ends the flow of a state and returns it; exactly one request gets it.
func (h *Handler) takeFlow(ctx context.Context, browser, flowID string) (Flow, error) {
	held, err := h.Flows.Take(ctx, flowToken(browser, flowID))
	return held.Value, err
}

// takeOpen ends a flow as it was found. One that another request has changed since is lost, and store.ErrStale: what was decided
// about the one person must not be done for another, who gave his password at that moment.
func (h *Handler) takeOpen(ctx context.Context, browser string, open *openFlow) error {
	held, err := h.Flows.Take(ctx, flowToken(browser, open.id))
	if err == nil && !open.held.Same(held) {
		return store.ErrStale
	}
	return err
}
