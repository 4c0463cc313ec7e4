// Package connectors is the contract of upstream identity providers and the rules that link their subjects to users.
package connectors

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gatehouse/internal/id"
)

// Connector signs people in through one upstream. Implementations keep no state between Begin and Finish: what they need again
// goes through Redirect.Private, which the flow keeps on the server. They are safe for concurrent use.
type Connector interface {
	// Begin makes the address to send the browser to. It may reach the upstream (discovery); *Error otherwise.
	Begin(ctx context.Context, request BeginRequest) (Redirect, error)
	// Finish turns the upstream's answer into an identity. It must verify everything that the protocol lets it verify. The caller
	// has already bound the answer to the browser and the flow by state. Errors are *Error.
	Finish(ctx context.Context, callback Callback) (Identity, error)
}

// LogoutInitiator is a Connector that can sign people out at its upstream, too.
type LogoutInitiator interface {
	// BeginLogout makes the address to send the browser to, whose session here has just ended. It may reach the upstream (discovery);
	// *Error otherwise. An empty address: the upstream has no way to sign out, or the operator does not want it.
	BeginLogout(ctx context.Context, request LogoutRequest) (string, error)
}

// LogoutRequest is what signing out asks of an upstream.
type LogoutRequest struct {
	Hint      string // Authentication.LogoutHint of the sign-in, may be empty
	State     string // opaque, to be returned by the upstream unchanged
	ReturnURL string // registered at the upstream
}

// BeginRequest is what the flow asks of an upstream.
type BeginRequest struct {
	State       string // opaque, to be returned by the upstream unchanged
	CallbackURL string // registered at the upstream
	LoginHint   string // may be empty
	ForceLogin  bool   // the person must authenticate anew
}

// Redirect is where to send the browser.
type Redirect struct {
	URL     string
	Private []byte // handed back in Callback.Private, sealed and kept on the server; at most 4 KiB
}

// Callback is the upstream's answer.
type Callback struct {
	Parameters  url.Values // query, or form of a POST
	CallbackURL string     // as in BeginRequest
	Private     []byte
	ForceLogin  bool // as in BeginRequest: an authentication older than the flow is then refused
	Started     time.Time
}

// Identity is what an upstream said about a person, verified as far as the protocol goes.
type Identity struct {
	Subject    string // the upstream's stable id, never an e-mail; 1…512 bytes
	Emails     []Email
	Username   string // a suggestion
	GivenName  string
	FamilyName string
	Name       string
	Language   string
	Groups     Groups
	Auth       Authentication
	Claims     map[string]any // everything, for mapping; size limited by the connector
}

// Email is an address with the upstream's word on it.
type Email struct {
	Address  string
	Verified bool // the upstream says that it checked; whether that counts is the linking rules' business
}

// Groups are the upstream's groups of a person. Policy fails closed unless Complete.
type Groups struct {
	Values   []string
	Complete bool
}

// Authentication says how the upstream authenticated the person.
type Authentication struct {
	At         time.Time // zero if the upstream did not say
	ACR        string
	AMR        []string
	SessionKey string // the upstream's session id, for logout
	LogoutHint string // what BeginLogout needs again, kept sealed in the session; empty where nobody signs out there; at most 8 KiB
}

// Reason classifies a failed sign-in through a connector, for the page and the log.
type Reason string

// The reasons.
const (
	ReasonUnavailable Reason = "unavailable" // the upstream cannot be reached or answers nonsense
	ReasonDenied      Reason = "denied"      // the person or the upstream said no
	ReasonInvalid     Reason = "invalid"     // the answer does not verify
	ReasonSetup       Reason = "setup"       // credentials or registration at the upstream are wrong
)

// Error is a failed Begin or Finish. Its text never holds tokens, codes or secrets.
type Error struct {
	Reason Reason
	Err    error // for the log
}

// Error gives reason and cause.
func (e *Error) Error() string { return string(e.Reason) + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Kind is one sort of connector, e.g. "oidc".
type Kind struct {
	Name string
	// Open decodes the settings strictly with decode (into a struct with yaml tags) and makes a connector without touching
	// the network. Its error joins that of decode with SettingProblems, so that everything is reported at once.
	Open func(env Environment, decode func(target any) error) (Connector, error)
}

// SettingProblem is what is wrong with one setting.
type SettingProblem struct{ Key, Message string }

// SettingProblems is the error of Kind.Open about values: all that are wrong, not the first.
type SettingProblems []SettingProblem

// Error has one line for each.
func (p SettingProblems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Key + ": " + problem.Message
	}
	return strings.Join(lines, "\n")
}

// Environment is what a connector gets from the program.
type Environment struct {
	Client *http.Client // limited in time, size, redirects and addresses; use no other
	Now    func() time.Time
	Logger *slog.Logger
}

// Provisioning says what happens to people whom the installation does not know.
type Provisioning string

// The provisioning rules.
const (
	ProvisionCreate Provisioning = "create"    // make a user and a membership (just in time)
	ProvisionLink   Provisioning = "link_only" // link to an existing account, never make one
	ProvisionNone   Provisioning = "none"      // only people who are linked already
)

// Configured is one upstream as the operator described it: the policy around a Connector. Policy is the same for every kind.
type Configured struct {
	ID             id.Connector
	Name           string          // on the button
	Organization   id.Organization // whose connector it is; empty: shared
	Enabled        bool
	Provisioning   Provisioning
	JoinOrg        id.Organization // where Provisioning "create" makes the membership; empty: nowhere
	AllowedDomains []string        // e-mail domains let in; empty: all
	Authoritative  []string        // e-mail domains for which the upstream's word on an address counts
	Connector      Connector
}
